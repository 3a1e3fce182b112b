"""How far two label sets agree on one clip: matched objects, a lane a kind, a summary.

Set A and set B are labels as ``annotation.domain.ops`` has them. Tracks of one class are matched
one to one so that the summed overlap is highest (Hungarian method, Kuhn 1955). On every frame each
object has a likeness from 0 to 1:

- mask: intersection over union; box: likewise; tip: 1 - distance / (a tenth of the picture's
  diagonal), at least 0; an object that only one of the sets shows there: 0.
- a mask stands on its keyframes only, so a frame that only one annotator outlined counts as shown
  by that one alone: nothing that one person alone drew is called agreed.

Phases compare frame by frame, events by their spans.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import Rule, iter_track, rule_of
from apps.ontology.domain.geometries import SHAPES

from .assignment import cheapest_pairs
from .boundaries import hd95
from .limits import Limits, Tolerance
from .shape_measures import OVERLAPPING, distance, overlap

Labels = Mapping[str, Any]
ClipSize = tuple[int, int, int]
# Track to frame index to (shape, state, attributes held there).
Shown = Mapping[str, Mapping[int, tuple[Any, str, Any]]]

LANES = {
    "mask": "Masks (IoU)",
    "tip": "Tips (distance)",
    "box": "Boxes (IoU)",
    "rotated_box": "Turned boxes (IoU)",
    "shaft": "Shafts (distance)",
    "polygon": "Outlines (IoU)",
    "polyline": "Lines (distance)",
    "keypoints": "Keypoints (distance)",
    "cuboid": "Cuboids (distance)",
}


@dataclass(frozen=True)
class FrameValue:
    """One frame of a pair: likeness 0 to 1, the measure (IoU, or pixels for tips; None when one
    set alone shows the object), and whether it is within tolerance in place, state, attributes."""

    frame_index: int
    likeness: float
    measure: float | None
    is_agreed: bool


@dataclass(frozen=True)
class Pair:
    """Two objects of one class taken for the same thing, or one that only one set has."""

    class_id: str
    geometry: str
    a: str | None
    b: str | None
    frames: tuple[FrameValue, ...] = ()
    attributes_differ: bool = False


@dataclass(frozen=True)
class Agreement:
    """``tracks`` and ``events`` as pairs; both sets' phases frame by frame (``phase_keys``)."""

    clip: str
    n_frames: int
    tracks: tuple[Pair, ...]
    events: tuple[Pair, ...]
    phases_a: tuple[str | None, ...] = field(repr=False)
    phases_b: tuple[str | None, ...] = field(repr=False)


def compare(
    labels_a: Labels,
    labels_b: Labels,
    ontology: Mapping[str, Any],
    clip: str,
    size: ClipSize,
    limits: Limits | None = None,
) -> Agreement:
    """Match and measure two label sets over one clip of (n_frames, width_px, height_px), with the
    tolerances of ``limits`` (those of nobody's ontology when None)."""
    limits = limits or Limits()
    tracks: list[Pair] = []
    events: list[Pair] = []
    for cls in ontology["classes"]:
        name, geometry = cls["id"], cls["geometry"]
        if geometry in SHAPES:
            side_a = of_class(labels_a["tracks"], clip, name)
            side_b = of_class(labels_b["tracks"], clip, name)
            shown = [expanded(side, geometry, rule_of(cls)) for side in (side_a, side_b)]
            tracks += match_tracks(cls, (side_a, side_b), shown, size, limits.of(name))
        elif geometry != "phase":
            side_a = of_class(labels_a["intervals"], clip, name)
            side_b = of_class(labels_b["intervals"], clip, name)
            events += match_events(name, side_a, side_b, limits.of(name))
    phases_a = phase_keys(labels_a, ontology, clip, size[0])
    phases_b = phase_keys(labels_b, ontology, clip, size[0])
    return Agreement(clip, size[0], tuple(tracks), tuple(events), phases_a, phases_b)


