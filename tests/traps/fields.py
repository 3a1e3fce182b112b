"""H.264 whose every field is a coded picture of its own, which libav's encoders do not write.

Rec. ITU-T H.264: samples as they are (I_PCM, 7.3.5), so that only headers need writing (7.3.2.1,
7.3.2.2, 7.3.3). The two fields of a frame bear its number together.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from tests.traps import streams as made

WIDTH_PX, HEIGHT_PX = 160, 128
_IDR_EVERY, _MB = 10, 16
_I_PCM = 25
_SLICE, _IDR_SLICE = 0x61, 0x65


class _Bits:
    """Bits, most significant first (7.2, 9.1)."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, value: int, bits: int = 1) -> _Bits:
        self.text += f"{value:0{bits}b}"
        return self

    def ue(self, *values: int) -> _Bits:
        for value in values:
            written = f"{value + 1:b}"
            self.text += "0" * (len(written) - 1) + written
        return self

    def whole_bytes(self, fill: str = "0") -> bytes:
        self.text += fill * (-len(self.text) % 8)
        return int(self.text or "0", 2).to_bytes(len(self.text) // 8, "big")

    def ended(self) -> bytes:
        """With the stop bit (7.3.2.11)."""
        return self.u(1).whole_bytes()


def _unit(head: int, payload: bytes) -> bytes:
    """A NAL unit in the byte stream, without false start codes (7.4.1)."""
    out, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return b"\0\0\0\1" + bytes((head,)) + bytes(out)


def _parameter_sets() -> bytes:
    sequence = _Bits().u(77, 8).u(0, 8).u(40, 8)
    # Frame numbers of 8 bits; pictures shown in coded order; one reference frame.
    sequence.ue(0, 4, 2, 1).u(0).ue(WIDTH_PX // _MB - 1, HEIGHT_PX // (2 * _MB) - 1)
    # Not frames alone, no adaptive frame and field, 8x8 inference, no cropping, no VUI.
    sequence.u(0).u(0).u(1).u(0).u(0)
    picture = _Bits().ue(0, 0).u(0, 2).ue(0, 0, 0).u(0, 3).ue(0, 0, 0).u(1).u(0, 2)
    return _unit(0x67, sequence.ended()) + _unit(0x68, picture.ended())


def _field(planes: list[np.ndarray], number: int, is_bottom: bool) -> bytes:
    """One field of the ``number``-th frame, from the frame's planes."""
    is_idr = number % _IDR_EVERY == 0 and not is_bottom
    head = _Bits().ue(0, 7, 0).u(number % _IDR_EVERY, 8).u(1).u(is_bottom)
    if is_idr:
        head.ue(number // _IDR_EVERY % 2).u(0, 2)
    else:
        head.u(0)
    head.ue(0, 1)
    luma, *chroma = [plane[is_bottom::2] for plane in planes]
    out = b""
    for y in range(0, luma.shape[0], _MB):
        for x in range(0, WIDTH_PX, _MB):
            out += head.ue(_I_PCM).whole_bytes()
            out += luma[y : y + _MB, x : x + _MB].tobytes()
            for plane in chroma:
                out += plane[y // 2 : y // 2 + 8, x // 2 : x // 2 + 8].tobytes()
            head = _Bits()
    return _unit(_IDR_SLICE if is_idr else _SLICE, out + _Bits().ended())


def coded(n: int) -> Iterator[tuple[bytes, bytes]]:
    """Top and bottom field of each of ``n`` frames, parameter sets before every IDR."""
    for number in range(n):
        shown = av.VideoFrame.from_ndarray(made.picture(number, WIDTH_PX, HEIGHT_PX), "rgb24")
        frame = shown.reformat(format="yuv420p").to_ndarray()
        luma, rest = frame[:HEIGHT_PX], frame[HEIGHT_PX:].reshape(2, HEIGHT_PX // 2, WIDTH_PX // 2)
        planes = [luma, *rest]
        before = _parameter_sets() if number % _IDR_EVERY == 0 else b""
        yield before + _field(planes, number, False), _field(planes, number, True)


def stream(n: int, container: str, *, apart: bool) -> bytes:
    """``n`` frames; ``apart``: each field is a packet of its own, as transport streams carry them,
    only the first of the two with a time."""
    fields = list(coded(n))
    bare = b"".join(top + bottom for top, bottom in fields)
    out = io.BytesIO()
    options = {"fflags": "+bitexact", "video_track_timescale": str(made.TICKS)}
    options = options if container == "mp4" else {"fflags": "+bitexact"}
    with (
        av.open(io.BytesIO(bare), format="h264") as source,
        av.open(out, "w", format=container, options=options) as target,
    ):
        into = target.add_stream_from_template(source.streams.video[0])
        base = Fraction(1, made.TICKS)
        for number, pair in enumerate(fields):
            for k, data in enumerate(pair if apart else [b"".join(pair)]):
                packet = av.Packet(data)
                packet.stream, packet.time_base = into, base
                packet.dts = number * made.STEP + k * made.STEP // 2
                packet.pts = packet.dts
                packet.duration = made.STEP // (2 if apart else 1)
                packet.is_keyframe = number % _IDR_EVERY == 0 and k == 0
                target.mux(packet)
    return out.getvalue()
