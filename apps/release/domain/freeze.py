"""The freeze: everything a release says, beside the media, in one canonical JSON file.

A freeze is drawn once, when a release is frozen, and never changes. The writers of this
package read nothing else (no clock, no database), so the same freeze and the same media give
the same bytes.

Shape ("clinicalannot-freeze/1"), canonical JSON: UTF-8, sorted keys, no spaces:

    {"format": "clinicalannot-freeze/1",
     "project": slug, "version": "1.0.0", "frozen_at": "2026-01-31T12:00:00.000000Z",
     "software": {"name", "version"}, "interpolator": {"name": "linear" or "shape", "version": 1},
     "seed": text, the project's key for the keyed hash of the splits (same in every version),
     "split_fractions": {"train": 0.7, "val": 0.15, "test": 0.15},
     "splits": {pseudonym: split}, what earlier versions drew (may be empty),
     "profile": {"name", "version", "digest"},
     "uids": {"device": uid, "clips": {clip_id: {"seg_series", "seg_instance", "sr_series",
              "sr_instance", "dimension_organization"}}},
     "ontology": the whole definition, "ontology_digest": text,
     "checkpoint": text | null,
     "keys": {"checkpoint", "electronic_signature"}: public keys (base64) of note and statements,
     "supersedes": {"version", "freeze_digest", "difference"}, the earlier version, if any; the
              difference is that of difference.py,
     "signing_rules": {"countersigned", "passkey"}: what the project asks of every clip, if it does,
     "split_rules": how `splits` was drawn ("method", "strata", "balance", "alike_clips"), if known,
     "about": {"title", "authors", "licence", "consent"}: what people state, may be empty, and
              "components": [[name, version]…], the installed software,
     "clips": [ClipFreeze…], "left_out": [{"clip", "reason"}…]}

`ClipFreeze` and `LabelSetFreeze` below name the rest; arrays and bytes are base64
(PTS: little-endian int64, digests: 32 bytes a frame).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

FORMAT = "clinicalannot-freeze/1"
CLIP_UIDS = ("seg_series", "seg_instance", "sr_series", "sr_instance", "dimension_organization")
LATER = ("supersedes", "about", "split_rules", "signing_rules")
DEFAULT_FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}

# Header attributes of the de-identified instance that SEG and SR repeat (patient, study and
# lossy compression), by DICOM keyword. Nothing else of the header enters a derived object.
HEADER_KEYWORDS = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge",
    "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber",
    "ReferringPhysicianName", "SeriesNumber", "InstanceNumber", "Modality",
    "PatientIdentityRemoved", "DeidentificationMethod", "LongitudinalTemporalInformationModified",
    "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod",
)  # fmt: skip


class FreezeError(ValueError):
    """A freeze that cannot be released: names the field, what is wrong and the remedy."""


@dataclass(frozen=True)
class SignatureFreeze:
    """The electronic signature over a label set, by pseudonym.

    `statement` is the exact bytes that were signed; `server_signature` is Ed25519 over them by
    `public_key` (raw 32 bytes); `digest` is the hex SHA-256 that the statement binds. `passkey`,
    where the signer used one, is what passkey.py describes.
    """

    signer_pseudonym: str
    role: str
    meaning: str
    signed_at: str
    statement: bytes
    digest: str
    server_signature: bytes
    public_key: bytes
    passkey: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The signature as it stands in freeze and manifest (bytes as base64)."""
        said = {
            f.name: _b64(v) if isinstance(v := getattr(self, f.name), bytes) else v
            for f in fields(self)
        }
        if self.passkey is None:
            del said["passkey"]
        return said


@dataclass(frozen=True)
class LabelSetFreeze:
    """The signed label set of one clip: `labels` is the label state (tracks, intervals, relations).

    `proposals`, where the annotators began from imported labels: {"sources": [{"id",
    "imported_at"}], "decisions": [those of `annotation/domain/provenance.py`, each with its
    "annotator"], "unchanged": {object: proposal}, the released objects that say what was proposed}.

    `raters`: each annotator's own labels of the clip where they are released: {"pseudonym",
    "revision", "labels"} in the order of `annotators`, else None.

    `uncertainty`: how sure the consensus is, {"raters": how many annotated, "objects": {tracking
    UID: {"votes": who have it, "start_first", "start_last", "end_first", "end_last": frames between
    which they let it begin and end (the end exclusive), or None}}, "decisions": [{"class_id",
    "kind", "start_frame", "end_frame", "choice"}], how each disagreement was decided: a, b, a way
    of merging, or redraw}. Released also where the annotators' own labels are not.

    `countersignatures`, where other clinicians confirmed what was signed: `SignatureFreeze` as JSON
    with its own "audit_proof" each, oldest first.
    """

    id: str
    revision: int
    labels: dict[str, Any]
    expanded_digest: str
    annotators: list[str]
    signature: SignatureFreeze | None
    audit_proof: Any = None
    proposals: dict[str, Any] | None = None
    raters: list[dict[str, Any]] | None = None
    countersignatures: list[dict[str, Any]] | None = None
    uncertainty: dict[str, Any] | None = None


