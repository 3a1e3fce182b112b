"""What an adjudicator has to decide: every difference beyond tolerance, largest first.

What lies within tolerance is agreed, and the consensus takes A's content for it. A disagreement's
id depends on the objects and frames alone, so it is the same whenever it is computed again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .agreement import Agreement, FrameValue, Labels, Pair
from .limits import Limits, Tolerance
from .relations import NAMESPACE, disputed
from .shape_measures import OVERLAPPING

Disagreement = dict[str, Any]
# Kinds that are not about a matched pair of tracks or events.
WITHOUT_PAIR = ("phase", "relation")


def find(
    agreement: Agreement,
    labels_a: Labels,
    labels_b: Labels,
    ontology: Mapping[str, Any],
    limits: Limits | None = None,
) -> list[Disagreement]:
    """Disagreements as the API gives them, each with ``decision`` None, largest first.

    Equal sizes go by start, label and side: ids follow random UUIDs, so they would put what
    belongs together in another order each time.

    ``size`` is 0 to 1: for tracks and events the mean unlikeness over the frames that either set
    shows, for phases the share of the clip that the span takes.
    """
    limits = limits or Limits()
    names = {c["id"]: c["name"] for c in ontology["classes"]}
    found = []
    for pair in agreement.tracks:
        side = labels_a if pair.a else labels_b
        label = f"{names[pair.class_id]} {side['tracks'][pair.a or pair.b]['number']}"
        found += _track(agreement, pair, label, limits.of(pair.class_id))
    for pair in agreement.events:
        of_class = limits.of(pair.class_id)
        found += _event(agreement, pair, names[pair.class_id], labels_a, labels_b, of_class)
    found += _phases(agreement, labels_a, labels_b, names, limits.whole)
    for fields in disputed(agreement, labels_a, labels_b, ontology, limits.whole):
        found.append(_make(agreement, "relation", fields.pop("class_id"), **fields))
    return sorted(
        found, key=lambda d: (-d["size"], d["start_frame"], d["label"], d["kind"], d["id"])
    )


def _make(agreement: Agreement, kind: str, class_id: str, **fields: Any) -> Disagreement:
    content = [agreement.clip, kind, class_id] + [
        fields[k] for k in ("a", "b", "start_frame", "end_frame")
    ]
    return {
        "id": str(uuid.uuid5(NAMESPACE, json.dumps(content))),
        "kind": kind,
        "class_id": class_id,
        "clip": agreement.clip,
        **fields,
        "size": round(min(max(fields["size"], 0.0), 1.0), 4),
        "decision": None,
    }


def _track(agreement: Agreement, pair: Pair, label: str, limits: Tolerance) -> list[Disagreement]:
    if pair.a is None or pair.b is None:
        kind = "only_b" if pair.a is None else "only_a"
        frames: Sequence[FrameValue] = pair.frames
        measure, size = f"{len(frames)} frames in {kind[-1].upper()} only", 1.0
    else:
        kind = pair.geometry
        frames = [f for f in pair.frames if not f.is_agreed]
        if not (pair.attributes_differ or _is_beyond(pair, frames, limits)):
            return []
        size = 1 - float(np.mean([f.likeness for f in pair.frames]))
        size = max(size, 0.01 if frames or pair.attributes_differ else 0.0)
        measure = _measure(pair)
    spans = [f.frame_index for f in (frames or pair.frames)]
    return [
        _make(
            agreement,
            kind,
            pair.class_id,
            label=label,
            a=pair.a,
            b=pair.b,
            start_frame=min(spans, default=0),
            end_frame=max(spans, default=0) + 1,
            size=size,
            measure=measure,
        )
    ]


def _is_beyond(pair: Pair, frames: Sequence[FrameValue], limits: Tolerance) -> bool:
    if not frames:
        return False
    if pair.geometry == "mask":
        return True
    edge = {f.frame_index for f in _one_sided_ends(pair, limits)}
    inner = [f.frame_index for f in frames if f.frame_index not in edge]
    longest = run = 0
    for place, index in enumerate(inner):
        run = run + 1 if place and index == inner[place - 1] + 1 else 1
        longest = max(longest, run)
    return len(inner) > limits.frame_share * len(pair.frames) or longest > limits.boundary_frames


def _one_sided_ends(pair: Pair, limits: Tolerance) -> list[FrameValue]:
    """Frames by which one track begins earlier or ends later, when few enough to be agreed."""
    ends: list[FrameValue] = []
    for frames in (pair.frames, pair.frames[::-1]):
        run = []
        for frame in frames:
            if frame.measure is not None:
                break
            run.append(frame)
        if len(run) <= limits.boundary_frames:
            ends += run
    return ends


def _measure(pair: Pair) -> str:
    common = [f.measure for f in pair.frames if f.measure is not None]
    value = float(np.mean(common)) if common else 0.0
    text = f"{value:.1f} px apart" if pair.geometry not in OVERLAPPING else f"IoU {value:.2f}"
    if len(common) < len(pair.frames):
        text += f", {len(common)} of {len(pair.frames)} frames in both"
    alike = [f for f in pair.frames if f.measure is not None and f.likeness > 0.99]
    if pair.attributes_differ or not all(f.is_agreed for f in alike):
        text += ", state or attributes differ"
    return text


def _event(
    agreement: Agreement,
    pair: Pair,
    label: str,
    labels_a: Labels,
    labels_b: Labels,
    limits: Tolerance,
) -> list[Disagreement]:
    spans = [
        labels["intervals"][name]
        for labels, name in ((labels_a, pair.a), (labels_b, pair.b))
        if name is not None
    ]
    start = min(s["start_frame"] for s in spans)
    end = max(s["end_frame"] for s in spans)
    if len(spans) == 1:
        kind, size = ("only_a" if pair.b is None else "only_b"), 1.0
        measure = f"{end - start} frames in {kind[-1].upper()} only"
    else:
        kind = "event"
        shift = max(abs(spans[0][k] - spans[1][k]) for k in ("start_frame", "end_frame"))
        if shift <= limits.boundary_frames and not pair.attributes_differ:
            return []
        size = max(1 - float(np.mean([f.likeness for f in pair.frames])), 0.01)
        measure = f"ends {shift} frames apart"
        if pair.attributes_differ:
            measure += ", attributes differ"
    fields = {"label": label, "a": pair.a, "b": pair.b, "start_frame": start, "end_frame": end}
    return [_make(agreement, kind, pair.class_id, **fields, size=size, measure=measure)]


def _phases(
    agreement: Agreement,
    labels_a: Labels,
    labels_b: Labels,
    names: Mapping[str, str],
    limits: Tolerance,
) -> list[Disagreement]:
    found = []
    for start, end, key_a, key_b in phase_spans(agreement):
        if key_a == key_b or end - start <= limits.boundary_frames:
            continue
        class_a, class_b = (json.loads(k)[0] if k else None for k in (key_a, key_b))
        said = [names[c] if c else "none" for c in (class_a, class_b)]
        text = " / ".join(said) if class_a != class_b else f"{said[0]}: attributes differ"
        found.append(
            _make(
                agreement,
                "phase",
                class_a or class_b or "",
                label=text,
                a=interval_at(labels_a, agreement.clip, class_a, start),
                b=interval_at(labels_b, agreement.clip, class_b, start),
                start_frame=start,
                end_frame=end,
                size=(end - start) / agreement.n_frames,
                measure=f"{end - start} frames",
            )
        )
    return found


def phase_spans(agreement: Agreement) -> list[tuple[int, int, str | None, str | None]]:
    """Longest spans over which both sets' phases stay the same: start, end, A's key, B's key."""
    both = list(zip(agreement.phases_a, agreement.phases_b, strict=True))
    cuts = [i for i in range(len(both)) if i == 0 or both[i] != both[i - 1]]
    return [
        (start, end, *both[start]) for start, end in zip(cuts, [*cuts[1:], len(both)], strict=True)
    ]


def interval_at(labels: Labels, clip: str, class_id: str | None, frame: int) -> str | None:
    """Id of the class's interval that covers a frame."""
    for name, span in sorted(labels["intervals"].items()):
        if (span["clip"], span["class_id"]) == (clip, class_id) and (
            span["start_frame"] <= frame < span["end_frame"]
        ):
            return name
    return None
