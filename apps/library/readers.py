"""Open masters, shared by the threads of a process: a decoder stays where the last picture was, so
that the next one costs one decode. At most a few are kept; each is used by one thread at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from apps.keys.keyring import open_vault_file
from apps.library.domain.cine_master import CineReader
from apps.library.domain.decode import FrameReader
from apps.library.domain.encapsulated_video import open_video_pixel_data
from apps.library.domain.index_format import FrameIndex
from apps.library.models import Clip

_KEEP = 4
_KEPT_BYTES = 96 << 20

_open: OrderedDict[UUID, tuple[threading.Lock, Any, Any]] = OrderedDict()
_guard = threading.Lock()


def open_media(clip: Clip) -> Any:
    """A seekable reader over the clip's video bytes inside its instance. Raises KeyDestroyedError,
    NoVideoPixelData."""
    return open_video_pixel_data(open_vault_file(clip.instance.file))


def open_frames(clip: Clip, kept_bytes: int = _KEPT_BYTES) -> tuple[Any, Any]:
    """A FrameReader or CineReader over the master, and the file to close after it."""
    if clip.media == Clip.Media.CINE:
        if clip.master is None:
            raise ValueError("the cine has no master yet")
        source: Any = open_vault_file(clip.master)
        return CineReader(source), source
    source = open_media(clip)
    index = FrameIndex.from_bytes(bytes(clip.frame_index or b""))
    return FrameReader(source, index, kept_bytes=kept_bytes), source


@contextmanager
def frames_of(clip: Clip) -> Iterator[Any]:
    """The shared reader of this clip, for one thread at a time."""
    with _guard:
        held = _open.pop(clip.pk, None)
        if held is None:
            reader, source = open_frames(clip)
            held = (threading.Lock(), reader, source)
        _open[clip.pk] = held
        dropped = [_open.popitem(last=False)[1] for _ in range(len(_open) - _KEEP)]
    for lock, reader, source in dropped:
        with lock:
            reader.close()
            source.close()
    lock, reader, source = held
    with lock:
        if getattr(source, "closed", False):
            reader, source = open_frames(clip)
            try:
                yield reader
            finally:
                reader.close()
                source.close()
            return
        yield reader


def forget(clip_id: UUID) -> None:
    """Close what is kept of a clip (its key was destroyed, it was withdrawn)."""
    with _guard:
        held = _open.pop(clip_id, None)
    if held is not None:
        with held[0]:
            held[1].close()
            held[2].close()
