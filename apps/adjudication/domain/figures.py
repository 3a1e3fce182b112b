"""Figures of a class as a whole: how its tracks follow each other, how its phases run alike."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import rule_of

from . import phase_metrics
from .agreement import Agreement, ClipSize, Labels, Pair, Shown, box_iou, expanded, of_class
from .boundaries import hd95, normalised_surface_distance
from .limits import Limits, Tolerance
from .shape_measures import OVERLAPPING, distance, overlap
from .tracking_metrics import Frame, measure

Row = dict[str, Any]
TRACKING = ("HOTA", "DetA", "AssA", "IDF1", "MOTA")


def by_class(
    labels_a: Labels,
    labels_b: Labels,
    ontology: Mapping[str, Any],
    agreement: Agreement,
    size: ClipSize,
    limits: Limits | None = None,
) -> list[Row]:
    """Rows ``{"object": None, "label", "metric", "value"}``, A taken as the reference.

    Tracks: HOTA, DetA, AssA, IDF1, MOTA over the frames that either set shows (likeness as on the
    timeline), for tips PCK (share of the frames of both within tolerance), for masks the normalised
    surface distance. Phases: F1 at 10, 25 and 50 %, edit score, kappa.
    """
    limits, rows = limits or Limits(), []
    for cls in ontology["classes"]:
        if cls["geometry"] in ("mask", "tip", "box"):
            shown = [
                expanded(
                    of_class(labels["tracks"], agreement.clip, cls["id"]),
                    cls["geometry"],
                    rule_of(cls),
                )
                for labels in (labels_a, labels_b)
            ]
            pairs = [p for p in agreement.tracks if p.class_id == cls["id"]]
            held = limits.of(cls["id"])
            near = surface_metric(held) if cls["geometry"] == "mask" else "PCK"
            wanted = (*TRACKING, *(() if cls["geometry"] == "box" else (near,)))
            found = of_tracks(cls["geometry"], shown, pairs, size, held, wanted)
            rows += [_row(cls["name"], metric, value) for metric, value in found.items()]
    return rows + _phases(agreement)


def _row(label: str, metric: str, value: float | None) -> Row:
    return {
        "object": None,
        "label": label,
        "metric": metric,
        "value": None if value is None else round(value, 4),
    }


def surface_metric(limits: Tolerance) -> str:
    """What the normalised surface distance at these tolerances is called."""
    return f"surface distance within {limits.surface_px:g} px"


def of_tracks(
    geometry: str,
    shown: Sequence[Shown],
    pairs: Sequence[Pair],
    size: ClipSize,
    limits: Tolerance,
    wanted: Sequence[str] | None = None,
) -> dict[str, float]:
    """Figures of one class of two sets by name, all or those ``wanted``; none where there is
    nothing to measure.

    ``shown``: what either set shows (``agreement.expanded``), ``pairs``: its tracks matched. Beside
    ``TRACKING``, over the frames that both of a pair show: mean IoU or mean distance in pixels; for
    masks mean Dice, mean HD95 and the normalised surface distance; for what is compared by distance
    PCK, the share within tolerance.
    """
    found: dict[str, float] = {}
    if wanted is None or set(TRACKING) & set(wanted):
        frames = frames_of(geometry, shown[0], shown[1], size)
        if frames:
            held = measure(frames)
            values = held.hota, held.det_a, held.ass_a, held.idf1, held.mota
            found.update(zip(TRACKING, values, strict=True))
    found.update(_of_both(geometry, shown, pairs, size, limits, wanted))
    return found if wanted is None else {k: v for k, v in found.items() if k in wanted}


def _of_both(
    geometry: str,
    shown: Sequence[Shown],
    pairs: Sequence[Pair],
    size: ClipSize,
    limits: Tolerance,
    wanted: Sequence[str] | None,
) -> dict[str, float]:
    both = [
        (p.a, p.b, f.frame_index, f.measure)
        for p in pairs
        if p.a and p.b
        for f in p.frames
        if f.measure is not None
    ]
    if not both:
        return {}
    measures = [value for *_, value in both]
    if geometry not in OVERLAPPING:
        limit = limits.distance(math.hypot(size[1], size[2]))
        held = [value for value in measures if math.isfinite(value)]
        near = {"PCK": float(np.mean([value <= limit for value in measures]))}
        return {"mean distance px": float(np.mean(held)), **near} if held else near
    found = {"mean IoU": float(np.mean(measures))}
    if geometry != "mask":
        return found
    a, b = shown
    shapes = [(a[x][frame][0]["rle"], b[y][frame][0]["rle"]) for x, y, frame, _ in both]
    surface = surface_metric(limits)
    measured: dict[str, Callable[[Any, Any], float]] = {
        "mean Dice": rle.dice,
        "mean HD95 px": hd95,
        surface: lambda one, two: normalised_surface_distance(one, two, limits.surface_px),
    }
    for metric, function in measured.items():
        if wanted is None or metric in wanted:
            held = [value for value in (function(*each) for each in shapes) if math.isfinite(value)]
            if held:
                found[metric] = float(np.mean(held))
    return found


def frames_of(geometry: str, a: Shown, b: Shown, size: ClipSize) -> list[Frame]:
    """Every frame on which either set shows an object of the class, with all likenesses."""
    numbers = [{name: at for at, name in enumerate(n for n in side if side[n])} for side in (a, b)]
    diagonal = math.hypot(size[1], size[2])
    frames = []
    for index in sorted({f for side in (a, b) for shown in side.values() for f in shown}):
        there = [
            [(numbers[at][name], shown[index][0]) for name, shown in side.items() if index in shown]
            for at, side in enumerate((a, b))
        ]
        likeness = np.zeros((len(there[0]), len(there[1])))
        for row, (_, shape_a) in enumerate(there[0]):
            for column, (_, shape_b) in enumerate(there[1]):
                likeness[row, column] = _likeness(geometry, shape_a, shape_b, diagonal)
        ids = [np.array([number for number, _ in side], dtype=np.int64) for side in there]
        frames.append(Frame(ids[0], ids[1], likeness))
    return frames


def _likeness(geometry: str, a: Mapping[str, Any], b: Mapping[str, Any], diagonal: float) -> float:
    if geometry == "box":
        return box_iou(a["box"], b["box"])
    if geometry == "mask":
        return rle.iou(a["rle"], b["rle"])
    if geometry in OVERLAPPING:
        return overlap(a, b)
    apart = math.dist(a["point"], b["point"]) if geometry == "tip" else distance(a, b)[0]
    return max(0.0, 1 - apart / (0.1 * diagonal))


def _phases(agreement: Agreement) -> list[Row]:
    a, b = (
        [None if key is None else json.loads(key)[0] for key in side]
        for side in (agreement.phases_a, agreement.phases_b)
    )
    if not any(a) and not any(b):
        return []
    rows = [
        _row("Phases", f"F1@{round(100 * share)}", phase_metrics.segmental_f1(a, b, share))
        for share in (0.10, 0.25, 0.50)
    ]
    return [
        *rows,
        _row("Phases", "edit score", phase_metrics.edit_score(a, b)),
        _row("Phases", "kappa", phase_metrics.cohens_kappa(a, b)),
    ]
