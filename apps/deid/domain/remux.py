"""Copy a video stream without encoding: the pictures stay identical to the bit, all else goes.

Of the container only the first video stream is copied; audio, data, timecode, subtitles, cover
pictures, chapters and every metadata string stay behind, and the boxes are written anew. Of the
stream's own bytes only what decoding needs is copied (``sei.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any

import av

from . import packets, sei
from .media_buffer import DEFAULT_LIMIT_BYTES, MediaBuffer
from .packets import START_CODE_CODECS, UNIT_CODECS, Timeline
from .refusals import StreamRefusal

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]

_LIMIT_CHECK_PACKETS = 256


@dataclass(frozen=True)
class RemuxResult:
    """``removed_bytes`` counts what was cut out of the video stream itself."""

    n_frames: int
    pts: tuple[int, ...]
    time_base: Fraction
    size_bytes: int
    removed_bytes: int
    n_streams_dropped: int


def muxer_options(time_base: Fraction) -> dict[str, str]:
    """Options under which the MP4 muxer keeps times exactly and writes no time, name or version.

    ``movie_timescale`` equals the track's so that an edit list can hold the first PTS exactly.
    """
    timescale = str(time_base.denominator)
    return {
        "fflags": "+bitexact",
        "movflags": "+faststart",
        "video_track_timescale": timescale,
        "movie_timescale": timescale,
    }


def remux_video(
    f_in: IO[bytes],
    out: IO[bytes],
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    limit_bytes: int = DEFAULT_LIMIT_BYTES,
) -> RemuxResult:
    """Copy the video stream of ``f_in`` into a new MP4 file, appended to ``out``.

    The output presents as many pictures as the input, at the same PTS by index (checked before
    a byte is written to ``out``). Same input, same bytes.

    Raises ``StreamRefusal("cannot_copy_stream")`` when the codec is not H.264, HEVC or MPEG-2,
    when its packets are damaged, or when the MP4 form cannot present the same times: such a
    stream is encoded once instead (``redact.redact_video`` without boxes).
    """
    source = packets.read_timeline(f_in)
    if not source.n_frames or source.n_without_time or source.n_repeated_times:
        raise _cannot_copy("its times are missing or repeated")
    with MediaBuffer(limit_bytes) as buffer:
        removed_bytes, n_dropped = _copy(f_in, buffer, source, progress, cancelled)
        buffer.check_limit()
        with buffer.reader() as reader:
            written = packets.read_timeline(reader)
        if not same_times(source, written):
            raise _cannot_copy("an MP4 file would present other times")
        size_bytes = buffer.copy_to(out)
    return RemuxResult(
        n_frames=written.n_frames,
        pts=written.pts,
        time_base=written.time_base,
        size_bytes=size_bytes,
        removed_bytes=removed_bytes,
        n_streams_dropped=n_dropped,
    )


def same_times(a: Timeline, b: Timeline) -> bool:
    """True when both present as many pictures, each at the same time (exact rationals)."""
    if a.time_base == b.time_base:
        return a.pts == b.pts
    return a.n_frames == b.n_frames and all(
        x * a.time_base == y * b.time_base for x, y in zip(a.pts, b.pts, strict=True)
    )


def _copy(
    f_in: IO[bytes],
    buffer: MediaBuffer,
    source: Timeline,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> tuple[int, int]:
    removed = 0
    with packets.open_media(f_in) as container:
        stream = packets.video_stream(container)
        codec = stream.codec_context.name
        if codec not in UNIT_CODECS + START_CODE_CODECS:
            raise _cannot_copy("its codec is not H.264, HEVC or MPEG-2")
        clean = _Cleaner(stream)
        with av.open(
            buffer.path, "w", format="mp4", options=muxer_options(source.time_base)
        ) as output:
            target = output.add_stream_from_template(stream, opaque=True)
            target.codec_context.extradata = clean.configuration.cleaned or None
            target.time_base = source.time_base
            for count, packet in enumerate(packets.packets_of(container, stream)):
                data = clean(bytes(packet))
                removed += packet.size - len(data)
                if data:
                    _mux(output, target, _with_data(packet, data))
                if count % _LIMIT_CHECK_PACKETS == 0:
                    buffer.check_limit()
                    stop_if(cancelled)
                if progress:
                    progress(min(count + 1, source.n_frames), source.n_frames)
        return removed, len(container.streams) - 1


class _Cleaner:
    """Cleans the packets of one stream, in decoding order."""

    def __init__(self, stream: Any) -> None:
        self.codec = stream.codec_context.name
        try:
            self.configuration = packets.configuration_of(stream)
        except sei.DamagedUnits as error:
            raise _cannot_copy("its decoder configuration is damaged") from error
        self.rate = round(float(stream.average_rate or stream.guessed_rate or 25))
        self.pictures = 0

    def __call__(self, data: bytes) -> bytes:
        if self.codec in START_CODE_CODECS:
            cleaned = sei.clean_mpeg2(data, self.pictures, self.rate)
            self.pictures += 1
            return cleaned
        length_size = self.configuration.length_size
        try:
            units = packets.units_of(data, length_size)
        except sei.DamagedUnits as error:
            raise _cannot_copy("a packet is damaged") from error
        kept = sei.clean_h264(units) if self.codec == "h264" else sei.clean_hevc(units)
        return packets.joined(kept, length_size)


def _with_data(packet: Any, data: bytes) -> Any:
    """A packet of the same times and flags, without side data, holding ``data``."""
    copy = av.Packet(data)
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base = packet.time_base
    copy.is_keyframe = packet.is_keyframe
    return copy


def _mux(output: Any, target: Any, packet: Any) -> None:
    packet.stream = target
    try:
        output.mux(packet)
    except (av.error.FFmpegError, ValueError) as error:
        raise _cannot_copy("the MP4 muxer refuses its times or units") from error


def stop_if(cancelled: Cancelled | None) -> None:
    """Raise ``StreamRefusal("cancelled")`` when the caller wants to stop."""
    if cancelled and cancelled():
        raise StreamRefusal("cancelled", "video: stopped on request; start again")


def _cannot_copy(why: str) -> StreamRefusal:
    return StreamRefusal(
        "cannot_copy_stream", f"video: cannot be copied without encoding, because {why}; encode it"
    )
