from django.apps import AppConfig


class ClinicalAnnotConfig(AppConfig):
    name = "clinical_annot"
    label = "clinical_annot"

    def ready(self) -> None:
        from clinical_annot.sign_in import events, idle  # noqa: F401
