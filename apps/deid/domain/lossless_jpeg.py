"""Lossless JPEG (PS3.5 section 8.2.1, processes 14 and 14 SV1) by libav, as a decoder of pydicom:
what cine ultrasounds are often stored in, and what none of pydicom's own decoders here can read.
"""

from __future__ import annotations

import av
import numpy as np
from av.video.frame import VideoFrame
from pydicom.pixels.decoders.base import DecodeRunner, JPEGLosslessDecoder, JPEGLosslessSV1Decoder
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

DECODER_DEPENDENCIES = {JPEGLossless: ("av",), JPEGLosslessSV1: ("av",)}
_LABEL = "libav"


def is_available(uid: str) -> bool:
    """Whether a code stream of this transfer syntax can be decoded (pydicom asks)."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """One frame's samples, interleaved, in the runner's ``bits_allocated``; no colour conversion.

    Raises ValueError when the stream holds no whole picture of the size, samples and precision that
    the data set says; av.FFmpegError from libav.
    """
    context = av.CodecContext.create("mjpeg", "r")
    context.options = {"err_detect": "explode"}
    context.thread_count = 1
    found = [*context.decode(av.Packet(src)), *context.decode(None)]
    if len(found) != 1 or not isinstance(found[0], VideoFrame) or found[0].is_corrupt:
        raise ValueError("the code stream is not one whole picture")
    samples = _samples(found[0])
    expected: tuple[int, ...] = (runner.rows, runner.columns)
    if runner.samples_per_pixel > 1:
        expected += (runner.samples_per_pixel,)
    depth = runner.bits_allocated // 8
    if samples.shape != expected or samples.dtype.itemsize > depth:
        raise ValueError("the code stream is not what the data set says")
    runner.set_option("planar_configuration", 0)
    return samples.astype(f"<u{depth}").tobytes()


def _samples(frame: VideoFrame) -> np.ndarray:
    """Samples as the components lie in the code stream, (h, w) or (h, w, 3)."""
    name = frame.format.name
    if name == "bgr24":
        # libav's name for the first component in the last place.
        return np.asarray(frame.to_ndarray()[..., ::-1])
    if name in ("yuv444p", "yuvj444p"):
        return np.asarray(np.moveaxis(frame.to_ndarray(), 0, -1))
    if name in ("gray", "gray16le", "gbrp"):
        return np.asarray(frame.to_ndarray())
    raise ValueError("the code stream's sampling is not known")


def install() -> None:
    """Let pydicom decode by this. Idempotent."""
    for decoder in (JPEGLosslessDecoder, JPEGLosslessSV1Decoder):
        if _LABEL not in decoder.available_plugins:
            decoder.add_plugin(_LABEL, (__name__, decode_frame.__name__))
