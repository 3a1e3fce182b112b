"""JPEG Extended with 12 bits a sample (PS3.5 section 8.2.1, process 4) by the libjpeg-turbo of
imagecodecs, as a decoder of pydicom: Pillow, which it has here, reads 8 bits only.
"""

from __future__ import annotations

import numpy as np
from pydicom.pixels.decoders.base import DecodeRunner, JPEGExtended12BitDecoder
from pydicom.pixels.decoders.pillow import _decode_frame as pillow_frame
from pydicom.uid import JPEGExtended12Bit

DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("imagecodecs",)}
_LABEL = "imagecodecs"


def is_available(uid: str) -> bool:
    """Whether a code stream of this transfer syntax can be decoded (pydicom asks)."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """One frame's samples: 8 bits by Pillow as before, greyscale of more in 16 bits.

    Raises ValueError when the stream is not the size and precision that the data set says;
    imagecodecs.Jpeg8Error when it does not decode.
    """
    if runner.bits_stored <= 8:
        return bytes(pillow_frame(src, runner))
    import imagecodecs

    samples = np.asarray(imagecodecs.jpeg8_decode(src))
    if samples.dtype != np.uint16 or samples.shape != (runner.rows, runner.columns):
        raise ValueError("the code stream is not what the data set says")
    runner.set_option("bits_allocated", 16)
    return samples.astype("<u2").tobytes()


def install() -> None:
    """Let pydicom decode by this alone (it logs each frame that its first plugin cannot read).
    Idempotent."""
    if _LABEL not in JPEGExtended12BitDecoder.available_plugins:
        for other in JPEGExtended12BitDecoder.available_plugins:
            JPEGExtended12BitDecoder.remove_plugin(other)
        JPEGExtended12BitDecoder.add_plugin(_LABEL, (__name__, decode_frame.__name__))
