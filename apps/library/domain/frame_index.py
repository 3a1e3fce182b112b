"""Building a frame index from packets, and checking it against what a decoder presents."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import BinaryIO, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .index_format import CONTAINER_KEY, ENTRY, IDR, FrameIndex, Warning_
from .nal import H264_IDR, HEVC_IDR, HEVC_IRAP, first_picture_type, length_field_bytes
from .video_stream import NotAVideo, decoded, moving_streams, open_video, packets

__all__ = ["DecodeCheck", "FrameIndex", "WorkCancelled", "build_index", "verify_by_decode"]

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
JUMP_S = 10


class WorkCancelled(Exception):
    """The caller's `cancelled` said so; nothing was finished."""


class _Row(NamedTuple):
    pts: int | None
    dts: int | None
    flags: int
    size: int
    offset: int
    duration: int


@dataclass(frozen=True)
class DecodeCheck:
    """What decoding every picture showed.

    `index` follows the decoder: one row a picture that comes out. `left_out` are indices of the
    index that was checked for which none came; `n_extra` pictures came that it did not list.
    `is_faithful`: as many, in the same order, all of one size, none damaged.
    """

    n_decoded: int
    left_out: tuple[int, ...]
    n_extra: int
    n_damaged: int
    sizes_px: tuple[tuple[int, int], ...]
    index: FrameIndex

    @property
    def is_faithful(self) -> bool:
        return not (self.left_out or self.n_extra or self.n_damaged) and len(self.sizes_px) == 1


def build_index(f: BinaryIO, dicom_number_of_frames: int | None = None) -> FrameIndex:
    """Index of the first video stream, from its packets without decoding (24 ms for 600 frames).

    Only where the packets do not order the pictures (PTS missing, or reordered pictures with
    PTS in coded order as AVI writes them) is every picture decoded, and the index follows what
    comes out. Raises NotAVideo where no picture can be indexed.

    Warnings (code, message): second_video_stream, missing_pts, repeated_pts, jumping_clock,
    disordered_pts, truncated_tail, cut_by_edit_list, damaged_packet, no_key_at_start,
    number_of_frames.
    """
    container, stream = open_video(f)
    try:
        rows, notes = _read_rows(container, stream)
        n_streams = len(moving_streams(container))
        expected = int(stream.frames or 0)
        reorders = stream.codec_context.reorder_depth > 0
        time_base = Fraction(stream.time_base or 0)
        rate = stream.average_rate or stream.guessed_rate
    finally:
        container.close()
    if n_streams > 1:
        notes.append(("second_video_stream", f"{n_streams} video streams; the first is taken"))
    notes += _tail_notes(f, len(rows), expected, notes)
    if not rows:
        raise NotAVideo("video: the container holds no picture; send the whole file")
    tick_duration = round(1 / (Fraction(rate or 25) * time_base)) or 1
    index, ordered = _order(rows, time_base, tick_duration, reorders, notes)
    if not ordered:
        index = verify_by_decode(f, index).index
    if dicom_number_of_frames is not None and dicom_number_of_frames != index.n_frames:
        index = index.with_warnings(
            [
                (
                    "number_of_frames",
                    f"Number of Frames (0028,0008) says {dicom_number_of_frames}, "
                    f"the stream holds {index.n_frames}; the stream is followed",
                )
            ]
        )
    return index


