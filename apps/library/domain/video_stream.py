"""Opening a video without reaching for anything but its own bytes, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

# A play list or a concatenation script names other files; libav would open them. Only formats
# that hold their own pictures are tried.
CONTAINER_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,h264,hevc,avi,m4v,mjpeg,ogg,"
    "asf,mxf,ivf,obu"
)
ATTACHED_PICTURE = 0x400


class NotAVideo(ValueError):
    """The bytes cannot be opened as a video with one decodable video stream."""


@dataclass(frozen=True)
class VideoInfo:
    """What a stream's headers say. Sizes are of the decoded picture after the stream's cropping."""

    container: str
    codec: str
    profile: str
    level: int
    pixel_format: str
    bits_per_sample: int
    chroma_420: bool
    width_px: int
    height_px: int
    time_base: Fraction
    is_progressive: bool
    reorder_depth: int
    sample_aspect_ratio: Fraction
    rotation_deg: int
    colorspace: int
    color_range: int
    color_primaries: int
    color_trc: int
    n_video_streams: int
    n_audio_streams: int

    @property
    def is_decoding_exact(self) -> bool:
        """Whether the standard fixes every sample, so that digests agree between decoders."""
        return self.codec in {"h264", "hevc", "vp8", "vp9", "av1", "ffv1"}


def open_video(f: BinaryIO) -> tuple[InputContainer, VideoStream]:
    """Opens a seekable binary reader; returns the container and its first video stream.

    Cover pictures do not count as video. The caller closes the container (not `f`).
    Raises NotAVideo. File names and tags of the stream never stand in the message.
    """
    f.seek(0)
    try:
        container = av.open(
            f,
            metadata_errors="replace",
            buffer_size=1 << 16,
            container_options={
                "format_whitelist": CONTAINER_FORMATS,
                "protocol_whitelist": "",
            },
        )
    except (av.FFmpegError, ValueError, EOFError) as error:
        raise NotAVideo(
            f"video: the bytes open as no known video container ({type(error).__name__}); "
            "send MP4, MOV, MKV, MPEG-TS, MPEG-PS or AVI"
        ) from None
    assert isinstance(container, InputContainer)
    streams = moving_streams(container)
    if not streams or not _has_decoder(streams[0]):
        container.close()
        raise NotAVideo("video: no decodable video stream in the container; send a video")
    return container, streams[0]


def _has_decoder(stream: VideoStream) -> bool:
    return stream.codec_context is not None and bool(stream.codec_context.width)


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """The container's video streams without attached pictures (covers, thumbnails)."""
    return [s for s in container.streams.video if not int(s.disposition) & ATTACHED_PICTURE]


def video_info(f: BinaryIO) -> VideoInfo:
    """Reads the headers (and as much as libav probes). Raises NotAVideo."""
    container, stream = open_video(f)
    try:
        context = stream.codec_context
        fmt = context.format
        if fmt is None:
            raise NotAVideo("video: the stream names no pixel format; it cannot be decoded")
        luma, chroma = fmt.components[0], fmt.components[1 if len(fmt.components) > 2 else 0]
        return VideoInfo(
            container=container.format.name,
            codec=context.name,
            profile=str(context.profile or ""),
            level=int(context.level or 0),
            pixel_format=fmt.name,
            bits_per_sample=luma.bits,
            chroma_420=fmt.name in {"yuv420p", "yuvj420p", "nv12", "nv21"}
            or (
                chroma.is_chroma
                and (chroma.width * 2, chroma.height * 2)
                == (luma.width + luma.width % 2, luma.height + luma.height % 2)
            ),
            width_px=context.width,
            height_px=context.height,
            time_base=Fraction(stream.time_base or 0),
            is_progressive=int(context.field_order) <= 1,
            reorder_depth=context.reorder_depth,
            sample_aspect_ratio=Fraction(context.sample_aspect_ratio or 0) or Fraction(1),
            rotation_deg=_rotation_deg(stream),
            colorspace=int(context.colorspace),
            color_range=int(context.color_range),
            color_primaries=int(context.color_primaries),
            color_trc=int(context.color_trc),
            n_video_streams=len(moving_streams(container)),
            n_audio_streams=len(container.streams.audio),
        )
    finally:
        container.close()


def _rotation_deg(stream: VideoStream) -> int:
    """The display matrix is on frames in libav's newer versions: one picture tells."""
    container = stream.container
    assert isinstance(container, InputContainer)
    try:
        for frame in container.decode(stream):
            return int(frame.rotation)
    except av.FFmpegError:
        pass
    return 0


def packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet]:
    """Yields the stream's packets that hold bytes, in file order; damage ends the walk."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except (av.InvalidDataError, EOFError, av.PermissionError, OSError):
        return


def decoded(stream: VideoStream, packet: av.Packet | None) -> list[av.VideoFrame]:
    """Decodes one packet (None: flush). A packet the decoder refuses gives no picture."""
    try:
        return stream.codec_context.decode(packet)
    except (av.InvalidDataError, EOFError):
        return []
