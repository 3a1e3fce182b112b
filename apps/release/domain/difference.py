"""What a version changed against an earlier one: which clips, tracks and frames, in words.

Drawn when a version is frozen that supersedes another, and kept in its freeze; so the release
itself says it, without the earlier one at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.objects import ClipLabels, Interval, Placed, Track, clip_labels

MAX_RANGES = 50


def difference(old: Freeze, new: Freeze) -> dict[str, Any]:
    """``{"ontology", "profile", "clips": [{"id", "clip", "change", ...}]}``, JSON values alone.

    ``change`` is "added", "removed" or "changed"; a changed clip has ``tracks`` and ``intervals``
    (each with ``change`` of its own, tracks with ``frames``: half-open ranges of frame indices that
    are not alike) and ``pictures`` where its media are others. What is alike is not listed.
    """
    before = {clip.id: clip for clip in old.clips}
    after = {clip.id: clip for clip in new.clips}
    clips = []
    for clip_id in [*after, *(key for key in before if key not in after)]:
        one, two = before.get(clip_id), after.get(clip_id)
        if one is None and two is not None:
            clips.append({"id": clip_id, "clip": two.name, "change": "added"})
        elif two is None and one is not None:
            clips.append({"id": clip_id, "clip": one.name, "change": "removed"})
        elif one is not None and two is not None and (row := _clip(old, one, new, two)):
            clips.append(row)
    return {
        "ontology": _classes(old, new),
        "profile": old.profile.get("digest") != new.profile.get("digest"),
        "clips": clips,
    }


def _classes(old: Freeze, new: Freeze) -> list[dict[str, str]]:
    before = {c["id"]: c for c in old.classes()}
    after = {c["id"]: c for c in new.classes()}
    return [
        {"class": key, "change": _change(before.get(key), after.get(key))}
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _change(one: Any, two: Any) -> str:
    return "added" if one is None else "removed" if two is None else "changed"


def _clip(old: Freeze, one: ClipFreeze, new: Freeze, two: ClipFreeze) -> dict[str, Any] | None:
    pictures = one.media_sha256 != two.media_sha256 or one.n_frames != two.n_frames
    same = one.label_set.expanded_digest == two.label_set.expanded_digest
    if same and not pictures and one.label_set.labels == two.label_set.labels:
        return None
    before, after = clip_labels(old, one), clip_labels(new, two)
    return {
        "id": two.id,
        "clip": two.name,
        "change": "changed",
        "pictures": pictures,
        "revision": [one.label_set.revision, two.label_set.revision],
        "tracks": list(_tracks(before, after)),
        "intervals": list(_intervals(before, after)),
    }


def _tracks(before: ClipLabels, after: ClipLabels) -> Iterator[dict[str, Any]]:
    old, new = ({t.id: t for t in labels.tracks} for labels in (before, after))
    for key in [*new, *(k for k in old if k not in new)]:
        one, two = old.get(key), new.get(key)
        shown = two or one
        assert shown is not None
        frames = _frames(one, two)
        named = (one.class_id, one.number) != (two.class_id, two.number) if one and two else False
        if not frames and not named and one is not None and two is not None:
            continue
        ranges = _ranges(frames)
        yield {
            "track": shown.tracking_id,
            "tracking_uid": shown.tracking_uid,
            "class": shown.class_id,
            "change": _change(one, two),
            "n_frames": len(frames),
            "frames": ranges[:MAX_RANGES],
            "more_ranges": max(len(ranges) - MAX_RANGES, 0),
        }


def _frames(one: Track | None, two: Track | None) -> list[int]:
    """Frame indices on which the two tracks are not alike."""
    if one is None or two is None:
        only = one or two
        return [placed.frame_index for placed in only.frames] if only else []
    standing = one.attributes == two.attributes
    before, after = iter(one.frames), iter(two.frames)
    left, right = next(before, None), next(after, None)
    found = []
    while left is not None or right is not None:
        if right is None or (left is not None and left.frame_index < right.frame_index):
            assert left is not None
            found.append(left.frame_index)
            left = next(before, None)
        elif left is None or right.frame_index < left.frame_index:
            found.append(right.frame_index)
            right = next(after, None)
        else:
            if not standing or not _alike(left, right):
                found.append(left.frame_index)
            left, right = next(before, None), next(after, None)
    return found


def _alike(left: Placed, right: Placed) -> bool:
    return (left.state, left.shape, left.interpolated, left.attributes) == (
        right.state, right.shape, right.interpolated, right.attributes
    )  # fmt: skip


def _ranges(frames: Iterable[int]) -> list[list[int]]:
    """Sorted frame indices as half-open ranges."""
    found: list[list[int]] = []
    for frame in frames:
        if found and found[-1][1] == frame:
            found[-1][1] = frame + 1
        else:
            found.append([frame, frame + 1])
    return found


def _intervals(before: ClipLabels, after: ClipLabels) -> Iterator[dict[str, Any]]:
    old, new = ({i.id: i for i in labels.intervals} for labels in (before, after))
    for key in [*new, *(k for k in old if k not in new)]:
        one, two = old.get(key), new.get(key)
        if one is not None and two is not None and _told(one) == _told(two):
            continue
        shown = two or one
        assert shown is not None
        yield {
            "class": shown.class_id,
            "tracking_uid": shown.tracking_uid,
            "change": _change(one, two),
            "before": [one.start_frame, one.end_frame] if one else None,
            "after": [two.start_frame, two.end_frame] if two else None,
        }


def _told(interval: Interval) -> dict[str, Any]:
    # The running number in the name depends on the intervals around it, which have rows of their
    # own.
    return {k: v for k, v in asdict(interval).items() if k != "tracking_id"}


def difference_text(version: str, earlier: str, found: dict[str, Any]) -> str:
    """The difference as Markdown: a line a change, frames from 0 and both ends inside."""
    lines = [f"# {version} against {earlier}", ""]
    by_change = {
        change: [row for row in found["clips"] if row["change"] == change]
        for change in ("added", "removed", "changed")
    }
    lines += [f"- clip {row['clip']}: added" for row in by_change["added"]]
    lines += [f"- clip {row['clip']}: removed" for row in by_change["removed"]]
    lines += [f"- class {row['class']}: {row['change']} in the ontology"
              for row in found["ontology"]]  # fmt: skip
    if found["profile"]:
        lines.append("- de-identified with another profile")
    for row in by_change["changed"]:
        lines += ["", f"## {row['clip']}", ""]
        if row["pictures"]:
            lines.append("- other pictures: frames of the two versions are not the same")
        lines += [_track_line(each) for each in row["tracks"]]
        lines += [_interval_line(each) for each in row["intervals"]]
        if lines[-1] == "":
            lines.append("- signed anew; the labels of each frame are alike")
    if len(lines) == 2:
        lines.append("Nothing that a release says of its clips has changed.")
    return "\n".join(lines) + "\n"


def _track_line(row: dict[str, Any]) -> str:
    spans = ", ".join(f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in row["frames"])
    more = f" and {row['more_ranges']} more" if row["more_ranges"] else ""
    where = f": {spans}{more}" if spans else ""
    frames = "1 frame" if row["n_frames"] == 1 else f"{row['n_frames']} frames"
    return f"- {row['track']} ({row['class']}) {row['change']}, {frames}{where}"


def _interval_line(row: dict[str, Any]) -> str:
    def words(span: list[int] | None) -> str:
        return f"frames {span[0]} to {span[1] - 1}" if span else ""

    if row["change"] == "changed":
        return f"- {row['class']} changed, {words(row['before'])} → {words(row['after'])}"
    return f"- {row['class']} {row['change']}, {words(row['after'] or row['before'])}"
