from django.apps import AppConfig


class AdjudicationConfig(AppConfig):
    name = "apps.adjudication"
    label = "adjudication"

    def ready(self) -> None:
        from apps.adjudication.queries import assigned_clip_ids
        from apps.audit import triggers
        from apps.library.queries import ASSIGNED_CLIPS

        ASSIGNED_CLIPS.append(assigned_clip_ids)
        triggers.register("adjudication_decision")
