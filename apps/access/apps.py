from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "apps.access"
    label = "access"

    def ready(self) -> None:
        from apps.access.signature_check import first_wrong_signature
        from apps.audit import triggers, verify

        triggers.register("access_signature")
        verify.CHECKS.append(first_wrong_signature)
