"""What a video stream is, what else lies in its container, and whether it may be taken at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO, Any

import av

from . import mpeg2_sections, packets, sei
from .packets import UNIT_CODECS
from .parameter_sets import configuration_units
from .refusals import StreamRefusal
from .stream_notes import Note, packet_notes

# Values that every muxer writes by itself; they describe the file, never a person.
TECHNICAL_KEYS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "language", "vendor_id", "duration"}
)
MAX_TEXTS = 10_000
_PROBED_PICTURES = 3
_SEI_TEXT_TYPES = frozenset({4, 5})

_CONTAINERS = frozenset({"mp4", "mpegts", "mpeg", "h264", "hevc", "mpegvideo"})
_MPEG2_SYNTAXES = frozenset({"1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101"})
_H264_SYNTAXES = {
    "1.2.840.10008.1.2.4.102": 41,
    "1.2.840.10008.1.2.4.103": 41,
    "1.2.840.10008.1.2.4.104": 42,
    "1.2.840.10008.1.2.4.105": 42,
    "1.2.840.10008.1.2.4.106": 42,
}
_HEVC_SYNTAXES = frozenset({"1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108"})
VIDEO_TRANSFER_SYNTAXES = _MPEG2_SYNTAXES | _HEVC_SYNTAXES | _H264_SYNTAXES.keys()


@dataclass(frozen=True)
class Track:
    """Another track of the container: ``kind`` is video, audio, data, subtitle or attachment."""

    index: int
    kind: str
    codec: str


@dataclass(frozen=True)
class StreamInfo:
    """The first video stream and its surroundings.

    ``level`` is 10 × the level for H.264 (41 is 4.1), libav's number for others. ``refusals``
    and ``warnings`` are stable codes. ``texts`` are (place, value): every metadata string of
    container, streams and chapters, user data of the video stream, and text of data and subtitle
    tracks. They may identify a person: for the harvest only, never for a log. ``notes`` are the
    same doubts for the clip's warnings (``stream_notes.py``).
    """

    container: str
    codec: str
    profile: str
    level: int
    pix_fmt: str
    width_px: int
    height_px: int
    n_video_streams: int
    n_frames: int
    time_base: Fraction
    pts: tuple[int, ...]
    key_frames: tuple[int, ...]
    rate_fps: float
    is_interlaced: bool
    has_b_frames: bool
    other_tracks: tuple[Track, ...]
    texts: tuple[tuple[str, str], ...] = field(repr=False)
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[Note, ...] = ()


def probe_stream(f: IO[bytes], is_dicom: bool = True) -> StreamInfo:
    """Read the container and the first pictures of a seekable binary file.

    ``is_dicom`` says that the stream came in an instance, where a second video stream is a
    refusal; in a plain file the first is taken with the warning ``second_video_stream``.

    Raises ``StreamRefusal`` with ``decode_failed``, ``truncated_stream`` or ``no_video`` when
    nothing can be told about it; other reasons stand in ``refusals``.
    """
    truncated = _is_mp4_cut_short(f)
    try:
        timeline = packets.read_timeline(f)
        n_decoded, interlaced = _decode_some(f)
    except StreamRefusal as refusal:
        if truncated and refusal.reason == "decode_failed":
            raise StreamRefusal(
                "truncated_stream", "video: the file ends early; send it again"
            ) from refusal
        raise
    with packets.open_media(f) as container:
        stream = packets.video_stream(container)
        context = stream.codec_context
        n_video = len(packets.real_video_streams(container))
        refusals: list[str] = []
        warnings: list[str] = []
        if n_video > 1:
            (refusals if is_dicom else warnings).append(
                "two_video_streams" if is_dicom else "second_video_stream"
            )
        if not n_decoded or not timeline.n_frames:
            refusals.append("truncated_stream" if truncated else "decode_failed")
        elif truncated:
            warnings.append("missing_tail")
        if timeline.n_without_time:
            warnings.append("missing_times")
        if timeline.n_repeated_times:
            warnings.append("repeated_times")
        if _is_encrypted(f, container):
            refusals.append("encrypted_media")
        texts = _metadata_texts(container)
        info = StreamInfo(
            container=_container_name(container.format.name),
            codec=context.name,
            profile=str(context.profile or ""),
            level=int(context.level or 0),
            pix_fmt=str(context.pix_fmt or ""),
            width_px=context.width,
            height_px=context.height,
            n_video_streams=n_video,
            n_frames=timeline.n_frames,
            time_base=timeline.time_base,
            pts=timeline.pts,
            key_frames=timeline.key,
            rate_fps=_rate(timeline),
            is_interlaced=interlaced,
            has_b_frames=bool(context.has_b_frames),
            other_tracks=tuple(
                Track(s.index, s.type, getattr(s.codec_context, "name", "") or "")
                for s in container.streams
                if s.index != stream.index
            ),
            texts=(),
            refusals=tuple(refusals),
            warnings=tuple(warnings),
            notes=_notes(timeline, truncated, n_video),
        )
    texts += _packet_texts(f)
    unique = tuple(dict.fromkeys(texts))[:MAX_TEXTS]
    return StreamInfo(**{**info.__dict__, "texts": unique})


def check_against_transfer_syntax(info: StreamInfo, transfer_syntax_uid: str) -> list[str]:
    """Reason codes against taking the stream under its declared transfer syntax (PS3.5 8.2).

    Codec and container must be the declared ones. A level above the declared one is no reason:
    the bitstream is the truth, and :func:`transfer_syntax_for` names what fits. Fragmentable
    forms (``….1``) count as their base form.
    """
    base = _base_syntax(transfer_syntax_uid)
    declared = (
        "h264"
        if base in _H264_SYNTAXES
        else "hevc"
        if base in _HEVC_SYNTAXES
        else "mpeg2video"
        if base in _MPEG2_SYNTAXES
        else None
    )
    if declared != info.codec or info.container not in _CONTAINERS:
        return ["stream_not_as_declared"]
    return []


def transfer_syntax_for(codec: str, level: int, pix_fmt: str, size_bytes: int) -> str:
    """The video transfer syntax UID that fits a stream (PS3.5 8.2, PS3.6 Annex A).

    H.264 up to level 4.1 and 4.2, HEVC Main and Main 10 up to 5.1 (libav's level 153), MPEG-2
    by level. Over 4 GiB (2³² − 2 bytes) the fragmentable form. Raises
    ``StreamRefusal("no_transfer_syntax")`` where the standard has none.
    """
    uid = None
    if codec == "h264" and pix_fmt in ("yuv420p", "yuvj420p"):
        uid = "102" if level <= 41 else "104" if level <= 42 else None
    elif codec == "hevc" and level <= 153:
        uid = "107" if pix_fmt in ("yuv420p", "yuvj420p") else "108"
        uid = uid if pix_fmt in ("yuv420p", "yuvj420p", "yuv420p10le") else None
    elif codec == "mpeg2video":
        uid = "100" if level == 8 else "101"
    if uid is None:
        raise StreamRefusal(
            "no_transfer_syntax",
            "video: no DICOM transfer syntax holds this codec, level and pixel format; encode it",
        )
    fragmentable = ".1" if size_bytes > (1 << 32) - 2 else ""
    return f"1.2.840.10008.1.2.4.{uid}{fragmentable}"


def _base_syntax(uid: str) -> str:
    known = VIDEO_TRANSFER_SYNTAXES
    return uid[:-2] if uid.endswith(".1") and uid[:-2] in known else uid


def _container_name(name: str) -> str:
    return "mp4" if "mp4" in name.split(",") else name


def _notes(timeline: packets.Timeline, truncated: bool, n_video: int) -> tuple[Note, ...]:
    notes = packet_notes(
        # What a cut-off file lists and does not hold is no edit list's doing.
        n_cut=0 if truncated else timeline.n_cut,
        n_damaged=max(0, timeline.n_damaged - truncated),
        n_jumps=timeline.n_jumps,
        n_without_time=timeline.n_without_time,
        n_repeated=timeline.n_repeated_times,
        is_disordered=timeline.is_disordered,
    )
    if truncated:
        notes.append(("truncated_tail", "the file ends before it says it does"))
    if n_video > 1:
        notes.append(("second_video_stream", f"{n_video} video streams; the first is taken"))
    return tuple(notes)


def _rate(timeline: packets.Timeline) -> float:
    if timeline.n_frames < 2:
        return 0.0
    ticks = timeline.pts[-1] - timeline.pts[0]
    return float((timeline.n_frames - 1) / (ticks * timeline.time_base)) if ticks else 0.0


def _decode_some(f: IO[bytes]) -> tuple[int, bool]:
    count, interlaced = 0, False
    with packets.open_media(f) as container:
        stream = packets.video_stream(container)
        try:
            for frame in container.decode(stream):
                count += 1
                interlaced = interlaced or bool(frame.interlaced_frame)
                if count >= _PROBED_PICTURES:
                    break
        except av.error.FFmpegError:
            pass
    return count, interlaced


def _metadata_texts(container: Any) -> list[tuple[str, str]]:
    texts = _pairs("container", container.metadata)
    for stream in container.streams:
        texts += _pairs(f"stream {stream.index}", stream.metadata)
    for chapter in container.chapters():
        texts += _pairs("chapter", chapter.get("metadata", {}))
    return texts


def _pairs(place: str, metadata: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (f"{place} {key}", str(value))
        for key, value in metadata.items()
        if key not in TECHNICAL_KEYS and str(value).strip()
    ]


def _packet_texts(f: IO[bytes]) -> list[tuple[str, str]]:
    """User data of the video stream, and printable runs of data and subtitle packets."""
    texts: dict[tuple[str, str], None] = {}
    with packets.open_media(f) as container:
        video = packets.video_stream(container)
        length_size = 0
        codec = video.codec_context.name
        if codec in UNIT_CODECS:
            try:
                length_size, units = configuration_units(video.codec_context.extradata, codec)
            except sei.DamagedUnits:
                return []
            for text in _unit_texts(units, codec):
                texts[("video user data", text)] = None
        wanted = [video, *container.streams.data, *container.streams.subtitles]
        for packet in packets.packets_of(container, wanted):
            if len(texts) >= MAX_TEXTS:
                break
            data = bytes(packet)
            if packet.stream_index != video.index:
                place = f"stream {packet.stream_index} packet"
                found: Iterator[str] = sei.printable_runs(data)
            else:
                place, found = "video user data", _video_texts(data, codec, length_size)
            for text in found:
                texts[(place, text)] = None
    return list(texts)


def _video_texts(data: bytes, codec: str, length_size: int) -> Iterator[str]:
    if codec in UNIT_CODECS:
        try:
            units = packets.units_of(data, length_size)
        except sei.DamagedUnits:
            return
        yield from _unit_texts(units, codec)
    elif codec in packets.START_CODE_CODECS:
        for section in mpeg2_sections.user_data(data):
            yield from sei.printable_runs(section)


def _unit_texts(units: list[bytes], codec: str) -> Iterator[str]:
    for message in sei.sei_of(units, codec):
        if message.payload_type in _SEI_TEXT_TYPES:
            skip = 16 if message.payload_type == 5 else 0
            yield from sei.printable_runs(message.payload[skip:])


def _top_boxes(f: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """(type, position, size) of the top boxes of an ISO base media file (ISO/IEC 14496-12 4.2)."""
    f.seek(0, 2)
    length, position = f.tell(), 0
    while position + 8 <= length:
        f.seek(position)
        head = f.read(16)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:
            size = length - position
        if size < 8 or not kind.strip(b"\x00"):
            return
        yield kind, position, size
        position += size


def _is_mp4_cut_short(f: IO[bytes]) -> bool:
    kinds, end = [], 0
    for kind, position, size in _top_boxes(f):
        kinds.append(kind)
        end = position + size
    f.seek(0, 2)
    length = f.tell()
    if not kinds or kinds[0] not in (b"ftyp", b"styp", b"moov"):
        return False
    return end > length or b"moov" not in kinds


def _is_encrypted(f: IO[bytes], container: Any) -> bool:
    """True when an MP4 file's table names a protection scheme (ISO/IEC 14496-12 8.12)."""
    if _container_name(container.format.name) != "mp4":
        return False
    for kind, position, size in _top_boxes(f):
        if kind in (b"moov", b"moof") and size < 1 << 28:
            f.seek(position)
            box = f.read(size)
            if b"encv" in box or b"sinf" in box or b"pssh" in box:
                return True
    return False
