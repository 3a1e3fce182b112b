"""Pixel data of a de-identified instance for DICOMweb: as stored, decoded, rendered."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames, get_frame
from pydicom.uid import UID

from apps.keys.keyring import open_vault_file
from apps.library.domain.decode import encode_png
from apps.library.domain.encapsulated_video import open_video_pixel_data
from apps.library.models import Clip, Instance
from apps.library.readers import frames_of

BLOCK_BYTES = 1 << 20


def blocks_of(source: BinaryIO, left: int | None = None) -> Iterator[bytes]:
    """What is left of a file (or ``left`` bytes of it), closed at the end."""
    with source:
        while left is None or left > 0:
            block = source.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
            if not block:
                return
            left = None if left is None else left - len(block)
            yield block


def video_blocks(instance: Instance) -> Iterator[bytes]:
    """The video stream as the instance holds it."""
    with open_vault_file(instance.file) as source:
        media = open_video_pixel_data(source)
        while block := media.read(BLOCK_BYTES):
            yield block


@contextmanager
def _at_pixels(instance: Instance) -> Iterator[tuple[BinaryIO, Any, int | None]]:
    """The file at the value of Pixel Data, its header, and the value's length (None: encapsulated).

    Raises LookupError where there is none."""
    with open_vault_file(instance.file) as source:
        ds = dcmread(source, stop_before_pixels=True)
        head = source.read(12)
        if head[:4] != b"\xe0\x7f\x10\x00":
            raise LookupError("no pixel data")
        if UID(instance.transfer_syntax_uid).is_implicit_VR:
            source.seek(-4, io.SEEK_CUR)
            length = int.from_bytes(head[4:8], "little")
        else:
            length = int.from_bytes(head[8:12], "little")
        yield source, ds, None if length == 0xFFFFFFFF else length


def native_blocks(instance: Instance) -> Iterator[bytes]:
    """The value of uncompressed Pixel Data."""
    with _at_pixels(instance) as (source, _, length):
        yield from blocks_of(source, length)


def stored_frames(instance: Instance, numbers: list[int] | None = None) -> Iterator[bytes]:
    """Frames (from 1; all where None) as they are stored: compressed, or native samples."""
    with _at_pixels(instance) as (source, ds, length):
        n_frames = int(ds.get("NumberOfFrames", 1) or 1)
        start = source.tell()
        if length is not None:
            size = length // n_frames
            for number in numbers or range(1, n_frames + 1):
                source.seek(start + (number - 1) * size)
                yield source.read(size)
            return
        offsets = None
        if "ExtendedOffsetTable" in ds:
            offsets = (ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths)
        if numbers is None:
            yield from generate_frames(source, number_of_frames=n_frames, extended_offsets=offsets)
            return
        for number in numbers:
            source.seek(start)
            yield get_frame(source, number - 1, number_of_frames=n_frames, extended_offsets=offsets)


def decoded_frame(clip: Clip, number: int) -> np.ndarray:
    """The master's picture: uint8 (h, w, 3) RGB, or (h, w) MONOCHROME2 for a grey cine."""
    with frames_of(clip) as reader:
        if clip.media == Clip.Media.CINE:
            return np.array(reader.picture(number - 1))
        return np.array(reader.rgb(number - 1))


def rendered(
    clip: Clip, number: int, media_type: str, quality: int, viewport: tuple[int, int] | None
) -> bytes:
    """A picture as PNG or JPEG, scaled to fit the viewport (width, height in pixels)."""
    pixels = decoded_frame(clip, number)
    if media_type == "image/png" and viewport is None:
        return encode_png(pixels)
    picture = Image.fromarray(pixels)
    if viewport is not None:
        scale = min(viewport[0] / picture.width, viewport[1] / picture.height)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    out = io.BytesIO()
    if media_type == "image/png":
        picture.save(out, "PNG")
    else:
        picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
