"""Write the audit bundle: plain UTF-8, its last line the SHA-256 of all bytes before it."""

from __future__ import annotations

import os
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
        if out.is_dir() or not out.parent.is_dir():
            self.stderr.write("--out: a file in a folder that exists is expected")
            sys.exit(2)
        partial = out.with_name(out.name + ".part")
        try:
            # Made before the event of the export, and private: it says who did what.
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as target:
                lines = trail.export_bundle(
                    service("command"), with_private=not options["public_only"]
                )
                target.writelines(lines)
            partial.rename(out)
        except ValueError:
            partial.unlink(missing_ok=True)
            self.stderr.write("the trail has no entry yet: there is nothing to export")
            sys.exit(1)
        except OSError as error:
            partial.unlink(missing_ok=True)
            self.stderr.write(f"--out: cannot be written ({type(error).__name__})")
            sys.exit(2)
        self.stdout.write(str(out))
