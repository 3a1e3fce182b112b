"""Code streams of the JPEG family (baseline, extended, progressive, lossless, JPEG-LS; ITU-T T.81
Annex B, T.87) reduced to what decoding needs, samples untouched.

Fail-closed: a segment stays when its marker is on the list, cut to its own length; tables that no
scan uses, restart intervals beyond the picture's last, and all behind the end marker go.
"""

from __future__ import annotations

from dataclasses import dataclass

_SOI, _EOI, _SOS, _DQT, _DHT, _DAC, _DRI, _DNL = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xCC, 0xDD, 0xDC
_DHP, _EXP, _LSE, _APP0, _APP14 = 0xDE, 0xDF, 0xF8, 0xE0, 0xEE
_JPEG_LS = 0xF7
_FRAMES = frozenset({*range(0xC0, 0xD0), _JPEG_LS}) - {_DHT, 0xC8, _DAC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_FIRST_ARITHMETIC = 0xC9
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_JFIF_BYTES, _ADOBE_BYTES = 14, 12
_LSE_PRESET_BYTES = 11
_RESTARTS = range(0xD0, 0xD8)


class DamagedCodeStream(ValueError):
    """The code stream cannot be followed to its end."""


@dataclass
class _Table:
    """One quantization, Huffman, conditioning or mapping table; ``key`` is its place."""

    key: tuple[str, int]
    data: bytes
    is_used: bool = False


@dataclass
class _Segment:
    marker: int
    payload: bytes = b""
    tables: tuple[_Table, ...] = ()
    scan: bytes = b""

    def written(self) -> bytes:
        payload = self.payload
        if self.marker in (_DQT, _DHT, _DAC) or (self.marker == _LSE and self.tables):
            payload = b"".join(t.data for t in self.tables if t.is_used)
            if not payload:
                return b""
        size = (len(payload) + 2).to_bytes(2, "big")
        return bytes([0xFF, self.marker]) + size + payload + self.scan


def strip_jpeg(data: bytes) -> bytes:
    """The JPEG or JPEG-LS picture without COM, APPn and whatever no decoder needs.

    Kept of APPn is only what a decoder needs to know the colours: JFIF's fixed fields without
    thumbnail, and Adobe's transform flag. Raises ``DamagedCodeStream``.
    """
    if data[:2] != bytes([0xFF, _SOI]):
        raise DamagedCodeStream("frame: does not begin as JPEG does; decode it instead")
    reader = _Reader(data)
    reader.read()
    kept = b"".join(segment.written() for segment in reader.segments)
    return data[:2] + kept + bytes([0xFF, _EOI])


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.segments: list[_Segment] = []
        # The tables in force, and of the frame: marker, sampling, quantization tables by component.
        self.tables: dict[tuple[str, int], _Table] = {}
        self.frame = 0
        self.size_px = (0, 0)
        self.components: dict[int, tuple[int, int, int]] = {}
        self.interval = 0

    def read(self) -> None:
        data, position = self.data, 2
        while True:
            marker, position = _next_marker(data, position)
            if marker == _EOI:
                return
            if marker in _RESTARTS or marker in (0x00, 0x01):
                continue
            end = position + int.from_bytes(data[position : position + 2], "big")
            if end > len(data) or end < position + 2:
                raise DamagedCodeStream("frame: a segment is cut short; send it again")
            segment = self._segment(marker, data[position + 2 : end])
            position = end
            if marker == _SOS:
                end = _scan_end(data, position)
                assert segment is not None
                segment.scan = self._intervals(segment.payload, data[position:end])
                position = end
            if segment is not None:
                self.segments.append(segment)

    def _segment(self, marker: int, payload: bytes) -> _Segment | None:
        if marker in (_APP0, _APP14):
            kept = _application(marker, payload)
            return _Segment(marker, kept) if kept is not None else None
        if marker in (_DQT, _DHT, _DAC):
            tables = {_DQT: _quantization, _DHT: _huffman, _DAC: _conditioning}[marker](payload)
            return self._defined(_Segment(marker, tables=tuple(tables)))
        if marker in _FRAMES or marker == _DHP:
            return self._frame(marker, payload)
        if marker == _SOS:
            return self._scan(payload)
        if marker == _DRI:
            self.interval = int.from_bytes(payload, "big")
            return _Segment(marker, payload[: 4 if self.frame == _JPEG_LS else 2])
        if marker in (_DNL, _EXP):
            return _Segment(marker, payload[: 2 if marker == _DNL else 1])
        if marker == _LSE and payload[:1] == b"\x01":
            return _Segment(marker, payload[:_LSE_PRESET_BYTES])
        if marker == _LSE and payload[:1] == b"\x04" and len(payload) > 1:
            return _Segment(marker, payload[: 2 + 2 * payload[1]])
        if marker == _LSE and payload[:1] in (b"\x02", b"\x03") and len(payload) > 2:
            return self._defined(_Segment(marker, tables=(_Table(("map", payload[1]), payload),)))
        return None

    def _defined(self, segment: _Segment) -> _Segment:
        for table in segment.tables:
            self.tables[table.key] = table
        return segment

    def _frame(self, marker: int, payload: bytes) -> _Segment:
        count = payload[5] if len(payload) > 5 else 0
        kept = payload[: 6 + 3 * count]
        if not count or len(kept) < 6 + 3 * count:
            raise DamagedCodeStream("frame: its header is cut short; send it again")
        if marker != _DHP:
            self.frame = marker
            self.size_px = (
                int.from_bytes(payload[3:5], "big"),
                int.from_bytes(payload[1:3], "big"),
            )
            self.components = {
                kept[i]: (kept[i + 1] >> 4, kept[i + 1] & 15, kept[i + 2])
                for i in range(6, len(kept), 3)
            }
        return _Segment(marker, kept)

    def _scan(self, payload: bytes) -> _Segment:
        count = payload[0] if payload else 0
        kept = payload[: 4 + 2 * count]
        if not count or len(kept) < 4 + 2 * count:
            raise DamagedCodeStream("frame: a scan header is cut short; send it again")
        for i in range(1, 1 + 2 * count, 2):
            for name in self._used(kept[i], kept[i + 1], kept[-3], kept[-2]):
                if name in self.tables:
                    self.tables[name].is_used = True
        return _Segment(_SOS, kept)

    def _used(self, component: int, selector: int, first: int, last: int) -> list[tuple[str, int]]:
        """Tables that a component of a scan over coefficients ``first`` to ``last`` uses."""
        if self.frame == _JPEG_LS:
            return [("map", selector)]
        coding = "a" if self.frame >= _FIRST_ARITHMETIC else "h"
        dc, ac = (coding, selector >> 4), (coding, 16 | selector & 15)
        if self.frame in _LOSSLESS:
            return [dc]
        quantization = ("q", self.components.get(component, (1, 1, 0))[2])
        if self.frame not in _PROGRESSIVE:
            return [quantization, dc, ac]
        return [quantization, *([dc] if first == 0 else []), *([ac] if last > 0 else [])]

    def _intervals(self, header: bytes, scan: bytes) -> bytes:
        """The scan's data up to its last restart interval that the picture has."""
        if self.frame == _JPEG_LS:
            return scan
        scan = _without_fill(scan)
        if not self.size_px[0] or not self.size_px[1]:
            return scan
        allowed = 0
        if self.interval:
            allowed = -(-self._units(header) // self.interval) - 1
        position = scan.find(b"\xff")
        while position >= 0:
            if scan[position + 1] in _RESTARTS:
                if not allowed:
                    return scan[:position]
                allowed -= 1
            position = scan.find(b"\xff", position + 2)
        return scan

    def _units(self, header: bytes) -> int:
        """Minimum coded units of a scan (T.81 A.2)."""
        side = 1 if self.frame in _LOSSLESS else 8
        width, height = self.size_px
        most_h = max(h for h, _, _ in self.components.values())
        most_v = max(v for _, v, _ in self.components.values())
        if not most_h or not most_v:
            raise DamagedCodeStream("frame: no sampling factor; send it again")
        if header[0] > 1:
            return -(-width // (side * most_h)) * -(-height // (side * most_v))
        h, v, _ = self.components.get(header[1], (most_h, most_v, 0))
        across = -(-width * h // most_h)
        down = -(-height * v // most_v)
        return -(-across // side) * -(-down // side)


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    if position + 1 >= len(data) or data[position] != 0xFF:
        raise DamagedCodeStream("frame: a marker is missing; send it again")
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise DamagedCodeStream("frame: ends within a marker; send it again")
    return data[position], position + 1


def _application(marker: int, payload: bytes) -> bytes | None:
    if marker == _APP0 and payload[:5] == b"JFIF\0" and len(payload) >= _JFIF_BYTES:
        return payload[: _JFIF_BYTES - 2] + b"\0\0"
    if marker == _APP14 and payload[:5] == b"Adobe" and len(payload) >= _ADOBE_BYTES:
        return payload[:_ADOBE_BYTES]
    return None


def _quantization(payload: bytes) -> list[_Table]:
    tables, at = [], 0
    while at < len(payload):
        size = 1 + 64 * (1 + (payload[at] >> 4 != 0))
        if at + size > len(payload):
            break
        tables.append(_Table(("q", payload[at] & 15), payload[at : at + size]))
        at += size
    return tables


def _huffman(payload: bytes) -> list[_Table]:
    """Tables by class (16 for AC) and number."""
    tables, at = [], 0
    while at + 17 <= len(payload):
        size = 17 + sum(payload[at + 1 : at + 17])
        if at + size > len(payload):
            break
        key = ("h", (payload[at] >> 4 != 0) << 4 | payload[at] & 15)
        tables.append(_Table(key, payload[at : at + size]))
        at += size
    return tables


def _conditioning(payload: bytes) -> list[_Table]:
    return [
        _Table(("a", (payload[at] >> 4 != 0) << 4 | payload[at] & 15), payload[at : at + 2])
        for at in range(0, len(payload) - 1, 2)
    ]


def _without_fill(scan: bytes) -> bytes:
    """Entropy-coded data without the fill bytes (FF) that may stand before a marker."""
    while b"\xff\xff" in scan:
        scan = scan.replace(b"\xff\xff", b"\xff")
    return scan.rstrip(b"\xff")


def _scan_end(data: bytes, position: int) -> int:
    """Where entropy-coded data ends: a byte after FF below 80 is data, as restart markers are."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise DamagedCodeStream("frame: the picture data has no end; send it again")
        following = data[position + 1]
        if following >= 0x80 and following not in _RESTARTS and following != 0xFF:
            return position
        position += 1 if following == 0xFF else 2
