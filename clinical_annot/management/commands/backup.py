"""Back up a running system: database, vault files, a manifest; never the master key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from clinical_annot.backup.making import make_backup
from clinical_annot.backup.manifest import BackupError


class Command(BaseCommand):
    help = "Write a complete backup into a folder, while everything runs."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--out", type=Path, required=True, help="a new folder")
        parser.add_argument(
            "--previous", type=Path, help="an older complete backup: its files are linked"
        )
        parser.add_argument(
            "--pause-s",
            type=float,
            default=8.0,
            help="how long writing may wait for the database's copy; 0: not at all",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["pause_s"] <= 15:
            self.stderr.write("--pause-s: 0 to 15 seconds are expected")
            sys.exit(2)
        if options["out"].exists() and not options["out"].is_dir():
            self.stderr.write("--out: a folder is expected")
            sys.exit(2)
        try:
            made = make_backup(
                service("command"),
                options["out"],
                previous=options["previous"],
                pause_s=options["pause_s"],
                tell=self.stderr.write,
            )
        except BackupError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        held = made.manifest
        self.stdout.write(
            f"DONE {held.n_files} files ({made.linked} linked), {held.size_bytes} bytes, "
            f"{held.log_entries} entries; holds what was acknowledged until {held.complete_until}"
        )
