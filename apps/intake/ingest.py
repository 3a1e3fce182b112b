"""Files from a folder, medium, archive or one file through the same intake as the node's."""

from __future__ import annotations

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
from apps.intake.domain.study_data import StudyData
from apps.intake.domain.wrap_video import SUFFIXES, NotAVideo, WrappedVideo, wrap
from apps.intake.inputs import Input, Place, inputs
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import DiskFullError, Incoming, take
from apps.intake.services import note_refusal, note_wrapping
from apps.keys.keyring import KeyDestroyedError
from apps.projects.models import Project

_CHUNK = 1 << 20


@dataclass
class Taken:
    """One input, by its place: among the relative paths sorted by bytes (from 1), then among the
    members of an archive there, and so on. Names of files may identify and are never shown."""

    received: ReceivedInstance | None
    reason: str = ""
    warnings: tuple[str, ...] = ()
    place: Place = ()

    @property
    def label(self) -> str:
        return "#" + ".".join(map(str, self.place))


@dataclass(frozen=True)
class Videos:
    """How plain videos become instances: of which study (one of its own each where None), of which
    class (``endoscopic`` or ``photographic``), in which order (``name`` or ``time``)."""

    study: StudyData | None = None
    kind: str = "endoscopic"
    order: str = "name"


@dataclass(frozen=True)
class _Run:
    actor: Actor
    project: Project
    pixels_choice: str
    videos: Videos


def ingest(
    actor: Actor,
    project: Project,
    path: Path,
    *,
    pixels_choice: str = "",
    videos: Videos | None = None,
) -> Iterator[Taken]:
    """Take every input into quarantine; one result each. Raises Refused for a choice that the
    project does not allow."""
    if pixels_choice and not project.options.get("pixels_without_person"):
        raise Refused(
            "pixels_need_a_person",
            "The project asks that a person decides about pixels.",
            "Leave --pixels out; a data steward confirms on the screen.",
            field="pixels",
        )
    run = _Run(actor, project, pixels_choice, videos or Videos())
    for item in inputs(path, run.videos.order):
        taken = _take_one(run, item)
        taken.place = item.place
        yield taken


def _take_one(run: _Run, item: Input) -> Taken:
    if item.source is None:
        return _refused(run, item.reason)
    try:
        return _take_readable(run, item, item.source)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return _refused(run, "archive_damaged")
    except OSError:
        return _refused(run, "unreadable")


def _take_readable(run: _Run, item: Input, source: BinaryIO) -> Taken:
    head = source.read(132)
    source.seek(0)
    wrapped: WrappedVideo | None = None
    incoming = Incoming()
    try:
        if head[128:132] == b"DICM":
            _copy(source, incoming)
        elif item.suffix in SUFFIXES:
            digest = _sha256_of(source)
            wrapped = wrap(source, digest, run.videos.study, item.part, run.videos.kind)
            for piece in wrapped.pieces():
                incoming.write(piece)
        else:
            return _refused(run, "not_dicom")
        received = take(run.actor, run.project, incoming, pixels_choice=run.pixels_choice)
    except NotAVideo:
        return _refused(run, "decode_failed")
    except UnreadableHeader:
        return _refused(run, "unparsable")
    except KeyDestroyedError:
        return _refused(run, "subject_destroyed")
    except DiskFullError:
        return _refused(run, "disk_reserve_reached")
    finally:
        # A no-op once the instance is whole.
        incoming.abort()
    if wrapped is None:
        return Taken(received)
    note_wrapping(
        run.actor,
        received,
        codec=wrapped.codec,
        how=wrapped.how,
        warnings=list(wrapped.warnings),
    )
    return Taken(received, warnings=wrapped.warnings)


def _refused(run: _Run, reason: str) -> Taken:
    note_refusal(run.actor, run.project, reason=reason, calling_ae="", peer="")
    return Taken(None, reason)


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
