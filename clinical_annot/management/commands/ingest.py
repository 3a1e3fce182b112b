"""The same intake as the node's, from a folder or file (DICOM, ZIP, plain video)."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.actor import service
from apps.access.errors import Refused
from apps.intake.domain.study_data import FIELDS, InvalidStudyData, StudyData, study_data
from apps.intake.domain.wrap_video import KINDS
from apps.intake.ingest import Taken, Videos, ingest
from apps.intake.models import ReceivedInstance
from apps.jobs.heartbeat import is_alive
from apps.jobs.work import run_pending
from apps.library.models import Clip
from apps.projects.models import Project

State = ReceivedInstance.State
_SETTLED = (State.HELD, State.REJECTED, State.WITHDRAWN, State.PIXEL_REVIEW)


class Command(BaseCommand):
    help = "Take files into quarantine; one line an instance."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--project", required=True)
        parser.add_argument("--pixels", choices=("accept", "keep"), default="")
        parser.add_argument("--wait", action="store_true", help="until cleared, held or rejected")
        parser.add_argument("--json", action="store_true")
        typed = parser.add_argument_group(
            "plain videos as one study",
            "What is typed stands in the instances' headers alone. Arguments can be seen by others "
            "on this machine: give names in a file.",
        )
        typed.add_argument("--study-data", metavar="FILE", help="JSON of these fields; - is stdin")
        for name in FIELDS:
            typed.add_argument(f"--{name.replace('_', '-')}", default="", metavar="TEXT")
        parser.add_argument("--order", choices=("name", "time"), default="name", help="of parts")
        parser.add_argument("--video-class", choices=tuple(KINDS), default="endoscopic")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            self.stderr.write("--project: there is no such project")
            sys.exit(2)
        if not options["path"].exists():
            self.stderr.write("PATH: there is no such file or folder")
            sys.exit(2)
        try:
            study = _study(options)
        except InvalidStudyData as error:
            self.stderr.write(str(error))
            sys.exit(2)
        videos = Videos(study, options["video_class"], options["order"])
        try:
            taken = list(
                ingest(
                    service("command"),
                    project,
                    options["path"],
                    pixels_choice=options["pixels"],
                    videos=videos,
                )
            )
        except Refused as refusal:
            self.stderr.write(f"{refusal.message} {refusal.remedy}")
            sys.exit(1)
        if options["wait"]:
            self._wait([item.received for item in taken if item.received is not None])
        for item in taken:
            line = describe(item)
            text = json.dumps(line) if options["json"] else _words(line)
            self.stdout.write(text)
        refused = any(describe(item)["state"] in ("held", "rejected") for item in taken)
        sys.exit(1 if refused else 0)

    def _wait(self, rows: list[ReceivedInstance]) -> None:
        told = ""
        while True:
            if not is_alive("worker"):
                run_pending(strict=False)
            left = [row for row in rows if not _is_settled(row)]
            line = f"{len(rows) - len(left)} of {len(rows)} settled"
            if line != told:
                self.stderr.write(line)
                told = line
            if not left:
                return
            time.sleep(0.3)


def _study(options: dict[str, Any]) -> StudyData | None:
    """What was typed about the videos' study; None where nothing was. Raises InvalidStudyData."""
    typed: dict[str, Any] = {}
    if options["study_data"]:
        try:
            if options["study_data"] == "-":
                typed = json.load(sys.stdin)
            else:
                typed = json.loads(Path(options["study_data"]).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # A parser's message quotes what it read.
            raise InvalidStudyData(
                "--study-data: a JSON file that can be read is expected"
            ) from None
        if not isinstance(typed, dict):
            raise InvalidStudyData("--study-data: a JSON object is expected")
    typed |= {name: options[name] for name in FIELDS if options[name]}
    return study_data(typed) if typed else None


def _is_settled(row: ReceivedInstance) -> bool:
    row.refresh_from_db()
    if row.state != State.CLEARED:
        return row.state in _SETTLED
    instance = getattr(row, "instance", None)
    if instance is None:
        return False
    clip = Clip.objects.filter(instance=instance, repeats=None).first()
    return clip is None or clip.state != Clip.State.INDEXING


def describe(item: Taken) -> dict[str, Any]:
    """One input as the contract says it: place, state, reason, clips, warnings."""
    if item.received is None:
        return {
            "input": item.label,
            "state": "rejected",
            "reason": item.reason,
            "clips": [],
            "warnings": [],
        }
    row = item.received
    row.refresh_from_db()
    clips = list(Clip.objects.filter(instance__source=row, repeats=None))
    codes = [warning["code"] for clip in clips for warning in clip.warnings]
    failed = next((clip for clip in clips if clip.state == Clip.State.FAILED), None)
    return {
        "input": item.label,
        "state": row.state if failed is None else "held",
        "reason": row.reason if failed is None else failed.reason,
        "clips": [str(clip.pk) for clip in clips],
        "warnings": sorted({*item.warnings, *codes}),
    }


def _words(line: dict[str, Any]) -> str:
    parts = [line["input"], line["state"], line["reason"], *line["clips"], *line["warnings"]]
    return "  ".join(part for part in parts if part)
