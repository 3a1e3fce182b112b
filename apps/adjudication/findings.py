"""What the comparison of locked label sets says: computed once, kept for a while a process."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.adjudication.domain import agreement as agreements
from apps.adjudication.domain import (
    consensus,
    disagreements,
    figures,
    merging,
    merging_several,
    several,
    several_consensus,
)
from apps.adjudication.domain.limits import Limits, limits_of
from apps.adjudication.domain.several import Several
from apps.adjudication.models import Adjudication
from apps.annotation import store

_KEEP = 4
Steps = list[dict[str, Any]]


@dataclass(frozen=True)
class Compared:
    """Every side's labels, how far they agree, and every difference beyond tolerance. ``between``
    is an Agreement of exactly two, else of one or of three and more."""

    sides: tuple[dict[str, Any], ...]
    between: agreements.Agreement | Several
    disagreements: list[dict[str, Any]]
    size: agreements.ClipSize
    limits: Limits

    def agreed(self, definition: dict[str, Any]) -> Steps:
        """Operations that put what is agreed into an empty consensus."""
        if isinstance(self.between, Several):
            return several_consensus.initial_operations(
                self.between, self.sides, definition, self.disagreements
            )
        return consensus.initial_operations(
            self.sides[0], definition, self.between, self.disagreements
        )

    def decided(
        self,
        current: dict[str, Any],
        definition: dict[str, Any],
        item: dict[str, Any],
        choice: str,
        decisions: dict[str, str],
    ) -> Steps:
        """Operations that carry one decision into the consensus, ``decisions`` being those that
        stand with it."""
        if isinstance(self.between, Several):
            return several_consensus.decision_operations(
                current, self.sides, definition, self.between, item, choice,
                self.disagreements, decisions,
            )  # fmt: skip
        a, b = self.sides
        return consensus.decision_operations(
            current, a, b, definition, self.between, item, choice, self.disagreements, decisions
        )

    def derived_from(
        self, labels: dict[str, Any], decisions: dict[str, str]
    ) -> dict[str, list[dict[str, str]]]:
        """For each object of the consensus the objects that it comes from."""
        if isinstance(self.between, Several):
            return several_consensus.derived_from(
                labels, self.sides, self.between, self.disagreements, decisions
            )
        a, b = self.sides
        return consensus.derived_from(labels, a, b, self.between, self.disagreements, decisions)


_cache: OrderedDict[tuple[Any, ...], Compared] = OrderedDict()


def compare(adjudication: Adjudication) -> Compared:
    """Compare the sides over the clip. All are locked (one that is reviewed: handed in), so at a
    revision it never changes."""
    sets = adjudication.sides()
    key: tuple[UUID | int, ...] = (adjudication.pk, *(side.revision for side in sets))
    if key in _cache:
        _cache.move_to_end(key)
        return _cache[key]
    clip, definition = adjudication.clip, adjudication.set_a.ontology.definition
    compared = compare_labels(
        tuple(store.load(side) for side in sets),
        definition,
        str(clip.pk),
        (clip.n_frames, clip.width_px, clip.height_px),
        limits_of(definition, clip.fps),
    )
    _cache[key] = compared
    if len(_cache) > _KEEP:
        _cache.popitem(last=False)
    return compared


def compare_labels(
    sides: tuple[dict[str, Any], ...],
    definition: dict[str, Any],
    clip: str,
    size: agreements.ClipSize,
    limits: Limits,
) -> Compared:
    """Compare any number of labels of one clip of (n_frames, width_px, height_px)."""
    if len(sides) != 2:
        told = several.compare(sides, definition, clip, size, limits)
        found = several.disagreements(told, sides, definition, limits)
        return Compared(sides, told, found, size, limits)
    agreement = agreements.compare(*sides, definition, clip, size, limits)
    return Compared(
        sides,
        agreement,
        [
            {**item, "consensus": consensus.consensus_id_of(agreement, item)}
            for item in disagreements.find(agreement, *sides, definition, limits)
        ],
        size,
        limits,
    )


def merges_of(adjudication: Adjudication, kind: str) -> tuple[str, ...]:
    """How a disagreement of this kind may be merged here."""
    is_of_two = "c" not in letters_of(adjudication)
    return merging.merges_of(kind) if is_of_two else merging_several.merges_of(kind)


def letters_of(adjudication: Adjudication) -> str:
    """The letters of the sides: ``ab`` for two."""
    return several.SIDES[: len(adjudication.sides())]


def as_findings(compared: Compared, definition: dict[str, Any]) -> dict[str, Any]:
    """What the screen shows of a comparison, as JSON."""
    found = {"disagreements": compared.disagreements}
    if not isinstance(compared.between, Several):
        lanes, rows = agreements.lanes(compared.between), _figures(compared, (0, 1), definition)
        return {"lanes": lanes, "summary": rows, **found}
    pairs = compared.between.agreements
    told = [_figures(compared, pair, definition) for pair in pairs]
    return {"lanes": several.lanes(compared.between), "summary": _means(told), **found}


def _figures(
    compared: Compared, pair: tuple[int, int], definition: dict[str, Any]
) -> list[dict[str, Any]]:
    """Figures of two of the sides."""
    sides = compared.sides[pair[0]], compared.sides[pair[1]]
    between = compared.between
    told = between.agreements[pair] if isinstance(between, Several) else between
    return [
        *figures.by_class(*sides, definition, told, compared.size, compared.limits),
        *agreements.summary(told, *sides, definition),
    ]


def _means(told: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The mean over all pairs of sides of each figure of a class."""
    held: dict[tuple[str, str], list[float]] = {}
    for rows in told:
        for row in rows:
            if row["object"] is None and row["value"] is not None:
                held.setdefault((row["label"], row["metric"]), []).append(row["value"])
    return [
        {"object": None, "label": label, "metric": metric, "value": round(sum(v) / len(v), 4)}
        for (label, metric), v in held.items()
    ]
