"""Packets of the video stream without decoding: the presented times, and each packet's units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import IO, Any

import av

from . import sei
from .parameter_sets import Configuration, clean_configuration
from .refusals import StreamRefusal

UNIT_CODECS = ("h264", "hevc")
START_CODE_CODECS = ("mpeg2video", "mpeg1video")


@dataclass(frozen=True)
class Timeline:
    """What the container presents, in presentation order.

    ``pts`` are integers in ``time_base`` as libav reports them after edit lists; packets flagged
    discard are left out. ``key`` holds the indices of packets flagged as random access points.
    """

    pts: tuple[int, ...]
    time_base: Fraction
    key: tuple[int, ...]
    n_without_time: int
    n_repeated_times: int
    last_duration: int

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

    Missing times are counted, not guessed. Raises ``StreamRefusal`` as :func:`open_media`.
    """
    with open_media(f) as container:
        stream = video_stream(container)
        entries: list[tuple[int, bool]] = []
        n_without_time = 0
        durations: dict[int, int] = {}
        for packet in packets_of(container, stream):
            if packet.is_discard:
                continue
            if packet.pts is None:
                n_without_time += 1
                continue
            entries.append((packet.pts, packet.is_keyframe))
            durations[packet.pts] = packet.duration or 0
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
        )


def packets_of(container: Any, stream: Any) -> Iterator[Any]:
    """Packets with data in them; a read error ends the stream, as a cut-off tail does."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.error.FFmpegError:
        return


def configuration_of(stream: Any) -> Configuration:
    """The stream's decoder configuration, cleaned."""
    codec = stream.codec_context.name
    return clean_configuration(stream.codec_context.extradata, codec)


def units_of(data: bytes, length_size: int) -> list[bytes]:
    """NAL units of a packet; ``length_size`` 0 means Annex B."""
    return sei.split_length_prefixed(data, length_size) if length_size else sei.split_annex_b(data)


def joined(units: list[bytes], length_size: int) -> bytes:
    """The packet that holds these units, in the form that :func:`units_of` reads."""
    if length_size:
        return b"".join(len(u).to_bytes(length_size, "big") + u for u in units)
    return b"".join(b"\x00\x00\x00\x01" + u for u in units)