def phase_keys(
    labels: Labels, ontology: Mapping[str, Any], clip: str, n_frames: int
) -> tuple[str | None, ...]:
    """For each frame its phase as JSON of [class_id, attributes], or None."""
    phases = {c["id"] for c in ontology["classes"] if c["geometry"] == "phase"}
    keys: list[str | None] = [None] * n_frames
    for span in labels["intervals"].values():
        if span["clip"] == clip and span["class_id"] in phases:
            key = json.dumps([span["class_id"], span["attributes"]], sort_keys=True)
            start, end = span["start_frame"], min(span["end_frame"], n_frames)
            keys[start:end] = [key] * (end - start)
    return tuple(keys)


def lanes(agreement: Agreement) -> list[dict[str, Any]]:
    """A lane for each kind that occurs: ``{"name", "kind", "values": [[frame, value], ...]}``.

    ``value`` is the mean likeness of the objects on the frame, 0 to 1 with 4 decimals, or None
    where neither set shows one; an entry stands only where the value changes.
    """
    n, out = agreement.n_frames, []
    for kind, name in LANES.items():
        pairs = [p for p in agreement.tracks if p.geometry == kind]
        if pairs:
            total, count = np.zeros(n), np.zeros(n)
            for pair in pairs:
                index = np.array([f.frame_index for f in pair.frames], dtype=np.int64)
                total[index] += [f.likeness for f in pair.frames]
                count[index] += 1
            out.append(lane_of(name, kind, total, count))
    if any(agreement.phases_a) or any(agreement.phases_b):
        both = list(zip(agreement.phases_a, agreement.phases_b, strict=True))
        total = np.array([float(a == b) for a, b in both])
        count = np.array([float(a is not None or b is not None) for a, b in both])
        out.append(lane_of("Phases", "phase", total, count))
    if agreement.events:
        total, count = np.zeros(n), np.zeros(n)
        for pair in agreement.events:
            for frame in pair.frames:
                total[frame.frame_index] += frame.likeness
                count[frame.frame_index] += 1
        out.append(lane_of("Events", "event", total, count))
    return out


def summary(
    agreement: Agreement, labels_a: Labels, labels_b: Labels, ontology: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Rows ``{"object", "label", "metric", "value"}``: ``object`` is A's (else B's) id, or None."""
    names = {c["id"]: c["name"] for c in ontology["classes"]}
    rules = {c["id"]: rule_of(c) for c in ontology["classes"] if c["geometry"] in SHAPES}
    rows: list[dict[str, Any]] = []

    def add(thing: str | None, label: str, metric: str, value: float | int | None) -> None:
        rows.append({"object": thing, "label": label, "metric": metric, "value": _rounded(value)})

    for pair in agreement.tracks:
        side = labels_a if pair.a else labels_b
        thing = pair.a or pair.b
        label = f"{names[pair.class_id]} {side['tracks'][thing]['number']}"
        common = [f for f in pair.frames if f.measure is not None]
        add(thing, label, "frames shown by both", len(common))
        add(thing, label, "frames shown by one", len(pair.frames) - len(common))
        if not common:
            continue
        measures = [f.measure for f in common if f.measure is not None]
        if pair.geometry not in OVERLAPPING:
            add(thing, label, "mean distance px", float(np.mean(measures)))
            add(thing, label, "largest distance px", max(measures))
        else:
            add(thing, label, "mean IoU", float(np.mean(measures)))
        if pair.geometry == "mask" and pair.a and pair.b:
            rule = rules[pair.class_id]
            sides = [
                shown_frames(labels["tracks"][name], "mask", rule)
                for labels, name in ((labels_a, pair.a), (labels_b, pair.b))
            ]
            shapes = [[side[f.frame_index][0]["rle"] for side in sides] for f in common]
            add(thing, label, "mean Dice", float(np.mean([rle.dice(*s) for s in shapes])))
            add(thing, label, "mean HD95 px", float(np.mean([hd95(*s) for s in shapes])))
    a, b = agreement.phases_a, agreement.phases_b
    labelled = sum(x is not None or y is not None for x, y in zip(a, b, strict=True))
    if labelled:
        equal = sum(x == y and x is not None for x, y in zip(a, b, strict=True))
        add(None, "Phases", "accuracy", equal / labelled)
        for cls in (c for c in ontology["classes"] if c["geometry"] == "phase"):
            in_a, in_b = ([_phase_class(k) == cls["id"] for k in side] for side in (a, b))
            either = sum(x or y for x, y in zip(in_a, in_b, strict=True))
            if either:
                both = sum(x and y for x, y in zip(in_a, in_b, strict=True))
                add(None, cls["name"], "Jaccard", both / either)
    for name in sorted({p.class_id for p in agreement.events}):
        pairs = [p for p in agreement.events if p.class_id == name]
        add(None, names[name], "events in both", sum(bool(p.a and p.b) for p in pairs))
        add(None, names[name], "events in one", sum(not (p.a and p.b) for p in pairs))
    return rows


def box_iou(a: list[float], b: list[float]) -> float:
    """Intersection over union of two boxes [x, y, w, h]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def of_class(objects: Mapping[str, Any], clip: str, class_id: str) -> dict[str, Any]:
    held = {n: o for n, o in objects.items() if o["clip"] == clip and o["class_id"] == class_id}
    return dict(sorted(held.items()))


