"""Restore a backup into the place that the settings name, and say what was lost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.audit.verify import TrailBrokenError
from clinical_annot.backup.manifest import BackupError
from clinical_annot.backup.restoring import restore_backup


class Command(BaseCommand):
    # The target's database need not exist yet.
    requires_migrations_checks = False
    help = "Restore a backup; refuses a target that holds something, unless --replace is given."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--replace", action="store_true", help="put the backup in the place of what is there"
        )
        parser.add_argument(
            "--checkpoint",
            type=Path,
            help="checkpoint notes held elsewhere (default: CLINICAL_ANNOT_CHECKPOINT_FILE)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["folder"].is_dir():
            self.stderr.write("DIR: there is no such folder")
            sys.exit(2)
        if options["checkpoint"] is not None and not options["checkpoint"].is_file():
            self.stderr.write("--checkpoint: there is no such file")
            sys.exit(2)
        try:
            done = restore_backup(
                options["folder"],
                replace=options["replace"],
                checkpoint_file=options["checkpoint"],
                tell=self.stderr.write,
            )
        except BackupError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except TrailBrokenError as error:
            self.stdout.write(f"BROKEN {error}")
            sys.exit(1)
        self.stdout.write(
            f"RESTORED {done.manifest.n_files} files; holds what was acknowledged until "
            f"{done.manifest.complete_until}; {done.destroyed_again} keys destroyed again"
        )
        for file in done.kept:
            self.stdout.write(f"KEPT {file.name} of {file.changed_at:%Y-%m-%dT%H:%M:%SZ}, no row")
        self.stdout.write(f"HOLDS {done.verdict.entries} entries")
        lost = done.verdict.restores[-1].lost
        if lost is not None:
            self.stdout.write(f"LOST entries {lost[0]} to {lost[1]}")
