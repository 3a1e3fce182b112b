"""Packets of the video stream without decoding: the presented times, and each packet's units."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import IO, Any

import av

from . import mpeg2_sections, sei
from .h264_fields import FieldPairs
from .parameter_sets import (
    Configuration,
    SetsInUse,
    clean_configuration,
    configuration_units,
)
from .refusals import StreamRefusal

UNIT_CODECS = ("h264", "hevc")
START_CODE_CODECS = ("mpeg2video", "mpeg1video")
_COUNTED_TICKS = 90_000
# A parser marks a gap a few packets early.
_BUFFERED_PACKETS = 4


@dataclass(frozen=True)
class Timeline:
    """What the container presents, in presentation order.

    ``pts`` are integers in ``time_base`` as libav reports them after edit lists; packets flagged
    discard are left out. ``key`` holds the indices of packets flagged as random access points.

    ``ranks``: only where the container leaves times out (elementary and program streams) or has
    fields as packets of their own: for each packet in coded order the frame index of its picture,
    or None for what adds to the picture before (a second field). The pictures are counted by
    decoding, and what times there are hold. ``n_without_time`` counts pictures, not fields.

    ``n_cut`` packets an edit list leaves out, ``n_damaged`` are marked as damaged, and ``n_jumps``
    times the decoding clock falls back.
    """

    pts: tuple[int, ...]
    time_base: Fraction
    key: tuple[int, ...]
    n_without_time: int
    n_repeated_times: int
    last_duration: int
    ranks: tuple[int | None, ...] = ()
    n_cut: int = 0
    n_damaged: int = 0
    n_jumps: int = 0
    is_disordered: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether a decoded picture's index is its number in order, not told by its time."""
        return bool(self.ranks)

    @property
    def n_frames(self) -> int:
        return len(self.pts)


def open_media(f: IO[bytes]) -> Any:
    """Open a seekable binary file with libav from its start.

    Raises ``StreamRefusal("decode_failed")`` when libav finds no container in it.
    """
    f.seek(0)
    try:
        return av.open(f, "r", metadata_errors="replace")
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise StreamRefusal(
            "decode_failed", "video: no readable container; export the recording again"
        ) from error


def video_stream(container: Any) -> Any:
    """The first video stream that is not a cover picture; raises ``no_video`` when none is."""
    streams = real_video_streams(container)
    if not streams:
        raise StreamRefusal("no_video", "video: no video stream in the container; check the file")
    stream = streams[0]
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = 2
    return stream


def real_video_streams(container: Any) -> list[Any]:
    cover = av.stream.Disposition.attached_pic
    return [s for s in container.streams.video if not s.disposition & cover]


def read_timeline(f: IO[bytes]) -> Timeline:
    """Times of all presented pictures by demuxing alone (an hour takes about a second).

    Where times are missing, the clock falls back or fields come as packets of their own, every
    picture is decoded to learn the order, and missing times are set between those that are there,
    or by the stream's rate. Raises ``StreamRefusal`` as :func:`open_media`.
    """
    with open_media(f) as container:
        stream = video_stream(container)
        entries: list[tuple[int, bool]] = []
        n_without_time = n_cut = n_damaged = n_jumps = 0
        clock, lately = None, deque([False], _BUFFERED_PACKETS)
        durations: dict[int, int] = {}
        codec, n_second_fields = stream.codec_context.name, 0
        pairs = FieldPairs(stream.codec_context.extradata) if codec == "h264" else None
        for packet in packets_of(container, stream):
            if pairs is not None and pairs.are_possible:
                n_second_fields += _is_second_field(pairs, packet)
            if packet.is_discard:
                n_cut += 1
                continue
            if not has_picture(packet, codec):
                continue
            falls = clock is not None and packet.dts is not None and packet.dts < clock
            n_jumps += falls
            # Where two recordings meet nothing was lost, though counters and buffers say so.
            lately.append(bool(packet.is_corrupt))
            n_damaged += lately[-1] - (sum(lately) if falls else 0)
            clock = packet.dts if packet.dts is not None else clock
            if packet.pts is None:
                n_without_time += 1
                continue
            entries.append((packet.pts, packet.is_keyframe))
            durations[packet.pts] = packet.duration or 0
        # Listed but not presented: what lies behind the end of an edit list.
        listed = int(stream.frames or 0) if "mp4" in container.format.name else 0
        n_cut = max(n_cut, listed - len(entries) - n_without_time)
        seen: dict[str, Any] = {"n_cut": n_cut, "n_damaged": n_damaged, "n_jumps": n_jumps}
        is_disordered = _in_coded_order(stream.codec_context, entries)
        if n_without_time or n_jumps or is_disordered or n_second_fields:
            counted = _counted_timeline(f, n_jumps > 0, is_disordered)
            return replace(counted, **seen, is_disordered=is_disordered)
        entries.sort(key=lambda entry: entry[0])
        pts = tuple(entry[0] for entry in entries)
        repeated = sum(a == b for a, b in pairwise(pts))
        return Timeline(
            pts=pts,
            time_base=Fraction(stream.time_base),
            key=tuple(i for i, entry in enumerate(entries) if entry[1]),
            n_without_time=n_without_time,
            n_repeated_times=repeated,
            last_duration=durations[pts[-1]] if pts else 0,
            **seen,
        )


def _is_second_field(pairs: FieldPairs, packet: Any) -> bool:
    try:
        return pairs.adds_to_the_one_before(units_of(bytes(packet), pairs.length_size))
    except sei.DamagedUnits:
        return False


def _in_coded_order(context: Any, entries: list[tuple[int, bool]]) -> bool:
    """Whether pictures are reordered and yet bear times in the order in which they are coded, as
    AVI writes them."""
    return (
        len(entries) > 2
        and context.reorder_depth > 0
        and all(a[0] < b[0] for a, b in pairwise(entries))
    )


