"""How far two or more label sets agree on one clip: by class, pair of readers, phase and time.

Every pair of readers is measured as an adjudicator's two sides are (``agreement``, ``figures``,
``phase_metrics``), the reader named first taken as the reference; a figure of all readers is the
mean over the pairs. Beside those stand the figures that know more than two raters: kappa (Cohen's
for two readers, Fleiss' for more; no label counts as a label) and Krippendorff's alpha (2011): of
labels nominal, of places (tips, middles of boxes) by squared distance, of starts and ends interval.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.annotation.domain.interpolate import rule_of
from apps.ontology.domain.geometries import SHAPES

from . import phase_metrics
from .agreement import (
    ClipSize,
    Labels,
    Pair,
    expanded,
    match_events,
    match_tracks,
    of_class,
    phase_keys,
)
from .figures import of_tracks
from .limits import Limits
from .reader_groups import Link, alpha_of_edges, alpha_of_places, groups

# Named in what is kept: figures made by another way of counting are not compared with these.
VERSION = "readers@2"
BINS = 120
PHASES = "phases"
LIKENESS = "agreement"
Done = Callable[[float], None]


@dataclass(frozen=True)
class Figure:
    """``a``, ``b``: two readers' numbers, or None for all readers; ``phase``: over the frames that
    more than half of the readers call so, "" for the whole clip. ``class_id`` is ``phases`` for
    what is said of all phases together."""

    class_id: str
    label: str
    metric: str
    value: float
    a: int | None = None
    b: int | None = None
    phase: str = ""


@dataclass
class Measured:
    """``curves``: class to its mean likeness in each of ``bins`` [start, end), None where no reader
    shows anything; ``chance``: likewise ``kappa`` and ``alpha``, each of a bin's frames alone."""

    figures: list[Figure] = field(default_factory=list)
    bins: list[tuple[int, int]] = field(default_factory=list)
    curves: dict[str, list[float | None]] = field(default_factory=dict)
    chance: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)


