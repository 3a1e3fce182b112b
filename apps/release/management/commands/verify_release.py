"""Check a release's folder: files, signatures, proofs, and every picture anew."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.audit.domain.checkpoint import fingerprint
from apps.release import services
from apps.release.domain.verify import verify_tree
from apps.release.models import Release
from apps.release.signing import public_keys


class Command(BaseCommand):
    help = "Verify a release folder; 0 holds, 1 a finding, 2 wrong use."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("folder")
        parser.add_argument("--key", help="the release key to pin, base64 (this server's if unset)")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["folder"])
        if not folder.is_dir():
            self.stderr.write("there is no such folder")
            sys.exit(2)
        key = self._key(options["key"])
        problems = verify_tree(
            folder,
            progress=lambda name, done, of: self.stderr.write(f"{done}/{of} {name}"),
            check_proofs=True,
        )
        manifest = self._manifest(folder) or {}
        signed_by = self._signed_by(folder)
        if not problems and options["key"] and signed_by != key:
            problems = ["manifest.sig: by another key than the one given"]
        release = Release.objects.filter(
            project__slug=str(manifest.get("project", "")),
            version=str(manifest.get("version", "")),
        ).first()
        services.note_verification(service("command"), release, problems=len(problems))
        for problem in problems:
            self.stdout.write(f"WRONG {problem}")
        if problems:
            sys.exit(1)
        whose = "this server's key" if signed_by == key else "another server's key"
        if options["key"]:
            whose = "the key given"
        self.stdout.write(
            f"HOLDS {manifest['project']} {manifest['version']}: {len(manifest['clips'])} clips, "
            f"{len(manifest['files'])} files, signed by {whose} {fingerprint(signed_by)}"
        )
        self.stdout.write(
            "approved: true"
            if manifest["approved"]
            else "approved: false (nobody but who froze it has looked at it yet)"
        )

    def _key(self, given: str | None) -> bytes:
        text = given or public_keys()["release"]
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            self.stderr.write("--key: 32 bytes in base64 are expected")
            sys.exit(2)
        return key

    @staticmethod
    def _manifest(folder: Path) -> dict[str, Any] | None:
        try:
            found = json.loads((folder / "manifest.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    @staticmethod
    def _signed_by(folder: Path) -> bytes:
        try:
            signature = json.loads((folder / "manifest.sig").read_bytes())
            return base64.b64decode(signature["public_key"])
        except (OSError, ValueError, KeyError, TypeError):
            return b""
