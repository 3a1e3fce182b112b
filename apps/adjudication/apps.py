from django.apps import AppConfig


class AdjudicationConfig(AppConfig):
    name = "apps.adjudication"
    label = "adjudication"

    def ready(self) -> None:
        from apps.adjudication.beside import adjudicated_sets, led_sets
        from apps.adjudication.queries import (
            assigned_clip_ids,
            countersigned_clip_ids,
            first_moved_signature,
        )
        from apps.annotation.beside import SETS_BESIDE
        from apps.audit import triggers, verify
        from apps.library.queries import ASSIGNED_CLIPS

        SETS_BESIDE += [adjudicated_sets, led_sets]
        ASSIGNED_CLIPS += [assigned_clip_ids, countersigned_clip_ids]
        triggers.register(
            "adjudication_decision",
            "adjudication_endorsement",
            "adjudication_passkeyassertion",
            "adjudication_workflowversion",
        )
        verify.CHECKS.append(first_moved_signature)
