"""What an instance is, how its pixel data is read, and a stream's refusal in our codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, cast

from pydicom import dcmread
from pydicom.dataset import Dataset

from apps.deid.domain import probe
from apps.deid.domain.parse import ParsedInstance
from apps.deid.domain.pixel_reader import PixelReader
from apps.deid.domain.reasons import Reason, Refused
from apps.deid.domain.refusals import StreamRefusal

Tell = Callable[[float, str], None]

_STREAM_REASONS = {
    "no_video": Reason.DECODE_FAILED,
    "two_video_streams": Reason.SECOND_VIDEO_STREAM,
    "stream_not_as_declared": Reason.TRANSFER_SYNTAX_MISMATCH,
    "decode_failed": Reason.DECODE_FAILED,
    "truncated_stream": Reason.STREAM_TRUNCATED,
    "encrypted_media": Reason.ENCRYPTED_MEDIA,
}


def as_refused(error: StreamRefusal) -> Refused:
    """A stream's refusal as one of the reason codes (the detector's own failure stays as it is)."""
    reason = _STREAM_REASONS.get(error.reason)
    if reason is None:
        raise error
    return Refused(reason, "pixel data")


def media_of(parsed: ParsedInstance) -> BinaryIO:
    """The pixel data's stream, its fragments joined: readable and seekable."""
    assert parsed.pixels is not None
    return cast(BinaryIO, PixelReader(parsed.stream, parsed.pixels.pieces))


def kind_of(parsed: ParsedInstance) -> str:
    """video, cine or none."""
    if parsed.pixels is None:
        return "none"
    base = parsed.transfer_syntax_uid.removesuffix(".1")
    return "video" if base in probe.VIDEO_TRANSFER_SYNTAXES else "cine"


def whole(source: BinaryIO) -> Dataset:
    """The data set with its pixel data in memory."""
    source.seek(0)
    return dcmread(source)
