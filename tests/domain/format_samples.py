"""Label sets for the format tests: made by hypothesis, written, read back, compared by column."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any
from uuid import UUID

import numpy as np
from hypothesis import strategies as st

from apps.annotation.domain import rle
from apps.ontology.domain.definition import digest as ontology_digest
from apps.release.domain.dicom_seg import seg_parts, write_seg
from apps.release.domain.dicom_sr import sr_parts, write_sr
from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.import_report import Report, Target
from apps.release.domain.importing import read_with
from apps.release.domain.objects import ClipLabels, clip_labels
from apps.release.domain.registry import FORMATS
from apps.release.domain.view import Choice, ReleaseView, exclusive_masks, release_view
from tests.domain.release_samples import VIDEO, sample

ROWS, COLUMNS, N_FRAMES = 9, 11, 12


def _class(name: str, geometry: str, *attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    code = {"value": name, "scheme": "99CLINANNOT", "meaning": name.title()}
    return {
        "id": name, "name": name.title(), "geometry": geometry, "color": "#3fd7e8",
        "shortcut": "1", "guideline": "", "attributes": list(attributes), "code": code, **more,
    }  # fmt: skip


def _choice(name: str, *values: str) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "type": "choice",
            "values": [{"id": v, "name": v.title()} for v in values]}  # fmt: skip


TORN = {"id": "torn", "name": "Torn", "type": "boolean"}
FILL = {"id": "fill", "name": "Fill", "type": "number", "unit": "%", "minimum": 0, "maximum": 100}
ONTOLOGY: dict[str, Any] = {
    "slug": "formats", "version": 1, "title": "Formats",
    "schemes": [{"designator": "99CLINANNOT", "name": "ClinicalAnnot", "uid": "2.25.77"}],
    "classes": [
        _class("lesion", "mask", _choice("side", "left", "right")),
        _class("grasper", "tip", _choice("verb", "grasp", "cut"), _choice("jaw", "open", "shut")),
        _class("bag", "box", TORN, FILL),
        _class("organ", "mask"),
        _class("hook", "tip"),
        _class("needle", "box", _choice("target", "liver", "wall")),
        _class("preparation", "phase"),
        _class("dissection", "phase", _choice("skill", "low", "high")),
        _class("bleeding", "event", TORN),
    ],
}  # fmt: skip
CLASSES = {c["id"]: c for c in ONTOLOGY["classes"]}
VALUES = {"torn": st.booleans(), "fill": st.sampled_from([0, 12.5, 100, 33.25])}


@st.composite
def _attributes(draw: Any, class_id: str) -> dict[str, Any]:
    found = {}
    for each in CLASSES[class_id]["attributes"]:
        if draw(st.booleans()):
            values = VALUES.get(each["id"])
            if values is None:
                values = st.sampled_from([v["id"] for v in each["values"]])
            found[each["id"]] = draw(values)
    return found


@st.composite
def _shape(draw: Any, geometry: str) -> dict[str, Any]:
    if geometry == "mask":
        size = (ROWS * COLUMNS + 7) // 8
        bits = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8)
        pixels = np.unpackbits(bits)[: ROWS * COLUMNS].reshape(ROWS, COLUMNS).astype(bool)
        pixels[draw(st.integers(0, ROWS - 1)), draw(st.integers(0, COLUMNS - 1))] = True
        return {"type": "mask", "rle": rle.encode(pixels)}
    if geometry == "tip":
        return {"type": "tip", "point": [draw(st.floats(0, COLUMNS)), draw(st.floats(0, ROWS))]}
    x, y = draw(st.floats(0, COLUMNS - 0.5)), draw(st.floats(0, ROWS - 0.5))
    w, h = draw(st.floats(0.01, 1)) * (COLUMNS - x), draw(st.floats(0.01, 1)) * (ROWS - y)
    return {"type": "box", "box": [x, y, w, h]}


@st.composite
def _track(draw: Any, class_id: str, number: int) -> dict[str, Any]:
    geometry = CLASSES[class_id]["geometry"]
    keyframes = {}
    for index in sorted(draw(st.sets(st.integers(0, N_FRAMES - 1), min_size=1, max_size=5))):
        state = draw(st.sampled_from(["visible", "visible", "occluded", "absent"]))
        keyframes[str(index)] = {
            "state": state,
            "shape": None if state == "absent" else draw(_shape(geometry)),
            "attributes": draw(_attributes(class_id)),
        }
    return {"clip": VIDEO, "class_id": class_id, "number": number,
            "attributes": draw(_attributes(class_id)), "keyframes": keyframes}  # fmt: skip


@st.composite
def label_sets(draw: Any) -> dict[str, Any]:
    """Labels of any kind over the small clip; phases never overlap."""
    spatial = [c["id"] for c in ONTOLOGY["classes"] if c["geometry"] in ("mask", "tip", "box")]
    wanted = draw(
        st.sets(st.tuples(st.sampled_from(spatial), st.sampled_from([1, 2, 7, 999])), max_size=4)
    )
    name = iter(range(1, 100))
    tracks = {
        str(UUID(int=draw(st.integers(0, 2**32)) * 100 + next(name))): draw(_track(*each))
        for each in sorted(wanted)
    }
    spans = [
        (draw(st.sampled_from(["preparation", "dissection"])), a, b)
        for a, b in _cuts(draw(st.sets(st.integers(0, N_FRAMES), max_size=4)))
        if draw(st.booleans())
    ]
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, N_FRAMES - 1))
        spans.append(("bleeding", start, draw(st.integers(start + 1, N_FRAMES))))
    intervals = {
        str(UUID(int=10**12 + next(name))): {
            "clip": VIDEO, "class_id": class_id, "start_frame": start, "end_frame": end,
            "attributes": draw(_attributes(class_id)),
        }
        for class_id, start, end in spans
    }  # fmt: skip
    return {"clips": [VIDEO], "tracks": tracks, "intervals": intervals}


def _cuts(at: set[int]) -> Iterator[tuple[int, int]]:
    yield from pairwise(sorted(at))


def freeze_of(
    labels: dict[str, Any], ontology: dict[str, Any] = ONTOLOGY, n_frames: int = N_FRAMES,
    rows: int = ROWS, columns: int = COLUMNS,
) -> Freeze:  # fmt: skip
    """A freeze of one clip with these labels (its media are nobody's)."""
    whole = sample().freeze
    clip = whole.clips[0]
    clip = replace(
        clip, n_frames=n_frames, rows=rows, columns=columns,
        pts=np.arange(n_frames, dtype=np.int64) * 512, time_base=(1, 12800), fps=25.0,
        digests=np.zeros((n_frames, 32), np.uint8), last_frame_duration_pts=512,
        label_set=replace(clip.label_set, labels=labels),
    )  # fmt: skip
    return replace(
        whole, clips=[clip], ontology=ontology, ontology_digest=ontology_digest(ontology)
    )


def labels_of(freeze: Freeze) -> ClipLabels:
    return clip_labels(freeze, freeze.clips[0])


def view_of(freeze: Freeze, choice: Choice) -> ReleaseView:
    splits = {clip.pseudonym: "train" for clip in freeze.clips}
    return release_view(freeze, splits, choice)


def written(name: str, freeze: Freeze, **options: Any) -> dict[str, bytes]:
    """Path → bytes of a format's folder."""
    if FORMATS[name].write is None:
        return _dicom(name, freeze)
    return files_of(name, view_of(freeze, Choice(name, **options)))


def files_of(name: str, release: ReleaseView) -> dict[str, bytes]:
    files: dict[str, bytes] = {}

    @contextmanager
    def create(path: str) -> Iterator[io.BytesIO]:
        out = io.BytesIO()
        yield out
        assert path not in files
        files[path] = out.getvalue()

    FORMATS[name].write(release, create)
    return files


def _dicom(name: str, freeze: Freeze) -> dict[str, bytes]:
    clip, labels, files = freeze.clips[0], labels_of(freeze), {}
    if name == "dicom-seg":
        for part, rows in enumerate(seg_parts(clip, labels), 1):
            out = io.BytesIO()
            write_seg(freeze, clip, rows, out, part)
            files[f"seg-{part}.dcm"] = out.getvalue()
    else:
        for sr_part in sr_parts(clip, labels, most=5):
            out = io.BytesIO()
            write_sr(freeze, clip, sr_part, out)
            files[f"sr-{sr_part.number}.dcm"] = out.getvalue()
    return files


def target_of(freeze: Freeze, clip: ClipFreeze | None = None, stride: int = 1) -> Target:
    clip = clip or freeze.clips[0]
    return Target(clip.id, clip.name, clip.n_frames, clip.rows, clip.columns, freeze.ontology,
                  stride, clip.sop_instance_uid)  # fmt: skip


def read_back(
    name: str, files: dict[str, bytes], freeze: Freeze, stride: int = 1
) -> tuple[dict[str, Any] | None, Report]:
    return read_with(FORMATS[name].read, files, target_of(freeze, stride=stride))


@dataclass(frozen=True)
class Columns:
    """What a format has columns for. `attributes` None means all; `tolerance_px` its rounding."""

    shapes: frozenset[str]
    identity: bool = True
    state: frozenset[str] = frozenset(("mask", "tip", "box"))
    attributes: frozenset[str] | None = None
    intervals: str = "all"
    exclusive: str = ""
    tolerance_px: float = 1e-9

    def __and__(self, other: Columns) -> Columns:
        attributes = self.attributes
        if attributes is None or other.attributes is None:
            attributes = other.attributes if attributes is None else attributes
        else:
            attributes = attributes & other.attributes
        order = ("none", "phases", "all")
        return Columns(
            self.shapes & other.shapes, self.identity and other.identity, self.state & other.state,
            attributes, min(self.intervals, other.intervals, key=order.index),
            max(self.exclusive, other.exclusive, key=("", "objects", "classes").index),
            self.tolerance_px + other.tolerance_px,
        )  # fmt: skip


SHAPES = frozenset(("mask", "tip", "box"))
NO: frozenset[str] = frozenset()
COLUMNS_OF = {
    "dicom-seg": Columns(frozenset(("mask",)), state=NO, attributes=NO, intervals="none"),
    "dicom-sr": Columns(frozenset(("tip", "box")), tolerance_px=1e-5),
    "coco-video": Columns(SHAPES),
    "mot": Columns(frozenset(("tip", "box")), attributes=NO, intervals="none", tolerance_px=2e-4),
    "mots": Columns(frozenset(("mask",)), state=NO, attributes=NO, intervals="none",
                    exclusive="objects"),
    "yolo": Columns(SHAPES, state=frozenset(("tip",)), attributes=NO, intervals="none",
                    tolerance_px=1e-6),
    "kitti": Columns(frozenset(("tip", "box")), attributes=NO, intervals="none",
                     tolerance_px=2e-6),
    "cholec80": Columns(NO, attributes=NO, intervals="phases"),
    "cholect50": Columns(frozenset(("tip", "box")), identity=False, state=NO,
                         attributes=frozenset(("verb", "target")), intervals="phases",
                         tolerance_px=1e-8),
    "endovis": Columns(frozenset(("mask",)), identity=False, state=NO, attributes=NO,
                       intervals="none", exclusive="classes"),
    "cvat": Columns(SHAPES, intervals="none"),
    "datumaro": Columns(SHAPES),
    "csv": Columns(SHAPES),
    "parquet": Columns(SHAPES),
}  # fmt: skip


def content(freeze: Freeze, columns: Columns) -> dict[Any, Any]:
    """The labels of a freeze's clip by what the columns hold: key → numbers, words."""
    view = view_of(freeze, Choice("")).clips[0]
    found: dict[Any, Any] = {}
    for frame, there in view.by_frame(*columns.shapes) if columns.shapes else ():
        masks = [each for each in there if each[0].geometry == "mask"]
        if columns.exclusive and masks:
            _exclusive(view, frame, masks, columns, found)
            there = [each for each in there if each[0].geometry != "mask"]
        for track, placed in there:
            said = {**track.attributes, **placed.attributes}
            if columns.attributes is not None:
                said = {k: v for k, v in said.items() if k in columns.attributes}
            state = placed.state if track.geometry in columns.state else ""
            row = (_numbers(placed.shape), state, said)
            if columns.identity:
                found[track.class_id, track.number, frame] = row
            else:
                found.setdefault((track.class_id, frame), []).append(row)
    for interval in view.labels.intervals:
        if columns.intervals == "all":
            key = (interval.class_id, interval.start_frame, interval.end_frame)
            found.setdefault(key, []).append(("", "", interval.attributes))
        elif columns.intervals == "phases" and interval.geometry == "phase":
            for frame in range(interval.start_frame, interval.end_frame):
                found["phase", frame] = ("", interval.class_id, {})
    for value in found.values():
        if isinstance(value, list):
            value.sort(key=repr)
    return found


def _exclusive(view: Any, frame: int, there: Any, columns: Columns, found: dict) -> None:
    picture, there, _ = exclusive_masks(view, there)
    if columns.exclusive == "objects":
        for place, (track, _) in enumerate(there, 1):
            if (picture == place).any():
                shape = rle.encode(picture == place)["counts"]
                found[track.class_id, track.number, frame] = (shape, "", {})
        return
    for class_id in {t.class_id for t, _ in there}:
        own = [i for i, (t, _) in enumerate(there, 1) if t.class_id == class_id]
        if np.isin(picture, own).any():
            found[class_id, frame] = (rle.encode(np.isin(picture, own))["counts"], "", {})


def _numbers(shape: dict[str, Any]) -> Any:
    if shape["type"] == "mask":
        return shape["rle"]["counts"]
    return tuple(float(v) for v in shape["point" if shape["type"] == "tip" else "box"])


def differences(one: dict[Any, Any], two: dict[Any, Any], tolerance_px: float) -> list[str]:
    """What differs between two `content`s, in words; empty when nothing does."""
    wrong = [f"only before: {k}" for k in one if k not in two]
    wrong += [f"only after: {k}" for k in two if k not in one]
    for key in one:
        if key in two and not _alike(one[key], two[key], tolerance_px):
            wrong.append(f"{key}: {one[key]} became {two[key]}")
    return wrong


def _alike(one: Any, two: Any, tolerance_px: float) -> bool:
    if isinstance(one, list):
        return len(one) == len(two) and all(
            any(_alike(a, b, tolerance_px) for b in two) for a in one
        )
    (a, *rest_a), (b, *rest_b) = one, two
    if isinstance(a, tuple):
        return rest_a == rest_b and np.allclose(a, b, rtol=0, atol=tolerance_px)
    return a == b and rest_a == rest_b


def _everything():
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[2:7, 1:9] = True
    other = np.roll(mask, 2, axis=1)
    mask[3:5, 4:6] = False

    def frames(shapes, **attributes):
        return {
            str(i): {"state": "occluded" if i % 4 == 3 else "visible", "shape": s,
                     "attributes": attributes}
            for i, s in shapes.items()
        }  # fmt: skip

    tracks = {
        "lesion": ({i: {"type": "mask", "rle": rle.encode(mask)} for i in (0, 2, 5)},
                   {"side": "left"}),
        "organ": ({i: {"type": "mask", "rle": rle.encode(other)} for i in (0, 1, 5)}, {}),
        "grasper": ({i: {"type": "tip", "point": [1.25 + i / 3, 2.5]} for i in (0, 3, 9)},
                    {"verb": "cut"}),
        "bag": ({i: {"type": "box", "box": [1.5, 2.0, 3.0 + i / 4, 4.0]} for i in (1, 6)},
                {"torn": True, "fill": 12.5}),
    }  # fmt: skip
    spans = {"preparation": (0, 4), "dissection": (4, 12), "bleeding": (5, 7)}
    return {
        "clips": [VIDEO],
        "tracks": {
            str(UUID(int=n)): {"clip": VIDEO, "class_id": class_id, "number": 1, "attributes": {},
                               "keyframes": frames(shapes, **attributes)}
            for n, (class_id, (shapes, attributes)) in enumerate(tracks.items(), 1)
        },
        "intervals": {
            str(UUID(int=n)): {"clip": VIDEO, "class_id": class_id, "start_frame": a,
                               "end_frame": b, "attributes": {}}
            for n, (class_id, (a, b)) in enumerate(spans.items(), 50)
        },
    }  # fmt: skip


EVERYTHING = _everything()
