"""Tips, boxes, phases and events as Comprehensive SR, TID 1500 (PS3.16); where the picture is
calibrated, lines and outlines too, and what is measured in millimetres.

Tips and boxes: one TID 1410 group a frame with the track's Tracking Unique Identifier, an
SCOORD in our own coordinates (outer corner of the top left pixel is (0, 0), as PS3.3 C.18.6.1
has it) and the source image with Referenced Frame Number. Phases and events: TID 1501 groups
with a TCOORD SEGMENT in seconds from the first frame and, exactly, the first and last
Referenced Frame Number. Items are encoded as bytes and streamed, so writing costs the same a
point at any length. Readers build objects of each item (highdicom: 15 ms and 100 kB a point), so a
long clip is cut into several instances by time, each of which can be read by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from apps.annotation.domain.measures import Measure
from apps.release.domain import dicom_bytes as b
from apps.release.domain.codes import (
    ANY_PROCEDURE,
    PROCEDURE_BY_MODALITY,
    class_code,
    coding_schemes,
    own_code,
)
from apps.release.domain.dicom_common import MANUFACTURER, common_modules, moment, source_reference
from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.millimetres import measured, regions_of_clip
from apps.release.domain.objects import ClipLabels, Frames, Interval, Placed, Track

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.33"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ORGANIZATION = "ClinicalAnnot"
PLACES_AN_INSTANCE = 5000

LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
FINDING = b.Code("121071", "DCM", "Finding")
IMAGE_REGION = b.Code("111030", "DCM", "Image Region")
MEASUREMENT_GROUP = b.Code("125007", "DCM", "Measurement Group")
SOURCE = b.Code("121112", "DCM", "Source of Measurement")
TRACKING_ID = b.Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = b.Code("112040", "DCM", "Tracking Unique Identifier")
EXTENT = own_code("temporal-extent", "Temporal extent")
STATE = own_code("visibility", "Visibility")
ORIGIN = own_code("geometry-origin", "Origin of geometry")
MEASURES = {
    "length": b.Code("410668003", "SCT", "Length"),
    "width": b.Code("103355008", "SCT", "Width"),
    "height": b.Code("121207", "DCM", "Height"),
    "area": b.Code("42798000", "SCT", "Area"),
}
UNCERTAINTY = b.Code("371884006", "SCT", "+/-, range of measurement uncertainty")
YES, NO = b.Code("373066001", "SCT", "Yes"), b.Code("373067005", "SCT", "No")
STATES = {
    "visible": own_code("visible", "Visible"),
    "occluded": own_code("occluded", "Occluded"),
}
ORIGINS = {
    False: own_code("keyframe", "Placed by a person"),
    True: own_code("interpolated", "Interpolated between keyframes"),
}


@dataclass(frozen=True)
class SrReport:
    """What one SR holds: groups of places (tips and boxes) and of intervals, and the frames that
    its places lie on (from the first, before the last)."""

    sop_instance_uid: str
    n_places: int
    n_intervals: int
    first_frame: int
    end_frame: int


@dataclass(frozen=True)
class SrPart:
    """One instance's share of a clip: the places of each track on some frames, and the intervals
    (all in the first). ``number`` from 1 of ``n_parts``."""

    number: int
    n_parts: int
    first_frame: int
    end_frame: int
    places: list[tuple[Track, list[Placed]]]
    intervals: list[Interval] = field(default_factory=list)


def geometries_of(clip: ClipFreeze) -> tuple[str, ...]:
    """What of a clip stands in its SR: lines and outlines where they can be measured."""
    return ("tip", "box", *(("polyline", "polygon") if clip.regions else ()))


def sr_parts(
    clip: ClipFreeze, labels: ClipLabels, most: int = PLACES_AN_INSTANCE
) -> Iterator[SrPart]:
    """The clip's SR instances, one after the other; none when there is nothing to say.

    A part holds at most ``most`` places, but whole frames always; one pass over the tracks."""
    tracks = labels.of(*geometries_of(clip))
    if not tracks and not labels.intervals:
        return
    ends = _cuts(clip.n_frames, tracks, most)
    rest = [_Rest(iter(track.frames)) for track in tracks]
    first = 0
    for number, end in enumerate(ends, 1):
        places = [(track, ahead.before(end)) for track, ahead in zip(tracks, rest, strict=True)]
        yield SrPart(
            number, len(ends), first, end, [row for row in places if row[1]],
            labels.intervals if number == 1 else [],
        )  # fmt: skip
        first = end


def _cuts(n_frames: int, tracks: list[Track], most: int) -> list[int]:
    """Where each part ends (a frame index, exclusive), so that none has more places."""
    counts = np.zeros(n_frames + 1, np.int64)
    for track in tracks:
        if isinstance(track.frames, Frames) and track.frames.blocks is not None:
            for block in track.frames.blocks():
                counts[block.first_frame] += 1
                counts[block.first_frame + len(block.values)] -= 1
        else:
            for placed in track.frames:
                counts[placed.frame_index] += 1
                counts[placed.frame_index + 1] -= 1
    reached = np.cumsum(np.cumsum(counts)[:n_frames])
    ends: list[int] = []
    done = 0
    while (ends[-1] if ends else 0) < n_frames:
        first = ends[-1] if ends else 0
        end = max(int(np.searchsorted(reached, done + most, side="right")), first + 1)
        ends.append(end)
        done = int(reached[end - 1])
        if done == int(reached[-1]):
            ends[-1] = n_frames
    return ends


class _Rest:
    """A track's frames, taken up to a frame at a time."""

    def __init__(self, frames: Iterator[Placed]) -> None:
        self._frames, self._next = frames, next(frames, None)

    def before(self, end: int) -> list[Placed]:
        found = []
        while self._next is not None and self._next.frame_index < end:
            found.append(self._next)
            self._next = next(self._frames, None)
        return found


