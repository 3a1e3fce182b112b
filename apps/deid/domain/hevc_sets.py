"""HEVC parameter sets, rewritten from what decoding needs (ITU-T H.265 7.3.2, 7.3.3, E.2).

What stays behind: bytes behind the set, HRD parameters, the video parameter set's timing, and
extension data. Raises ``sei.DamagedUnits`` where a set cannot be followed to its end, and for what
needs an extension of another layer, screen content, or a slice header with an extension: such a
stream is encoded once instead of copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .bit_fields import BitCopy
from .sei import DamagedUnits

VPS, SPS, PPS = 32, 33, 34
_EXTENDED_ASPECT = 255


@dataclass(frozen=True)
class ParameterSet:
    """``refers_to``: the id of the set above it (PPS to SPS, SPS to VPS; -1 for a VPS)."""

    kind: int
    id: int
    refers_to: int
    cleaned: bytes
    profile: bytes = b""
    chroma_format: int = 1
    depths: tuple[int, int] = (8, 8)
    sub_layers: int = 1
    is_nested: int = 1


@lru_cache(maxsize=64)
def parameter_set(unit: bytes) -> ParameterSet:
    """Read and rewrite a VPS, SPS or PPS."""
    kind = unit[0] >> 1 & 0x3F
    read = {VPS: _video, SPS: _sequence, PPS: _picture}[kind]
    return read(BitCopy(unit, 2), unit)


def _video(bits: BitCopy, unit: bytes) -> ParameterSet:
    number = bits.u(4)
    bits.u(8)
    layers = bits.u(3)
    bits.u(17)
    _profile(bits, layers)
    for _ in range(layers + 1 if bits.u(1) else 1):
        bits.ues(3)
    largest = bits.u(6)
    for _ in range(_at_most(bits.ue(), 1023)):
        bits.u(largest + 1)
    # Timing and extension follow: both flags off.
    bits.put("00")
    return ParameterSet(VPS, number, -1, bits.finished())


def _profile(bits: BitCopy, layers: int) -> None:
    """profile_tier_level(1, layers)."""
    bits.u(88)
    bits.u(8)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for with_profile, with_level in present:
        bits.u(88 * with_profile)
        bits.u(8 * with_level)


def _sequence(bits: BitCopy, unit: bytes) -> ParameterSet:
    video = bits.u(4)
    layers = bits.u(3)
    nested = bits.u(1)
    _profile(bits, layers)
    number, chroma = bits.ue(), bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.ues(2)
    if bits.u(1):
        bits.ues(4)
    depths = bits.ue() + 8, bits.ue() + 8
    order_bits = _at_most(bits.ue(), 12) + 4
    for _ in range(layers + 1 if bits.u(1) else 1):
        bits.ues(3)
    bits.ues(6)
    if bits.u(1) and bits.u(1):
        _scaling_lists(bits)
    bits.u(2)
    if bits.u(1):
        bits.u(8)
        bits.ues(2)
        bits.u(1)
    _reference_sets(bits)
    if bits.u(1):
        for _ in range(_at_most(bits.ue(), 32)):
            bits.u(order_bits + 1)
    bits.u(2)
    if bits.u(1):
        _usability(bits, layers)
    with_range = _extension(bits)
    if with_range:
        bits.u(9)
    # General profile, tier, flags and level: 12 bytes behind header and first byte.
    profile = BitCopy(unit, 2)
    profile.u(8)
    general = profile.u(96).to_bytes(12, "big")
    return ParameterSet(
        SPS, _at_most(number, 15), video, bits.finished(), general, chroma, depths,
        layers + 1, nested,
    )  # fmt: skip


def _extension(bits: BitCopy) -> int:
    """The extension flags; only the range extension may stay. Gives whether it is there."""
    present = bits.skip(1)
    flags = bits.skip(8) if present else 0
    if flags & 0b01110000:
        raise DamagedUnits("parameter set: an extension that is not copied; encode the stream")
    bits.put("110000000" if flags & 0x80 else "0")
    return flags >> 7


def _reference_sets(bits: BitCopy) -> None:
    counts: list[int] = []
    for number in range(_at_most(bits.ue(), 64)):
        if number and bits.u(1):
            bits.u(1)
            bits.ue()
            count = 0
            for _ in range(counts[-1] + 1):
                count += bits.u(1) or bits.u(1)
            counts.append(count)
            continue
        count = _at_most(bits.ue(), 16) + _at_most(bits.ue(), 16)
        for _ in range(count):
            bits.ue()
            bits.u(1)
        counts.append(count)


def _scaling_lists(bits: BitCopy) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.u(1):
                bits.ue()
                continue
            bits.ses((size > 1) + min(64, 1 << 4 + (size << 1)))


def _usability(bits: BitCopy, layers: int) -> None:
    if bits.u(1) and bits.u(8) == _EXTENDED_ASPECT:
        bits.u(32)
    if bits.u(1):
        bits.u(1)
    if bits.u(1):
        bits.u(4)
        if bits.u(1):
            bits.u(24)
    if bits.u(1):
        bits.ues(2)
    bits.u(3)
    if bits.u(1):
        bits.ues(4)
    if bits.u(1):
        bits.u(64)
        if bits.u(1):
            bits.ue()
        bits.put("0")
        if bits.skip(1):
            bits.keep = False
            _reference_decoder(bits, layers)
            bits.keep = True
    if bits.u(1):
        bits.u(3)
        bits.ues(5)


def _reference_decoder(bits: BitCopy, layers: int) -> None:
    """hrd_parameters(1, layers)."""
    with_nal, with_vcl = bits.u(1), bits.u(1)
    sub_pictures = 0
    if with_nal or with_vcl:
        sub_pictures = bits.u(1)
        bits.u(19 * sub_pictures)
        bits.u(8)
        bits.u(4 * sub_pictures)
        bits.u(15)
    for _ in range(layers + 1):
        fixed = bits.u(1) or bits.u(1)
        low_delay = 0
        if fixed:
            bits.ue()
        else:
            low_delay = bits.u(1)
        count = 1 if low_delay else _at_most(bits.ue(), 31) + 1
        for _ in range((with_nal + with_vcl) * count):
            bits.ues(2 + 2 * sub_pictures)
            bits.u(1)


def _picture(bits: BitCopy, unit: bytes) -> ParameterSet:
    number, sequence = bits.ue(), bits.ue()
    bits.u(2)
    if bits.u(3):
        raise DamagedUnits("parameter set: slice headers with more bits; encode the stream")
    bits.u(2)
    bits.ues(2)
    bits.se()
    bits.u(1)
    skips = bits.u(1)
    if bits.u(1):
        bits.ue()
    bits.ses(2)
    bits.u(4)
    tiles = bits.u(1)
    bits.u(1)
    if tiles:
        columns, rows = _at_most(bits.ue(), 63), _at_most(bits.ue(), 63)
        if not bits.u(1):
            bits.ues(columns + rows)
        bits.u(1)
    bits.u(1)
    if bits.u(1):
        bits.u(1)
        if not bits.u(1):
            bits.ses(2)
    if bits.u(1):
        _scaling_lists(bits)
    bits.u(1)
    bits.ue()
    if bits.u(1):
        raise DamagedUnits("parameter set: slice headers with an extension; encode the stream")
    if _extension(bits):
        if skips:
            bits.ue()
        bits.u(1)
        if bits.u(1):
            bits.ue()
            bits.ses(2 * (_at_most(bits.ue(), 5) + 1))
        bits.ues(2)
    return ParameterSet(PPS, _at_most(number, 63), _at_most(sequence, 15), bits.finished())


def picture_set_of_slice(unit: bytes) -> int:
    """The id of the picture parameter set that a slice segment refers to."""
    bits = BitCopy(unit[:24], 2)
    bits.u(1)
    if 16 <= unit[0] >> 1 & 0x3F <= 23:
        bits.u(1)
    return bits.ue()


def _at_most(value: int, limit: int) -> int:
    if value > limit:
        raise DamagedUnits("parameter set: a number beyond its range; send it again")
    return value
