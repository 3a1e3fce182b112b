"""The same de-identification as in quarantine, folder to folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from apps.access.actor import service
from apps.deid import rules
from apps.deid.domain.profile import ProfileError
from apps.deid.folder import deidentify_folder
from apps.deid.services import note_folder
from apps.projects.models import Project


class Command(BaseCommand):
    help = "De-identify every DICOM file of a folder into another one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("src", type=Path, metavar="SRC")
        parser.add_argument("dst", type=Path, metavar="DST", help="a new or empty folder")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--profile", metavar="NAME", help="the project's own by default")
        parser.add_argument(
            "--accept-proposed-boxes", action="store_true", help="blank without a person"
        )
        parser.add_argument("--report", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            self._end(2, "--project: there is no such project")
        src, dst, accept = options["src"], options["dst"], options["accept_proposed_boxes"]
        if not src.exists():
            self._end(2, "SRC: there is no such folder")
        if dst.exists() and (not dst.is_dir() or any(dst.iterdir())):
            self._end(2, "DST: not empty; name a new or empty folder")
        try:
            name = options["profile"]
            profile = rules.named(project, name) if name else rules.chosen(project)
        except ProfileError as error:
            self._end(2, f"--{error}")
        if accept and not project.options.get("pixels_without_person"):
            self._end(
                1,
                "--accept-proposed-boxes: the project asks that a person decides about pixels; "
                "leave it out, or have the project lead allow it",
            )
        actor = service("command")
        note_folder(actor, project, outcome="begun", profile=profile.sha256, counts={})
        try:
            report = deidentify_folder(project, profile, src, dst, accept=accept, tell=self._tell)
        except OSError as error:
            self._end(2, f"SRC or DST: cannot be read or written ({type(error).__name__})")
        note_folder(actor, project, outcome="done", profile=profile.sha256, counts=report["counts"])
        text = json.dumps(report, indent=1, ensure_ascii=False)
        if options["report"] is not None:
            try:
                options["report"].write_text(text + "\n", encoding="utf-8")
            except OSError as error:
                self._end(2, f"--report: cannot be written ({type(error).__name__})")
            for one in report["inputs"]:
                rest = [one.get("output"), one.get("reason"), one.get("same_as")]
                self.stdout.write("  ".join([one["input"], one["verdict"], *filter(None, rest)]))
        else:
            self.stdout.write(text)
        sys.exit(1 if report["counts"].get("failed") else 0)

    def _tell(self, text: str) -> None:
        self.stderr.write(text)

    def _end(self, code: int, text: str) -> NoReturn:
        self.stderr.write(text)
        sys.exit(code)
