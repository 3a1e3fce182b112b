"""Blank boxes and spans in a video by encoding it once more, picture by picture.

The count of pictures and each PTS stay exactly as the source presents them. The result is also
its own review copy: IDR at most every 30 pictures, closed GOPs, no B-frames. It is reproducible:
fixed threads, no mbtree (with either of B-frames and mbtree x264 repeats itself only nearly
always).

H.264 has transfer syntaxes up to level 4.2; what is larger or faster (UHD) becomes HEVC Main up to
level 5.1 (PS3.5 8.2.7), which a browser shows by a review copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, BinaryIO

import av
import numpy as np

from apps.vault.domain.spool import SealedSpool

from . import packets, sei
from .boxes import Box, Span, check_box
from .encoder_settings import (
    CRF,
    GOP_FRAMES,
    HD_COLOURS,
    HD_HEIGHT_PX,
    HEVC_CRF,
    HEVC_LEVEL,
    HEVC_PRESET,
    HIGHEST_H264,
    NAMED_MATRICES,
    PRESET,
    SD_COLOURS,
    THREADS,
    encoder_name,
    h264_options,
    hevc_holds,
    hevc_options,
    level_for,
)
from .mp4_layout import COPY_BYTES, SpooledMuxTarget
from .packets import Timeline
from .pictures import decoded_frames, planes_of
from .probe import transfer_syntax_for
from .refusals import StreamRefusal
from .remux import Cancelled, Progress, muxer_options, stop_if

BLANK_LUMA, BLANK_CHROMA = 16, 128
_CANCEL_CHECK_FRAMES = 64


@dataclass(frozen=True)
class RedactionResult:
    """What was written. ``pts`` in ``time_base``, one a picture, in presentation order.

    ``lossy_ratio``: bytes of the uncompressed source pictures (8 or 16 bit planes) to bytes
    written, for Lossy Image Compression Ratio (0028,2112); ``method`` for its
    Method (0028,2114). ``filled_frames``: indices whose
    picture the decoder did not give; they repeat the one before (or are blank at the start).
    ``warnings``: ``repeated_times``, ``changed_size``, ``converted_to_420_8_bit``,
    ``padded_to_even``, ``pictures_filled``, ``interlaced_kept_as_frames``.
    """

    n_frames: int
    width_px: int
    height_px: int
    pts: tuple[int, ...]
    time_base: Fraction
    key_frames: tuple[int, ...]
    level: int
    method: str
    transfer_syntax_uid: str
    size_bytes: int
    lossy_ratio: float
    filled_frames: tuple[int, ...]
    n_frames_blanked: int
    encoder: str
    settings: str
    warnings: tuple[str, ...]
    n_damaged: int = 0


def redact_video(
    f_in: IO[bytes],
    out: IO[bytes],
    boxes: Sequence[Box] = (),
    spans: Sequence[Span] = (),
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> RedactionResult:
    """Encode the video stream of ``f_in`` once, blanked, as an MP4 file appended to ``out``; see
    :func:`redacted`."""
    with redacted(f_in, boxes, spans, progress, cancelled) as (result, media):
        while part := media.read(COPY_BYTES):
            out.write(part)
    return result


@contextmanager
def redacted(
    f_in: IO[bytes],
    boxes: Sequence[Box] = (),
    spans: Sequence[Span] = (),
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Iterator[tuple[RedactionResult, BinaryIO]]:
    """The video stream of ``f_in`` encoded once, blanked: what was made, and a reader of it.

    ``boxes`` (snapped to macroblocks here) are set to luma 16, chroma 128 in their frames;
    pictures inside ``spans`` wholly. Nothing but the pictures, their times and their colour
    metadata is carried over. Without boxes and spans it is the plain way to make a stream that
    cannot be copied one that can be indexed. Memory does not grow with the video.

    Raises ``StreamRefusal``: ``decode_failed`` (nothing decodes), ``frames_not_kept`` (the
    output would present other times), ``no_transfer_syntax``, ``cancelled``; ``ValueError`` for
    a box outside the picture.
    """
    source = packets.read_timeline(f_in)
    with SealedSpool() as spool:
        target = SpooledMuxTarget(spool)
        encoder = _Encoder(f_in, source, boxes, spans)
        encoder.run(target, progress, cancelled)
        written = packets.read_timeline(target.muxed())
        expected = tuple(t * encoder.ticks for t in encoder.times)
        if written.time_base != encoder.time_base or written.pts != expected:
            raise StreamRefusal(
                "frames_not_kept",
                "video: the result would present other times; report the recorder",
            )
        media, size_bytes, _ = target.index_first()
        yield encoder.result(written, size_bytes), media


def busiest_second(pts: Sequence[int], time_base: Fraction) -> int:
    """Most pictures presented within any one second."""
    most = start = 0
    window = 1 / time_base
    for end, time in enumerate(pts):
        while time - pts[start] >= window:
            start += 1
        most = max(most, end - start + 1)
    return most


def _distinct_times(pts: Sequence[int]) -> tuple[list[int], bool]:
    """Times made strictly rising by single ticks, and whether any had to be moved."""
    times: list[int] = []
    for time in pts:
        times.append(max(time, times[-1] + 1) if times else time)
    return times, times != list(pts)


class _Encoder:
    """One pass: decode, fill what is missing, blank, encode, mux."""

    def __init__(
        self, f_in: IO[bytes], source: Timeline, boxes: Sequence[Box], spans: Sequence[Span]
    ) -> None:
        self.f_in, self.source = f_in, source
        self.boxes, self.spans = boxes, spans
        self.times, moved = _distinct_times(source.pts)
        self.warnings = ["repeated_times"] if moved else []
        # A time base of the form 1/n is what MP4 can hold.
        self.ticks = source.time_base.numerator
        self.time_base = Fraction(1, source.time_base.denominator)
        self.filled: list[int] = []
        self.n_blanked = self.n_damaged = 0
        self.raw_bytes = 0
        self.level = 0
        self.is_hevc = False
        self.width_px = self.height_px = 0

    def result(self, written: Timeline, size_bytes: int) -> RedactionResult:
        return RedactionResult(
            n_frames=written.n_frames,
            width_px=self.width_px,
            height_px=self.height_px,
            pts=written.pts,
            time_base=written.time_base,
            key_frames=written.key,
            level=self.level,
            method="ISO_23008_2" if self.is_hevc else "ISO_14496_10",
            transfer_syntax_uid=transfer_syntax_for(
                "hevc" if self.is_hevc else "h264", self.level, "yuv420p", size_bytes
            ),
            size_bytes=size_bytes,
            lossy_ratio=self.raw_bytes / size_bytes,
            filled_frames=tuple(self.filled),
            n_frames_blanked=self.n_blanked,
            encoder=encoder_name("libx265" if self.is_hevc else "libx264"),
            settings=(
                f"preset={HEVC_PRESET} crf={HEVC_CRF} keyint={GOP_FRAMES} bf=0 cutree=0"
                if self.is_hevc
                else f"preset={PRESET} crf={CRF} keyint={GOP_FRAMES} bf=0 mbtree=0"
            )
            + f" threads={THREADS}",
            warnings=tuple(self.warnings),
            n_damaged=self.n_damaged,
        )

    def run(
        self, written: SpooledMuxTarget, progress: Progress | None, cancelled: Cancelled | None
    ) -> None:
        with packets.open_media(self.f_in) as container:
            stream = packets.video_stream(container)
            context = stream.codec_context
            self._plan(context)
            with av.open(
                written, "w", format="mp4", options=muxer_options(self.time_base)
            ) as output:
                target = self._target(output, context)
                for index, picture in enumerate(self._pictures(container, stream)):
                    blanked = self._blanked(picture, index)
                    frame = av.VideoFrame.from_ndarray(blanked, format="yuv420p")
                    frame.pts = self.times[index] * self.ticks
                    frame.time_base = self.time_base
                    frame.duration = self._duration(index)
                    if index % GOP_FRAMES == 0:
                        frame.pict_type = av.video.frame.PictureType.I
                    self._mux(output, target, target.encode(frame))
                    if index % _CANCEL_CHECK_FRAMES == 0:
                        stop_if(cancelled)
                    if progress:
                        progress(index + 1, self.source.n_frames)
                self._mux(output, target, target.encode(None))

    def _plan(self, context: Any) -> None:
        if not self.times:
            raise StreamRefusal("no_video", "video: presents no picture; check the recording")
        self.display = context.width, context.height
        self.width_px, self.height_px = (side + side % 2 for side in self.display)
        if (self.width_px, self.height_px) != self.display:
            self.warnings.append("padded_to_even")
        if context.pix_fmt not in ("yuv420p", "yuvj420p"):
            self.warnings.append("converted_to_420_8_bit")
        for box in self.boxes:
            check_box(box, *self.display)
        self.boxes = [b.snapped(self.width_px, self.height_px) for b in self.boxes]
        rate = busiest_second(self.source.pts, self.source.time_base)
        self.level = level_for(self.width_px, self.height_px, rate)
        self.is_hevc = self.level > HIGHEST_H264
        if not self.is_hevc:
            return
        self.level = HEVC_LEVEL
        if not hevc_holds(self.width_px, self.height_px, rate):
            raise StreamRefusal(
                "no_transfer_syntax",
                "video: larger or faster than any DICOM video syntax holds (HEVC level 5.1, "
                "4096 x 2176 at 60 a second); record or export it smaller",
            )

    def _target(self, output: Any, source: Any) -> Any:
        rate = Fraction(max(1, self.source.n_frames - 1))
        span = (self.times[-1] - self.times[0]) * self.source.time_base
        rate = (rate / span).limit_denominator(1001) if span else Fraction(25)
        target = output.add_stream("libx265" if self.is_hevc else "libx264", rate=rate)
        context = target.codec_context
        context.width, context.height, context.pix_fmt = self.width_px, self.height_px, "yuv420p"
        context.time_base = target.time_base = self.time_base
        context.thread_count = THREADS
        context.sample_aspect_ratio = source.sample_aspect_ratio or Fraction(0, 1)
        context.color_range = 2 if source.pix_fmt == "yuvj420p" else source.color_range
        if source.colorspace in NAMED_MATRICES:
            context.color_primaries = source.color_primaries
            context.color_trc = source.color_trc
            context.colorspace = source.colorspace
        else:
            # Named as every browser would take it, so that the result serves as its own copy.
            named = SD_COLOURS if self.height_px < HD_HEIGHT_PX else HD_COLOURS
            context.color_primaries = context.color_trc = context.colorspace = named
        context.options = hevc_options() if self.is_hevc else h264_options(self.level)
        return target

    def _pictures(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        """One packed 4:2:0 picture for every index, in order."""
        first_of = {pts: i for i, pts in reversed(list(enumerate(self.source.pts)))}
        expected, last = 0, None
        for frame in decoded_frames(container, stream):
            self._note(frame)
            by_order = frame.pts is None or self.source.is_counted
            index = expected if by_order else first_of.get(frame.pts)
            if index is None:
                continue
            # Of pictures with one time all but the first take the indices that follow.
            index = max(index, expected)
            if index >= len(self.times):
                break
            picture = self._packed(frame)
            while expected < index:
                yield self._fill(expected, last)
                expected += 1
            yield picture
            expected, last = index + 1, picture
        if last is None:
            raise StreamRefusal("decode_failed", "video: no picture can be decoded; send it again")
        while expected < len(self.times):
            yield self._fill(expected, last)
            expected += 1

    def _fill(self, index: int, last: np.ndarray | None) -> np.ndarray:
        self.filled.append(index)
        self._warn("pictures_filled")
        if last is not None:
            return last
        blank = np.empty((self.height_px * 3 // 2, self.width_px), np.uint8)
        blank[: self.height_px] = BLANK_LUMA
        blank[self.height_px :] = BLANK_CHROMA
        return blank

    def _note(self, frame: Any) -> None:
        if (frame.width, frame.height) != self.display:
            self._warn("changed_size")
        self.n_damaged += bool(frame.is_corrupt)
        if frame.interlaced_frame:
            self._warn("interlaced_kept_as_frames")

    def _warn(self, code: str) -> None:
        if code not in self.warnings:
            self.warnings.append(code)

    def _packed(self, frame: Any) -> np.ndarray:
        """uint8 (height × 3 / 2, width): luma, then cb, then cr, a fresh array."""
        self.raw_bytes += sum(
            plane.width * plane.height * (1 + (frame.format.components[0].bits > 8))
            for plane in frame.planes
        )
        planes = planes_of(frame, *self.display)
        height, width = self.height_px, self.width_px
        packed = np.empty(height * width * 3 // 2, np.uint8)
        sizes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
        position = 0
        for plane, size in zip(planes, sizes, strict=True):
            part = packed[position : position + size[0] * size[1]].reshape(size)
            part[: plane.shape[0], : plane.shape[1]] = plane
            part[plane.shape[0] :] = part[plane.shape[0] - 1]
            part[:, plane.shape[1] :] = part[:, plane.shape[1] - 1 : plane.shape[1]]
            position += part.size
        return packed.reshape(height * 3 // 2, width)

    def _blanked(self, picture: np.ndarray, index: int) -> np.ndarray:
        whole = any(span.covers_frame(index) for span in self.spans)
        full = Box(0, 0, self.width_px, self.height_px)
        boxes = [full] if whole else [b for b in self.boxes if b.covers_frame(index)]
        if not boxes:
            return picture
        self.n_blanked += 1
        # A filled picture is blanked again by its own index: never write into the kept one.
        picture = picture.copy()
        height, width = self.height_px, self.width_px
        luma = picture[:height]
        chroma = picture[height:].reshape(2, height // 2, width // 2)
        for box in boxes:
            luma[box.y_px : box.bottom_px, box.x_px : box.right_px] = BLANK_LUMA
            chroma[
                :, box.y_px // 2 : -(-box.bottom_px // 2), box.x_px // 2 : -(-box.right_px // 2)
            ] = BLANK_CHROMA
        return picture

    def _duration(self, index: int) -> int:
        if index + 1 < len(self.times):
            return (self.times[index + 1] - self.times[index]) * self.ticks
        return max(1, self.source.last_duration) * self.ticks

    def _mux(self, output: Any, target: Any, encoded: Sequence[Any]) -> None:
        """The encoder's own user data is cut out of every packet before it is written."""
        for packet in encoded:
            clean = sei.clean_hevc if self.is_hevc else sei.clean_h264
            units = clean(sei.split_annex_b(bytes(packet)))
            cleaned = av.Packet(packets.joined(units, 0))
            cleaned.pts, cleaned.dts = packet.pts, packet.dts
            cleaned.duration = packet.duration
            cleaned.time_base = packet.time_base
            cleaned.is_keyframe = packet.is_keyframe
            cleaned.stream = target
            output.mux(cleaned)