def sr_instance_uid(freeze: Freeze, clip: ClipFreeze, number: int) -> str:
    """SOP Instance UID of the clip's SR number `number` (from 1): the drawn one, then derived."""
    first: str = freeze.uids["clips"][clip.id]["sr_instance"]
    return first if number == 1 else b.derived_uid(first, number)


def write_sr(freeze: Freeze, clip: ClipFreeze, part: SrPart, out: BinaryIO) -> SrReport:
    """Write one of `sr_parts` as SR.

    The document is VERIFIED, with the signer's pseudonym as verifying observer, only when the
    label set bears a signature. `highdicom.sr.srread` and dcmtk's `dsrdump` read it.
    """
    uid = sr_instance_uid(freeze, clip, part.number)
    out.write(b.file_head(SOP_CLASS, uid, EXPLICIT_LITTLE))
    out.write(b.encode(_header(freeze, clip, part, uid)))
    out.write(b.open_sequence(0x0040A730))
    for item in _context(freeze, clip):
        out.write(item)
    out.write(_open_container(b.Code("126010", "DCM", "Imaging Measurements"), "CONTAINS"))
    n_places = 0
    for track, places in part.places:
        for group in _place_groups(freeze, clip, track, places):
            out.write(group)
            n_places += 1
    for interval in part.intervals:
        out.write(_interval_group(freeze, clip, interval))
    out.write(b.SEQUENCE_END + b.ITEM_END + b.SEQUENCE_END)
    return SrReport(uid, n_places, len(part.intervals), part.first_frame, part.end_frame)