def expanded(tracks: Mapping[str, Any], geometry: str, rule: Rule) -> Shown:
    """Each track's frames with a shape (``shown_frames``)."""
    return {name: shown_frames(track, geometry, rule) for name, track in tracks.items()}


def match_tracks(
    cls: Mapping[str, Any],
    sides: Sequence[Mapping[str, Any]],
    shown: Sequence[Shown],
    size: ClipSize,
    limits: Tolerance,
) -> list[Pair]:
    """Tracks of one class of two sets, and what each shows (``expanded``), as pairs: first those
    taken for the same thing, then what one set alone has."""
    class_id, geometry = cls["id"], cls["geometry"]
    (side_a, side_b), (shown_a, shown_b) = sides, shown
    pairs: dict[tuple[str, str], Pair] = {}
    scores = np.zeros((len(side_a), len(side_b)))
    for row, (a, frames_a) in enumerate(shown_a.items()):
        for column, (b, frames_b) in enumerate(shown_b.items()):
            values = _frame_values(geometry, frames_a, frames_b, size, limits)
            common = [v.likeness for v in values if v.measure is not None]
            if common and np.mean(common) > 0.1:
                scores[row, column] = np.mean(common) * (0.5 + 0.5 * len(common) / len(values))
                differ = side_a[a]["attributes"] != side_b[b]["attributes"]
                pairs[a, b] = Pair(class_id, geometry, a, b, tuple(values), differ)
    names_a, names_b = list(side_a), list(side_b)
    matched = [pairs[names_a[r], names_b[c]] for r, c in _assign(scores)]
    for names, of_side, is_a in ((names_a, shown_a, True), (names_b, shown_b, False)):
        taken = {p.a if is_a else p.b for p in matched}
        for name in names:
            if name not in taken:
                alone = tuple(FrameValue(f, 0.0, None, False) for f in of_side[name])
                in_a, in_b = (name, None) if is_a else (None, name)
                matched.append(Pair(class_id, geometry, in_a, in_b, alone))
    return matched


def _assign(scores: NDArray[np.float64]) -> list[tuple[int, int]]:
    rows, columns = cheapest_pairs(-scores)
    return [(r, c) for r, c in zip(rows, columns, strict=True) if scores[r, c] > 0]


def shown_frames(
    track: Mapping[str, Any], geometry: str, rule: Rule
) -> dict[int, tuple[Any, str, Any]]:
    """Frames with a shape: frame index to (shape, state, attributes held there)."""
    shown: dict[int, tuple[Any, str, Any]] = {}
    held: Any = {}
    for frame in iter_track(track, geometry, rule):
        if not frame["interpolated"]:
            held = track["keyframes"][str(frame["frame_index"])]["attributes"]
        if frame["shape"] is not None:
            shown[frame["frame_index"]] = (frame["shape"], frame["state"], held)
    return shown


