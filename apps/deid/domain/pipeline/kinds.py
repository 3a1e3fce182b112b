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
    """The data set with its pixel data in memory, ready to be decoded: offset tables that do not
    fit one fragment a frame are left out, and so is what stands behind a colour table's entries."""
    source.seek(0)
    ds = dcmread(source)
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in ds:
            del ds[keyword]
    if "PixelData" in ds and ds["PixelData"].is_undefined_length:
        ds["PixelData"].value = _without_wrong_offsets(ds.PixelData)
    for tag in (0x00281101, 0x00281102, 0x00281103):
        descriptor, table = ds.get(tag), ds.get(tag + 0x100)
        if descriptor is not None and table is not None and isinstance(table.value, bytes):
            entries, _, bits = (int(v) for v in descriptor.value)
            size = (entries % 65536 or 65536) * (2 if bits > 8 else 1)
            table.value = table.value[: size + size % 2]
    return ds


def _without_wrong_offsets(pixels: bytes) -> bytes:
    """Encapsulated pixel data with an empty Basic Offset Table where the table points amiss."""
    size = int.from_bytes(pixels[4:8], "little")
    table = [int.from_bytes(pixels[at : at + 4], "little") for at in range(8, 8 + size, 4)]
    for offset in table:
        at = 8 + size + offset
        if pixels[at : at + 4] != b"\xfe\xff\x00\xe0":
            return pixels[:4] + bytes(4) + pixels[8 + size :]
    return pixels
