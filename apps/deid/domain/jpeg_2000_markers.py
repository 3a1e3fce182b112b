"""JPEG 2000 code streams (ITU-T T.800 Annex A) reduced to what decoding needs, also out of a JP2
file (Annex I). Samples untouched.

Fail-closed: of a marker segment stays what its own fields fill; COM, CRG, the packet lengths (TLM,
PLM, PLT) and unknown segments go, and all behind the end marker.
"""

from __future__ import annotations

from .jpeg_markers import DamagedCodeStream

_SOT, _SOD, _EOC = 0xFF90, 0xFF93, 0xFFD9
_SIZ, _COD, _COC, _QCD, _QCC, _RGN, _POC = 0xFF51, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F
_CAP, _PPM, _PPT = 0xFF50, 0xFF60, 0xFF61
_MOST_LENGTHS = 10_000
# Boxes of a JP2 file that change nothing about the samples of its code stream.
_PLAIN_HEADER = frozenset({b"ihdr", b"bpcc", b"colr", b"res "})


def strip_jpeg_2000(data: bytes, *, tile_lengths: bool = False) -> bytes:
    """The code stream without comments, lengths and unknown segments, out of its JP2 boxes.

    ``tile_lengths``: the lengths of the tiles (TLM) are written anew, as HTJ2K Lossless RPCL has
    them (PS3.5 section 8.2.14). Raises ``DamagedCodeStream``, also for a JP2 file whose boxes
    change the samples (palette, channel definitions).
    """
    if data[4:8] == b"jP  ":
        data = _code_stream(data)
    if data[:4] != b"\xff\x4f\xff\x51":
        raise DamagedCodeStream("frame: not a JPEG 2000 code stream; decode it instead")
    n_components = int.from_bytes(data[40:42], "big")
    segments, position = _segments(data, 2, _SOT)
    main_levels = _levels(segments, n_components, 0)
    head = data[:2] + _written(segments, n_components, main_levels)
    tiles: list[bytes] = []
    while int.from_bytes(data[position : position + 2], "big") == _SOT:
        start, size = position, int.from_bytes(data[position + 6 : position + 10], "big")
        end = start + size if size else data.rfind(b"\xff\xd9")
        if end > len(data) or end < start + 14:
            raise DamagedCodeStream("frame: a tile is cut short; send it again")
        segments, position = _segments(data, start + 12, _SOD)
        levels = _levels(segments, n_components, main_levels)
        header = _written(segments, n_components, levels)
        body = data[position:end]
        new_size = (12 + len(header) + len(body)).to_bytes(4, "big")
        lead = data[start : start + 6] + new_size + data[start + 10 : start + 12]
        tiles.append(lead + header + body)
        position = end
    if int.from_bytes(data[position : position + 2], "big") != _EOC:
        raise DamagedCodeStream("frame: the end marker is missing; send it again")
    lengths = _tile_lengths(tiles) if tile_lengths else b""
    return b"".join([head, lengths, *tiles, b"\xff\xd9"])


def _tile_lengths(tiles: list[bytes]) -> bytes:
    """TLM segments (T.800 A.7.1): of each tile part its tile's number and its length in bytes."""
    out = b""
    for number, start in enumerate(range(0, len(tiles), _MOST_LENGTHS)):
        entries = b"".join(
            tile[4:6] + len(tile).to_bytes(4, "big")
            for tile in tiles[start : start + _MOST_LENGTHS]
        )
        size = (4 + len(entries)).to_bytes(2, "big")
        out += b"\xff\x55" + size + number.to_bytes(1, "big") + b"\x60" + entries
    return out


def _segments(data: bytes, position: int, until: int) -> tuple[list[tuple[int, bytes]], int]:
    """(marker, payload) of the segments up to the marker ``until``, and that marker's position."""
    found: list[tuple[int, bytes]] = []
    while True:
        marker = int.from_bytes(data[position : position + 2], "big")
        if marker == until:
            return found, position
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker < 0xFF00 or end > len(data) or end < position + 4:
            raise DamagedCodeStream("frame: a header is cut short; send it again")
        found.append((marker, data[position + 4 : end]))
        position = end


def _levels(segments: list[tuple[int, bytes]], n_components: int, levels: int) -> int:
    """The most decomposition levels that COD and COC name, at least ``levels``."""
    at = {_COD: 5, _COC: 2 + (n_components >= 257)}
    named = [p[at[m]] for m, p in segments if m in at and len(p) > at[m]]
    return min(32, max([levels, *named]))


def _written(segments: list[tuple[int, bytes]], n_components: int, levels: int) -> bytes:
    out = b""
    for marker, payload in segments:
        size = _own_bytes(marker, payload, n_components, levels)
        if size:
            kept = payload[:size]
            out += marker.to_bytes(2, "big") + (len(kept) + 2).to_bytes(2, "big") + kept
    return out


def _own_bytes(marker: int, payload: bytes, n_components: int, levels: int) -> int:
    """How many bytes of a segment (behind its length) its own fields fill; 0 to drop it."""
    wide = 1 + (n_components >= 257)
    if marker == _SIZ:
        return 36 + 3 * n_components
    if marker == _COD and len(payload) >= 10:
        return 10 + (payload[5] + 1) * (payload[0] & 1)
    if marker == _COC and len(payload) >= wide + 6:
        return wide + 6 + (payload[wide + 1] + 1) * (payload[wide] & 1)
    if marker in (_QCD, _QCC):
        at = 0 if marker == _QCD else wide
        style = payload[at] & 31 if len(payload) > at else 0
        most = 3 * levels + 1
        return at + 1 + {0: most, 1: 2}.get(style, 2 * most)
    if marker == _RGN:
        return wide + 2
    if marker == _POC:
        size = 5 + 2 * wide
        return len(payload) // size * size
    if marker == _CAP:
        return 4 + 2 * int.from_bytes(payload[:4], "big").bit_count()
    if marker in (_PPM, _PPT):
        return len(payload)
    return 0


def _code_stream(data: bytes) -> bytes:
    """What the contiguous code stream box of a JP2 file holds."""
    found = b""
    for kind, body in _boxes(data):
        if kind == b"jp2h" and {k for k, _ in _boxes(body)} - _PLAIN_HEADER:
            raise DamagedCodeStream("frame: its boxes change the samples; decode it instead")
        if kind == b"jp2c" and not found:
            found = body
    return found


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    boxes, at = [], 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(data) - at
        if size < head or at + size > len(data):
            raise DamagedCodeStream("frame: a box is cut short; send it again")
        boxes.append((kind, data[at + head : at + size]))
        at += size
    return boxes