def _frame_values(
    geometry: str,
    shown_a: Mapping[int, tuple[Any, str, Any]],
    shown_b: Mapping[int, tuple[Any, str, Any]],
    size: ClipSize,
    limits: Tolerance,
) -> list[FrameValue]:
    diagonal = math.hypot(size[1], size[2])
    values = []
    for index in sorted(shown_a.keys() | shown_b.keys()):
        if index not in shown_a or index not in shown_b:
            values.append(FrameValue(index, 0.0, None, False))
            continue
        (shape_a, *rest_a), (shape_b, *rest_b) = shown_a[index], shown_b[index]
        if geometry == "tip":
            measure = math.dist(shape_a["point"], shape_b["point"])
            likeness = max(0.0, 1 - measure / (0.1 * diagonal))
            fits = measure <= limits.distance(diagonal)
        elif geometry == "box":
            measure = likeness = box_iou(shape_a["box"], shape_b["box"])
            fits = measure >= limits.box_iou
        elif geometry == "mask":
            measure = likeness = rle.iou(shape_a["rle"], shape_b["rle"])
            fits = measure >= limits.mask_iou
        elif geometry in OVERLAPPING:
            measure = likeness = overlap(shape_a, shape_b)
            fits = measure >= limits.box_iou
        else:
            measure, same = distance(shape_a, shape_b)
            likeness = max(0.0, 1 - measure / (0.1 * diagonal))
            fits = same and measure <= limits.distance(diagonal)
        values.append(FrameValue(index, likeness, measure, fits and rest_a == rest_b))
    return values


def match_events(
    class_id: str, side_a: Mapping[str, Any], side_b: Mapping[str, Any], limits: Tolerance
) -> list[Pair]:
    """Intervals of one class of two sets as pairs, and what one set alone has."""
    scores = np.array(
        [[_span_likeness(a, b, limits) for b in side_b.values()] for a in side_a.values()]
    ).reshape(len(side_a), len(side_b))
    names_a, names_b = list(side_a), list(side_b)
    couples: list[tuple[str | None, str | None]] = [
        (names_a[r], names_b[c]) for r, c in _assign(scores)
    ]
    taken = {name for couple in couples for name in couple}
    couples += [(name, None) for name in names_a if name not in taken]
    couples += [(None, name) for name in names_b if name not in taken]
    out = []
    for a, b in couples:
        span_a, span_b = side_a.get(a or ""), side_b.get(b or "")
        frames_a, frames_b = _span_frames(span_a), _span_frames(span_b)
        values = tuple(
            FrameValue(i, float(both), None, both)
            for i in sorted(frames_a | frames_b)
            for both in (i in frames_a and i in frames_b,)
        )
        differ = bool(span_a and span_b and span_a["attributes"] != span_b["attributes"])
        out.append(Pair(class_id, "event", a, b, values, differ))
    return out


def _span_likeness(a: Mapping[str, Any], b: Mapping[str, Any], limits: Tolerance) -> float:
    shared = min(a["end_frame"], b["end_frame"]) - max(a["start_frame"], b["start_frame"])
    whole = max(a["end_frame"], b["end_frame"]) - min(a["start_frame"], b["start_frame"])
    if shared > 0:
        return 0.01 + shared / whole
    return 0.01 / (1 - shared) if -shared <= limits.boundary_frames else 0.0


def _span_frames(span: Mapping[str, Any] | None) -> set[int]:
    return set(range(span["start_frame"], span["end_frame"])) if span else set()


def lane_of(
    name: str, kind: str, total: NDArray[np.float64], count: NDArray[np.float64]
) -> dict[str, Any]:
    """A lane of the mean ``total / count`` a frame, float64 (n_frames,) each."""
    values: list[list[Any]] = []
    means = np.round(np.divide(total, count, out=np.zeros_like(total), where=count > 0), 4)
    for frame, (mean, held) in enumerate(zip(means.tolist(), (count > 0).tolist(), strict=True)):
        value = mean if held else None
        if not values or values[-1][1] != value:
            values.append([frame, value])
    return {"name": name, "kind": kind, "values": values}


def _phase_class(key: str | None) -> str | None:
    return None if key is None else json.loads(key)[0]


def _rounded(value: float | int | None) -> float | int | None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return round(value, 4)