def verify_by_decode(
    f: BinaryIO,
    index: FrameIndex,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> DecodeCheck:
    """Decodes every picture and compares count, order, PTS and size with the index.

    Where they differ, the check's own `index` follows what the decoder presents: rows are matched
    by PTS; a packet without a picture (a second field, a leading picture whose references are
    gone, a damaged one) loses its row with warning `picture_left_out`; pictures that come with
    no usable time keep the n-th time in order, and `by_count` is set. Raises WorkCancelled.
    """
    times: list[int | None] = []
    sizes: dict[tuple[int, int], None] = {}
    damaged = 0
    container, stream = open_video(f)
    try:
        stream.codec_context.thread_type = "AUTO"
        for packet in _with_flush(packets(container, stream)):
            for frame in decoded(stream, packet):
                times.append(frame.pts)
                sizes[(frame.width, frame.height)] = None
                damaged += bool(frame.is_corrupt)
                if progress and len(times) % 25 == 0:
                    progress(min(len(times), index.n_frames), index.n_frames)
            if cancelled and cancelled():
                raise WorkCancelled
    finally:
        container.close()
    return _compare(index, times, tuple(sizes), damaged)


def _with_flush(source: Iterator[av.Packet]) -> Iterator[av.Packet | None]:
    yield from source
    yield None


def _read_rows(container: InputContainer, stream: VideoStream) -> tuple[list[_Row], list[Warning_]]:
    context = stream.codec_context
    length_bytes = length_field_bytes(context.name, context.extradata)
    rows, n_cut, n_damaged = [], 0, 0
    for packet in packets(container, stream):
        if packet.is_discard:
            n_cut += 1
            continue
        n_damaged += bool(packet.is_corrupt)
        rows.append(
            _Row(
                packet.pts,
                packet.dts,
                _flags(packet, context.name, length_bytes),
                packet.size,
                -1 if packet.pos is None else packet.pos,
                packet.duration or 0,
            )
        )
    notes: list[Warning_] = []
    if n_cut:
        notes.append(("cut_by_edit_list", f"{n_cut} coded pictures are cut by an edit list"))
    if n_damaged:
        notes.append(("damaged_packet", f"{n_damaged} packets are marked damaged"))
    return rows, notes


def _flags(packet: av.Packet, codec: str, length_bytes: int) -> int:
    flags = CONTAINER_KEY if packet.is_keyframe else 0
    if codec not in {"h264", "hevc"}:
        return flags | (IDR | ENTRY if packet.is_keyframe else 0)
    kind = first_picture_type(memoryview(packet), codec, length_bytes)
    if codec == "h264":
        return flags | (IDR | ENTRY if kind == H264_IDR else 0)
    # HEVC's other random access pictures (CRA, BLA) are exact entries too (H.265 8.1.3): only
    # pictures shown before them may be missing. Browsers count IDR alone.
    return flags | (IDR if kind in HEVC_IDR else 0) | (ENTRY if kind in HEVC_IRAP else 0)


def _order(
    rows: list[_Row],
    time_base: Fraction,
    tick_duration: int,
    reorders: bool,
    notes: list[Warning_],
) -> tuple[FrameIndex, bool]:
    """Sorts rows into presentation order; says whether the packets' own times could order them."""
    ordered = True
    n_missing = sum(r.pts is None for r in rows)
    if n_missing:
        notes.append(("missing_pts", f"{n_missing} pictures have no time of their own"))
        ordered = False
        pts = np.arange(len(rows), dtype=np.int64) * tick_duration
        order = np.arange(len(rows))
    else:
        pts = np.array([r.pts for r in rows], np.int64)
        runs = _clock_runs(rows, float(time_base), notes)
        order = np.lexsort((np.arange(len(rows)), pts, runs))
        if reorders and len(rows) > 2 and bool((np.diff(pts) > 0).all()):
            ordered = False
    pts = pts[order]
    steps = np.diff(pts)
    repeated = int((steps == 0).sum())
    if repeated:
        notes.append(("repeated_pts", f"{repeated} pictures repeat the time of the one before"))
    flags = np.array([r.flags for r in rows], np.uint8)[order]
    if not flags[0] & ENTRY and "cut_by_edit_list" not in dict(notes):
        notes.append(("no_key_at_start", "the stream does not start with a key picture"))
    last = rows[int(order[-1])].duration
    if last <= 0:
        last = int(np.median(steps[steps > 0])) if (steps > 0).any() else tick_duration
    index = FrameIndex(
        time_base=(time_base.numerator, time_base.denominator),
        pts=pts,
        flags=flags,
        size_bytes=np.array([r.size for r in rows], np.uint32)[order],
        offset_bytes=np.array([r.offset for r in rows], np.int64)[order],
        duration_of_last=last,
        by_count=bool((steps <= 0).any()) or n_missing > 0,
        warnings=tuple(dict(notes).items()),
    )
    return index, ordered


def _clock_runs(rows: list[_Row], time_base_s: float, notes: list[Warning_]) -> NDArray[np.int64]:
    """Numbers stretches of one clock: a decoding time that falls back starts a new one."""
    clock = [r.dts for r in rows]
    runs = np.zeros(len(rows), np.int64)
    run, jumps, before = 0, 0, None
    for i, now in enumerate(clock):
        if now is not None and before is not None:
            if now < before:
                run += 1
                jumps += 1
            elif (now - before) * time_base_s > JUMP_S:
                jumps += 1
        runs[i] = run
        before = now if now is not None else before
    if jumps:
        notes.append(("jumping_clock", f"the stream's clock jumps {jumps} times"))
    return runs


def _tail_notes(f: BinaryIO, n_rows: int, n_expected: int, notes: list[Warning_]) -> list[Warning_]:
    if _is_cut_off(f):
        missing = (
            f"; {n_expected - n_rows} pictures of {n_expected} are missing"
            if (n_expected > n_rows)
            else ""
        )
        return [("truncated_tail", "the file ends before the container says it does" + missing)]
    if n_expected > n_rows and "cut_by_edit_list" not in dict(notes):
        return [
            (
                "cut_by_edit_list",
                f"{n_expected - n_rows} coded pictures of {n_expected} are not presented",
            )
        ]
    return []


def _is_cut_off(f: BinaryIO) -> bool:
    """Whether an ISO base media file (ISO/IEC 14496-12 4.2) ends inside one of its boxes."""
    size = f.seek(0, 2)
    at = 0
    while at + 8 <= size:
        f.seek(at)
        head = f.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        if at == 0 and kind not in {b"ftyp", b"moov", b"mdat", b"styp", b"free", b"wide", b"skip"}:
            return False
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:
            return False
        if length < 8:
            return False
        at += length
    return at > size


def _compare(
    index: FrameIndex, times: list[int | None], sizes: tuple[tuple[int, int], ...], damaged: int
) -> DecodeCheck:
    n = len(times)
    if n == 0:
        raise NotAVideo(
            "video: no picture could be decoded; the stream is damaged or not of the codec it names"
        )
    same = n == index.n_frames
    known = [t for t in times if t is not None]
    rising = len(known) == n and all(a < b for a, b in pairwise(known))
    notes: list[Warning_] = []
    left_out: tuple[int, ...] = ()
    n_extra = 0
    followed = index
    if same and known == index.pts.tolist():
        pass
    elif same:
        # The packets' flags stand in coded order here, so they name no entry by index.
        flags = np.zeros(n, np.uint8)
        flags[0] = index.flags[0]
        followed = replace(index, flags=flags, by_count=True)
        if known == sorted(known) and len(known) == n:
            followed = replace(followed, pts=np.array(known, np.int64))
        elif "missing_pts" not in index.warning_codes:
            notes.append(
                (
                    "disordered_pts",
                    "times are not in the pictures' order; the n-th picture takes the n-th time",
                )
            )
    elif rising:
        row_of = {int(t): i for i, t in enumerate(index.pts)}
        rows = [row_of.get(t) for t in known]
        left_out = tuple(sorted(set(range(index.n_frames)) - {r for r in rows if r is not None}))
        n_extra = sum(r is None for r in rows)
        pick = np.array([-1 if r is None else r for r in rows])
        there = pick >= 0
        followed = replace(
            index,
            pts=np.array(known, np.int64),
            flags=np.where(there, index.flags[pick], 0).astype(np.uint8),
            size_bytes=np.where(there, index.size_bytes[pick], 0).astype(np.uint32),
            offset_bytes=np.where(there, index.offset_bytes[pick], -1).astype(np.int64),
        )
    else:
        keep = min(n, index.n_frames)
        left_out = tuple(range(n, index.n_frames))
        n_extra = max(0, n - index.n_frames)
        step = index.duration_of_last
        pts = np.concatenate(
            [index.pts[:keep], index.pts[-1] + step * np.arange(1, n_extra + 1)]
        ).astype(np.int64)
        flags = np.zeros(n, np.uint8)
        flags[0] = index.flags[0]
        followed = replace(
            index,
            pts=pts,
            flags=flags,
            size_bytes=np.zeros(n, np.uint32),
            offset_bytes=np.full(n, -1, np.int64),
            by_count=True,
        )
    if left_out:
        notes.append(
            (
                "picture_left_out",
                f"{len(left_out)} coded pictures do not decode to a "
                "picture; the index follows the decoder",
            )
        )
    if n_extra:
        notes.append(("picture_unlisted", f"{n_extra} pictures decode that no packet announced"))
    if damaged:
        notes.append(("damaged_picture", f"{damaged} pictures decode with damage"))
    if len(sizes) > 1:
        notes.append(("changed_size", f"the picture's size changes ({len(sizes)} sizes)"))
    return DecodeCheck(n, left_out, n_extra, damaged, sizes, followed.with_warnings(notes))
