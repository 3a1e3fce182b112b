"""The decoder configuration of a track (``avcC``, ``hvcC``, Annex B) with nothing but parameter
sets in it: these records may hold SEI units and unknown trailing bytes as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import sei


@dataclass(frozen=True)
class Configuration:
    """``length_size`` is 0 for Annex B packets, else the bytes of a NAL unit's length."""

    length_size: int
    cleaned: bytes
    removed_units: tuple[bytes, ...] = ()


def clean_configuration(extradata: bytes | None, codec: str) -> Configuration:
    """Read and clean a track's decoder configuration.

    ``codec`` is ``h264``, ``hevc`` or ``mpeg2video``. Raises ``sei.DamagedUnits`` when a record
    is cut short.
    """
    data = bytes(extradata or b"")
    if codec == "mpeg2video":
        return Configuration(0, sei.clean_mpeg2(data, 0, 25))
    if codec == "h264" and data[:1] == b"\x01" and len(data) >= 7:
        return _clean_avcc(data)
    if codec == "hevc" and data[:1] == b"\x01" and len(data) >= 23:
        return _clean_hvcc(data)
    units = sei.split_annex_b(data)
    kept = sei.parameter_sets(units, codec)
    removed = tuple(u for u in units if u not in kept)
    return Configuration(0, b"".join(b"\x00\x00\x00\x01" + u for u in kept), removed)


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise sei.DamagedUnits("decoder configuration: cut short; send the file again")
        part = self.data[self.position : end]
        self.position = end
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


def _clean_avcc(data: bytes) -> Configuration:
    """AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.3.3.1."""
    reader = _Reader(data, 5)
    out = bytearray(data[:5])
    removed: list[bytes] = []
    for kind, count_mask in ((7, 0x1F), (8, 0xFF)):
        count = reader.number(1)
        units = [reader.take(reader.number(2)) for _ in range(count & count_mask)]
        kept = [u for u in units if u and u[0] & 0x1F == kind]
        removed += [u for u in units if u and u not in kept]
        out.append(len(kept) | (0xE0 if kind == 7 else 0))
        for unit in kept:
            out += len(unit).to_bytes(2, "big") + unit
    if data[1] in (100, 110, 122, 144) and len(data) - reader.position >= 4:
        out += reader.take(3) + b"\x00"
    return Configuration((data[4] & 3) + 1, bytes(out), tuple(removed))


def _clean_hvcc(data: bytes) -> Configuration:
    """HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 8.3.3.1."""
    reader = _Reader(data, 22)
    arrays, removed = bytearray(), []
    n_arrays = 0
    for _ in range(reader.number(1)):
        head = reader.number(1)
        units = [reader.take(reader.number(2)) for _ in range(reader.number(2))]
        kept = [u for u in sei.parameter_sets(units, "hevc") if sei.hevc_kind(u)[0] == head & 0x3F]
        removed += [u for u in units if u not in kept]
        if kept:
            n_arrays += 1
            arrays += bytes([head & 0xBF]) + len(kept).to_bytes(2, "big")
            for unit in kept:
                arrays += len(unit).to_bytes(2, "big") + unit
    return Configuration(
        (data[21] & 3) + 1, data[:22] + bytes([n_arrays]) + bytes(arrays), tuple(removed)
    )
