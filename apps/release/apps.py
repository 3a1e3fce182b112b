from django.apps import AppConfig


class ReleaseConfig(AppConfig):
    name = "apps.release"
    label = "release"
