"""What the tests of releases share: a signed clip, a frozen and a published release of it."""

from __future__ import annotations

import io
from pathlib import Path

from django.core.management import call_command

from apps.jobs import work
from apps.release.models import Release

FORMATS = "dicom-seg,dicom-sr,coco-video,mot"


def command(name: str, *arguments: str) -> tuple[int, str]:
    """Exit code and what the command printed on standard output."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue() + err.getvalue()
    return 0, out.getvalue()


def build(project, out: Path, version: str = "1.0.0", *more: str) -> tuple[int, str]:
    return command(
        "build_release", "--project", project.slug, "--version", version,
        "--formats", FORMATS, "--out", str(out), *more,
    )  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def make_archive(release: Release) -> Release:
    """Do the background work for this release alone."""
    from apps.release.tasks import find_releases

    find_releases()
    while handle := work.claim("test"):
        work.run(handle)
        handle.job.refresh_from_db()
        assert handle.job.state == "done", (handle.job.kind, handle.job.reason)
    release.refresh_from_db()
    return release