def _header(freeze: Freeze, clip: ClipFreeze, part: SrPart, uid: str) -> Dataset:
    drawn = freeze.uids["clips"][clip.id]
    words = "Instrument tips, boxes, phases and events"
    if part.n_parts > 1:
        words += f", {part.number} of {part.n_parts}"
    result = common_modules(
        freeze, clip, sop_class_uid=SOP_CLASS, sop_instance_uid=uid,
        series_uid=drawn["sr_series"], modality="SR", series_number=1002,
        instance_number=part.number, description=words,
    )  # fmt: skip
    result.ReferencedPerformedProcedureStepSequence = Sequence([])
    result.PerformedProcedureCodeSequence = Sequence([])
    evidence_series = Dataset()
    evidence_series.SeriesInstanceUID = clip.series_uid
    evidence_series.ReferencedSOPSequence = Sequence([source_reference(clip)])
    study = Dataset()
    study.StudyInstanceUID = clip.study_uid
    study.ReferencedSeriesSequence = Sequence([evidence_series])
    result.CurrentRequestedProcedureEvidenceSequence = Sequence([study])
    result.CompletionFlag = "COMPLETE"
    result.PreliminaryFlag = "FINAL"
    result.VerificationFlag = "UNVERIFIED"
    signature = clip.label_set.signature
    if signature is not None:
        result.VerificationFlag = "VERIFIED"
        verifier = Dataset()
        verifier.VerifyingOrganization = ORGANIZATION
        date, time = moment(signature.signed_at)
        verifier.VerificationDateTime = f"{date}{time}+0000"
        verifier.VerifyingObserverName = signature.signer_pseudonym
        verifier.VerifyingObserverIdentificationCodeSequence = Sequence([])
        result.VerifyingObserverSequence = Sequence([verifier])
    class_ids = {t.class_id for t, _ in part.places} | {i.class_id for i in part.intervals}
    used = {class_code(freeze.class_by_id(class_id)).scheme for class_id in class_ids}
    result.CodingSchemeIdentificationSequence = Sequence(
        coding_schemes(freeze, used | {"DCM", "SCT", EXTENT.scheme})
    )
    result.ValueType = "CONTAINER"
    title = b.Code("126000", "DCM", "Imaging Measurement Report")
    result.ConceptNameCodeSequence = Sequence([b.code_dataset(title)])
    result.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "1500"
    result.ContentTemplateSequence = Sequence([template])
    return result


def _context(freeze: Freeze, clip: ClipFreeze) -> Iterator[bytes]:
    """Language (TID 1204), observers (TID 1001 to 1004), procedure reported."""
    yield _coded("HAS CONCEPT MOD", LANGUAGE,
                 b.Code("en-US", "RFC5646", "English (United States)"))  # fmt: skip
    people = [(name, own_code("annotator", "Annotator")) for name in clip.label_set.annotators]
    if clip.label_set.signature is not None:
        signer = clip.label_set.signature.signer_pseudonym
        people.append((signer, own_code("adjudicator", "Adjudicator")))
    observer_type = b.Code("121005", "DCM", "Observer Type")
    for name, role in people:
        yield _coded("HAS OBS CONTEXT", observer_type, b.Code("121006", "DCM", "Person"))
        yield _content("HAS OBS CONTEXT", "PNAME", b.Code("121008", "DCM", "Person Observer Name"),
                       b.text(0x0040A123, "PN", name))  # fmt: skip
        yield _coded(
            "HAS OBS CONTEXT",
            b.Code("121011", "DCM", "Person Observer's Role in this Procedure"),
            role,
        )
    yield _coded("HAS OBS CONTEXT", observer_type, b.Code("121007", "DCM", "Device"))
    yield _content("HAS OBS CONTEXT", "UIDREF", b.Code("121012", "DCM", "Device Observer UID"),
                   b.text(0x0040A124, "UI", freeze.uids["device"]))  # fmt: skip
    for value, meaning, words in (
        ("121013", "Device Observer Name", freeze.software["name"]),
        ("121014", "Device Observer Manufacturer", MANUFACTURER),
        ("121015", "Device Observer Model Name",
         f"{freeze.software['name']} {freeze.software['version']}"),
    ):  # fmt: skip
        yield _content("HAS OBS CONTEXT", "TEXT", b.Code(value, "DCM", meaning),
                       b.text(0x0040A160, "UT", words))  # fmt: skip
    own = freeze.ontology.get("procedure_code")
    procedure = (
        b.Code(str(own["value"]), str(own["scheme"]), str(own["meaning"]))
        if own
        else PROCEDURE_BY_MODALITY.get(clip.header.get("Modality", ""), ANY_PROCEDURE)
    )
    yield _coded("HAS CONCEPT MOD", b.Code("121058", "DCM", "Procedure reported"), procedure)