class Head(NamedTuple):
    """What of a clip is asked for while others are written."""

    id: str
    name: str
    pseudonym: str
    n_frames: int
    rows: int
    columns: int


@dataclass(frozen=True)
class ClipFreeze:
    """One clip as annotated.

    `name` is the safe file name of its folder and files; `pts` int64 (n_frames,) in ticks of
    `time_base` (numerator, denominator, seconds); `digests` uint8 (n_frames, 32), SHA-256 of
    each decoded picture; `media` "video" or "cine"; `media_sha256` the hex SHA-256 of the video
    file's bytes (video) or of the de-identified instance's bytes (cine); `header` the attributes
    of `HEADER_KEYWORDS`, as text; `last_frame_duration_pts` ticks, or None when not known;
    `regions` the calibrated parts of the picture (fields of library's `Region`), None where there
    is none.
    """

    id: str
    name: str
    pseudonym: str
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    n_frames: int
    rows: int
    columns: int
    time_base: tuple[int, int]
    fps: float
    pts: np.ndarray
    digests: np.ndarray
    digest_exact: bool
    media: str
    media_sha256: str
    header: dict[str, str]
    label_set: LabelSetFreeze
    last_frame_duration_pts: int | None = None
    decoder: str = ""
    warnings: list[str] = field(default_factory=list)
    regions: list[dict[str, float]] | None = None

    @property
    def head(self) -> Head:
        return Head(self.id, self.name, self.pseudonym, self.n_frames, self.rows, self.columns)

    def time_us(self, frame_index: int) -> int:
        """Time of a frame in microseconds from the first frame, as the library's frame index.

        `frame_index` = n_frames means the end of the last frame (its time plus its duration).
        """
        at = min(frame_index, self.n_frames - 1)
        ticks = int(self.pts[at]) - int(self.pts[0])
        if frame_index >= self.n_frames:
            end = ticks + self._last_duration()
            return round(end * Fraction(*self.time_base) * 1_000_000)
        # As `round` of the fraction, ties to even; whole numbers cost a tenth of fractions.
        over, under = self.time_base
        microseconds, rest = divmod(ticks * over * 1_000_000, under)
        return microseconds + (2 * rest > under or (2 * rest == under and microseconds % 2))

    def time_s(self, frame_index: int) -> str:
        """`time_us` as seconds with six decimals."""
        microseconds = self.time_us(frame_index)
        sign = "-" if microseconds < 0 else ""
        return f"{sign}{abs(microseconds) // 1_000_000}.{abs(microseconds) % 1_000_000:06d}"

    def _last_duration(self) -> Fraction:
        if self.last_frame_duration_pts is not None:
            return Fraction(self.last_frame_duration_pts)
        if self.n_frames > 1 and int(self.pts[-1]) > int(self.pts[-2]):
            return Fraction(int(self.pts[-1]) - int(self.pts[-2]))
        if self.fps > 0:
            return 1 / (Fraction(self.fps).limit_denominator(1_000_000) * Fraction(*self.time_base))
        return Fraction(0)


@dataclass(frozen=True)
class Freeze:
    """A whole frozen release; see the module's text for each field."""

    project: str
    version: str
    frozen_at: str
    software: dict[str, str]
    interpolator: dict[str, Any]
    seed: str
    profile: dict[str, Any]
    uids: dict[str, Any]
    ontology: dict[str, Any]
    ontology_digest: str
    checkpoint: str | None
    clips: Sequence[ClipFreeze]
    left_out: list[dict[str, str]] = field(default_factory=list)
    split_fractions: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_FRACTIONS))
    splits: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    supersedes: dict[str, Any] | None = None
    about: dict[str, Any] | None = None
    split_rules: dict[str, Any] | None = None
    signing_rules: dict[str, bool] | None = None

    @property
    def heads(self) -> list[Head]:
        """The heads of all clips, in order, without reading a clip that lies in a file."""
        known: list[Head] | None = getattr(self.clips, "heads", None)
        return [clip.head for clip in self.clips] if known is None else known

    def classes(self, *geometries: str) -> list[dict[str, Any]]:
        """The ontology's classes of these geometries (all when none is named), in its order."""
        return [
            c for c in self.ontology["classes"] if not geometries or c["geometry"] in geometries
        ]

    def class_by_id(self, class_id: str) -> dict[str, Any]:
        """One class of the ontology; KeyError when it has none of that id."""
        for each in self.ontology["classes"]:
            if each["id"] == class_id:
                return each
        raise KeyError(class_id)


