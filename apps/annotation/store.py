"""Label sets in tables: objects and keyframe chunks as they stand now, beside the log.

Reading a few tracks costs what they hold, not what the clip holds: bodies of all objects are small,
keyframes lie in chunks of 256 frame indices that are read only where they are needed.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from apps.annotation.domain import ops
from apps.annotation.models import KeyframeChunk, LabelObject, LabelSet, Operation

CHUNK_FRAMES = 256
Labels = dict[str, Any]


def clip_sizes(label_set: LabelSet) -> dict[str, tuple[int, int, int]]:
    """Clip id to (n_frames, width_px, height_px), in the label set's order."""
    places = label_set.places.select_related("clip").order_by("position")
    return {
        str(place.clip_id): (place.clip.n_frames, place.clip.width_px, place.clip.height_px)
        for place in places
    }


def unpack(payload: bytes) -> dict[str, Any]:
    """The keyframes of a chunk, by frame index."""
    return dict(json.loads(zlib.decompress(payload)))


def _pack(keyframes: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(keyframes, separators=(",", ":")).encode(), 1)


def load(label_set: LabelSet, only: Mapping[str, set[int] | None] | None = None) -> Labels:
    """The labels as they stand. ``only`` limits the keyframes read: track UUID to chunk numbers
    (None for all of them); bodies and intervals always come whole."""
    clips = [
        str(pk) for pk in label_set.places.order_by("position").values_list("clip_id", flat=True)
    ]
    labels: Labels = {"clips": clips, "tracks": {}, "intervals": {}}
    names: dict[int, str] = {}
    held = LabelObject.objects.filter(label_set=label_set, deleted=False).order_by("id")
    for row in held.values_list("id", "uuid", "kind", "clip_id", "body", named=True):
        name = str(row.uuid)
        body = {"clip": str(row.clip_id), **row.body}
        if row.kind == "track":
            labels["tracks"][name] = {**body, "keyframes": {}}
            names[row.id] = name
        else:
            labels.setdefault(ops.WHOLE[row.kind][0], {})[name] = body
    if only is not None and not only:
        return labels
    chunks = KeyframeChunk.objects.filter(object__label_set=label_set)
    if only is not None:
        chunks = KeyframeChunk.objects.filter(
            object__in=[pk for pk, name in names.items() if name in only]
        )
        if (numbers := _numbers(only)) is not None:
            chunks = chunks.filter(number__in=numbers)
    found = chunks.order_by("object_id", "number").values_list("object_id", "number", "payload")
    # All of a set comes in parts: what is read and not yet unpacked would be as much again.
    for owner, number, payload in found.iterator(chunk_size=200) if only is None else found:
        track = names.get(owner)
        if track is None or not _is_asked(only, track, number):
            continue
        labels["tracks"][track]["keyframes"].update(unpack(bytes(payload)))
    return labels


def _numbers(only: Mapping[str, set[int] | None]) -> set[int] | None:
    """Every chunk number asked of some track; None when all of some track's are."""
    every: set[int] = set()
    for numbers in only.values():
        if numbers is None:
            return None
        every |= numbers
    return every


def _is_asked(only: Mapping[str, set[int] | None] | None, track: str, number: int) -> bool:
    numbers = None if only is None else only[track]
    return numbers is None or number in numbers


