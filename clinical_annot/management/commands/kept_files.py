"""Files that a restore left without a row: list them, or let the sweep remove them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.audit.restores import kept_since
from clinical_annot import services
from clinical_annot.backup.restoring import files_without_row


class Command(BaseCommand):
    help = "List stored files that are newer than the restored backup and that no row names."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--release", action="store_true", help="let the node's sweep remove them from now on"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = kept_since()
        found = files_without_row(since) if since is not None else []
        for file in found:
            self.stdout.write(f"KEPT {file.name} of {file.changed_at:%Y-%m-%dT%H:%M:%SZ}")
        if options["release"] and since is not None:
            services.release_kept(service("command"), None, count=len(found))
            self.stdout.write(f"RELEASED {len(found)} files")
