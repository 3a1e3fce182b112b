"""Whether every index of a copied stream has its picture, found out by decoding it once."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from . import packets
from .pictures import decoded_frames
from .refusals import StreamRefusal
from .remux import stop_if

_CANCEL_CHECK_PICTURES = 64


def check_copy(f: IO[bytes], cancelled: Callable[[], bool] | None = None) -> None:
    """Raises ``StreamRefusal("cannot_copy_stream")`` where the decoder leaves a picture out, gives
    one more or in another order, conceals damage (it does not conceal it alike from another
    entry), or where the size changes: such a stream is encoded once.
    """
    timeline = packets.read_timeline(f)
    sizes = set()
    with packets.open_media(f) as container:
        shown = 0
        for frame in decoded_frames(container, packets.video_stream(container)):
            if shown >= timeline.n_frames or (
                not timeline.is_counted and frame.pts != timeline.pts[shown]
            ):
                raise _cannot_copy("a picture does not decode")
            shown += 1
            if frame.is_corrupt:
                raise _cannot_copy("a picture is damaged")
            sizes.add((frame.width, frame.height))
            if shown % _CANCEL_CHECK_PICTURES == 0:
                stop_if(cancelled)
    if shown != timeline.n_frames:
        raise _cannot_copy("a picture does not decode")
    if len(sizes) > 1:
        raise _cannot_copy("the picture's size changes")


def _cannot_copy(why: str) -> StreamRefusal:
    return StreamRefusal(
        "cannot_copy_stream", f"video: cannot be copied without encoding, because {why}; encode it"
    )