def draw_uids(clip_ids: list[str], draw: Callable[[], str]) -> dict[str, Any]:
    """The `uids` field for these clips; `draw` returns a fresh UID at each call."""
    return {
        "device": draw(),
        "clips": {clip: {key: draw() for key in CLIP_UIDS} for clip in clip_ids},
    }


def canonical(value: Any) -> bytes:
    """Canonical JSON: UTF-8, sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def dump_freeze(freeze: Freeze) -> bytes:
    """The freeze as canonical JSON; `load_freeze` of it gives an equal freeze."""
    top = {f.name: getattr(freeze, f.name) for f in fields(freeze) if f.name != "clips"}
    for name in LATER:
        # A freeze of before the field was thought of keeps its bytes and digest.
        if top[name] is None:
            del top[name]
    clips = []
    for clip in freeze.clips:
        row = {f.name: getattr(clip, f.name) for f in fields(clip)}
        row["time_base"] = list(clip.time_base)
        row["pts"] = _b64(np.ascontiguousarray(clip.pts, dtype="<i8").tobytes())
        row["digests"] = _b64(np.ascontiguousarray(clip.digests, dtype=np.uint8).tobytes())
        label_set = {f.name: getattr(clip.label_set, f.name) for f in fields(clip.label_set)}
        for name in ("raters", "countersignatures", "uncertainty"):
            if label_set[name] is None:
                del label_set[name]
        if clip.label_set.signature is not None:
            label_set["signature"] = clip.label_set.signature.as_json()
        if label_set["proposals"] is None:
            del label_set["proposals"]
        row["label_set"] = label_set
        if clip.regions is None:
            del row["regions"]
        clips.append(row)
    return canonical({"format": FORMAT, **top, "clips": clips})


def load_freeze(data: bytes | str | dict[str, Any]) -> Freeze:
    """Read a freeze and check it.

    PTS may be a list of integers or base64, digests a list of hex or base64.

    Raises
    ------
    FreezeError
        naming the field, when it is not of this format or `validate` refuses it.
    """
    from apps.release.domain.freeze_check import validate

    if isinstance(data, dict):
        raw = dict(data)
    else:
        try:
            raw = json.loads(data)
        except ValueError as error:
            raise FreezeError("freeze: not JSON; write it with dump_freeze") from error
    rows = raw.get("clips") if isinstance(raw, dict) else None
    if isinstance(raw, dict) and raw.get("format") == FORMAT and not isinstance(rows, list):
        raise FreezeError("clips: a list is needed")
    clips = [load_clip(row, f"clips[{i}]") for i, row in enumerate(rows or [])]
    freeze = freeze_of_parts(raw, clips)
    validate(freeze)
    return freeze


def freeze_of_parts(raw: Any, clips: Sequence[ClipFreeze]) -> Freeze:
    """The freeze of its JSON values, with these clips in place of its own. Raises FreezeError."""
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise FreezeError(f"format: not {FORMAT}; write it with dump_freeze")
    values = {key: value for key, value in raw.items() if key != "format"}
    freeze: Freeze = _construct(Freeze, {**values, "clips": clips}, "freeze")
    return freeze


def load_clip(values: dict[str, Any], where: str) -> ClipFreeze:
    """One clip of its JSON values. Raises FreezeError naming ``where``."""
    try:
        row = dict(values)
        row["time_base"] = (int(row["time_base"][0]), int(row["time_base"][1]))
        pts = row["pts"]
        row["pts"] = (
            np.frombuffer(base64.b64decode(pts, validate=True), dtype="<i8").astype(np.int64)
            if isinstance(pts, str)
            else np.asarray(pts, dtype=np.int64)
        )
        digests = row["digests"]
        packed = (
            base64.b64decode(digests, validate=True)
            if isinstance(digests, str)
            else b"".join(bytes.fromhex(d) for d in digests)
        )
        row["digests"] = np.frombuffer(packed, dtype=np.uint8).reshape(-1, 32)
        label_set = dict(row["label_set"])
        if label_set.get("signature") is not None:
            signature = dict(label_set["signature"])
            for key in ("statement", "server_signature", "public_key"):
                signature[key] = base64.b64decode(signature[key], validate=True)
            label_set["signature"] = _construct(
                SignatureFreeze, signature, f"{where}.label_set.signature"
            )
        row["label_set"] = _construct(LabelSetFreeze, label_set, f"{where}.label_set")
    except FreezeError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, binascii.Error) as error:
        raise FreezeError(f"{where}: a field is missing or of the wrong kind ({error!r})") from None
    clip: ClipFreeze = _construct(ClipFreeze, row, where)
    return clip


def _construct(kind: Any, values: dict[str, Any], where: str) -> Any:
    unknown = sorted(set(values) - {f.name for f in fields(kind)})
    if unknown:
        raise FreezeError(f"{where}.{unknown[0]}: unknown field; see apps/release/domain/freeze.py")
    try:
        return kind(**values)
    except TypeError as error:
        raise FreezeError(f"{where}: {error}") from None


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
