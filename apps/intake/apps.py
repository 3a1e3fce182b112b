from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "apps.intake"
    label = "intake"

    def ready(self) -> None:
        from apps.intake.queries import projects_of_subject
        from apps.keys import whereabouts

        whereabouts.register(projects_of_subject)
