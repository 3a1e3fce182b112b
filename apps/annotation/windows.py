"""Reading a part of a label set: the keyframes around the playhead, or those of one track.

What is read costs what the part holds, not what the clip holds: a chunk is found by its place in
an index and passed on without looking at the others.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from apps.annotation import store
from apps.annotation.models import KeyframeChunk, LabelObject, LabelSet
from apps.library.models import Clip

# As many chunks as a window may span: about ten minutes of video.
MAX_WINDOW_FRAMES = 64 * store.CHUNK_FRAMES
Chunks = dict[str, dict[str, dict[str, Any]]]


def chunks_in(label_set: LabelSet, clip: Clip, start_frame: int, end_frame: int) -> Chunks:
    """Chunks of the clip's tracks that hold frames from ``start_frame`` up to ``end_frame``, and
    of each track that reaches into them its next chunks before and after, so that every frame of
    the window is interpolated from its true neighbours: track UUID to chunk number to keyframes."""
    first, last = start_frame // store.CHUNK_FRAMES, (end_frame - 1) // store.CHUNK_FRAMES
    tracks = _tracks(label_set).filter(clip=clip)
    within = KeyframeChunk.objects.filter(
        object__in=tracks.values("pk"), number__range=(first, last)
    )
    own = KeyframeChunk.objects.filter(object=OuterRef("pk"))
    beside = tracks.annotate(
        before=Subquery(own.filter(number__lt=first).order_by("-number").values("pk")[:1]),
        after=Subquery(own.filter(number__gt=last).order_by("number").values("pk")[:1]),
    ).values_list("pk", "before", "after")
    reaching = set(within.values_list("object_id", flat=True))
    wanted: set[int] = set()
    for owner, before, after in beside:
        if owner in reaching or (before is not None and after is not None):
            wanted |= {chunk for chunk in (before, after) if chunk is not None}
    return _read(within, KeyframeChunk.objects.filter(pk__in=wanted))


def chunks_of(label_set: LabelSet, track: str) -> Chunks:
    """All chunks of one track, as :func:`chunks_in`; empty for a track that is not there."""
    return _read(KeyframeChunk.objects.filter(object__in=_tracks(label_set).filter(uuid=track)))


def outline(label_set: LabelSet, clip: Clip, start_frame: int, end_frame: int) -> dict[str, Any]:
    """Labels with the keyframes of one window: of each other track ``chunks`` says in which
    chunks it has some, ascending."""
    labels = store.load(label_set, {})
    numbers: dict[str, list[int]] = defaultdict(list)
    held = KeyframeChunk.objects.filter(object__in=_tracks(label_set).values("pk"))
    for name, number in held.order_by("object_id", "number").values_list("object__uuid", "number"):
        numbers[str(name)].append(number)
    read = chunks_in(label_set, clip, start_frame, end_frame)
    for name, track in labels["tracks"].items():
        if name in numbers:
            track["chunks"] = numbers[name]
        for keyframes in read.get(name, {}).values():
            track["keyframes"].update(keyframes)
    return labels


def _tracks(label_set: LabelSet) -> QuerySet[LabelObject]:
    return LabelObject.objects.filter(label_set=label_set, kind="track", deleted=False)


def _read(*parts: QuerySet[KeyframeChunk]) -> Chunks:
    read: Chunks = defaultdict(dict)
    for rows in parts:
        for name, number, payload in rows.values_list("object__uuid", "number", "payload"):
            read[str(name)][str(number)] = store.unpack(bytes(payload))
    return dict(read)
