"""Train, validation and test by patient: a keyed hash decides, strata keep the shares even.

Patients are taken in the order of a keyed hash of their pseudonym and each goes where its strata
(classes present, length of phases, device, sender) are furthest below their share; what is equal
the hash decides. What an earlier version drew is kept, so patients added later move nobody.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from apps.release.domain.freeze import Freeze

METHOD = "HMAC-SHA-256(project key, pseudonym), first 8 bytes as a share of 1, shares by name"
STRATIFIED = (
    "stratified/1: patients in the order of HMAC-SHA-256(project key, pseudonym), each to the "
    "split whose strata are furthest below their share, ties by the same hash"
)
STRATA = ("class", "phase", "device", "site")
Strata = Mapping[str, Mapping[str, float]]


def _place(seed: str, pseudonym: str) -> Fraction:
    digest = hmac.new(seed.encode(), pseudonym.encode(), hashlib.sha256).digest()
    return Fraction(int.from_bytes(digest[:8], "big"), 1 << 64)


def draw_split(seed: str, pseudonym: str, fractions: Mapping[str, float]) -> str:
    """The split of one patient by the hash alone. `fractions` add up to 1; splits take their share
    in name order."""
    place = _place(seed, pseudonym)
    names = sorted(name for name, share in fractions.items() if share > 0)
    reached = Fraction(0)
    for name in names:
        reached += Fraction(str(fractions[name]))
        if place < reached:
            return name
    return names[-1]


def draw_stratified(
    seed: str,
    strata: Strata,
    fractions: Mapping[str, float],
    kept: Mapping[str, str],
    together: Iterable[tuple[str, str]] = (),
) -> dict[str, str]:
    """Pseudonym → split for every patient of ``strata``.

    ``strata`` maps pseudonym to {stratum: amount > 0} (1 for presence, seconds for a phase);
    ``kept`` is what earlier versions drew and stays; patients of a pair of ``together`` (their
    clips show the same pictures) are drawn as one.
    """
    groups = _groups(strata, together)
    totals: dict[str, float] = {}
    for held in strata.values():
        for name, amount in {**held, "": 1.0}.items():
            totals[name] = totals.get(name, 0.0) + amount
    names = sorted(name for name, share in fractions.items() if share > 0)
    have: dict[str, dict[str, float]] = {name: {} for name in {*fractions, *kept.values()}}
    drawn: dict[str, str] = {}

    def put(members: list[str], split: str) -> None:
        for name, amount in _weight(strata, members).items():
            have[split][name] = have[split].get(name, 0.0) + amount
        drawn.update((m, kept.get(m, split)) for m in members)

    waiting = []
    for members in groups:
        before = [kept[m] for m in members if m in kept]
        if before:
            put(members, before[0])
        else:
            waiting.append(members)
    # Patients with what is rare first: what is common evens itself out with those that follow.
    n_with = {n: sum(n in _weight(strata, m) for m in waiting) for n in totals}
    waiting.sort(key=lambda m: (min(n_with[n] for n in _weight(strata, m)), _place(seed, m[0])))
    for members in waiting:
        weight = _weight(strata, members)

        def excess(split: str, weight: dict[str, float] = weight) -> float:
            """How much worse chi-squared of the strata gets, each stratum as a whole being 1."""
            share = float(fractions[split])
            return round(
                sum(
                    w / totals[n] * (2 * have[split].get(n, 0.0) + w) / (share * totals[n])
                    - 2 * w / totals[n]
                    for n, w in weight.items()
                ),
                9,
            )

        least = min(excess(name) for name in names)
        ties = [name for name in names if excess(name) == least]
        put(members, ties[int(_place(seed, members[0]) * len(ties))])
    return drawn


def _groups(strata: Strata, together: Iterable[tuple[str, str]]) -> list[list[str]]:
    leader = {name: name for name in strata}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for one, two in together:
        if one in leader and two in leader:
            low, high = sorted((find(one), find(two)))
            leader[high] = low
    groups: dict[str, list[str]] = {}
    for name in sorted(strata):
        groups.setdefault(find(name), []).append(name)
    return list(groups.values())


def _weight(strata: Strata, members: list[str]) -> dict[str, float]:
    weight = {"": float(len(members))}
    for member in members:
        for name, amount in strata[member].items():
            weight[name] = weight.get(name, 0.0) + amount
    return weight


def balance(strata: Strata, drawn: Mapping[str, str]) -> list[dict[str, Any]]:
    """How evenly each stratum came out: {"stratum", "patients": {split: n}}, strata by name."""
    found: dict[str, dict[str, int]] = {}
    for pseudonym, held in strata.items():
        for name in held:
            row = found.setdefault(name, {})
            row[drawn[pseudonym]] = row.get(drawn[pseudonym], 0) + 1
    return [{"stratum": n, "patients": dict(sorted(found[n].items()))} for n in sorted(found)]


def split_by_patient(freeze: Freeze) -> dict[str, str]:
    """Pseudonym → split for every patient of the freeze."""
    return {
        p: freeze.splits.get(p) or draw_split(freeze.seed, p, freeze.split_fractions)
        for p in sorted({head.pseudonym for head in freeze.heads})
    }


def splits_document(freeze: Freeze) -> dict[str, Any]:
    """What `splits.json` holds."""
    patients = split_by_patient(freeze)
    rules = freeze.split_rules or {"method": METHOD}
    return {
        "format": "clinicalannot-splits/1",
        **rules,
        "shares": dict(sorted(freeze.split_fractions.items())),
        "patients": patients,
        "clips": {head.name: patients[head.pseudonym] for head in freeze.heads},
    }
