"""Destroy the key of an instance's subject: what shows or names it cannot be read again."""

from __future__ import annotations

import sys
import uuid
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.access.errors import Refused
from apps.intake.models import ReceivedInstance
from apps.keys.services import destroy_subject_key


class Command(BaseCommand):
    help = "Destroy a subject's key for good: pictures and identifiers become unreadable."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--instance", required=True, help="id of an instance of the subject")
        parser.add_argument("--reason", required=True, help="why; stands in the trail")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wanted = uuid.UUID(options["instance"])
        except ValueError:
            self.stderr.write("--instance: the id of an instance is expected")
            sys.exit(2)
        row = ReceivedInstance.objects.filter(pk=wanted).select_related("subject").first()
        if row is None or row.subject is None:
            self.stderr.write("--instance: there is no such instance")
            sys.exit(2)
        try:
            destroy_subject_key(service("command"), row.subject, reason=options["reason"])
        except Refused as refusal:
            self.stdout.write(f"REFUSED {refusal.message} {refusal.remedy}")
            sys.exit(1)
        self.stdout.write(f"DESTROYED key of {row.subject}")
