"""Text planted in what MPEG-2 systems carry beside the pictures (ISO/IEC 13818-1): a small
multiplexer of our own for transport streams, and packets put into a program stream.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.domain.stream_plants import SECRET, units
from tests.domain.video_clips import clip

PMT_PID, VIDEO_PID, PRIVATE_PID = 0x100, 0x101, 0x1E0


def crc(data: bytes) -> bytes:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value.to_bytes(4, "big")


def section(table: int, number: int, body: bytes) -> bytes:
    head = number.to_bytes(2, "big") + b"\xc1\x00\x00" + body
    whole = bytes([table]) + (0xB000 | len(head) + 4).to_bytes(2, "big") + head
    return whole + crc(whole)


class Transport:
    """Packets of 188 bytes, a continuity counter for each PID."""

    def __init__(self, stuffing: bytes = b"\xff") -> None:
        self.out = bytearray()
        self._counters: dict[int, int] = {}
        self._stuffing = stuffing

    def table(self, pid: int, data: bytes) -> None:
        self._packet(pid, b"\x00" + data + b"\xff" * (183 - len(data)), True)

    def stream(self, pid: int, data: bytes) -> None:
        first = True
        while data:
            self._packet(pid, data[:184], first)
            data, first = data[184:], False

    def adaptation(self, pid: int, field: bytes) -> None:
        """A packet of adaptation field alone: the counter stays."""
        counter = self._counters.get(pid, -1) & 15
        head = bytes([0x47, pid >> 8, pid & 255, 0x20 | counter, 183])
        self.out += head + field + b"\xff" * (183 - len(field))

    def _packet(self, pid: int, payload: bytes, starts: bool) -> None:
        counter = self._counters[pid] = (self._counters.get(pid, -1) + 1) & 15
        spare = 184 - len(payload)
        field = b""
        if spare:
            filler = (self._stuffing * 184)[: max(0, spare - 2)]
            field = bytes([spare - 1]) + (b"\x00" + filler if spare > 1 else b"")
        control = 0x30 if spare else 0x10
        self.out += bytes([0x47, (0x40 if starts else 0) | pid >> 8, pid & 255, control | counter])
        self.out += field + payload


def pes(data: bytes, pts: int, dts: int, extension: bytes = b"", stream_id: int = 0xE0) -> bytes:
    def stamp(kind: int, time: int) -> bytes:
        return bytes(
            [kind << 4 | time >> 29 & 14 | 1, time >> 22 & 255, time >> 14 & 254 | 1,
             time >> 7 & 255, time << 1 & 254 | 1]
        )  # fmt: skip

    head = stamp(3, pts) + stamp(1, dts) + extension
    flags = 0xC0 | (1 if extension else 0)
    body = bytes([0x80, flags, len(head)]) + head + data
    return b"\0\0\1" + bytes([stream_id]) + b"\0\0" + body


def access_units() -> list[bytes]:
    """H.264 pictures in coded order, without reordering."""
    stream = clip(24, container="h264", x264="bframes=0:keyint=12:scenecut=0:slices=1")
    found: list[bytes] = []
    held = b""
    for unit in units(stream):
        held += b"\0\0\0\1" + unit
        if unit[0] & 31 in (1, 5):
            found.append(b"\0\0\0\1\x09\xf0" + held)
            held = b""
    return found


def transport(
    extension: bytes = b"",
    stuffing: bytes = b"\xff",
    descriptors: bytes = b"",
    extra: Callable[[Transport], None] | None = None,
) -> bytes:
    made = Transport(stuffing)
    made.table(0, section(0, 1, b"\x00\x01" + (0xE000 | PMT_PID).to_bytes(2, "big")))
    program = (0xE000 | VIDEO_PID).to_bytes(2, "big") + (0xF000 | len(descriptors)).to_bytes(
        2, "big"
    )
    entry = b"\x1b" + (0xE000 | VIDEO_PID).to_bytes(2, "big") + b"\xf0\x00"
    made.table(PMT_PID, section(2, 1, program + descriptors + entry))
    for number, unit in enumerate(access_units()):
        if extra:
            extra(made)
        time = 90000 + 3600 * number
        made.stream(VIDEO_PID, pes(unit, time, time, extension))
    return bytes(made.out)


def _service(made: Transport) -> None:
    name = bytes([1, len(SECRET)]) + SECRET + bytes([len(SECRET)]) + SECRET
    descriptor = b"\x48" + bytes([len(name)]) + name
    service = b"\x00\x01\xfc" + (0x8000 | len(descriptor)).to_bytes(2, "big") + descriptor
    made.table(0x11, section(0x42, 1, b"\x00\x01\xff" + service))


TRANSPORT: dict[str, Callable[[], bytes]] = {
    "null packets": lambda: transport(extra=lambda t: t.stream(0x1FFF, SECRET.ljust(184, b"\xff"))),
    "private pid": lambda: transport(
        extra=lambda t: t.stream(PRIVATE_PID, pes(SECRET, 90000, 90000, stream_id=0xBD))
    ),
    "service description": lambda: transport(extra=_service),
    "program descriptor": lambda: transport(
        descriptors=b"\x05\x04HDMV" + b"\xc0" + bytes([len(SECRET)]) + SECRET
    ),
    "stuffing of adaptation fields": lambda: transport(stuffing=SECRET),
    "private data of adaptation fields": lambda: transport(
        extra=lambda t: t.adaptation(VIDEO_PID, b"\x02" + bytes([len(SECRET)]) + SECRET)
    ),
    "private data of pes headers": lambda: transport(extension=b"\x8e" + SECRET.ljust(16, b"\x20")),
    "stuffing of pes headers": lambda: transport(extension=b"\x0e" + SECRET),
}


def program() -> bytes:
    return clip(24, codec="mpeg2video", container="vob", options={"bf": "2", "g": "12"})


def _before_packs(data: bytes) -> Callable[[bytes], bytes]:
    def plant(stream: bytes) -> bytes:
        packs = stream.split(b"\0\0\1\xba")
        return packs[0] + b"".join(
            (data if number else b"") + b"\0\0\1\xba" + pack
            for number, pack in enumerate(packs[1:])
        )

    return plant


def _packet(stream_id: int, body: bytes) -> bytes:
    return b"\0\0\1" + bytes([stream_id]) + len(body).to_bytes(2, "big") + body


PROGRAM: dict[str, Callable[[bytes], bytes]] = {
    "padding stream": _before_packs(_packet(0xBE, SECRET)),
    "private stream 1": _before_packs(_packet(0xBD, b"\x80\x00\x00" + SECRET)),
    "private stream 2": _before_packs(_packet(0xBF, SECRET)),
    "program stream map": _before_packs(
        _packet(0xBC, b"\xe0\xff" + b"\x00\x0f" + SECRET + b"\x00\x04\x02\xe0\x00\x00" + bytes(4))
    ),
    "behind the end": lambda s: s + b"\0\0\1\xb9" + SECRET,
}
