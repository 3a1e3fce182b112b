"""Pictures of what is in quarantine, for who reviews it: decoded in memory, a few kept a process.

Nothing of it is written anywhere. An entry goes when others come, and at once when the instance
leaves review.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from typing import BinaryIO, cast
from uuid import UUID

import numpy as np
from PIL import Image

from apps.deid.domain.cine import CinePictures
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.pictures import Pictures, VideoPictures
from apps.deid.domain.pipeline import kind_of, pictured
from apps.deid.domain.pixel_reader import PixelReader
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import open_vault_file

_KEEP = 2
_KEPT_BYTES = 64 << 20
_THUMB_PX = 240


class NoPicture(LookupError):
    """The instance shows no picture of that index."""


class _Open:
    """One instance's original, opened at its first picture; used by one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_closed = False
        self.pictures: Pictures | None = None
        self._source: BinaryIO | None = None
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def open(self, received: ReceivedInstance) -> Pictures:
        if self.pictures is None:
            if received.original is None:
                raise NoPicture
            self._source = open_vault_file(received.original)
            self.pictures = _pictures_of(self._source)
        return self.pictures

    def png(self, index: int) -> bytes:
        found = self._kept.pop(index, None)
        if found is None:
            found = _written(Image.fromarray(self._rgb(index)))
        self._kept[index] = found
        while sum(map(len, self._kept.values())) > _KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return found

    def thumbnail(self, index: int) -> bytes:
        """A small picture; the large one is not written for its sake."""
        image = Image.fromarray(self._rgb(index))
        image.thumbnail((_THUMB_PX, _THUMB_PX))
        return _written(image)

    def _rgb(self, index: int) -> np.ndarray:
        assert self.pictures is not None
        for found, picture in self.pictures.rgb([index]):
            if found == index:
                return picture
        raise NoPicture

    def close(self) -> None:
        self.is_closed = True
        self._kept.clear()
        if self._source is not None:
            self._source.close()


def _pictures_of(source: BinaryIO) -> Pictures:
    parsed = parse_instance(source)
    kind = kind_of(parsed)
    if kind == "video":
        assert parsed.pixels is not None
        return VideoPictures(cast(BinaryIO, PixelReader(source, parsed.pixels.pieces)))
    if kind == "cine":
        return CinePictures(pictured(parsed)[1])
    raise NoPicture


_open: OrderedDict[UUID, _Open] = OrderedDict()
_guard = threading.Lock()


def _written(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def picture_png(received: ReceivedInstance, index: int, *, small: bool = False) -> bytes:
    """The original's own picture of ``index`` (from 0) as PNG, or a small one for a strip.

    Raises NoPicture, and what opening raises (KeyDestroyedError, deid's Refused, StreamRefusal).
    """
    while True:
        entry = _entry(received.pk)
        with entry.lock:
            if entry.is_closed:
                continue
            if not 0 <= index < entry.open(received).n_frames:
                raise NoPicture
            return entry.thumbnail(index) if small else entry.png(index)


def _entry(received_id: UUID) -> _Open:
    with _guard:
        entry = _open.pop(received_id, None) or _Open()
        _open[received_id] = entry
        dropped = [_open.popitem(last=False)[1] for _ in range(len(_open) - _KEEP)]
    for other in dropped:
        with other.lock:
            other.close()
    return entry


def forget(received_id: UUID) -> None:
    """Close what is kept of an instance (it left review, or its key was destroyed)."""
    with _guard:
        held = _open.pop(received_id, None)
    if held is not None:
        with held.lock:
            held.close()
