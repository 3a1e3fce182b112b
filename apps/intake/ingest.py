"""Files from a folder, a ZIP or one file through the same intake as the node's."""

from __future__ import annotations

import io
import os
import zipfile
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
    may identify and are never shown."""

    number: int
    received: ReceivedInstance | None
    reason: str = ""
    warnings: tuple[str, ...] = ()


def inputs(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Every file under ``path`` (a folder, a ZIP, one file), sorted by relative path bytes.

    Raises FileNotFoundError.
    """
    if path.is_dir():
        found = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        for file in sorted(found, key=lambda item: os.fsencode(item.relative_to(path))):
            with open(file, "rb") as source:
                yield file.suffix.lower(), source
        return
    with open(path, "rb") as source:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                members = [m for m in archive.infolist() if not m.is_dir()]
                for member in sorted(members, key=lambda item: item.filename.encode()):
                    # A member is held in memory: its plain bytes must not touch a disk.
                    data = io.BytesIO(archive.read(member))
                    yield Path(member.filename).suffix.lower(), data
            return
        source.seek(0)
        yield path.suffix.lower(), source


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
    for number, (suffix, source) in enumerate(inputs(path), 1):
        yield _take_one(actor, project, number, suffix, source, pixels_choice)


def _take_one(
    actor: Actor,
    project: Project,
    number: int,
    suffix: str,
    source: BinaryIO,
    pixels_choice: str,
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
            incoming.write(wrapped.head)
            _copy(wrapped.stream, incoming)
            incoming.write(wrapped.tail)
        else:
            incoming.abort()
            return _refused(actor, project, number, "not_dicom")
        received = take(actor, project, incoming, pixels_choice=pixels_choice)
    except NotAVideo:
        incoming.abort()
        return _refused(actor, project, number, "decode_failed")
    except UnreadableHeader:
        return _refused(actor, project, number, "unparsable")
    except DiskFullError:
        return _refused(actor, project, number, "disk_reserve_reached")
    return Taken(number, received, warnings=warnings)


def _refused(actor: Actor, project: Project, number: int, reason: str) -> Taken:
    note_refusal(actor, project, reason=reason, calling_ae="", peer="")
    return Taken(number, None, reason)


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
