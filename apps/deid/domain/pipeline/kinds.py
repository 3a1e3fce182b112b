"""What an instance is, how its pixel data is read, and a stream's refusal in our codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, cast

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from apps.deid.domain import packets, probe
from apps.deid.domain.cine_source import CineSource
from apps.deid.domain.device import DeviceKey, device_of
from apps.deid.domain.elements import raw_items, read_element
from apps.deid.domain.parse import ParsedInstance
from apps.deid.domain.pixel_reader import PixelReader
from apps.deid.domain.quick_read import new_file_dataset
from apps.deid.domain.reasons import Reason, Refused
from apps.deid.domain.refusals import StreamRefusal

# Frame Time, its Vector, Cine Rate: asked for with the image's size.
_NUMBER_OF_FRAMES = 0x00280008
_READ_HERE = frozenset({0x00181063, 0x00181065, 0x00180040})
Tell = Callable[[float, str], None]

_STREAM_REASONS = {
    "no_video": Reason.DECODE_FAILED,
    "two_video_streams": Reason.SECOND_VIDEO_STREAM,
    "stream_not_as_declared": Reason.TRANSFER_SYNTAX_MISMATCH,
    "decode_failed": Reason.DECODE_FAILED,
    "unsupported_pixels": Reason.UNSUPPORTED_SAMPLES,
    "truncated_stream": Reason.STREAM_TRUNCATED,
    "encrypted_media": Reason.ENCRYPTED_MEDIA,
    "no_transfer_syntax": Reason.VIDEO_TOO_LARGE,
    "frames_not_kept": Reason.DECODE_FAILED,
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


def device_in(parsed: ParsedInstance) -> DeviceKey | None:
    """The device, with the size of the pictures that are there: a video's own, whatever the header
    says of it or leaves out (a mask or a phantom of another size proves nothing)."""
    size_px = None
    if kind_of(parsed) == "video":
        try:
            with packets.open_media(media_of(parsed)) as container:
                context = packets.video_stream(container).codec_context
                size_px = (int(context.width), int(context.height))
        except StreamRefusal:
            # Nothing of it can be shown: the examination says why.
            size_px = None
    return device_of(parsed.dataset, size_px)


def pictured(parsed: ParsedInstance) -> tuple[Dataset, CineSource]:
    """The data set, and its frames, read as they are asked for: offset tables that do not fit the
    fragments are not followed, and what stands behind a colour table's entries is left out. Number
    of Frames is what the fragments hold; the parsed data set keeps what it was sent with."""
    assert parsed.pixels is not None
    for tag, _ in raw_items(parsed.dataset):
        if tag >> 16 == 0x0028 or tag in _READ_HERE:
            read_element(parsed.dataset, tag)
    held = parsed.dataset
    implicit, little = (bool(is_so) for is_so in held.original_encoding)
    ds = new_file_dataset(dict(held._dict), parsed.file_meta, implicit, little, held._read_charset)
    for number in (0x00281101, 0x00281102, 0x00281103):
        if number not in ds._dict:
            continue
        descriptor, table = ds.get(number), ds.get(number + 0x100)
        if descriptor is not None and table is not None and isinstance(table.value, bytes):
            entries, _, bits = (int(v) for v in descriptor.value)
            size = (entries % 65536 or 65536) * (2 if bits > 8 else 1)
            if len(table.value) > size:
                value = table.value[: size + size % 2]
                ds[number + 0x100] = DataElement(number + 0x100, table.VR, value)
    _check_frame_count(ds)
    place = parsed.pixels
    source = CineSource(
        ds,
        parsed.stream,
        place.pieces,
        offsets=place.offsets,
        is_encapsulated=place.encapsulated,
        vr=place.vr,
    )
    if source.n_frames != source.claimed:
        ds[_NUMBER_OF_FRAMES] = DataElement(_NUMBER_OF_FRAMES, "IS", source.n_frames)
    return ds, source


def _check_frame_count(ds: Dataset) -> None:
    try:
        int(ds.get("NumberOfFrames") or 1)
    except (TypeError, ValueError):
        raise Refused(Reason.UNPARSABLE, "(0028,0008)") from None
