"""Print the server's public keys: what a reader pins with ``--key``."""

from __future__ import annotations

import base64
from typing import Any

from django.core.management.base import BaseCommand

from apps.audit import tree
from apps.audit.domain.checkpoint import LOG, fingerprint, named_key
from apps.release.signing import public_keys

_FOR = {
    "release": "releases",
    "checkpoint": "audit bundles and checkpoints",
    "electronic_signature": "electronic signatures",
}


class Command(BaseCommand):
    help = "Show the server's public keys (base64 of 32 bytes) and their fingerprints."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, key in public_keys().items():
            print_of = fingerprint(base64.b64decode(key))
            self.stdout.write(f"{name} {key} {print_of} ({_FOR[name]})")
        log = tree.signing_key().public_key().public_bytes_raw()
        self.stdout.write(f"log {named_key(tree.origin(), log, LOG)} (for a witness's --log)")
