"""Each annotator's own labels beside the consensus, and how sure the consensus is.

`raters/<clip>/<pseudonym>.jsonl` is in the form of the signed labels, but nobody signed it.
`raters/<clip>/uncertainty.csv` has a row an object of the consensus. An annotator *has* an interval
when one of theirs of the same class overlaps it (the one that overlaps longest), and a track when
the boxes of one of theirs of the same class meet its boxes on at least half of the frames that both
hold (the one that meets it oftenest; a tip's box as in MOT). Of those who have it the first and the
last beginning and end are told: the interval in which the boundary lies.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from apps.annotation.domain.expand import expanded_lines
from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.objects import ClipLabels, Interval, Track, box_of, clip_labels

COLUMNS = (
    "tracking_uid", "class_id", "number", "geometry", "raters", "votes", "start_frame",
    "start_first", "start_last", "end_frame", "end_first", "end_last",
)  # fmt: skip
# Of an object, in the freeze and in the formats that have room for it.
SURE = ("votes", "start_first", "start_last", "end_first", "end_last")
Put = Callable[[str, Iterable[bytes]], object]
Box = tuple[float, float, float, float]


class Held(NamedTuple):
    """Frames of an annotator's object: from `start` up to `end` (exclusive)."""

    start: int
    end: int


def write_raters(freeze: Freeze, clip: ClipFreeze, put: Put) -> None:
    """The files of one clip whose annotators' labels are released."""
    sizes = {clip.id: (clip.n_frames, clip.columns, clip.rows)}
    for rater in clip.label_set.raters or []:
        lines = expanded_lines(rater["labels"], freeze.ontology, sizes)
        put(f"raters/{clip.name}/{rater['pseudonym']}.jsonl", lines)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(uncertainty(freeze, clip))
    put(f"raters/{clip.name}/uncertainty.csv", [text.getvalue().encode()])


def uncertainty(freeze: Freeze, clip: ClipFreeze) -> Iterator[tuple[Any, ...]]:
    """A row of `COLUMNS` for each track and interval of the consensus."""
    consensus = clip_labels(freeze, clip)
    theirs = [_labels_of(freeze, clip, r["labels"]) for r in clip.label_set.raters or []]
    others = [[(t.class_id, _boxes(freeze, t)) for t in labels.tracks] for labels in theirs]
    for track in consensus.tracks:
        boxes = _boxes(freeze, track)
        votes = [v for each in others if (v := _same_track(track, boxes, each)) is not None]
        span = Held(min(boxes), max(boxes) + 1)
        yield (track.tracking_uid, track.class_id, track.number, track.geometry, len(theirs),
               *_told(span, votes))  # fmt: skip
    for interval in consensus.intervals:
        votes = [v for each in theirs if (v := _same_interval(interval, each)) is not None]
        span = Held(interval.start_frame, interval.end_frame)
        yield (interval.tracking_uid, interval.class_id, "", interval.geometry, len(theirs),
               *_told(span, votes))  # fmt: skip


def uncertainty_json(freeze: Freeze, clip: ClipFreeze) -> dict[str, Any]:
    """`raters` and `objects` of `LabelSetFreeze.uncertainty`, from the annotators' own labels that
    ``clip`` holds."""
    objects = {}
    for row in uncertainty(freeze, clip):
        said = dict(zip(COLUMNS, row, strict=True))
        objects[said["tracking_uid"]] = {
            name: None if said[name] == "" else said[name] for name in SURE
        }
    return {"raters": len(clip.label_set.raters or []), "objects": objects}


def _labels_of(freeze: Freeze, clip: ClipFreeze, labels: dict[str, Any]) -> ClipLabels:
    own = replace(clip.label_set, labels=labels, raters=None)
    return clip_labels(freeze, replace(clip, label_set=own))


def _told(span: Held, votes: list[Held]) -> tuple[Any, ...]:
    starts, ends = [v.start for v in votes], [v.end for v in votes]
    return (
        len(votes), span.start, min(starts, default=""), max(starts, default=""),
        span.end, min(ends, default=""), max(ends, default=""),
    )  # fmt: skip


def _same_interval(wanted: Interval, labels: ClipLabels) -> Held | None:
    best, longest = None, 0
    for each in labels.intervals:
        if each.class_id != wanted.class_id:
            continue
        shared = min(each.end_frame, wanted.end_frame) - max(each.start_frame, wanted.start_frame)
        if shared > longest:
            best, longest = Held(each.start_frame, each.end_frame), shared
    return best


def _same_track(
    wanted: Track, boxes: dict[int, Box], others: list[tuple[str, dict[int, Box]]]
) -> Held | None:
    best, most = None, 0
    for class_id, theirs in others:
        if class_id != wanted.class_id:
            continue
        shared = boxes.keys() & theirs.keys()
        met = sum(_meet(boxes[i], theirs[i]) for i in shared)
        if met > most and 2 * met >= len(shared):
            best, most = Held(min(theirs), max(theirs) + 1), met
    return best


def _boxes(freeze: Freeze, track: Track) -> dict[int, Box]:
    label_class = freeze.class_by_id(track.class_id)
    found: dict[int, Box] = {}
    for placed in track.frames:
        x, y, w, h = box_of(placed.shape, label_class)
        found[placed.frame_index] = (x, y, w, h)
    return found


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
