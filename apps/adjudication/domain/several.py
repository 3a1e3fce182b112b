"""Label sets of one person, or of three and more, brought together as those of two are.

Each set is compared with each other one (``agreement.compare``). Objects that were matched become
one group, the likest first, so that no group holds two of one set. A group that every set has, each
pair of them within tolerance, is agreed, and the consensus takes the first set's content; else it
is one disagreement, decided for a side by its letter. One set alone (a review) has none: all of it
stands in the consensus, for the reviewer to correct.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any

import numpy as np

from apps.ontology.domain.geometries import SHAPES

from . import agreement as agreements
from . import several_relations
from .agreement import Agreement, ClipSize, Labels, Pair
from .disagreements import WITHOUT_PAIR, Disagreement, find, interval_at
from .limits import Limits, Tolerance
from .relations import NAMESPACE

SIDES = "abcde"

Ids = tuple[str | None, ...]


@dataclass(frozen=True)
class Group:
    """One thing: its class, its geometry (``event`` for events and tags), and its object's id in
    each set, None where a set lacks it."""

    class_id: str
    geometry: str
    members: Ids


@dataclass(frozen=True)
class Several:
    """Every set compared with every other. ``disputes``: of two sides the disagreements of their
    own by the pair of ids; ``matched``: the pairs that were taken for the same thing."""

    clip: str
    n_frames: int
    tracks: tuple[Group, ...]
    events: tuple[Group, ...]
    phases: tuple[tuple[str | None, ...], ...]
    agreements: Mapping[tuple[int, int], Agreement]
    disputes: Mapping[tuple[int, int], Mapping[tuple[str | None, str | None], Disagreement]]
    matched: frozenset[tuple[int, int, str, str]]


def compare(
    sides: Sequence[Labels],
    ontology: Mapping[str, Any],
    clip: str,
    size: ClipSize,
    limits: Limits | None = None,
) -> Several:
    """Compare label sets over one clip of (n_frames, width_px, height_px), at most five of them."""
    told: dict[tuple[int, int], Agreement] = {}
    disputes: dict[tuple[int, int], dict[tuple[str | None, str | None], Disagreement]] = {}
    for i, j in combinations(range(len(sides)), 2):
        told[i, j] = agreements.compare(sides[i], sides[j], ontology, clip, size, limits)
        found = find(told[i, j], sides[i], sides[j], ontology, limits)
        disputes[i, j] = {(d["a"], d["b"]): d for d in found if d["kind"] not in WITHOUT_PAIR}
    geometries = {c["id"]: c["geometry"] for c in ontology["classes"]}
    n_phases = [agreements.phase_keys(side, ontology, clip, size[0]) for side in sides]
    grouped = {
        kind: tuple(_groups(sides, kind, geometries, clip, told)) for kind in ("tracks", "events")
    }
    matched = frozenset(
        (i, j, pair.a, pair.b)
        for (i, j), one in told.items()
        for pair in (*one.tracks, *one.events)
        if pair.a is not None and pair.b is not None
    )
    return Several(
        clip,
        size[0],
        grouped["tracks"],
        grouped["events"],
        tuple(n_phases),
        told,
        disputes,
        matched,
    )


def _objects(
    labels: Labels, kind: str, geometries: Mapping[str, str], clip: str
) -> Iterator[tuple[str, str]]:
    """(class id, object id) of the tracks, or of the events and tags."""
    for name, item in sorted(labels["tracks" if kind == "tracks" else "intervals"].items()):
        geometry = geometries[item["class_id"]]
        is_wanted = (geometry in SHAPES) == (kind == "tracks") and geometry != "phase"
        if item["clip"] == clip and is_wanted:
            yield item["class_id"], name


def _groups(
    sides: Sequence[Labels],
    kind: str,
    geometries: Mapping[str, str],
    clip: str,
    told: Mapping[tuple[int, int], Agreement],
) -> list[Group]:
    """Objects joined by their matches, the likest first; a group takes one object of a set."""
    group_of: dict[tuple[int, str], dict[int, str]] = {}
    class_of: dict[tuple[int, str], str] = {}
    for side, labels in enumerate(sides):
        for class_id, name in _objects(labels, kind, geometries, clip):
            group_of[side, name], class_of[side, name] = {side: name}, class_id
    matches = [
        (-_likeness(pair), i, j, str(pair.a), str(pair.b))
        for (i, j), one in told.items()
        for pair in (one.tracks if kind == "tracks" else one.events)
        if pair.a is not None and pair.b is not None
    ]
    for _, i, j, a, b in sorted(matches):
        first, second = group_of[i, a], group_of[j, b]
        if first is second or first.keys() & second.keys():
            continue
        first.update(second)
        for place in second.items():
            group_of[place] = first
    made, seen = [], set()
    for place, group in group_of.items():
        if id(group) in seen:
            continue
        seen.add(id(group))
        class_id = class_of[place]
        members = tuple(group.get(side) for side in range(len(sides)))
        geometry = geometries[class_id] if kind == "tracks" else "event"
        made.append(Group(class_id, geometry, members))
    return made


def _likeness(pair: Pair) -> float:
    return float(np.mean([frame.likeness for frame in pair.frames])) if pair.frames else 0.0


def disagreements(
    several: Several,
    sides: Sequence[Labels],
    ontology: Mapping[str, Any],
    limits: Limits | None = None,
) -> list[Disagreement]:
    """What is to be decided, largest first, as ``disagreements.find`` gives it for two, with an id
    a side (``a``, ``b``, ``c`` …). ``size`` is the mean over the pairs of sets that have it."""
    names = {c["id"]: c["name"] for c in ontology["classes"]}
    found = [
        made
        for group in (*several.tracks, *several.events)
        if (made := _of_group(several, group, sides, names)) is not None
    ]
    whole = (limits or Limits()).whole
    found += _of_phases(several, sides, names, whole)
    found += _of_relations(several, sides, ontology, whole)
    return sorted(
        found, key=lambda d: (-d["size"], d["start_frame"], d["label"], d["kind"], d["id"])
    )


def _of_group(
    several: Several, group: Group, sides: Sequence[Labels], names: Mapping[str, str]
) -> Disagreement | None:
    sizes: list[float] = []
    worst: tuple[float, str] = (0.0, "")
    for i, j in combinations(range(len(sides)), 2):
        a, b = group.members[i], group.members[j]
        if a is None and b is None:
            continue
        size, said = _between(several, i, j, a, b)
        sizes.append(size)
        if size > worst[0]:
            worst = (size, f"{SIDES[i].upper()} and {SIDES[j].upper()}: {said}")
    if not any(sizes):
        return None
    held = [side for side, name in enumerate(group.members) if name is not None]
    kind = group.geometry if len(held) > 1 else f"only_{SIDES[held[0]]}"
    start, end = _span(several, group, sides)
    label = names[group.class_id]
    if group.geometry != "event":
        label = f"{label} {sides[held[0]]['tracks'][group.members[held[0]]]['number']}"
    measure = worst[1]
    if len(held) < len(sides):
        has = ", ".join(SIDES[side].upper() for side in held)
        measure = f"only {has}" if len(held) == 1 else f"{has} have it, the others not"
    return _made(
        several, kind, group.class_id, group.members, label, start, end,
        float(np.mean(sizes)), measure, consensus_name(several, group),
    )  # fmt: skip


def _between(several: Several, i: int, j: int, a: str | None, b: str | None) -> tuple[float, str]:
    """How far two sets are apart on one thing, 0 (within tolerance) to 1, and in words."""
    if a is None or b is None:
        return 1.0, "one alone has it"
    dispute = several.disputes[i, j].get((a, b))
    if dispute is not None:
        return max(dispute["size"], 0.01), dispute["measure"]
    if (i, j, a, b) in several.matched:
        return 0.0, ""
    return 1.0, "elsewhere"


def _span(several: Several, group: Group, sides: Sequence[Labels]) -> tuple[int, int]:
    """First frame and the one after the last that the sets are apart on (or that one shows)."""
    spans = []
    for (i, j), found in several.disputes.items():
        dispute = found.get((group.members[i], group.members[j]))
        if dispute is not None:
            spans.append((dispute["start_frame"], dispute["end_frame"]))
    if not spans:
        for side, name in enumerate(group.members):
            if name is None:
                continue
            item = sides[side]["tracks"].get(name) or sides[side]["intervals"][name]
            frames = [int(frame) for frame in item.get("keyframes", ())]
            spans.append(
                (min(frames, default=0), max(frames, default=0) + 1)
                if "keyframes" in item
                else (item["start_frame"], item["end_frame"])
            )
    return min(start for start, _ in spans), max(end for _, end in spans)


def _of_phases(
    several: Several, sides: Sequence[Labels], names: Mapping[str, str], limits: Tolerance
) -> list[Disagreement]:
    found, start = [], 0
    for keys, run in groupby(zip(*several.phases, strict=True)):
        end = start + len(list(run))
        if len(set(keys)) > 1 and end - start > limits.boundary_frames:
            classes = [json.loads(key)[0] if key else None for key in keys]
            said = [names[c] if c else "none" for c in classes]
            text = " / ".join(said) if len(set(said)) > 1 else f"{said[0]}: attributes differ"
            members = tuple(
                interval_at(side, several.clip, class_id, start)
                for side, class_id in zip(sides, classes, strict=True)
            )
            class_id = next((c for c in classes if c), "")
            share = (end - start) / several.n_frames
            share, said_long = (end - start) / several.n_frames, f"{end - start} frames"
            found.append(
                _made(several, "phase", class_id, members, text, start, end, share, said_long)
            )
        start = end
    return found


def _of_relations(
    several: Several, sides: Sequence[Labels], ontology: Mapping[str, Any], limits: Tolerance
) -> Iterator[Disagreement]:
    for one in several_relations.disputed(several.tracks, sides, ontology, limits):
        ends = {end: consensus_name(several, one[end]) for end in ("subject", "target")}
        content = [one["relation"], *ends.values()]
        made = _made(
            several, "relation", one["class_id"], one["members"], one["label"],
            one["start_frame"], one["end_frame"], one["size"], one["measure"], content=content,
        )  # fmt: skip
        yield {**made, "relation": one["relation"], **ends}


def _made(
    several: Several,
    kind: str,
    class_id: str,
    members: Ids,
    label: str,
    start: int,
    end: int,
    size: float,
    measure: str,
    consensus: str | None = None,
    content: Sequence[str] = (),
) -> Disagreement:
    of = json.dumps([several.clip, kind, class_id, *members, start, end, *content])
    return {
        "id": str(uuid.uuid5(NAMESPACE, of)),
        "kind": kind,
        "class_id": class_id,
        "clip": several.clip,
        "label": label,
        **{SIDES[side]: name for side, name in enumerate(members)},
        "start_frame": start,
        "end_frame": end,
        "size": round(min(max(size, 0.0), 1.0), 4),
        "measure": measure,
        "decision": None,
        "consensus": consensus,
    }


def consensus_name(several: Several, group: Group) -> str:
    """Id of the consensus object of a group, whichever side is taken."""
    content = [several.clip, group.geometry, *group.members]
    return str(uuid.uuid5(NAMESPACE, "consensus" + json.dumps(content)))


def lanes(several: Several) -> list[dict[str, Any]]:
    """A lane a kind, as ``agreement.lanes`` gives it: the mean over all pairs of sets."""
    held: dict[tuple[str, str], list[np.ndarray[Any, Any]]] = {}
    for one in several.agreements.values():
        for lane in agreements.lanes(one):
            values = np.full(several.n_frames, np.nan)
            for frame, value in lane["values"]:
                values[frame:] = np.nan if value is None else value
            held.setdefault((lane["name"], lane["kind"]), []).append(values)
    out = []
    for (name, kind), rows in held.items():
        stack = np.array(rows)
        counted = (~np.isnan(stack)).sum(axis=0)
        total = np.nansum(stack, axis=0)
        out.append(agreements.lane_of(name, kind, total, counted.astype(np.float64)))
    return out