@dataclass
class _Curve:
    total: NDArray[np.float64]
    count: NDArray[np.float64]

    @classmethod
    def empty(cls, n_frames: int) -> _Curve:
        return cls(np.zeros(n_frames), np.zeros(n_frames))

    def add(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            index = np.array([f.frame_index for f in pair.frames], dtype=np.int64)
            self.total[index] += [f.likeness for f in pair.frames]
            self.count[index] += 1

    def mean(self, where: NDArray[np.bool_] | slice = slice(None)) -> float | None:
        held = self.count[where].sum()
        return float(self.total[where].sum() / held) if held else None


def measure_readers(
    readers: Sequence[Labels],
    ontology: Mapping[str, Any],
    clip: str,
    size: ClipSize,
    limits: Limits | None = None,
    done: Done = lambda share: None,
) -> Measured:
    """Measure two or more label sets over one clip of (n_frames, width_px, height_px). ``done`` is
    told the share of the work behind. Raises ValueError for fewer than two."""
    if len(readers) < 2:
        raise ValueError("agreement needs two readers or more")
    work = _Work(readers, ontology, clip, size, limits or Limits())
    for place, cls in enumerate(ontology["classes"]):
        if cls["geometry"] in SHAPES:
            work.tracks(cls)
        elif cls["geometry"] != "phase":
            work.events(cls)
        done((place + 1) / (len(ontology["classes"]) + 1))
    work.phases()
    return work.found()


class _Work:
    def __init__(
        self,
        readers: Sequence[Labels],
        ontology: Mapping[str, Any],
        clip: str,
        size: ClipSize,
        limits: Limits,
    ) -> None:
        self.readers, self.ontology, self.clip = readers, ontology, clip
        self.size, self.limits = size, limits
        self.pairs = list(combinations(range(len(readers)), 2))
        self.curves: dict[str, _Curve] = {}
        self.names = {c["id"]: c["name"] for c in ontology["classes"]} | {PHASES: "Phases"}
        self.made: list[Figure] = []
        self.bins = _bins(size[0])
        self.chance: dict[str, dict[str, list[float | None]]] = {"kappa": {}, "alpha": {}}
        keys = [phase_keys(labels, ontology, clip, size[0]) for labels in readers]
        self.said = [[None if k is None else json.loads(k)[0] for k in side] for side in keys]

    def found(self) -> Measured:
        """All figures; those of all readers are means over the pairs where nothing else is said."""
        own = {(f.class_id, f.metric) for f in self.made if f.a is None}
        pooled: dict[tuple[str, str], list[float]] = {}
        for figure in self.made:
            if figure.a is not None and (figure.class_id, figure.metric) not in own:
                pooled.setdefault((figure.class_id, figure.metric), []).append(figure.value)
        means = [
            Figure(name, self.names[name], metric, float(np.mean(values)))
            for (name, metric), values in pooled.items()
        ]
        curves = {name: _binned(curve, self.bins) for name, curve in self.curves.items()}
        figures = [*means, *self.made, *self._by_phase()]
        return Measured(figures, self.bins, curves, self.chance)

    def _add(
        self, class_id: str, metric: str, value: float | None, pair: tuple[int, int] | None = None
    ) -> None:
        if value is not None:
            a, b = pair or (None, None)
            self.made.append(Figure(class_id, self.names[class_id], metric, float(value), a, b))

    def _objects(self, kind: str, class_id: str) -> list[dict[str, Any]]:
        return [of_class(labels[kind], self.clip, class_id) for labels in self.readers]

    def tracks(self, cls: Mapping[str, Any]) -> None:
        name, geometry = cls["id"], cls["geometry"]
        tracks = self._objects("tracks", name)
        if not any(tracks):
            return
        limits, links = self.limits.of(name), []
        shown = [expanded(side, geometry, rule_of(cls)) for side in tracks]
        curve = self.curves.setdefault(name, _Curve.empty(self.size[0]))
        for i, j in self.pairs:
            sides = shown[i], shown[j]
            matched = match_tracks(cls, (tracks[i], tracks[j]), sides, self.size, limits)
            for metric, value in of_tracks(geometry, sides, matched, self.size, limits).items():
                self._add(name, metric, value, (i, j))
            self._pair(name, matched, (i, j))
            curve.add(matched)
            links += _links(matched, i, j)
        there = [_frames_with(self.size[0], (frames for frames in side.values())) for side in shown]
        self._presence(name, there)
        self._add(name, "alpha of places", alpha_of_places(groups(links), shown))

    def events(self, cls: Mapping[str, Any]) -> None:
        name, spans = cls["id"], self._objects("intervals", cls["id"])
        if not any(spans):
            return
        links: list[Link] = []
        curve = self.curves.setdefault(name, _Curve.empty(self.size[0]))
        for i, j in self.pairs:
            matched = match_events(name, spans[i], spans[j], self.limits.of(name))
            both = sum(bool(p.a and p.b) for p in matched)
            if matched:
                self._add(name, "F1", 2 * both / (len(matched) + both), (i, j))
            self._pair(name, matched, (i, j))
            curve.add(matched)
            links += _links(matched, i, j)
        frames = (
            [range(s["start_frame"], min(s["end_frame"], self.size[0])) for s in side.values()]
            for side in spans
        )
        self._presence(name, [_frames_with(self.size[0], side) for side in frames])
        self._edges(name, links, spans)

    def _edges(self, name: str, links: list[Link], spans: Sequence[Mapping[str, Any]]) -> None:
        same = groups(links)
        for metric, edge in (("alpha of starts", "start_frame"), ("alpha of ends", "end_frame")):
            self._add(name, metric, alpha_of_edges(same, spans, edge))

    def _pair(self, name: str, matched: Sequence[Pair], pair: tuple[int, int]) -> None:
        likeness = [f.likeness for p in matched for f in p.frames]
        if likeness:
            self._add(name, LIKENESS, float(np.mean(likeness)), pair)

    def _presence(self, name: str, there: Sequence[NDArray[np.bool_]]) -> None:
        """Kappa and alpha of whether a frame shows the class at all."""
        self._chance(name, [side.tolist() for side in there])

    def _chance(self, name: str, said: Sequence[phase_metrics.Labels]) -> None:
        for i, j in self.pairs:
            self._add(name, "kappa", phase_metrics.cohens_kappa(said[i], said[j]), (i, j))
        words = list(dict.fromkeys(label for side in said for label in side))
        counts = _counts(said, words)
        if len(said) > 2:
            self._add(name, "kappa", phase_metrics.fleiss_kappa(counts))
        labelled = counts[:, [word is not None for word in words]]
        self._add(name, "alpha", phase_metrics.nominal_alpha(labelled))
        self._over_time(name, said, words)

    def _over_time(
        self, name: str, said: Sequence[phase_metrics.Labels], words: Sequence[Any]
    ) -> None:
        """Kappa and alpha of each part of the clip; none where nobody shows anything."""
        code = {word: place for place, word in enumerate(words)}
        codes = np.array([[code[label] for label in side] for side in said], dtype=np.int64)
        told = phase_metrics.chance_by_part(
            codes,
            len(words),
            self.bins,
            blank=code.get(None, code.get(False)),
            unsaid=code.get(None),
        )
        for metric, values in zip(("kappa", "alpha"), told, strict=True):
            self.chance[metric][name] = [None if v is None else round(v, 4) for v in values]

    def phases(self) -> None:
        said = self.said
        if not any(any(side) for side in said):
            return
        for i, j in self.pairs:
            a, b = said[i], said[j]
            same = phase_metrics.accuracy(a, b)
            for metric in ("accuracy", LIKENESS):
                self._add(PHASES, metric, same, (i, j))
            for share in (0.10, 0.25, 0.50):
                found = phase_metrics.segmental_f1(a, b, share)
                self._add(PHASES, f"F1@{round(100 * share)}", found, (i, j))
            self._add(PHASES, "edit score", phase_metrics.edit_score(a, b), (i, j))
            self._line(PHASES, a, b)
        self._chance(PHASES, said)
        for cls in (c for c in self.ontology["classes"] if c["geometry"] == "phase"):
            self._phase(cls["id"])

    def _line(self, name: str, a: phase_metrics.Labels, b: phase_metrics.Labels) -> None:
        curve = self.curves.setdefault(name, _Curve.empty(self.size[0]))
        both = list(zip(a, b, strict=True))
        curve.total += np.array([x is not None and x == y for x, y in both], dtype=np.float64)
        curve.count += np.array([x is not None or y is not None for x, y in both], np.float64)

    def _phase(self, name: str) -> None:
        there = [[label == name for label in side] for side in self.said]
        if not any(any(side) for side in there):
            return
        spans = self._objects("intervals", name)
        links: list[Link] = []
        for i, j in self.pairs:
            value = phase_metrics.jaccard(self.said[i], self.said[j], name)
            self._add(name, "Jaccard", value, (i, j))
            self._add(name, LIKENESS, value, (i, j))
            self._line(name, *([True if x else None for x in there[k]] for k in (i, j)))
            matched = match_events(name, spans[i], spans[j], self.limits.whole)
            links += _links(matched, i, j)
        self._chance(name, there)
        self._edges(name, links, spans)

    def _by_phase(self) -> list[Figure]:
        """Likeness of what is drawn, over the frames that most readers give one phase."""
        rows = []
        for phase in (c["id"] for c in self.ontology["classes"] if c["geometry"] == "phase"):
            votes = np.sum([[label == phase for label in side] for side in self.said], axis=0)
            frames = votes * 2 > len(self.readers)
            for cls in (c for c in self.ontology["classes"] if c["geometry"] != "phase"):
                curve = self.curves.get(cls["id"])
                value = curve.mean(frames) if curve else None
                if value is not None:
                    rows.append(Figure(cls["id"], cls["name"], LIKENESS, value, phase=phase))
        return rows


def _links(matched: Sequence[Pair], i: int, j: int) -> list[Link]:
    return [
        (float(np.mean([f.likeness for f in p.frames])), (i, p.a), (j, p.b))
        for p in matched
        if p.a is not None and p.b is not None
    ]


def _frames_with(n_frames: int, parts: Any) -> NDArray[np.bool_]:
    """bool (n_frames,): the frames that any of ``parts`` (collections of frame indices) names."""
    there = np.zeros(n_frames, dtype=bool)
    for frames in parts:
        there[list(frames)] = True
    return there


def _counts(said: Sequence[phase_metrics.Labels], words: Sequence[Any]) -> phase_metrics.Counts:
    """int64 (frames, words): how many readers say each word on each frame."""
    code = {word: place for place, word in enumerate(words)}
    counts = np.zeros((len(said[0]), len(words)), dtype=np.int64)
    for side in said:
        counts[np.arange(len(side)), [code[label] for label in side]] += 1
    return counts


def _bins(n_frames: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, n_frames, min(n_frames, BINS) + 1).astype(int).tolist()
    return list(pairwise(edges))


def _binned(curve: _Curve, bins: Sequence[tuple[int, int]]) -> list[float | None]:
    means = (curve.mean(slice(start, end)) for start, end in bins)
    return [None if mean is None else round(mean, 4) for mean in means]
