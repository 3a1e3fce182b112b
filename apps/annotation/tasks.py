"""Background work: carry a shape on by optical flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.access.actor import service
from apps.annotation import propagating
from apps.annotation.domain.ops.content import class_of
from apps.annotation.domain.propagate import Carried, carry
from apps.annotation.domain.thin import thinned
from apps.annotation.models import Propagation
from apps.jobs.models import Job
from apps.jobs.work import FailedError, JobHandle, StoppedError, job, on_parked
from apps.keys.keyring import KeyDestroyedError
from apps.library.domain.decode import PictureMissing
from apps.library.models import Clip
from apps.library.queries import shots_of
from apps.library.readers import open_frames
from apps.ontology.domain.geometries import rule_of

# Backwards, pictures are decoded forwards a stretch at a time.
STRETCH = 32


@job(propagating.KIND)
def propagate(handle: JobHandle) -> None:
    """Follow the shape over its span and keep what was found."""
    row = (
        Propagation.objects.select_related("clip__instance__file", "label_set__ontology")
        .filter(pk=handle.job.object_id)
        .first()
    )
    if row is None or row.state != Propagation.State.WAITING:
        return
    if row.clip.state != Clip.State.READY:
        raise FailedError("the clip cannot be read")
    total = abs(row.to_frame - row.from_frame)
    frames: list[dict[str, Any]] = []
    stopped = None
    try:
        reader, source = open_frames(row.clip)
    except KeyDestroyedError:
        raise FailedError("the clip cannot be read") from None
    try:
        pictures = _pictures(reader, row.from_frame, row.to_frame)
        for result in carry(row.shape, pictures, frozenset(shots_of(row.clip))):
            if isinstance(result, Carried):
                frames.append(vars(result))
                handle.progress(len(frames) / total, "carrying the shape on")
            else:
                stopped = vars(result)
    except PictureMissing:
        raise FailedError("a picture cannot be decoded") from None
    finally:
        reader.close()
        source.close()
    label_class = class_of(row.label_set.ontology.definition, row.class_id)
    shapes = [(row.from_frame, row.shape), *((f["frame_index"], f["shape"]) for f in frames)]
    kept = thinned(shapes, label_class["geometry"], rule_of(label_class))
    if not handle.beat():
        raise StoppedError
    found = {"frames": frames, "keyframes": [index for index, _ in kept], "stopped": stopped}
    propagating.finish(service("worker"), row, found=found)


@on_parked(propagating.KIND)
def parked(row: Job) -> None:
    """Say so to the author."""
    waiting = Propagation.objects.filter(pk=row.object_id, state=Propagation.State.WAITING).first()
    if waiting is not None:
        propagating.fail(service("worker"), waiting, reason=row.reason)


def _pictures(reader: Any, start: int, end: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(frame index, grey picture) from one frame to another, both included."""
    if start <= end:
        for index in range(start, end + 1):
            yield index, _grey(reader, index)
        return
    for high in range(start, end - 1, -STRETCH):
        low = max(end, high - STRETCH + 1)
        held = [_grey(reader, index) for index in range(low, high + 1)]
        for index in range(high, low - 1, -1):
            yield index, held[index - low]


def _grey(reader: Any, index: int) -> NDArray[np.uint8]:
    rgb = reader.rgb(index)
    if rgb.ndim == 2:
        return np.ascontiguousarray(rgb)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
