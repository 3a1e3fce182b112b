"""Read stored files back: every segment authentic, every digest as recorded."""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.intake.services import note_vault_check
from apps.keys.keyring import KeyDestroyedError, open_vault_file
from apps.vault.domain.streaming_aead import VaultCorruptError
from apps.vault.models import VaultFile


class Command(BaseCommand):
    help = "Verify the vault; names the first file that is not as recorded."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--sample", type=int, help="check only so many, chosen at random")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sample"] is not None and options["sample"] < 1:
            self.stderr.write("--sample: a whole number from 1 is expected")
            sys.exit(2)
        rows = VaultFile.objects.order_by("created_at")
        if options["sample"]:
            rows = VaultFile.objects.order_by("?")[: options["sample"]]
        checked = 0
        for row in rows.iterator():
            finding = _check(row)
            if finding:
                note_vault_check(
                    service("command"), None, checked=checked, outcome="failed", finding=finding
                )
                self.stdout.write(f"BROKEN {finding}")
                sys.exit(1)
            checked += 1
        note_vault_check(service("command"), None, checked=checked, outcome="done")
        self.stdout.write(f"HOLDS {checked} files")


def _check(row: VaultFile) -> str:
    try:
        with open_vault_file(row) as source:
            digest, before = sha256(), row.digest_from
            # Read too, though its digest is only the one that each segment carries.
            while before and (block := source.read(min(before, 1 << 20))):
                before -= len(block)
            while block := source.read(1 << 20):
                digest.update(block)
    except KeyDestroyedError:
        return ""
    except FileNotFoundError:
        # Row and file may have been removed together since the list was read.
        still = VaultFile.objects.filter(pk=row.pk).exists()
        return f"{row}: the stored file is missing" if still else ""
    except VaultCorruptError as error:
        return str(error)
    if digest.hexdigest() != row.sha256:
        return f"{row}: its digest is not the recorded one"
    return ""
