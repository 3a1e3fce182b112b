"""High-Throughput JPEG 2000 (PS3.5 section 8.2.14) by the OpenJPH of imagecodecs, as a decoder of
pydicom, which has none here.
"""

from __future__ import annotations

import numpy as np
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders.base import (
    DecodeRunner,
    HTJ2KDecoder,
    HTJ2KLosslessDecoder,
    HTJ2KLosslessRPCLDecoder,
)
from pydicom.uid import HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL

DECODER_DEPENDENCIES = {uid: ("imagecodecs",) for uid in (HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K)}
_LABEL = "imagecodecs"
_COLOUR_TRANSFORMS = (PhotometricInterpretation.YBR_ICT, PhotometricInterpretation.YBR_RCT)


def is_available(uid: str) -> bool:
    """Whether a code stream of this transfer syntax can be decoded (pydicom asks)."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """One frame's samples, interleaved, in as many bytes a sample as its precision asks for; the
    colour transform of the code stream is undone.

    Raises ValueError when the stream is not the size, samples and sign that the data set says;
    imagecodecs.Htj2kError when it does not decode.
    """
    import imagecodecs

    samples = np.asarray(imagecodecs.htj2k_decode(src, planar=False))
    expected: tuple[int, ...] = (runner.rows, runner.columns)
    if runner.samples_per_pixel > 1:
        expected += (runner.samples_per_pixel,)
    is_signed = runner.pixel_representation == 1
    if samples.shape != expected or (samples.dtype.kind == "i") != is_signed:
        raise ValueError("the code stream is not what the data set says")
    if runner.photometric_interpretation in _COLOUR_TRANSFORMS:
        runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)
    runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", 8 * samples.dtype.itemsize)
    return samples.astype(samples.dtype.newbyteorder("<")).tobytes()


def install() -> None:
    """Let pydicom decode by this. Idempotent."""
    for decoder in (HTJ2KLosslessDecoder, HTJ2KLosslessRPCLDecoder, HTJ2KDecoder):
        if _LABEL not in decoder.available_plugins:
            decoder.add_plugin(_LABEL, (__name__, decode_frame.__name__))
