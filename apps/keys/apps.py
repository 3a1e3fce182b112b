from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "apps.keys"
    label = "keys"

    def ready(self) -> None:
        from apps.audit import triggers

        triggers.register("keys_destroyedkey")
