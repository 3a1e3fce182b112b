"""Label sets in tables: objects and keyframe chunks as they stand now, beside the log.

Reading a few tracks costs what they hold, not what the clip holds: bodies of all objects are small,
keyframes lie in chunks of 256 frame indices that are read only where they are needed.
"""

from __future__ import annotations

import json
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


def _unpack(payload: bytes) -> dict[str, Any]:
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
    for row in LabelObject.objects.filter(label_set=label_set, deleted=False).order_by("id"):
        name = str(row.uuid)
        body = {"clip": str(row.clip_id), **row.body}
        if row.kind == "track":
            labels["tracks"][name] = {**body, "keyframes": {}}
            names[row.pk] = name
        else:
            labels.setdefault(ops.WHOLE[row.kind][0], {})[name] = body
    chunks = KeyframeChunk.objects.filter(object__label_set=label_set)
    if only is not None:
        chunks = chunks.filter(object__uuid__in=list(only))
    for chunk in chunks.order_by("object_id", "number"):
        track = names.get(chunk.object_id)
        if track is None:
            continue
        if only is not None:
            numbers = only[track]
            if numbers is not None and chunk.number not in numbers:
                continue
        labels["tracks"][track]["keyframes"].update(_unpack(bytes(chunk.payload)))
    return labels


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
    for name in touched:
        track = after["tracks"].get(name)
        kind, body = _held(after, name)
        row = rows.get(name)
        if body is None:
            if row is not None:
                row.deleted, row.changed_revision = True, revision
                row.save(update_fields=["deleted", "changed_revision"])
                row.chunks.all().delete()
            continue
        if row is None:
            row = LabelObject(label_set=label_set, uuid=name)
        elif row.deleted:
            row.chunks.all().delete()
        row.kind = kind
        row.clip_id = body["clip"]
        row.body = {key: value for key, value in body.items() if key not in ("clip", "keyframes")}
        row.changed_revision, row.deleted = revision, False
        row.save()
        if track is not None:
            _save_chunks(row, track["keyframes"], needed.get(name, set()), name in before["tracks"])


def _held(labels: Labels, name: str) -> tuple[str, dict[str, Any] | None]:
    """The kind of an object and what is held of it, None when it is not there."""
    for kind, part in (("track", "tracks"), *((noun, w[0]) for noun, w in ops.WHOLE.items())):
        if name in labels.get(part, {}):
            return kind, labels[part][name]
    return "", None


def _save_chunks(
    row: LabelObject, keyframes: Mapping[str, Any], numbers: set[int] | None, existed: bool
) -> None:
    by_chunk: dict[int, dict[str, Any]] = defaultdict(dict)
    for index, keyframe in keyframes.items():
        by_chunk[int(index) // CHUNK_FRAMES][index] = keyframe
    if numbers is None:
        # All of the track was read: a chunk that is not in it now (deleted and made again in one
        # batch, with fewer keyframes) must not come back.
        KeyframeChunk.objects.filter(object=row).exclude(number__in=list(by_chunk)).delete()
    written = set(by_chunk) if numbers is None or not existed else set(numbers)
    for number in sorted(written):
        held = by_chunk.get(number)
        if held:
            KeyframeChunk.objects.update_or_create(
                object=row, number=number, defaults={"payload": _pack(held)}
            )
        else:
            KeyframeChunk.objects.filter(object=row, number=number).delete()


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
