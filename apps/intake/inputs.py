"""What a path holds: files of a folder or medium (DICOMDIR), members of archives, one file. Each
has its place among the relative paths sorted by bytes; its name stays here: names identify."""

from __future__ import annotations

import errno
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from apps.intake.domain.dicomdir import UnreadableDirectory, follow, is_dicomdir, references
from apps.intake.domain.study_data import natural
from apps.intake.domain.wrap_video import SUFFIXES
from apps.intake.spool import seekable

ARCHIVES_DEEP = 4
# What zipfile raises for a wrong CRC, a cut stream, an unknown method.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
Place = tuple[int, ...]


@dataclass
class Input:
    """``source`` is None where it cannot be read; ``reason`` says why. ``part`` is a video's place
    (from 1) among the recorder's parts."""

    place: Place
    suffix: str
    source: BinaryIO | None
    reason: str = ""
    part: int = 1


class _Walk:
    """One ``ingest``: parts are counted through folders and archives."""

    def __init__(self, order: str) -> None:
        self._by_time = order == "time"
        self._parts = 0

    def number(self, videos: Sequence[tuple[str, Any]]) -> dict[str, int]:
        """The part number of each video (name, time)."""
        key = (lambda item: (item[1], natural(item[0]))) if self._by_time else _by_name
        found = {}
        for name, _ in sorted(videos, key=key):
            self._parts += 1
            found[name] = self._parts
        return found


def _by_name(item: tuple[str, Any]) -> Any:
    return natural(item[0])


def is_video(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def inputs(path: Path, order: str = "name") -> Iterator[Input]:
    """Every input below ``path`` (a folder, a DICOMDIR, a ZIP, one file); an archive's members take
    its place. ``order`` of recorder parts: ``name`` (numbers in it as numbers) or ``time``.
    """
    walk = _Walk(order)
    if path.is_file() and is_dicomdir(path.name) and _is_dicom(path):
        path = path.parent
    if not path.is_dir():
        yield from _of_file(walk, path, (), 1)
        return
    found = _files(path)
    plan = _plan(list(found), lambda name: found[name].open("rb"), lambda name: _kind(found[name]))
    videos = [(name, _changed(found[name])) for name in found if is_video(name)]
    parts = walk.number(videos)
    for number, (name, verdict) in enumerate(plan, 1):
        if verdict == "take":
            yield from _of_file(walk, found[name], (number,), parts.get(name, 1))
        elif verdict:
            yield Input((number,), "", None, verdict)


def _files(folder: Path) -> dict[str, Path]:
    """Files by relative path with ``/``; a folder that cannot be read stands as itself."""
    closed: list[str] = []
    walk = os.walk(folder, onerror=lambda error: closed.append(str(error.filename)))
    found = [Path(at) / name for at, _, names in walk for name in names]
    found += [Path(name) for name in closed]
    return {file.relative_to(folder).as_posix(): file for file in found}


def _plan(
    names: list[str], read: Callable[[str], BinaryIO], kind: Callable[[str], str]
) -> list[tuple[str, str]]:
    """Names sorted by bytes with what becomes of each: ``take``, a reason against it, or an empty
    text for what is passed over (a DICOMDIR itself, and what a medium holds beside DICOM)."""
    verdicts = {name: "take" for name in names}
    missing: list[str] = []
    referenced: set[str] = set()
    for name in names:
        if not is_dicomdir(name) or kind(name) != "dicom":
            continue
        folder = name.rpartition("/")[0]
        try:
            with read(name) as source:
                medium = follow(folder, references(source), names)
        except (UnreadableDirectory, OSError, *DAMAGED):
            verdicts[name] = "dicomdir_unreadable"
            continue
        referenced |= medium.referenced
        missing += medium.missing
        verdicts[name] = ""
        for other in names:
            if other.startswith(f"{folder}/" if folder else "") and verdicts[other] == "take":
                verdicts[other] = "not_in_dicomdir" if kind(other) else ""
    verdicts |= {name: "take" for name in referenced}
    entries = [(name, verdicts[name]) for name in names]
    entries += [(name, "missing") for name in missing]
    return sorted(entries, key=lambda entry: os.fsencode(entry[0]))


def _is_dicom(file: Path) -> bool:
    return _kind(file) == "dicom"


def _kind(file: Path) -> str:
    """``dicom``, ``other`` for what is taken in otherwise (video, archive), else nothing."""
    try:
        if file.is_file():
            with open(file, "rb") as source:
                if source.read(132)[128:] == b"DICM":
                    return "dicom"
    except OSError:
        return "other"
    return "other" if file.suffix.lower() == ".zip" or is_video(file.name) else ""


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _of_file(walk: _Walk, file: Path, place: Place, part: int) -> Iterator[Input]:
    """``place`` is empty for a file that is all there is: an archive's members then stand first."""
    suffix = file.suffix.lower()
    try:
        # A pipe would be waited for.
        source = open(file, "rb") if file.is_file() else None  # noqa: SIM115
    except OSError:
        source = None
    if source is None:
        yield Input(place or (1,), suffix, None, "unreadable")
        return
    with source:
        head = source.read(132)
        is_archive = suffix == ".zip" or (not place and head[:4] == b"PK\x03\x04")
        source.seek(0)
        if is_archive and head[128:132] != b"DICM":
            yield from _of_archive(walk, source, place, 1)
            return
        yield Input(place or (1,), suffix, source, part=part)


def _of_archive(walk: _Walk, source: BinaryIO, place: Place, depth: int) -> Iterator[Input]:
    try:
        archive = zipfile.ZipFile(source)
        members = {one.filename: one for one in archive.infolist() if not one.is_dir()}
    except (OSError, ValueError, *DAMAGED):
        yield Input(place or (1,), ".zip", None, "archive_damaged")
        return

    def read(name: str) -> BinaryIO:
        return cast(BinaryIO, archive.open(members[name]))

    def kind(name: str) -> str:
        try:
            with read(name) as opened:
                if opened.read(132)[128:] == b"DICM":
                    return "dicom"
        except (OSError, *DAMAGED):
            return "other"
        return "other" if name.lower().endswith(".zip") or is_video(name) else ""

    with archive:
        plan = _plan(list(members), read, kind)
        videos = [(name, one.date_time) for name, one in members.items() if is_video(name)]
        parts = walk.number(videos)
        for number, (name, verdict) in enumerate(plan, 1):
            here = (*place, number)
            if verdict == "take":
                yield from _of_member(walk, archive, members[name], here, depth, parts.get(name, 1))
            elif verdict:
                yield Input(here, "", None, verdict)


def _of_member(
    walk: _Walk,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    place: Place,
    depth: int,
    part: int,
) -> Iterator[Input]:
    suffix = Path(member.filename).suffix.lower()
    if member.flag_bits & 1:
        yield Input(place, suffix, None, "archive_encrypted")
        return
    try:
        with archive.open(member) as opened:
            plain = cast(BinaryIO, opened)
            if suffix == ".zip" and depth >= ARCHIVES_DEEP:
                yield Input(place, suffix, None, "archive_nested_too_deep")
            elif suffix == ".zip":
                # Its directory is at its end: it must be searched.
                with seekable(plain) as whole:
                    yield from _of_archive(walk, whole, place, depth + 1)
            elif is_video(member.filename):
                with seekable(plain) as whole:
                    yield Input(place, suffix, whole, part=part)
            else:
                yield Input(place, suffix, plain)
    except DAMAGED:
        yield Input(place, suffix, None, "archive_damaged")
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        yield Input(place, suffix, None, "disk_reserve_reached" if is_full else "unreadable")