def needed_chunks(operations: Iterable[Mapping[str, Any]]) -> dict[str, set[int] | None]:
    """Which keyframes a batch has to see: those it sets; all of a track that it deletes."""
    needed: dict[str, set[int] | None] = {}
    for op in operations:
        name = op["object"]
        if op["op"] == "track.delete":
            needed[name] = None
        elif "frame_index" in op and isinstance(op["frame_index"], int):
            chunks = needed.setdefault(name, set())
            if chunks is not None:
                chunks.add(op["frame_index"] // CHUNK_FRAMES)
    return needed


def save(
    label_set: LabelSet,
    before: Labels,
    after: Labels,
    needed: Mapping[str, set[int] | None],
    revision: int,
    touched: Iterable[str],
) -> None:
    """Write the objects that a batch touched. ``before`` and ``after`` hold the keyframes of the
    chunks in ``needed`` only."""
    rows = {
        str(row.uuid): row
        for row in LabelObject.objects.filter(label_set=label_set, uuid__in=list(touched))
    }
    made: list[LabelObject] = []
    changed: list[LabelObject] = []
    tracks: list[tuple[LabelObject, Mapping[str, Any], set[int] | None]] = []
    emptied: list[int] = []
    for name in touched:
        track = after["tracks"].get(name)
        kind, body = _held(after, name)
        row = rows.get(name)
        if body is None:
            if row is not None:
                row.deleted = True
                changed.append(row)
                emptied.append(row.pk)
            continue
        if row is None:
            row = LabelObject(label_set=label_set, uuid=name, changed_revision=revision)
            made.append(row)
        elif row.deleted or needed.get(name, ()) is None:
            # Made again: a chunk that it had before must not come back.
            emptied.append(row.pk)
        before_it = row.kind, row.clip_id, row.body, row.deleted
        row.kind = kind
        row.clip_id = uuid.UUID(body["clip"])
        row.body = {key: value for key, value in body.items() if key not in ("clip", "keyframes")}
        row.deleted = False
        if row.pk and before_it != (row.kind, row.clip_id, row.body, row.deleted):
            changed.append(row)
        if track is not None:
            tracks.append((row, track["keyframes"], needed.get(name, set())))
    if emptied:
        KeyframeChunk.objects.filter(object__in=emptied).delete()
    LabelObject.objects.bulk_create(made)
    if changed:
        LabelObject.objects.bulk_update(changed, ["kind", "clip", "body", "deleted"])
    if rows:
        held = [row.pk for row in rows.values()]
        LabelObject.objects.filter(pk__in=held).update(changed_revision=revision)
    _save_chunks(tracks)


def _held(labels: Labels, name: str) -> tuple[str, dict[str, Any] | None]:
    """The kind of an object and what is held of it, None when it is not there."""
    for kind, part in (("track", "tracks"), *((noun, w[0]) for noun, w in ops.WHOLE.items())):
        if name in labels.get(part, {}):
            return kind, labels[part][name]
    return "", None


def _save_chunks(tracks: list[tuple[LabelObject, Mapping[str, Any], set[int] | None]]) -> None:
    """Write the chunks of tracks: (row, the keyframes that were read, the chunk numbers that were
    read, or None for all of them)."""
    written: list[KeyframeChunk] = []
    for row, keyframes, numbers in tracks:
        by_chunk: dict[int, dict[str, Any]] = defaultdict(dict)
        for index, keyframe in keyframes.items():
            by_chunk[int(index) // CHUNK_FRAMES][index] = keyframe
        if numbers is not None and (gone := numbers - by_chunk.keys()):
            KeyframeChunk.objects.filter(object=row, number__in=gone).delete()
        written += [
            KeyframeChunk(object=row, number=number, payload=_pack(by_chunk[number]))
            for number in sorted(by_chunk)
        ]
    KeyframeChunk.objects.bulk_create(
        written,
        update_conflicts=True,
        unique_fields=["object", "number"],
        update_fields=["payload"],
    )


def at_revision(label_set: LabelSet, revision: int) -> Labels:
    """The labels as they stood at an older revision: the log undone from the newest state.

    Raises ValueError for a revision that is not there.
    """
    if not 0 <= revision <= label_set.revision:
        raise ValueError("the label set has no such revision")
    labels = load(label_set)
    later = Operation.objects.filter(
        label_set=label_set, revision__gt=revision, has_effect=True
    ).order_by("-revision", "-place")
    undo = [step for row in later.iterator() for step in json.loads(bytes(row.inverse))]
    return ops.apply_batch(labels, undo)
