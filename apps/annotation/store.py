"""Label sets in tables: objects and keyframe chunks as they stand now, beside the log.

Reading a few tracks costs what they hold, not what the clip holds: bodies of all objects are small,
keyframes lie in chunks of 256 frame indices that are read only where they are needed.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.access.prepared import Given, Prepared
from apps.annotation import rows
from apps.annotation.domain import ops
from apps.annotation.domain.runs import Runs, numbers_of, runs_of
from apps.annotation.models import (
    KeyframeChunk,
    LabelObject,
    LabelSet,
    LabelSetClip,
    Operation,
)

CHUNK_FRAMES = 256
Labels = dict[str, Any]


def clip_sizes(label_set: LabelSet) -> dict[str, tuple[int, int, int]]:
    """Clip id to (n_frames, width_px, height_px), in the label set's order."""
    return {
        str(clip): (n_frames, width_px, height_px)
        for clip, n_frames, width_px, height_px in _PLACES(label_set=label_set.pk)
    }


_PLACES = Prepared(
    lambda: (
        LabelSetClip.objects.filter(label_set_id=Given("label_set", LabelSet._meta.pk))
        .order_by("position")
        .values_list("clip_id", "clip__n_frames", "clip__width_px", "clip__height_px")
    )
)


def unpack(payload: bytes) -> dict[str, Any]:
    """The keyframes of a chunk, by frame index."""
    return dict(json.loads(zlib.decompress(payload)))


def pack(keyframes: Mapping[str, Any]) -> bytes:
    """What is kept of the keyframes of a chunk."""
    return zlib.compress(_json(keyframes).encode(), 1)


_json = json.JSONEncoder(separators=(",", ":")).encode


def load(label_set: LabelSet) -> Labels:
    """The labels as they stand, with all their keyframes."""
    clips = label_set.places.order_by("position").values_list("clip_id", flat=True)
    held = rows.objects(label_set)
    labels = _bodies(map(str, clips), held)
    tracks = {row.pk: labels["tracks"][row.name] for row in held if row.kind == "track"}
    chunks = KeyframeChunk.objects.filter(object__label_set=label_set)
    found = chunks.order_by("object_id", "number").values_list("object_id", "payload")
    # In parts: what is read and not yet unpacked would be as much again.
    for owner, payload in found.iterator(chunk_size=200):
        if (track := tracks.get(owner)) is not None:
            track["keyframes"].update(unpack(bytes(payload)))
    return labels


def _bodies(clips: Iterable[str], held: Iterable[rows.ObjectRow]) -> Labels:
    """Labels without any keyframe."""
    labels: Labels = {"clips": list(clips), "tracks": {}, "intervals": {}}
    for row in held:
        if row.deleted:
            continue
        body = {"clip": row.clip, **json.loads(row.body)}
        if row.kind == "track":
            labels["tracks"][row.name] = {**body, "keyframes": {}}
        else:
            labels.setdefault(ops.WHOLE[row.kind][0], {})[row.name] = body
    return labels


@dataclass(frozen=True)
class Opened:
    """What a batch is applied to: ``labels`` with the keyframes of the chunks in ``needed`` only
    (None: all of that track), and the rows of what stands or is touched."""

    labels: Labels
    needed: Mapping[str, set[int] | None]
    rows: Mapping[str, rows.ObjectRow]


def open_for(
    label_set: LabelSet, clips: Iterable[str], operations: Sequence[Mapping[str, Any]]
) -> Opened:
    """Read of a label set what a batch of operations has to see."""
    needed = needed_chunks(operations)
    held = rows.objects(label_set, {op["object"] for op in operations})
    labels, places = _bodies(clips, held), []
    by_key = {row.pk: row for row in held}
    for row in held:
        if row.name in needed and not row.deleted:
            wanted, numbers = needed[row.name], numbers_of(row.chunk_runs())
            places += [(row.pk, n) for n in numbers if wanted is None or n in wanted]
    for chunk in rows.chunks(places):
        track = labels["tracks"][by_key[chunk.owner].name]
        track["keyframes"].update(unpack(chunk.payload))
    return Opened(labels, needed, {row.name: row for row in held})


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


def save(label_set: LabelSet, opened: Opened, after: Labels, touched: Iterable[str]) -> None:
    """Write the label set's revision and state and the objects that a batch touched: ``after`` is
    ``opened.labels`` after it."""
    made: list[tuple[rows.ObjectRow, dict[int, dict[str, Any]]]] = []
    changed: list[rows.ObjectRow] = []
    gone: list[tuple[int, int]] = []
    written: list[rows.ChunkRow] = []
    for name in touched:
        row = opened.rows.get(name)
        kind, body = _held(after, name)
        here = _by_chunk(body) if kind == "track" and body else {}
        old = set(numbers_of(row.chunk_runs())) if row else set()
        read = opened.needed.get(name, set())
        # Deleted, or deleted and made again: nothing that it had before may come back.
        kept = old - read if body and read is not None else set()
        if row is not None:
            gone += [(row.pk, number) for number in sorted(old - kept - here.keys())]
        if body is None:
            if row is not None:
                changed.append(row._replace(runs="[]", deleted=True))
            continue
        new = _row(row.pk if row else 0, name, kind, body, runs_of(kept | here.keys()))
        if row is None:
            made.append((new, here))
            continue
        if not _says_the_same(row, new):
            changed.append(new)
        written += [rows.ChunkRow(row.pk, number, pack(here[number])) for number in sorted(here)]
    for row, here in _insert(label_set, made):
        written += [rows.ChunkRow(row.pk, number, pack(here[number])) for number in sorted(here)]
    rows.write(label_set, changed, gone, written)


def _held(labels: Labels, name: str) -> tuple[str, dict[str, Any] | None]:
    """The kind of an object and what is held of it, None when it is not there."""
    for kind, part in (("track", "tracks"), *((noun, w[0]) for noun, w in ops.WHOLE.items())):
        if name in labels.get(part, {}):
            return kind, labels[part][name]
    return "", None


def _by_chunk(track: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for index, keyframe in track["keyframes"].items():
        found[int(index) // CHUNK_FRAMES][index] = keyframe
    return dict(found)


def _row(pk: int, name: str, kind: str, body: Mapping[str, Any], runs: Runs) -> rows.ObjectRow:
    kept = {key: value for key, value in body.items() if key not in ("clip", "keyframes")}
    return rows.ObjectRow(pk, name, kind, body["clip"], _json(kept), _json(runs), deleted=False)


def _says_the_same(row: rows.ObjectRow, new: rows.ObjectRow) -> bool:
    """PostgreSQL keeps JSON by its meaning, not by its bytes."""
    return (
        row._replace(body="", runs="") == new._replace(body="", runs="")
        and json.loads(row.body) == json.loads(new.body)
        and row.chunk_runs() == new.chunk_runs()
    )


def _insert(
    label_set: LabelSet, made: Sequence[tuple[rows.ObjectRow, dict[int, dict[str, Any]]]]
) -> list[tuple[rows.ObjectRow, dict[int, dict[str, Any]]]]:
    """Insert objects; the same again, each with its key."""
    inserted = LabelObject.objects.bulk_create(
        LabelObject(
            label_set=label_set, uuid=row.name, kind=row.kind, clip_id=uuid.UUID(row.clip),
            body=json.loads(row.body), chunk_runs=row.chunk_runs(),
        )
        for row, _ in made
    )  # fmt: skip
    return [
        (row._replace(pk=held.pk), here) for held, (row, here) in zip(inserted, made, strict=True)
    ]


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
