from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "apps.projects"
    label = "projects"

    def ready(self) -> None:
        from apps.keys import whereabouts
        from apps.keys.wrapped import WrappedColumn, register
        from apps.projects.holds import is_subject_held

        whereabouts.guard(is_subject_held)
        register(WrappedColumn("projects.Project", "wrapped_secret", "project", "projects"))
