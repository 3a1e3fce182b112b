"""Labels of other tools into a label set of origin imported: read, checked, kept whole or not."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.verb import check
from apps.annotation.models import LabelSet
from apps.annotation.services import import_label_set
from apps.library.models import Clip
from apps.ontology.models import OntologyVersion
from apps.ontology.services import current
from apps.release.domain.import_report import Files, Report, Target
from apps.release.domain.importing import read_with, steps
from apps.release.domain.registry import FORMATS

MAX_UPLOAD_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 256 << 20
MAX_FILES = 50_000
MAX_STRIDE = 100_000


def import_labels(
    actor: Actor,
    clip: Clip,
    *,
    format_name: str,
    files: Iterable[tuple[str, bytes]],
    stride: int = 1,
) -> tuple[LabelSet, Report]:
    """Read files of a format (ZIP archives are unpacked) as labels of a clip, and keep them.

    Gives the label set and the report. Raises Refused: nothing is kept then, and for files that do
    not hold ``details["report"]`` names every line.
    """
    check(import_label_set.policy, actor, clip)  # type: ignore[attr-defined]
    ontology, report, refusal = None, Report(), None
    source, made = {"format": format_name[:40]}, []
    try:
        ontology = _ontology(clip)
        unpacked = unpack(files)
        source["digest"] = digest_of(unpacked)
        labels, report = read_with(
            _format(format_name), unpacked, _target(clip, ontology, _checked(stride))
        )
        if labels is None:
            raise _not_taken(report)
        made = steps(labels)
    except Refused as error:
        refusal = error
    label_set = import_label_set(
        actor, clip, ontology=ontology, steps=made, source=source, refusal=refusal
    )
    return label_set, report


def _format(name: str):  # type: ignore[no-untyped-def]
    if name not in FORMATS:
        raise Refused(
            "invalid_format",
            "There is no such format.",
            f"Choose one of {', '.join(FORMATS)}.",
            field="format",
        )
    return FORMATS[name].read


def _checked(stride: int) -> int:
    if not 1 <= stride <= MAX_STRIDE:
        raise Refused("invalid_stride", "The stride is not a whole number above 0.",
                      "Give 1 when every frame was exported.", field="stride")  # fmt: skip
    return stride


def _ontology(clip: Clip) -> OntologyVersion:
    if clip.state != Clip.State.READY:
        raise Refused("not_ready", "The clip is not ready.", "Wait until it is.", status=409)
    found = current(clip.project)
    if found is None:
        raise Refused(
            "no_ontology",
            "The project has no published ontology.",
            "Publish one, then import.",
            field="ontology",
            status=409,
        )
    return found


def _target(clip: Clip, ontology: OntologyVersion, stride: int) -> Target:
    return Target(
        str(clip.pk), clip.name, clip.n_frames, clip.height_px, clip.width_px,
        ontology.definition, stride, clip.instance.sop_instance_uid,
    )  # fmt: skip


def _not_taken(report: Report) -> Refused:
    first = report.problems[0]
    where = f"{first.file}, line {first.line}: " if first.file and first.line else ""
    return Refused(
        "labels_not_taken",
        f"Nothing was imported: {len(report.problems)} problems. {where}{first.message}.",
        first.remedy,
        field="files",
        status=422,
        report=report.as_json(),
    )


def digest_of(files: Files) -> str:
    """Hex SHA-256 over the files' names and digests: what was imported, without its content."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return whole.hexdigest()


def unpack(files: Iterable[tuple[str, bytes]]) -> Files:
    """Path → bytes; members of ZIP archives under their own paths. Nothing is written to disk.

    Raises Refused for an archive that is broken, encrypted or too large, and for two files of one
    name.
    """
    found: Files = {}
    left = MAX_UNPACKED_BYTES
    for name, data in files:
        for path, content in _members(name, data):
            left -= len(content)
            if left < 0 or len(found) >= MAX_FILES:
                raise Refused("too_large", "The files are too many or too large.",
                              "Import fewer at a time.", field="files", status=413)  # fmt: skip
            if path in found:
                raise Refused("twice", "Two files have the same name.", "Give each once.",
                              field="files")  # fmt: skip
            found[path] = content
    if not found:
        raise Refused("no_files", "No file was given.", "Choose the files.", field="files")
    return found


def _members(name: str, data: bytes) -> Iterable[tuple[str, bytes]]:
    if not data.startswith(b"PK\x03\x04"):
        yield name, data
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if member.is_dir() or Path(member.filename).name.startswith("."):
                    continue
                if member.file_size > MAX_UNPACKED_BYTES:
                    raise Refused("too_large", "A file of the archive is too large.",
                                  "Import fewer at a time.", field="files", status=413)  # fmt: skip
                with archive.open(member) as source:
                    yield member.filename, source.read(MAX_UNPACKED_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):
        raise Refused("bad_archive", "An archive cannot be read.",
                      "Pack it again, without a password.", field="files") from None  # fmt: skip


def read_paths(paths: Iterable[Path]) -> list[tuple[str, bytes]]:
    """Files and folders of a command line as (path, bytes), folders with paths below them."""
    found = []
    for path in paths:
        if path.is_dir():
            found += [
                ((path.name / p.relative_to(path)).as_posix(), p.read_bytes())
                for p in sorted(path.rglob("*"))
                if p.is_file()
            ]
        else:
            found.append((path.name, path.read_bytes()))
    return found
