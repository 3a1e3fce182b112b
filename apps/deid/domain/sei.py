"""What may stay of a coded picture's own bytes: NAL units of H.264 and HEVC.

Fail-closed: a unit stays when its type is on the list of what decoding needs. Of supplemental
enhancement information (SEI) only recovery_point stays, because it marks the random access
points that are not IDR and holds no text (ITU-T H.264 D.1.8, H.265 D.2.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

H264_SEI = 6
HEVC_PREFIX_SEI, HEVC_SUFFIX_SEI = 39, 40
RECOVERY_POINT = 6
MAX_RECOVERY_POINT_BYTES = 8

# Slices, parameter sets and end of sequence. Not listed and so dropped: access unit delimiters,
# filler, auxiliary pictures and the set extension that only these need, scalable and multi-view
# extensions, reserved and unspecified types.
H264_KEPT = frozenset({1, 2, 3, 4, 5, 7, 8, 10})
H264_PARAMETER_SETS = frozenset({7, 8})
HEVC_KEPT = frozenset({*range(0, 10), *range(16, 22), 32, 33, 34, 36})
HEVC_PARAMETER_SETS = frozenset({32, 33, 34})


class DamagedUnits(ValueError):
    """A packet is not a sequence of whole NAL units."""


@dataclass(frozen=True)
class SeiMessage:
    payload_type: int
    payload: bytes


def split_length_prefixed(data: bytes, length_size: int) -> list[bytes]:
    """NAL units of a sample as ISO/IEC 14496-15 stores it.

    Raises ``DamagedUnits`` when a length points past the end.
    """
    units, position = [], 0
    while position + length_size <= len(data):
        size = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        if position + size > len(data):
            raise DamagedUnits("packet: a NAL unit is longer than the packet; send it again")
        if size:
            units.append(data[position : position + size])
        position += size
    if any(data[position:]):
        raise DamagedUnits("packet: bytes behind the last NAL unit; send it again")
    return units


def split_annex_b(data: bytes) -> list[bytes]:
    """NAL units of a byte stream (ITU-T H.264 Annex B), without start codes and zero bytes."""
    units, start = [], data.find(b"\x00\x00\x01")
    if start < 0:
        if any(data):
            raise DamagedUnits("packet: no start code found; send it again")
        return []
    while start >= 0:
        end = data.find(b"\x00\x00\x01", start + 3)
        unit = data[start + 3 : end if end >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            units.append(unit)
        start = end
    return units


def unescape(unit: bytes) -> bytes:
    """The unit without emulation prevention bytes."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def escape(payload: bytes) -> bytes:
    """The unit with emulation prevention bytes (ITU-T H.264 7.4.1)."""
    out, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def sei_messages(unit: bytes, header_bytes: int) -> Iterator[SeiMessage]:
    """Messages of one SEI unit; stops quietly at damage (nothing behind it is kept)."""
    data, position = unescape(unit)[header_bytes:], 0
    while position + 1 < len(data):
        values = []
        for _ in range(2):
            value = 0
            while position < len(data) and data[position] == 0xFF:
                value += 255
                position += 1
            if position >= len(data):
                return
            values.append(value + data[position])
            position += 1
        payload_type, size = values
        if position + size > len(data):
            return
        yield SeiMessage(payload_type, data[position : position + size])
        position += size


def keep_recovery_point(unit: bytes, header_bytes: int) -> bytes | None:
    """The SEI unit with nothing but its recovery_point messages, or None when it has none."""
    body = bytearray()
    for message in sei_messages(unit, header_bytes):
        size = len(message.payload)
        if message.payload_type == RECOVERY_POINT and size <= MAX_RECOVERY_POINT_BYTES:
            body += bytes([RECOVERY_POINT, size]) + message.payload
    if not body:
        return None
    return unit[:header_bytes] + escape(bytes(body) + b"\x80")


def clean_h264(units: list[bytes]) -> list[bytes]:
    """H.264 NAL units that may leave, SEI cut to recovery_point."""
    kept = []
    for unit in units:
        kind = unit[0] & 0x1F
        if kind == H264_SEI:
            rewritten = keep_recovery_point(unit, 1)
            if rewritten:
                kept.append(rewritten)
        elif kind in H264_KEPT:
            kept.append(unit[:1] if kind == 10 else unit)
    return kept


def clean_hevc(units: list[bytes]) -> list[bytes]:
    """HEVC NAL units of the base layer that may leave, prefix SEI cut to recovery_point."""
    kept = []
    for unit in units:
        kind, layer = hevc_kind(unit)
        if layer:
            continue
        if kind == HEVC_PREFIX_SEI:
            rewritten = keep_recovery_point(unit, 2)
            if rewritten:
                kept.append(rewritten)
        elif kind in HEVC_KEPT:
            kept.append(unit[:2] if kind == 36 else unit)
    return kept


def hevc_kind(unit: bytes) -> tuple[int, int]:
    """(nal_unit_type, nuh_layer_id) of a HEVC unit; a unit below 2 bytes has layer 63."""
    if len(unit) < 2:
        return 0, 63
    return unit[0] >> 1 & 0x3F, (unit[0] & 1) << 5 | unit[1] >> 3


def parameter_sets(units: list[bytes], codec: str) -> list[bytes]:
    """Only the parameter sets among NAL units of ``h264`` or ``hevc``."""
    if codec == "h264":
        return [u for u in units if u[0] & 0x1F in H264_PARAMETER_SETS]
    return [u for u in units if hevc_kind(u)[0] in HEVC_PARAMETER_SETS and not hevc_kind(u)[1]]


def sei_of(units: list[bytes], codec: str) -> Iterator[SeiMessage]:
    """All SEI messages of a packet's units; ``codec`` is ``h264`` or ``hevc``."""
    for unit in units:
        if codec == "h264" and unit[0] & 0x1F == H264_SEI:
            yield from sei_messages(unit, 1)
        elif codec == "hevc" and hevc_kind(unit)[0] in (HEVC_PREFIX_SEI, HEVC_SUFFIX_SEI):
            yield from sei_messages(unit, 2)


def printable_runs(data: bytes, minimum: int = 4) -> Iterator[str]:
    """Runs of printable characters in UTF-8 bytes (a harvest reads them, nobody else)."""
    text = data.decode("utf-8", "replace")
    run: list[str] = []
    for character in text + "\0":
        if character.isprintable() and character != "\ufffd":
            run.append(character)
            continue
        if len(run) >= minimum:
            yield "".join(run)
        run.clear()
