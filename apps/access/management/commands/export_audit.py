"""Write the audit bundle: plain UTF-8, its last line the SHA-256 of all bytes before it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.access import trail
from apps.access.actor import service


class Command(BaseCommand):
    help = "Export the audit trail as a bundle that python -m clinical_annot.verify checks."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--out", required=True)
        parser.add_argument(
            "--public-only", action="store_true", help="withhold who did it to which object"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out = Path(options["out"])
        if not out.parent.is_dir():
            self.stderr.write("--out: there is no such folder")
            sys.exit(2)
        partial = out.with_name(out.name + ".part")
        lines = trail.export_bundle(service("command"), with_private=not options["public_only"])
        with open(partial, "wb") as target:
            for line in lines:
                target.write(line)
        partial.rename(out)
        self.stdout.write(str(out))
