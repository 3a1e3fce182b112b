"""Figures of a class as a whole: how its tracks follow each other, how its phases run alike."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import rule_of

from . import phase_metrics
from .agreement import Agreement, ClipSize, Labels, Tolerance, box_iou, of_class, shown_frames
from .boundaries import normalised_surface_distance
from .tracking_metrics import Frame, measure

Row = dict[str, Any]
Shown = Mapping[str, Mapping[int, tuple[Any, str, Any]]]
SURFACE_PX = 5.0


def by_class(
    labels_a: Labels,
    labels_b: Labels,
    ontology: Mapping[str, Any],
    agreement: Agreement,
    size: ClipSize,
) -> list[Row]:
    """Rows ``{"object": None, "label", "metric", "value"}``, A taken as the reference.

    Tracks: HOTA, DetA, AssA, IDF1, MOTA over the frames that either set shows (likeness as on the
    timeline), for tips PCK (share of the frames of both within tolerance), for masks the normalised
    surface distance at 5 px. Phases: F1 at 10, 25 and 50 %, edit score, kappa.
    """
    rows: list[Row] = []
    for cls in ontology["classes"]:
        if cls["geometry"] in ("mask", "tip", "box"):
            a, b = (
                {
                    name: shown_frames(track, cls["geometry"], rule_of(cls))
                    for name, track in of_class(labels["tracks"], agreement.clip, cls["id"]).items()
                }
                for labels in (labels_a, labels_b)
            )
            rows += _tracks(cls, a, b, size)
            rows += _pairs(cls, a, b, agreement, size)
    return rows + _phases(agreement)


def _row(label: str, metric: str, value: float | None) -> Row:
    return {
        "object": None,
        "label": label,
        "metric": metric,
        "value": None if value is None else round(value, 4),
    }


def _tracks(cls: Mapping[str, Any], a: Shown, b: Shown, size: ClipSize) -> list[Row]:
    frames = frames_of(cls["geometry"], a, b, size)
    if not frames:
        return []
    found = measure(frames)
    figures = {
        "HOTA": found.hota,
        "DetA": found.det_a,
        "AssA": found.ass_a,
        "IDF1": found.idf1,
        "MOTA": found.mota,
    }
    return [_row(cls["name"], metric, value) for metric, value in figures.items()]


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
    if geometry == "tip":
        return max(0.0, 1 - math.dist(a["point"], b["point"]) / (0.1 * diagonal))
    if geometry == "box":
        return box_iou(a["box"], b["box"])
    return rle.iou(a["rle"], b["rle"])


def _pairs(
    cls: Mapping[str, Any], a: Shown, b: Shown, agreement: Agreement, size: ClipSize
) -> list[Row]:
    pairs = [p for p in agreement.tracks if p.class_id == cls["id"] and p.a and p.b]
    both = [(p.a, p.b, f) for p in pairs for f in p.frames if f.measure is not None]
    if not both or cls["geometry"] == "box":
        return []
    if cls["geometry"] == "tip":
        limit = Tolerance().tip_diagonals * math.hypot(size[1], size[2])
        near = [f.measure <= limit for _, _, f in both if f.measure is not None]
        return [_row(cls["name"], "PCK", float(np.mean(near)))]
    shares = [
        normalised_surface_distance(
            a[str(x)][f.frame_index][0]["rle"], b[str(y)][f.frame_index][0]["rle"], SURFACE_PX
        )
        for x, y, f in both
    ]
    return [_row(cls["name"], f"surface distance within {SURFACE_PX:g} px", float(np.mean(shares)))]


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
