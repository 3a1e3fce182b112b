"""Files from a folder, a ZIP or one file through the same intake as the node's."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.intake.domain.header_facts import UnreadableHeader
from apps.intake.domain.wrap_video import SUFFIXES, NotAVideo, wrap
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import DiskFullError, Incoming, take
from apps.intake.services import note_refusal
from apps.projects.models import Project

_CHUNK = 1 << 20


@dataclass
class Taken:
    """One input, by its place among the relative paths sorted by bytes (from 1): names of files
    may identify and are never shown. ``member`` counts within a ZIP that lies in a folder (from 1;
    0 for a file that is no ZIP)."""

    number: int
    received: ReceivedInstance | None
    reason: str = ""
    warnings: tuple[str, ...] = ()
    member: int = 0

    @property
    def label(self) -> str:
        return f"#{self.number}.{self.member}" if self.member else f"#{self.number}"


@dataclass
class Input:
    """``source`` is None where it cannot be read; ``reason`` says why."""

    number: int
    member: int
    suffix: str
    source: BinaryIO | None
    reason: str = ""


def inputs(path: Path) -> Iterator[Input]:
    """Every file under ``path`` (a folder, a ZIP, one file), sorted by relative path bytes; a ZIP's
    members take its place. Raises FileNotFoundError.
    """
    if not path.is_dir():
        yield from _of_file(path, 1, is_alone=True)
        return
    found = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
    found.sort(key=lambda item: os.fsencode(item.relative_to(path)))
    for number, file in enumerate(found, 1):
        yield from _of_file(file, number, is_alone=False)


def _of_file(file: Path, number: int, *, is_alone: bool) -> Iterator[Input]:
    suffix = file.suffix.lower()
    try:
        # A pipe would be waited for.
        source = open(file, "rb") if file.is_file() else None  # noqa: SIM115
    except OSError:
        source = None
    if source is None:
        yield Input(number, 0, suffix, None, "unreadable")
        return
    with source:
        head = source.read(132)
        is_archive = suffix == ".zip" or (is_alone and head[:4] == b"PK\x03\x04")
        if is_archive and head[128:132] != b"DICM":
            for place, (name, member, reason) in enumerate(_members(source), 1):
                where = (place, 0) if is_alone else (number, place if name else 0)
                yield Input(*where, Path(name).suffix.lower(), member, reason)
            return
        source.seek(0)
        yield Input(number, 0, suffix, source)


def _members(source: BinaryIO) -> Iterator[tuple[str, BinaryIO | None, str]]:
    """Name, stream and reason of each member. Only a video is held whole, in memory: it must be
    searched, and its plain bytes must not touch a disk."""
    try:
        archive = zipfile.ZipFile(source)
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        yield "", None, "archive_damaged"
        return
    for member in sorted(members, key=lambda item: os.fsencode(item.filename)):
        try:
            with archive.open(member) as opened:
                held: BinaryIO = opened  # type: ignore[assignment]
                if Path(member.filename).suffix.lower() in SUFFIXES:
                    held = io.BytesIO(opened.read())
                yield member.filename, held, ""
        except _DAMAGED:
            yield member.filename, None, "archive_damaged"


# What zipfile raises for a wrong CRC, a cut stream, an unknown method, a password.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def ingest(
    actor: Actor, project: Project, path: Path, *, pixels_choice: str = ""
) -> Iterator[Taken]:
    """Take every input into quarantine; one result each. Raises Refused for a choice that the
    project does not allow, FileNotFoundError."""
    if pixels_choice and not project.options.get("pixels_without_person"):
        raise Refused(
            "pixels_need_a_person",
            "The project asks that a person decides about pixels.",
            "Leave --pixels out; a data steward confirms on the screen.",
            field="pixels",
        )
    for item in inputs(path):
        taken = _take_one(actor, project, item, pixels_choice)
        taken.number, taken.member = item.number, item.member
        yield taken


def _take_one(actor: Actor, project: Project, item: Input, pixels_choice: str) -> Taken:
    if item.source is None:
        return _refused(actor, project, item.reason)
    try:
        return _take_readable(actor, project, item.source, item.suffix, pixels_choice)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return _refused(actor, project, "archive_damaged")
    except OSError:
        return _refused(actor, project, "unreadable")


def _take_readable(
    actor: Actor, project: Project, source: BinaryIO, suffix: str, pixels_choice: str
) -> Taken:
    head = source.read(132)
    source.seek(0)
    warnings: tuple[str, ...] = ()
    incoming = Incoming()
    try:
        if head[128:132] == b"DICM":
            _copy(source, incoming)
        elif suffix in SUFFIXES:
            wrapped = wrap(source, _sha256_of(source))
            warnings = wrapped.warnings
            for piece in wrapped.pieces():
                incoming.write(piece)
        else:
            return _refused(actor, project, "not_dicom")
        received = take(actor, project, incoming, pixels_choice=pixels_choice)
    except NotAVideo:
        return _refused(actor, project, "decode_failed")
    except UnreadableHeader:
        return _refused(actor, project, "unparsable")
    except DiskFullError:
        return _refused(actor, project, "disk_reserve_reached")
    finally:
        # A no-op once the instance is whole.
        incoming.abort()
    return Taken(0, received, warnings=warnings)


def _refused(actor: Actor, project: Project, reason: str) -> Taken:
    note_refusal(actor, project, reason=reason, calling_ae="", peer="")
    return Taken(0, None, reason)


def _copy(source: BinaryIO, incoming: Incoming) -> None:
    source.seek(0)
    while block := source.read(_CHUNK):
        incoming.write(block)


def _sha256_of(source: BinaryIO) -> str:
    total = sha256()
    source.seek(0)
    while block := source.read(_CHUNK):
        total.update(block)
    return total.hexdigest()
