"""The pictures of a release, taken out of the de-identified instances."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np
from pydicom import dcmread

from apps.library.domain.cine_master import NotACine, master_frames
from apps.library.domain.encapsulated_video import NoVideoPixelData, open_video_pixel_data
from apps.release.domain.freeze import ClipFreeze

CHUNK_BYTES = 1 << 20


class MediaError(ValueError):
    """The media are not those of the freeze; names the clip's file name and the remedy."""


def video_chunks(instance: BinaryIO) -> Iterator[bytes]:
    """The encapsulated bit stream of a video instance, in chunks; a pad byte is still there.

    Raises MediaError when the Pixel Data is not encapsulated.
    """
    try:
        yield from read_chunks(cast(BinaryIO, open_video_pixel_data(instance)))
    except NoVideoPixelData as error:
        raise MediaError(f"instance: {error}") from None


def copy_video(clip: ClipFreeze, chunks: Iterator[bytes], out: BinaryIO) -> None:
    """Copy the video to `out`, without an instance's pad byte, and hold it to the freeze.

    Raises MediaError when the bytes are not those of `media_sha256`.
    """
    digest = hashlib.sha256()
    last = b""
    for chunk in chunks:
        if not chunk:
            continue
        out.write(last + chunk[:-1])
        digest.update(last + chunk[:-1])
        last = chunk[-1:]
    if last == b"\0" and digest.hexdigest() == clip.media_sha256:
        return
    digest.update(last)
    if digest.hexdigest() != clip.media_sha256:
        raise MediaError(
            f"{clip.name}: the video is not the one that was annotated; restore it from a backup"
        )
    out.write(last)


def cine_frames(instance: BinaryIO) -> Iterator[np.ndarray]:
    """Frames as the cine's master holds them: uint8 (rows, columns) or (rows, columns, 3) RGB.

    Raises MediaError when the Pixel Data does not decode.
    """
    instance.seek(0)
    try:
        yield from master_frames(dcmread(instance))
    except NotACine as error:
        raise MediaError(f"instance: {error}") from None


def video_suffix(head: bytes) -> str:
    """File suffix by the first bytes: ".mp4", or ".ts", ".mpg" for MPEG transport and program."""
    if head[:1] == b"\x47":
        return ".ts"
    if head[:4] == b"\x00\x00\x01\xba":
        return ".mpg"
    return ".mp4"


def read_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """A whole stream in chunks."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk
