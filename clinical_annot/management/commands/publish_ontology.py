"""Publish an ontology definition (JSON) as the next version in a project."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.access.errors import Refused
from apps.ontology.services import draft_version, publish_version
from apps.projects.models import Project


class Command(BaseCommand):
    help = "Draft and publish an ontology version; a published version never changes."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--project", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            self.stderr.write("--project: there is no such project")
            sys.exit(2)
        try:
            definition = json.loads(options["file"].read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.stderr.write("FILE: not a readable JSON file")
            sys.exit(2)
        try:
            draft = draft_version(service("command"), project, definition=definition)
            version = publish_version(service("command"), draft)
        except Refused as refusal:
            self.stderr.write(f"{refusal.message} {refusal.remedy}")
            sys.exit(1)
        self.stdout.write(f"{version.slug} version {version.number} {version.digest}")
