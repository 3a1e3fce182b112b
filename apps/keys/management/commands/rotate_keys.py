"""Wrap every key under a new key-encryption key; go on where a broken run stopped."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.access.errors import Conflict
from apps.keys import rotation, wrapped
from apps.vault.master import MasterKeyError
from apps.vault.providers import provider


class Command(BaseCommand):
    help = "Rotate the key-encryption key: re-wraps keys, touches no stored file, can be resumed."

    def add_arguments(self, parser: Any) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--status", action="store_true", help="only say how many keys are where")
        what.add_argument(
            "--retire",
            action="store_true",
            help="give up older key-encryption keys (an hour after a rotation at the earliest); "
            "backups from before it cannot be opened any more",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["status"]:
                self._status()
            elif options["retire"]:
                kept = rotation.retire(service("command"))
                self.stdout.write(f"RETIRED all but {', '.join(kept)}")
            else:
                self._rotate()
        except rotation.NothingToDoError:
            self.stdout.write(
                "NOTHING to do: every key is wrapped by the one given; give a new one first"
            )
            sys.exit(1)
        except Conflict as refusal:
            self.stdout.write(f"REFUSED {refusal.message} {refusal.remedy}")
            sys.exit(1)
        except MasterKeyError as error:
            self.stderr.write(str(error))
            sys.exit(2)

    def _status(self) -> None:
        current = provider().key_id()
        for key_id, count in sorted(wrapped.counts().items()):
            name = key_id or "sub-key of the root"
            self.stdout.write(f"{name}: {count}{' (current)' if key_id == current else ''}")

    def _rotate(self) -> None:
        done = rotation.rotate(
            service("command"), progress=lambda n: self.stderr.write(f"{n} keys wrapped anew")
        )
        self.stdout.write(f"ROTATED {done.n_rewrapped} keys, now under {provider().key_id()}")
        if provider().name == "file":
            self.stderr.write("Back up CLINICAL_ANNOT_KEY_FILE now, apart from the data")