def _counted_timeline(f: IO[bytes], has_jumps: bool, is_disordered: bool) -> Timeline:
    """The timeline by decoding each packet under its number as its time; after a jump the times go
    on from those before it. Where times are ``is_disordered`` the n-th picture takes the n-th."""
    known: list[int | None] = []
    is_key: list[bool] = []
    order: list[int] = []
    cut: set[int] = set()
    with open_media(f) as container:
        stream = video_stream(container)
        base = Fraction(stream.time_base)
        if base.numerator != 1 or base.denominator > _COUNTED_TICKS:
            base = Fraction(1, _COUNTED_TICKS)
        step = round(1 / (Fraction(stream.average_rate or stream.guessed_rate or 25) * base)) or 1
        scale = Fraction(stream.time_base) / base
        context = stream.codec_context
        for number, packet in enumerate(packets_of(container, stream)):
            known.append(None if packet.pts is None else round(packet.pts * scale))
            is_key.append(packet.is_keyframe)
            if packet.is_discard:
                # Decoded for those that follow, and cut by an edit list: it is not presented.
                cut.add(number)
            numbered = av.Packet(bytes(packet))
            numbered.pts = numbered.dts = number
            order += _numbers_of(context, numbered)
        order += _numbers_of(context, None)
    rank_of = {
        number: rank for rank, number in enumerate(n for n in dict.fromkeys(order) if n not in cut)
    }
    ranks = [rank_of.get(number) for number in range(len(known))]
    shown = [known[number] for number in rank_of]
    n_without_time = shown.count(None)
    if is_disordered and not n_without_time:
        shown = list(sorted(time for time in shown if time is not None))
    pts = _filled_times(_continued(shown, step) if has_jumps else shown, step)
    return Timeline(
        pts=pts,
        time_base=base,
        key=tuple(sorted(r for r, key in zip(ranks, is_key, strict=True) if key and r is not None)),
        n_without_time=n_without_time,
        n_repeated_times=0,
        last_duration=pts[-1] - pts[-2] if len(pts) > 1 else step,
        ranks=tuple(ranks),
    )


def _numbers_of(context: Any, packet: Any) -> list[int]:
    """Numbers of the packets whose pictures come out now; a damaged packet gives none."""
    try:
        return [frame.pts for frame in context.decode(packet) if frame.pts is not None]
    except av.error.FFmpegError:
        return []


def _continued(known: list[int | None], step: int) -> list[int | None]:
    """Where the clock falls back, all that follows is moved on to one ``step`` after what came."""
    moved: list[int | None] = []
    offset, before = 0, None
    for time in known:
        if time is None:
            moved.append(None)
            continue
        if before is not None and time + offset <= before:
            offset = before + step - time
        before = time + offset
        moved.append(before)
    return moved


def _filled_times(known: list[int | None], step: int) -> tuple[int, ...]:
    """Times for all pictures in order: those known, even steps between and the average step beyond;
    ``step``, guessed from what has times, where fewer than two are known."""
    places = [(rank, time) for rank, time in enumerate(known) if time is not None]
    rises = all(b[1] - a[1] >= b[0] - a[0] for a, b in pairwise(places))
    if not places or not rises:
        return tuple(rank * step for rank in range(len(known)))
    times = [0] * len(known)
    for (a, start), (b, end) in pairwise(places):
        for rank in range(a, b):
            times[rank] = start + (end - start) * (rank - a) // (b - a)
    first, last = places[0], places[-1]
    if len(places) > 1:
        step = round((last[1] - first[1]) / (last[0] - first[0]))
    for rank in range(first[0]):
        times[rank] = first[1] - (first[0] - rank) * step
    for rank in range(last[0], len(known)):
        times[rank] = last[1] + (rank - last[0]) * step
    return tuple(times)


def has_picture(packet: Any, codec: str) -> bool:
    """False for a packet of MPEG-2 without a picture header (a parser gives what follows the end
    of a sequence as one)."""
    return codec not in START_CODE_CODECS or mpeg2_sections.PICTURE_START in bytes(packet)


def packets_of(container: Any, stream: Any) -> Iterator[Any]:
    """Packets with data in them; a read error ends the stream, as a cut-off tail does."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.error.FFmpegError:
        return


def configuration_of(stream: Any, used: SetsInUse | None = None) -> Configuration:
    """The stream's decoder configuration, cleaned."""
    codec = stream.codec_context.name
    return clean_configuration(stream.codec_context.extradata, codec, used)


def sets_in_use(f: IO[bytes]) -> SetsInUse | None:
    """Which parameter sets the pictures refer to; None where the codec has none, or where no
    picture names one. Raises ``sei.DamagedUnits``."""
    with open_media(f) as container:
        stream = video_stream(container)
        codec = stream.codec_context.name
        if codec not in UNIT_CODECS:
            return None
        length_size, units = configuration_units(stream.codec_context.extradata, codec)
        used = SetsInUse(codec)
        used.watch(units)
        for packet in packets_of(container, stream):
            used.watch(units_of(bytes(packet), length_size))
    return used if used.sequences else None


def units_of(data: bytes, length_size: int) -> list[bytes]:
    """NAL units of a packet; ``length_size`` 0 means Annex B."""
    return sei.split_length_prefixed(data, length_size) if length_size else sei.split_annex_b(data)


def joined(units: list[bytes], length_size: int) -> bytes:
    """The packet that holds these units, in the form that :func:`units_of` reads."""
    if length_size:
        return b"".join(len(u).to_bytes(length_size, "big") + u for u in units)
    return b"".join(b"\x00\x00\x00\x01" + u for u in units)
