"""Copy a video stream without encoding: the pictures stay identical to the bit, all else goes.

Of the container only the first video stream is copied; audio, data, timecode, subtitles, cover
pictures, chapters and every metadata string stay behind, and the boxes are written anew. Of the
stream's own bytes only what decoding needs is copied (``sei.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, BinaryIO

import av

from apps.vault.domain.spool import SealedSpool

from . import packets, sei
from .mp4_layout import COPY_BYTES, SpooledMuxTarget
from .mpeg2_sections import PICTURE_START, clean_mpeg2
from .packets import START_CODE_CODECS, UNIT_CODECS, Timeline
from .parameter_sets import SetsInUse, UnitCleaner
from .refusals import StreamRefusal

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]

_CANCEL_CHECK_PACKETS = 256


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
        "video_track_timescale": timescale,
        "movie_timescale": timescale,
    }


def remux_video(
    f_in: IO[bytes],
    out: IO[bytes],
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> RemuxResult:
    """Copy the video stream of ``f_in`` into a new MP4 file, appended to ``out``; see
    :func:`remuxed`."""
    with remuxed(f_in, progress, cancelled) as (result, media):
        while part := media.read(COPY_BYTES):
            out.write(part)
    return result


@contextmanager
def remuxed(
    f_in: IO[bytes], progress: Progress | None = None, cancelled: Cancelled | None = None
) -> Iterator[tuple[RemuxResult, BinaryIO]]:
    """The video stream of ``f_in`` as a new MP4 file: what was made, and a reader of it.

    It presents as many pictures as the input, at the same PTS by index (checked before the reader
    is given). Same input, same bytes. Memory does not grow with the video.

    Raises ``StreamRefusal("cannot_copy_stream")`` when the codec is not H.264, HEVC or MPEG-2,
    when its packets are damaged, or when the MP4 form cannot present the same times: such a
    stream is encoded once instead (``redact.redact_video`` without boxes).
    """
    source = packets.read_timeline(f_in)
    if not source.n_frames or source.n_repeated_times:
        raise _cannot_copy("its times are missing or repeated")
    with SealedSpool() as spool:
        target = SpooledMuxTarget(spool)
        removed_bytes, n_dropped = _copy(f_in, target, source, progress, cancelled)
        written = packets.read_timeline(target.muxed())
        if not same_times(source, written):
            raise _cannot_copy("an MP4 file would present other times")
        media, size_bytes, _ = target.index_first()
        yield (
            RemuxResult(
                n_frames=written.n_frames,
                pts=written.pts,
                time_base=written.time_base,
                size_bytes=size_bytes,
                removed_bytes=removed_bytes,
                n_streams_dropped=n_dropped,
            ),
            media,
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
    written: SpooledMuxTarget,
    source: Timeline,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> tuple[int, int]:
    removed = 0
    try:
        used = packets.sets_in_use(f_in)
    except sei.DamagedUnits as error:
        raise _cannot_copy("a parameter set or packet is damaged") from error
    with packets.open_media(f_in) as container:
        stream = packets.video_stream(container)
        codec = stream.codec_context.name
        if codec not in UNIT_CODECS + START_CODE_CODECS:
            raise _cannot_copy("its codec is not H.264, HEVC or MPEG-2")
        clean = Cleaner(stream, used)
        with av.open(written, "w", format="mp4", options=muxer_options(source.time_base)) as output:
            target = output.add_stream_from_template(stream, opaque=True)
            target.codec_context.extradata = clean.configuration.cleaned or None
            target.time_base = source.time_base
            timed = _timed(packets.packets_of(container, stream), source)
            for count, (packet, size) in enumerate(timed):
                data = clean(bytes(packet))
                removed += size - len(data)
                if data:
                    _mux(output, target, with_data(packet, data))
                if count % _CANCEL_CHECK_PACKETS == 0:
                    stop_if(cancelled)
                if progress:
                    progress(min(count + 1, source.n_frames), source.n_frames)
        return removed, len(container.streams) - 1


class Cleaner:
    """Cleans the packets of one stream, in decoding order."""

    def __init__(self, stream: Any, used: SetsInUse | None) -> None:
        self.codec = stream.codec_context.name
        try:
            self.configuration = packets.configuration_of(stream, used)
        except sei.DamagedUnits as error:
            raise _cannot_copy("its decoder configuration is damaged") from error
        self.rate = round(float(stream.average_rate or stream.guessed_rate or 25))
        self.height_px = stream.codec_context.height
        self.pictures = 0
        self._headers = b""
        self._units = UnitCleaner(self.codec, used)

    def __call__(self, data: bytes) -> bytes:
        if self.codec in START_CODE_CODECS:
            if PICTURE_START not in data:
                # Headers alone go with the next picture; an end alone goes.
                self._headers += data
                return b""
            cleaned = clean_mpeg2(self._headers + data, self.pictures, self.rate, self.height_px)
            self._headers = b""
            self.pictures += 1
            return cleaned
        length_size = self.configuration.length_size
        try:
            return packets.joined(self._units(packets.units_of(data, length_size)), length_size)
        except sei.DamagedUnits as error:
            raise _cannot_copy("a packet is damaged") from error


def _timed(found: Iterator[Any], source: Timeline) -> Iterator[tuple[Any, int]]:
    """Packets with times, and their sizes: of a counted timeline they get its own, and what adds to
    the picture before (a second field) is joined to it."""
    if not source.is_counted:
        for packet in found:
            yield packet, packet.size
        return
    delay = max(n - r for n, r in enumerate(r for r in source.ranks if r is not None))
    held, coded = None, 0
    for packet, rank in zip(found, source.ranks, strict=True):
        if rank is None:
            if held is None:
                raise _cannot_copy("its first packet gives no picture")
            held = with_data(held, bytes(held) + bytes(packet))
            continue
        if held is not None:
            yield held, held.size
        held = with_data(packet, bytes(packet))
        held.time_base = source.time_base
        held.pts = source.pts[rank]
        # Any rising decoding time that no picture's own comes before.
        at = coded - delay
        held.dts = source.pts[at] if at >= 0 else source.pts[0] + at
        held.duration = source.last_duration
        coded += 1
    if held is not None:
        yield held, held.size


def with_data(packet: Any, data: bytes) -> Any:
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
