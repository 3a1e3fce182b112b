"""A machine that may store into a project over DICOMweb: its token, printed once."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.access.errors import Refused
from apps.projects.models import Project
from apps.projects.services import add_sender


class Command(BaseCommand):
    help = "Add a machine that may store into a project over DICOMweb; prints its token once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("name")
        parser.add_argument("--project", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            self.stderr.write("--project: there is no such project")
            sys.exit(2)
        try:
            _, token = add_sender(service("command"), project, username=options["name"])
        except Refused as refusal:
            self.stderr.write(f"{refusal.message} {refusal.remedy}")
            sys.exit(1)
        self.stdout.write(token)
