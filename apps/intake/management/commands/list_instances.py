"""One JSON line an instance held."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.intake.models import ReceivedInstance
from apps.intake.queries import uids_of
from apps.intake.services import note_listing
from apps.projects.models import Project


class Command(BaseCommand):
    help = "List the instances held, with their original SOP Instance UIDs."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--project")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        project = None
        rows = ReceivedInstance.objects.select_related("subject").order_by("received_at")
        if options["project"]:
            project = Project.objects.filter(slug=options["project"]).first()
            if project is None:
                self.stderr.write("--project: there is no such project")
                sys.exit(2)
            rows = rows.filter(project=project)
        note_listing(service("command"), project, count=rows.count())
        for row in rows.iterator():
            line = {
                "sop_instance_uid": uids_of(row).get("sop_instance_uid"),
                "state": row.state,
                "received_at": row.received_at.isoformat(),
                "size_bytes": row.size_bytes,
                "sha256": row.sha256,
            }
            if options["json"]:
                self.stdout.write(json.dumps(line))
            else:
                self.stdout.write("  ".join(str(value) for value in line.values()))
