"""Which reader of code streams cleans which transfer syntax."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydicom.uid import HTJ2KLosslessRPCL

from . import jpeg_2000_markers, jpeg_markers

_JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))


def stripper_of(transfer_syntax_uid: str) -> Callable[[bytes], bytes] | None:
    """What reduces a frame's code stream to what decoding needs (it raises DamagedCodeStream); None
    for a syntax without code streams of the JPEG family."""
    if transfer_syntax_uid in _JPEG_2000:
        # The one that promises them has its tile lengths written anew.
        keeps_lengths = transfer_syntax_uid == HTJ2KLosslessRPCL
        return partial(jpeg_2000_markers.strip_jpeg_2000, tile_lengths=keeps_lengths)
    return jpeg_markers.strip_jpeg if transfer_syntax_uid in _JPEG else None
