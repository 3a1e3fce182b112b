"""The copy that a browser decodes: short closed groups, the master's pictures and times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from apps.deid.domain.mp4_layout import SpooledMuxTarget
from apps.vault.domain.spool import SealedSpool

from .colour import (
    MATRIX_UNSPECIFIED,
    RANGE_FULL,
    RANGE_LIMITED,
    SWS_MATRIX,
    ColourCode,
    shown_colour,
)
from .decode import FrameReader
from .digest import plane_bytes
from .frame_index import Cancelled, Progress, WorkCancelled, build_index
from .index_format import FrameIndex
from .video_stream import VideoInfo

GROUP_PICTURES = 12
SELF_SERVING_IDR_PICTURES = 30
# b-frames and mbtree are off because with them the same input gave other bytes now and then;
# threads are fixed because x264's output depends on their number. Captions in the source could
# hold identifiers: a53cc would carry them over.
ENCODER_OPTIONS = {
    "preset": "veryfast",
    "crf": "20",
    "a53cc": "0",
    "x264-params": (
        f"keyint={GROUP_PICTURES}:min-keyint=1:scenecut=0:open-gop=0:bframes=0:mbtree=0:"
        "rc-lookahead=0:sync-lookahead=0:threads=2:sliced-threads=0:force-cfr=0"
    ),
}


class ReviewCopyRefused(ValueError):
    """No review copy with the master's pictures and times can be made of this master."""


@dataclass(frozen=True)
class ReviewCopy:
    """What was written. `index` is the copy's own: same count as the master's, and the same
    times when `times_equal`; else (repeated or falling times in the master, which MP4 cannot
    hold) each picture is moved by as few ticks as make them rise. The picture shown is the
    master's width × height: a coded odd side is padded by one column or row on the right or
    bottom (`coded_width_px`, `coded_height_px`), which a player does not draw.
    """

    index: FrameIndex
    times_equal: bool
    size_bytes: int
    width_px: int
    height_px: int
    coded_width_px: int
    coded_height_px: int


def needs_review_copy(info: VideoInfo, index: FrameIndex) -> tuple[bool, str]:
    """Whether a browser cannot be given the master itself, and why (in words for a person).

    May be skipped only for 8-bit 4:2:0 progressive H.264 in MP4 with an IDR at least every 30
    pictures and no B-frames; besides without rotation, pixel aspect, edit-list cuts or doubtful
    times (players disagree on those), and with its colour matrix named (browsers guess).
    """
    checks = (
        ("mp4" not in info.container.split(","), "the container is not MP4"),
        (info.codec != "h264", f"the codec is {info.codec}, not H.264"),
        (info.bits_per_sample != 8, f"samples have {info.bits_per_sample} bits"),
        (info.pixel_format not in {"yuv420p", "yuvj420p"}, f"the samples are {info.pixel_format}"),
        (not info.is_progressive, "the pictures are interlaced"),
        (info.reorder_depth > 0, "the stream has B-frames"),
        (
            index.longest_idr_gap() > SELF_SERVING_IDR_PICTURES,
            f"IDR pictures are more than {SELF_SERVING_IDR_PICTURES} pictures apart",
        ),
        (
            index.by_count or bool(index.warning_codes - {"number_of_frames"}),
            "the stream has warnings",
        ),
        (info.rotation_deg != 0, "the stream asks to be rotated"),
        (info.sample_aspect_ratio != 1, "pixels are not square"),
        (info.colorspace in {0, MATRIX_UNSPECIFIED}, "the stream does not name its colour matrix"),
        (
            bool((np.diff(index.offset_bytes) <= 0).any()),
            "pictures do not lie in order in the file",
        ),
    )
    for fails, reason in checks:
        if fails:
            return True, reason
    return False, "the master serves itself"