def _place_groups(
    freeze: Freeze, clip: ClipFreeze, track: Track, places: list[Placed]
) -> Iterator[bytes]:
    label_class = freeze.class_by_id(track.class_id)
    tracking = _tracking(track.tracking_id, track.tracking_uid)
    finding = _coded("CONTAINS", FINDING, class_code(label_class))
    states = {s: _coded("CONTAINS", STATE, c) for s, c in STATES.items()}
    origins = {o: _coded("CONTAINS", ORIGIN, c) for o, c in ORIGINS.items()}
    template = _template("1410")
    regions = regions_of_clip(clip)
    for placed in places:
        attributes = {**track.attributes, **placed.attributes}
        children = (
            tracking
            + finding
            + _region(clip, placed)
            + states[placed.state]
            + origins[placed.interpolated]
            + b"".join(_measurement(one) for one in measured(placed, regions))
            + _attributes(label_class, attributes)
        )
        yield _group(template, children)


def _measurement(one: Measure) -> bytes:
    """A NUM in UCUM millimetres, and with it how far off it may be (CID 225)."""
    off = _number(UNCERTAINTY, one.uncertainty, one.unit, "HAS PROPERTIES")
    return _number(MEASURES[one.kind], one.value, one.unit, "CONTAINS", off)


def _interval_group(freeze: Freeze, clip: ClipFreeze, interval: Interval) -> bytes:
    label_class = freeze.class_by_id(interval.class_id)
    frames = (interval.start_frame + 1, interval.end_frame)
    extent = _content(
        "CONTAINS",
        "TCOORD",
        EXTENT,
        b.text(0x0040A130, "CS", "SEGMENT"),
        b.text(0x0040A138, "DS", f"{interval.start_s}\\{interval.end_s}"),
        b.sequence(0x0040A730, _image("SELECTED FROM", clip, None)),
    )
    children = (
        _tracking(interval.tracking_id, interval.tracking_uid)
        + _coded("CONTAINS", FINDING, class_code(label_class))
        + _image("CONTAINS", clip, frames, SOURCE)
        + extent
        + _attributes(label_class, interval.attributes)
    )
    return _group(_template("1501"), children)


def _region(clip: ClipFreeze, placed: Placed) -> bytes:
    """SCOORD POINT of a tip, closed POLYLINE of a box or an outline, open one of a line, selected
    from its one frame."""
    kind = "POLYLINE"
    if placed.shape["type"] == "tip":
        kind, points = "POINT", [float(v) for v in placed.shape["point"]]
    elif placed.shape["type"] in ("polyline", "polygon"):
        corners = placed.shape["points"]
        if placed.shape["type"] == "polygon":
            corners = [*corners, corners[0]]
        points = [float(v) for corner in corners for v in corner]
    else:
        x, y, w, h = (float(v) for v in placed.shape["box"])
        points = [x, y, x + w, y, x + w, y + h, x, y + h, x, y]
    return _content(
        "CONTAINS",
        "SCOORD",
        IMAGE_REGION,
        b.numbers(0x00700022, "FL", *points),
        b.text(0x00700023, "CS", kind),
        b.sequence(0x0040A730, _image("SELECTED FROM", clip, (placed.frame_index + 1,))),
    )


