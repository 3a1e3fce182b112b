"""Check the whole trail; print its length and root, or the first broken entry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.access import trail
from apps.access.actor import service
from apps.audit.verify import TrailBrokenError, read_notes


class Command(BaseCommand):
    help = "Verify the audit trail against its own rows and the checkpoints held outside."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--checkpoint", help="a file of checkpoint notes held elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        outside = None
        if options["checkpoint"]:
            path = Path(options["checkpoint"])
            outside = read_notes(path)
            if not outside:
                self.stderr.write("--checkpoint: no such file, or it holds no checkpoint")
                sys.exit(2)
        try:
            verdict = trail.verify(
                service("command"),
                outside,
                progress=lambda done: self.stderr.write(f"{done} entries checked"),
            )
        except TrailBrokenError as error:
            self.stdout.write(f"BROKEN {error}")
            sys.exit(1)
        self.stdout.write(
            f"HOLDS {verdict.entries} entries, root {verdict.root.hex()}, "
            f"{verdict.checkpoints} checkpoints, {verdict.waiting} waiting"
        )
        for restore in verdict.restores:
            at = restore.at.strftime("%Y-%m-%dT%H:%M:%SZ")
            if restore.lost is not None:
                first, last = restore.lost
                self.stdout.write(f"LOST entries {first} to {last}, by the restore of {at}")
            else:
                self.stdout.write(f"RESTORED {at}, no entry known to be lost")