def make_review_copy(
    f_in: BinaryIO,
    index: FrameIndex,
    out: BinaryIO,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    seen: Callable[[av.VideoFrame], None] | None = None,
) -> ReviewCopy:
    """Encodes the master once as H.264 in an MP4 whose index comes first, written to `out`
    (append-only). One picture in, one out; count and times are checked by index afterwards.

    `seen` is given each of the master's pictures in order, so that one decoding serves both.
    Until it is whole the media waits encrypted in a file without a name. Raises
    ReviewCopyRefused (size changes, check fails), PictureMissing, WorkCancelled.
    """
    with FrameReader(f_in, index, kept_bytes=0) as reader:
        frames = (frame for _, frame in reader)
        return encode_review_copy(
            frames if seen is None else _shown(frames, seen), index, out, progress, cancelled
        )


def _shown(
    frames: Iterator[av.VideoFrame], seen: Callable[[av.VideoFrame], None]
) -> Iterator[av.VideoFrame]:
    for frame in frames:
        seen(frame)
        yield frame


def make_cine_review_copy(
    frames: Iterable[NDArray[np.uint8]],
    index: FrameIndex,
    out: BinaryIO,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> ReviewCopy:
    """The same for a cine: uint8 (h, w) or (h, w, 3) RGB arrays in order, times from `index`."""
    pictures = (
        av.VideoFrame.from_ndarray(
            a if a.ndim == 3 else np.repeat(a[..., None], 3, axis=2), format="rgb24"
        )
        for a in frames
    )
    return encode_review_copy(pictures, index, out, progress, cancelled)


def encode_review_copy(
    frames: Iterator[av.VideoFrame],
    index: FrameIndex,
    out: BinaryIO,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> ReviewCopy:
    """Encodes exactly n_frames pictures; see `make_review_copy`."""
    with SealedSpool() as spool:
        target = SpooledMuxTarget(spool)
        span = 0, index.n_frames
        size_px = encode_pictures(frames, index, span, target, progress, cancelled)
        if progress:
            progress(index.n_frames, index.n_frames)
        return finished(target, rising_times(index), index, size_px, out)


def muxer_options(den: int) -> dict[str, str]:
    """So that MP4 holds times in 1 / `den` s exactly and writes no date or version."""
    return {
        "video_track_timescale": str(den),
        "movie_timescale": str(den),
        "fflags": "+bitexact",
        "brand": "isom",
    }


def encode_pictures(
    frames: Iterator[av.VideoFrame],
    index: FrameIndex,
    span: tuple[int, int],
    target: SpooledMuxTarget,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> tuple[int, int]:
    """Encodes exactly the pictures [start, end) with their times; their size in pixels.

    Raises ReviewCopyRefused, WorkCancelled.
    """
    pts = rising_times(index)
    den = index.time_base[1]
    done, end = span
    size: tuple[int, int] | None = None
    stream = None
    reformatter = VideoReformatter()
    with av.open(target, "w", format="mp4", options=muxer_options(den)) as container:
        for frame in frames:
            if cancelled and cancelled():
                raise WorkCancelled
            if target.failure is not None:
                break
            if size is None or stream is None:
                size = (frame.width, frame.height)
                code = _code(frame)
                stream = _add_stream(container, size, code, index)
            if (frame.width, frame.height) != size:
                raise ReviewCopyRefused(
                    f"video: the picture's size changes at frame index {done}; "
                    "encode the master once to one size"
                )
            if done >= end:
                raise ReviewCopyRefused("video: more pictures than its frame index lists")
            made = _as_420(frame, code, reformatter)
            made.pts, made.time_base = int(pts[done]), Fraction(1, den)
            made.pict_type = PictureType.NONE
            container.mux(stream.encode(made))
            done += 1
            if progress and done % 25 == 0:
                progress(done, index.n_frames)
        if target.failure is None and (stream is None or done != end):
            raise ReviewCopyRefused(
                f"video: {done} pictures for a frame index of {index.n_frames}; verify the index"
            )
        if stream is not None:
            container.mux(stream.encode(None))
    return size or (0, 0)


def finished(
    target: SpooledMuxTarget,
    pts: NDArray[np.int64],
    index: FrameIndex,
    size_px: tuple[int, int],
    out: BinaryIO,
) -> ReviewCopy:
    """Checks what was muxed against the master's index and writes it to `out`, its table first.

    Raises ReviewCopyRefused.
    """
    own = _checked_index(target, pts, index.time_base[1])
    size_bytes, moved = target.write_index_first(out)
    own = replace(own, offset_bytes=own.offset_bytes + moved)
    ours = [int(p) * index.time_base[0] for p in index.pts]
    return ReviewCopy(
        index=own,
        times_equal=own.pts.tolist() == ours,
        size_bytes=size_bytes,
        width_px=size_px[0],
        height_px=size_px[1],
        coded_width_px=size_px[0] + size_px[0] % 2,
        coded_height_px=size_px[1] + size_px[1] % 2,
    )


def rising_times(index: FrameIndex) -> NDArray[np.int64]:
    """Times in units of 1 / time base denominator, strictly rising and not negative."""
    pts = index.pts * index.time_base[0]
    if int(pts[0]) < 0:
        pts = pts - pts[0]
    if bool((np.diff(pts) > 0).all()):
        return pts
    steps = np.arange(len(pts))
    return np.maximum.accumulate(pts - steps) + steps


def _code(frame: av.VideoFrame) -> ColourCode:
    if frame.format.is_rgb or frame.format.name.startswith("gray"):
        return shown_colour(MATRIX_UNSPECIFIED, RANGE_LIMITED, frame.height, "")
    return shown_colour(
        int(frame.colorspace), int(frame.color_range), frame.height, frame.format.name
    )


def _add_stream(container, size: tuple[int, int], code: ColourCode, index: FrameIndex):
    rate = Fraction(index.fps or 25).limit_denominator(1001) or Fraction(25)
    stream = container.add_stream("libx264", rate=rate, options=dict(ENCODER_OPTIONS))
    context = stream.codec_context
    context.width, context.height = size[0] + size[0] % 2, size[1] + size[1] % 2
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, index.time_base[1])
    context.color_primaries, context.color_trc = code.primaries, code.transfer
    context.colorspace = code.matrix
    context.color_range = RANGE_FULL if code.full_range else RANGE_LIMITED
    context.flags |= av.codec.context.Flags.bitexact
    return stream


def _as_420(frame: av.VideoFrame, code: ColourCode, reformatter: VideoReformatter) -> av.VideoFrame:
    """The picture as 8-bit 4:2:0 of even size, matrix and range kept."""
    full = ColorRange.JPEG if code.full_range else ColorRange.MPEG
    if frame.format.name not in {"yuv420p", "yuvj420p"}:
        is_rgb = frame.format.is_rgb
        matrix = SWS_MATRIX[code.matrix]
        frame = reformatter.reformat(
            frame,
            format="yuv420p",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ColorRange.JPEG if is_rgb else full,
            dst_color_range=full,
            threads=1,
        )
    if frame.format.name == "yuv420p" and frame.width % 2 == 0 and frame.height % 2 == 0:
        return frame
    return _padded(frame)


def _padded(frame: av.VideoFrame) -> av.VideoFrame:
    even = av.VideoFrame(frame.width + frame.width % 2, frame.height + frame.height % 2, "yuv420p")
    for source, target in zip(frame.planes, even.planes, strict=True):
        rows = plane_bytes(source)
        rows = rows[: source.height, : source.width]
        held = plane_bytes(target)
        held[: target.height, : target.width] = np.pad(
            rows, ((0, target.height - rows.shape[0]), (0, target.width - rows.shape[1])), "edge"
        )
    return even


def _checked_index(target: SpooledMuxTarget, pts: NDArray[np.int64], den: int) -> FrameIndex:
    own = build_index(target.muxed())
    num = own.time_base[0]
    if (
        own.n_frames != len(pts)
        or own.time_base[1] != den
        or num != 1
        or (own.pts.tolist() != pts.tolist())
    ):
        raise ReviewCopyRefused("review copy: its count or times are not the master's")
    if own.longest_idr_gap() > GROUP_PICTURES:
        raise ReviewCopyRefused("review copy: its IDR pictures are too far apart")
    return own
