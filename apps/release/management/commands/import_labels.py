"""Import labels of other tools for a clip: all of them, or none with a report by line."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from apps.access.actor import service
from apps.access.errors import Refused
from apps.library.models import Clip
from apps.release.domain.registry import FORMATS
from apps.release.importing import import_labels, read_paths


class Command(BaseCommand):
    help = "Import label files as a label set of origin imported."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file, ZIP, folder")
        parser.add_argument("--clip", required=True, metavar="ID")
        parser.add_argument("--format", required=True, choices=list(FORMATS), dest="format_name")
        parser.add_argument("--stride", type=int, default=1, help="as the files were exported")
        parser.add_argument("--json", action="store_true", help="the whole report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            clip = Clip.objects.select_related("project", "instance").get(
                pk=uuid.UUID(options["clip"]), repeats=None
            )
        except (ValueError, Clip.DoesNotExist):
            self._end(2, "--clip: there is no such clip")
        try:
            files = read_paths(options["files"])
        except OSError as error:
            self._end(2, f"FILE: cannot be read ({type(error).__name__})")
        try:
            label_set, report = import_labels(
                service("command"), clip, format_name=options["format_name"], files=files,
                stride=options["stride"],
            )  # fmt: skip
        except Refused as refusal:
            found = refusal.details.get("report") or {"problems": []}
            if options["json"]:
                self._end(1, json.dumps({"label_set": None, "report": found}))
            for row in found["problems"]:
                self.stdout.write(f"{row['file']}:{row['line']}: {row['message']}; {row['remedy']}")
            self._end(1, f"REFUSED {refusal.message} {refusal.remedy}")
        if options["json"]:
            whole = {"label_set": str(label_set.pk), "report": report.as_json()}
            self.stdout.write(json.dumps(whole))
            return
        for left in report.left_out:
            self.stdout.write(f"left out {left.file}:{left.line}: {left.message}")
        self.stdout.write(
            f"{label_set.pk}: {report.n_tracks} tracks, {report.n_keyframes} keyframes, "
            f"{report.n_intervals} intervals, {report.n_left_out} lines left out"
        )

    def _end(self, code: int, words: str) -> NoReturn:
        (self.stdout if code == 1 else self.stderr).write(words)
        sys.exit(code)
