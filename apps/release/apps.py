from django.apps import AppConfig


class ReleaseConfig(AppConfig):
    name = "apps.release"
    label = "release"

    def ready(self) -> None:
        from apps.deid.retention import PUBLISHED
        from apps.release.holding import published_instances

        PUBLISHED.append(published_instances)
