from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "apps.projects"
    label = "projects"

    def ready(self) -> None:
        from apps.keys.wrapped import WrappedColumn, register

        register(WrappedColumn("projects.Project", "wrapped_secret", "project", "projects"))