def _attributes(label_class: dict[str, Any], values: dict[str, Any]) -> bytes:
    """Attributes in the ontology's order: choices and truth values as qualitative evaluations,
    numbers as measurements in their UCUM unit."""
    result = b""
    for attribute in label_class.get("attributes") or []:
        chosen = values.get(attribute["id"])
        name = own_code(attribute["id"], attribute["name"])
        if attribute.get("type") == "boolean" and isinstance(chosen, bool):
            result += _coded("CONTAINS", name, YES if chosen else NO)
        elif attribute.get("type") == "number" and isinstance(chosen, (int, float)):
            result += _number(name, chosen, attribute.get("unit") or "1")
        for value in attribute.get("values") or []:
            if value["id"] == chosen:
                code = own_code(f"{attribute['id']}.{value['id']}", value["name"])
                result += _coded("CONTAINS", name, code)
    return result


def _number(
    name: b.Code, value: float, unit: str, relationship: str = "CONTAINS", below: bytes = b""
) -> bytes:
    units = b.Code(unit, "UCUM", "no units" if unit == "1" else unit)
    measured = b.item(
        b.sequence(0x004008EA, b.code_item(units)), b.text(0x0040A30A, "DS", f"{value:.10g}")
    )
    children = [b.sequence(0x0040A730, below)] if below else []
    return _content(relationship, "NUM", name, b.sequence(0x0040A300, measured), *children)


def _image(
    relationship: str, clip: ClipFreeze, frames: tuple[int, ...] | None, name: b.Code | None = None
) -> bytes:
    reference = [
        b.text(0x00081150, "UI", clip.sop_class_uid),
        b.text(0x00081155, "UI", clip.sop_instance_uid),
    ]
    if frames is not None:
        reference.append(b.text(0x00081160, "IS", "\\".join(map(str, frames))))
    parts = [
        b.sequence(0x00081199, b.item(*reference)),
        b.text(0x0040A010, "CS", relationship),
        b.text(0x0040A040, "CS", "IMAGE"),
    ]
    if name is not None:
        parts.append(b.sequence(0x0040A043, b.code_item(name)))
    return b.item(*parts)


def _tracking(identifier: str, uid: str) -> bytes:
    return _content(
        "HAS OBS CONTEXT", "TEXT", TRACKING_ID, b.text(0x0040A160, "UT", identifier)
    ) + _content("HAS OBS CONTEXT", "UIDREF", TRACKING_UID, b.text(0x0040A124, "UI", uid))


def _coded(relationship: str, name: b.Code, value: b.Code) -> bytes:
    return _content(relationship, "CODE", name, b.sequence(0x0040A168, b.code_item(value)))


def _content(relationship: str, value_type: str, name: b.Code, *elements: bytes) -> bytes:
    return b.item(
        b.text(0x0040A010, "CS", relationship),
        b.text(0x0040A040, "CS", value_type),
        b.sequence(0x0040A043, b.code_item(name)),
        *elements,
    )


def _template(identifier: str) -> bytes:
    return b.sequence(
        0x0040A504,
        b.item(b.text(0x00080105, "CS", "DCMR"), b.text(0x0040DB00, "CS", identifier)),
    )


def _group(template: bytes, children: bytes) -> bytes:
    return b.item(
        b.text(0x0040A010, "CS", "CONTAINS"),
        b.text(0x0040A040, "CS", "CONTAINER"),
        b.sequence(0x0040A043, b.code_item(MEASUREMENT_GROUP)),
        b.text(0x0040A050, "CS", "SEPARATE"),
        template,
        b.sequence(0x0040A730, children),
    )


def _open_container(name: b.Code, relationship: str) -> bytes:
    return (
        b.open_item()
        + b.text(0x0040A010, "CS", relationship)
        + b.text(0x0040A040, "CS", "CONTAINER")
        + b.sequence(0x0040A043, b.code_item(name))
        + b.text(0x0040A050, "CS", "SEPARATE")
        + b.open_sequence(0x0040A730)
    )
