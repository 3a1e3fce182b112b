"""Agreement as pages draw it: bars over a clip's time, lines over months, tables with a column a
figure. Places in a picture of ``WIDTH`` × ``HEIGHT`` units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.adjudication.domain.reader_figures import LIKENESS, PHASES

WIDTH, HEIGHT = 1200, 40
LOW = 0.5
# What the lanes can show, and where its values stand among a report's curves.
CURVES = {LIKENESS: "by_class", "kappa": "kappa", "alpha": "alpha"}
# Columns of the table by class; the other figures stand below it.
COLUMNS = (LIKENESS, "kappa", "alpha", "HOTA", "mean IoU", "mean distance px")
Row = dict[str, Any]


def clock(seconds: float, tenths: bool = False) -> str:
    """``1:02:03`` or ``2:03``; with ``tenths`` ``2:03.4``."""
    if tenths:
        seconds = round(seconds, 1)
        return f"{int(seconds) // 60}:{seconds % 60:04.1f}"
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def lanes(
    report: Mapping[str, Any],
    definition: Mapping[str, Any],
    clip: Mapping[str, Any],
    metric: str = LIKENESS,
) -> list[Row]:
    """A lane for each class in the ontology's order, and one for all phases: its name, its figure
    of the whole clip, and a bar for each part of the time that somebody labelled. ``metric``: one
    of ``CURVES``; none is drawn below 0."""
    curves, n_frames = report["curves"], max(clip["n_frames"], 1)
    values = curves.get(CURVES[metric], {})
    means = {
        f["class_id"]: f["value"]
        for f in report["figures"]
        if f["metric"] == metric and f["readers"] is None and not f["phase"]
    }
    seconds = clip["duration_s"] / n_frames
    names = {PHASES: "Phases"} | {c["id"]: c["name"] for c in definition["classes"]}
    kinds = {c["id"]: c["geometry"] for c in definition["classes"]}
    order = [i for i in names if i in values]
    drawn = [i for i in order if kinds.get(i) != "phase" and i != PHASES]
    phases = [i for i in order if i not in drawn]
    return [
        {
            "id": class_id,
            "name": names[class_id],
            "is_phase": kinds.get(class_id) == "phase",
            "mean": means.get(class_id),
            "bars": [
                _bar(start, end, value, n_frames, seconds)
                for (start, end), value in zip(curves["bins"], values[class_id], strict=True)
                if value is not None
            ],
        }
        for class_id in (*drawn, *phases)
    ]


def _bar(start: int, end: int, value: float, n_frames: int, seconds: float) -> Row:
    x, to = WIDTH * start / n_frames, WIDTH * end / n_frames
    height = max(HEIGHT * value, 2)
    return {
        "x": round(x, 1),
        "y": round(HEIGHT - height, 1),
        "width": round(max(to - x - 1, 1), 1),
        "height": round(height, 1),
        "is_low": value < LOW,
        "told": f"{clock(start * seconds)} to {clock(end * seconds)} · {value:.2f}",
    }


def ticks(duration_s: float) -> list[str]:
    """Five times from the beginning to the end, which no two share."""
    return [clock(duration_s * part / 4, tenths=duration_s < 8) for part in range(5)]


def by_class(figures: Sequence[Mapping[str, Any]], key: str = "value") -> list[Row]:
    """A row a class: ``COLUMNS`` and the rest of its figures. ``figures`` are of all readers."""
    rows: dict[str, Row] = {}
    for figure in figures:
        row = rows.setdefault(
            figure["class_id"],
            {"class_id": figure["class_id"], "label": figure["label"], "all": {}, "clips": 0,
             "lowest": None},
        )  # fmt: skip
        row["all"][figure["metric"]] = figure[key]
        row["clips"] = max(row["clips"], figure.get("clips", 0))
        if figure["metric"] == LIKENESS:
            row["lowest"] = figure.get("lowest")
    for row in rows.values():
        row["cells"] = [row["all"].get(metric) for metric in COLUMNS]
        row["rest"] = sorted((m, v) for m, v in row["all"].items() if m not in COLUMNS)
    return list(rows.values())


def pairs_of(report: Mapping[str, Any]) -> list[Row]:
    """A row a pair of readers: who, and the mean likeness of each class."""
    names = [one["reader"] for one in report["readers"]]
    found: dict[tuple[int, int], dict[str, float]] = {}
    for figure in report["figures"]:
        if figure["readers"] and figure["metric"] == LIKENESS:
            found.setdefault(tuple(figure["readers"]), {})[figure["class_id"]] = figure["value"]
    classes = classes_of(report)
    return [
        {"a": names[a], "b": names[b], "cells": [held.get(name) for name, _ in classes]}
        for (a, b), held in sorted(found.items())
    ]


def classes_of(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Class ids and names that the report has a likeness of, drawn ones first."""
    held = {
        f["class_id"]: f["label"]
        for f in report["figures"]
        if f["metric"] == LIKENESS and not f["phase"]
    }
    return sorted(held.items(), key=lambda item: (item[0] == PHASES, item[1]))


def by_phase(report: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
    """Names of the phases, and a row a drawn class with its likeness in each."""
    names = {f["class_id"]: f["label"] for f in report["figures"]}
    rows: dict[str, dict[str, float]] = {}
    phases: list[str] = []
    for figure in report["figures"]:
        if figure["phase"]:
            rows.setdefault(figure["label"], {})[figure["phase"]] = figure["value"]
            if figure["phase"] not in phases:
                phases.append(figure["phase"])
    table = [
        {"label": label, "cells": [held.get(phase) for phase in phases]}
        for label, held in sorted(rows.items())
    ]
    return [names.get(phase, phase) for phase in phases], table


def by_person(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[Row]]:
    """Names of the classes, and a row a person with their mean likeness to others in each."""
    held = [row for row in rows if row["metric"] == LIKENESS]
    order = sorted({(r["class_id"] == PHASES, r["label"]) for r in held})
    labels = [label for _, label in order]
    people: dict[str, dict[str, Any]] = {}
    for row in held:
        people.setdefault(row["pseudonym"], {"person": row["person"]})[row["label"]] = row["mean"]
    return labels, [
        {"person": held["person"], "cells": [held.get(label) for label in labels]}
        for held in people.values()
    ]


def over_months(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[Row]]:
    """The months from the first to the last, and a line a class through its mean likeness."""
    held = [row for row in rows if row["metric"] == LIKENESS]
    months = _months(sorted({row["month"] for row in held}))
    step = WIDTH / max(len(months), 1)
    lines: dict[tuple[bool, str], list[Row]] = {}
    for row in held:
        at = months.index(row["month"])
        lines.setdefault((row["class_id"] == PHASES, row["label"]), []).append(
            {
                "x": round(step * (at + 0.5), 1),
                "y": round(4 + (HEIGHT - 8) * (1 - row["mean"]), 1),
                "month": row["month"],
                "mean": row["mean"],
                "clips": row["clips"],
            }
        )
    return months, [
        {
            "label": label,
            "dots": dots,
            "line": " ".join(f"{dot['x']},{dot['y']}" for dot in dots),
            "last": dots[-1]["mean"],
            "change": dots[-1]["mean"] - dots[0]["mean"] if len(dots) > 1 else None,
        }
        for (_, label), dots in sorted(lines.items())
    ]


def _months(found: Sequence[str]) -> list[str]:
    """Every month between the first and the last of ``found``, as ``YYYY-MM``."""
    if not found:
        return []
    first, last = (12 * int(m[:4]) + int(m[5:]) - 1 for m in (found[0], found[-1]))
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1)]
