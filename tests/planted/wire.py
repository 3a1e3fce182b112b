"""Data elements as bytes (PS3.5 section 7), in any encoding a sender may choose, odd ones too."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
_PADDED_WITH_NUL = {"OB", "UI", "UN", "OW"}
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"


@dataclass
class El:
    """One element. `value`: encoded bytes, or items for a sequence. `form`: "" (defined lengths),
    "undefined" (undefined lengths), "un" or "un_undefined" (VR UN around an implicit sequence)."""

    tag: int
    vr: str
    value: bytes | list[list[El]] = b""
    form: str = ""


def text(tag: int, vr: str, value: str, codec: Callable[[str], bytes] | str = "latin-1") -> El:
    """A string element in a Python codec, or by a function."""
    return El(tag, vr, codec(value) if callable(codec) else value.encode(codec))


def number(tag: int, vr: str, *values: float) -> El:
    """A binary number; packed little endian, turned by the writer where needed."""
    code = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "AT": "I"}[vr]
    if vr == "AT":
        return El(
            tag, vr, b"".join(struct.pack("<HH", int(v) >> 16, int(v) & 0xFFFF) for v in values)
        )
    return El(tag, vr, struct.pack(f"<{len(values)}{code}", *values))


_UNIT = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "FD": 8, "OD": 8}


def _turned(vr: str, value: bytes) -> bytes:
    size = _UNIT.get(vr, 1)
    if size == 1:
        return value
    return b"".join(value[at : at + size][::-1] for at in range(0, len(value), size))


@dataclass
class Writer:
    """`sort`: elements in order of their tags, as the standard asks."""

    explicit: bool = True
    little: bool = True
    undefined: bool = False
    order: str = field(init=False)

    def __post_init__(self) -> None:
        self.order = "<" if self.little else ">"

    def elements(self, elements: Sequence[El]) -> bytes:
        return b"".join(self.element(e) for e in sorted(elements, key=lambda e: e.tag))

    def element(self, el: El) -> bytes:
        undefined = el.form.endswith("undefined") or (self.undefined and not el.form)
        vr, inner = el.vr, self
        # What VR UN holds is little endian (PS3.5 section 6.2.2 note): none in a big endian file.
        if el.form in ("un", "un_undefined") and self.little:
            vr, inner = "UN", Writer(False, True, undefined)
        if isinstance(el.value, list):
            body = b"".join(inner.item(item, undefined) for item in el.value)
            if undefined:
                body += struct.pack(inner.order + "HHI", 0xFFFE, 0xE0DD, 0)
                return self._head(el.tag, vr, 0xFFFFFFFF) + body
            return self._head(el.tag, vr, len(body)) + body
        body = el.value if self.little else _turned(el.vr, el.value)
        if len(body) % 2:
            body += b"\0" if el.vr in _PADDED_WITH_NUL else b" "
        return self._head(el.tag, vr, len(body)) + body

    def item(self, elements: Sequence[El], undefined: bool) -> bytes:
        body = self.elements(elements)
        if undefined:
            end = struct.pack(self.order + "HHI", 0xFFFE, 0xE00D, 0)
            return struct.pack(self.order + "HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + body + end
        return struct.pack(self.order + "HHI", 0xFFFE, 0xE000, len(body)) + body

    def _head(self, tag: int, vr: str, length: int) -> bytes:
        place = struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)
        if not self.explicit:
            return place + struct.pack(self.order + "I", length)
        if vr in _LONG:
            return place + vr.encode() + bytes(2) + struct.pack(self.order + "I", length)
        return place + vr.encode() + struct.pack(self.order + "H", length)


def encapsulated(frames: Sequence[bytes], table: bytes = b"") -> bytes:
    """Encapsulated pixel data with `table` as its Basic Offset Table."""
    out = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    out += struct.pack("<HHI", 0xFFFE, 0xE000, len(table)) + table
    for frame in frames:
        frame += bytes(len(frame) % 2)
        out += struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame
    return out + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def part10(
    elements: Sequence[El],
    meta: Sequence[El],
    syntax: str,
    *,
    preamble: bytes = b"",
    pixels: bytes | None = None,
    undefined: bool = False,
) -> bytes:
    """A file. `pixels`: native samples (little endian) or an encapsulated element's bytes."""
    writer = Writer(syntax != IMPLICIT, syntax != BIG_ENDIAN, undefined)
    head = [*meta, text(0x00020010, "UI", syntax), El(0x00020001, "OB", b"\0\1")]
    body = Writer().elements(head)
    body = Writer().element(number(0x00020000, "UL", len(body))) + body
    before = [e for e in elements if e.tag < 0x7FE00010]
    data = writer.elements(before)
    if pixels is not None:
        if pixels[:4] == b"\xe0\x7f\x10\x00":
            data += pixels
        else:
            bits = next(e.value for e in elements if e.tag == 0x00280100)
            vr = "OW" if bits == b"\x10\0" or syntax == IMPLICIT else "OB"
            data += writer.element(El(0x7FE00010, vr, pixels))
    data += writer.elements([e for e in elements if e.tag > 0x7FE00010])
    if syntax == DEFLATED:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        data = packer.compress(data) + packer.flush()
        data += bytes(len(data) % 2)
    return preamble.ljust(128, b"\0")[:128] + b"DICM" + body + data
