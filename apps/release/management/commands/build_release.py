"""Freeze what is signed as a version (unless it is frozen already) and write its folder."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from apps.access.actor import service
from apps.access.errors import Refused
from apps.keys.keyring import KeyDestroyedError
from apps.projects.models import Project
from apps.release import services
from apps.release.collecting import read_freeze
from apps.release.domain.build import ReleaseRefused
from apps.release.domain.freeze import FreezeError
from apps.release.domain.media import MediaError
from apps.release.domain.pieces import BUILDING
from apps.release.models import ENDED, Release
from apps.release.writing import write_folder


class Command(BaseCommand):
    help = "Freeze and write a release of a project's adjudicated and signed clips."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # --version is ours here, not Django's own.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--version", required=True, dest="release_version")
        parser.add_argument(
            "--formats", required=True, help="for example dicom-seg,mot:stride=5:height=540"
        )
        parser.add_argument("--out", required=True, help="a new or empty folder")
        parser.add_argument("--clip", action="append", default=[], metavar="ID")
        for name in services.ABOUT:
            parser.add_argument(f"--{name}", default="", help="stated in the datasheet")
        parser.add_argument(
            "--raters", action="store_true", help="each annotator's own labels as well"
        )
        parser.add_argument("--workers", type=int, default=1, help="processes that write, 1 to 64")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            self._end(2, "--project: there is no such project")
        out = Path(options["out"])
        # A stopped build goes on where it is.
        is_begun = (out / BUILDING).is_dir()
        if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not is_begun)):
            self._end(2, "--out: not empty; name a new or empty folder")
        if not 1 <= options["workers"] <= 64:
            self._end(2, "--workers: 1 to 64")
        self._check_writable(out)
        asked = [name.strip() for name in options["formats"].split(",") if name.strip()]
        try:
            formats = services.checked_formats(asked)
        except Refused as refusal:
            self._end(2, f"--formats: {refusal.message}")
        try:
            release = self._release(
                project,
                options["release_version"],
                formats,
                options["clip"],
                {name: options[name] for name in services.ABOUT},
                options["raters"],
            )
            services.note_build(service("command"), release, formats=formats)
            manifest = write_folder(release, out, formats, self._told, options["workers"])
        except Refused as refusal:
            self._end(1, f"REFUSED {refusal.message} {refusal.remedy}")
        except (ReleaseRefused, FreezeError, MediaError, KeyDestroyedError) as error:
            self._end(1, f"REFUSED {error}")
        except OSError as error:
            self._end(2, f"--out: cannot be written ({type(error).__name__})")
        self.stdout.write(
            f"{out}: {project.slug} {release.version}, {manifest['n_clips']} clips, "
            f"{len(manifest['left_out'])} left out, {manifest['n_files']} files, "
            f"approved: {str(manifest['approved']).lower()}"
        )
        for name, lost in manifest["dropped"].items():
            for kind, count in lost.items():
                self.stdout.write(f"{name} does not carry: {count} {kind}")
        for row in manifest["left_out"]:
            self.stdout.write(f"left out {row['clip']}: {row['reason']}")

    def _release(
        self,
        project: Project,
        version: str,
        formats: list[str],
        only: list[str],
        about: dict[str, str],
        with_raters: bool,
    ) -> Release:
        found = (
            Release.objects.filter(project=project, version=version)
            .select_related("project", "freeze_file", "approved_by")
            .first()
        )
        if found is None:
            self.stderr.write("freezing")
            return services.freeze(
                service("command"),
                project,
                version=version,
                formats=formats,
                only=only,
                progress=self._told,
                about=about,
                with_raters=with_raters,
            )
        if found.state == Release.State.DRAFT:
            raise Refused(
                "draft", "This version is a draft.", "Freeze it first, or give another.", status=409
            )
        if found.state in ENDED:
            raise Refused(
                "withdrawn", f"This version was {found.state}.", "Freeze a new version.", status=409
            )
        if only and {clip.id for clip in read_freeze(found).clips} != {c.lower() for c in only}:
            raise Refused(
                "frozen_otherwise",
                "This version is frozen with other clips and never changes.",
                "Give the next version.",
                field="clip",
                status=409,
            )
        self.stderr.write("frozen already; writing it again")
        return services.prove_approval(found)

    def _check_writable(self, out: Path) -> None:
        """Asked before freezing: a frozen version stays, whether its folder was written or not."""
        missing = [folder for folder in (out, *out.parents) if not folder.exists()]
        try:
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=out):
                pass
            for folder in missing:
                folder.rmdir()
        except OSError as error:
            self._end(2, f"--out: cannot be written ({type(error).__name__})")

    def _told(self, name: str, done: int, of: int) -> None:
        self.stderr.write(f"{done}/{of} {name}")

    def _end(self, code: int, words: str) -> NoReturn:
        (self.stdout if code == 1 else self.stderr).write(words)
        sys.exit(code)
