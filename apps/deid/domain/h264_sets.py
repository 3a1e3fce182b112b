"""H.264 parameter sets, rewritten from what decoding needs (ITU-T H.264 7.3.2.1, 7.3.2.2, E.1.1).

What stays behind: bytes behind the set, HRD parameters (with SEI gone nothing refers to them), and
sets of an extension. Raises ``sei.DamagedUnits`` where a set cannot be followed to its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .bit_fields import BitCopy
from .sei import DamagedUnits

SPS, PPS = 7, 8
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_EXTENDED_ASPECT = 255


@dataclass(frozen=True)
class SequenceSet:
    """``id``; ``chroma_format`` as chroma_format_idc; ``cleaned`` is the unit to write. Of the
    slices that refer to it: ``frame_number_bits``, ``has_planes_apart``, and ``may_have_fields``
    (not frame_mbs_only_flag)."""

    id: int
    chroma_format: int
    cleaned: bytes
    frame_number_bits: int
    has_planes_apart: bool
    may_have_fields: bool


@dataclass(frozen=True)
class PictureSet:
    id: int
    sequence_id: int
    cleaned: bytes


@lru_cache(maxsize=64)
def sequence_set(unit: bytes) -> SequenceSet:
    """Read and rewrite a sequence parameter set (NAL unit type 7)."""
    bits = BitCopy(unit, 1)
    profile = bits.u(8)
    bits.u(16)
    number, chroma, has_planes_apart = bits.ue(), 1, False
    if profile in _WITH_CHROMA:
        chroma = bits.ue()
        if chroma == 3:
            has_planes_apart = bool(bits.u(1))
        bits.ues(2)
        bits.u(1)
        if bits.u(1):
            _scaling_matrix(bits, 8 if chroma != 3 else 12)
    frame_number_bits = 4 + _at_most(bits.ue(), 12)
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1)
        bits.ses(2)
        bits.ses(_at_most(bits.ue(), 255))
    bits.ue()
    bits.u(1)
    bits.ues(2)
    may_have_fields = not bits.u(1)
    if may_have_fields:
        bits.u(1)
    bits.u(1)
    if bits.u(1):
        bits.ues(4)
    if bits.u(1):
        _usability(bits)
    return SequenceSet(
        _at_most(number, 31), chroma, bits.finished(),
        frame_number_bits, has_planes_apart, may_have_fields,
    )  # fmt: skip


def _usability(bits: BitCopy) -> None:
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
    if bits.u(1):
        bits.u(65)
    n_models = 0
    for _ in range(2):
        bits.put("0")
        if bits.skip(1):
            n_models += 1
            bits.keep = False
            _reference_decoder(bits)
            bits.keep = True
    if n_models:
        bits.skip(1)
    # pic_struct_present_flag promises messages that were cut.
    bits.skip(1)
    bits.put("0")
    if bits.u(1):
        bits.u(1)
        bits.ues(6)


def _reference_decoder(bits: BitCopy) -> None:
    count = _at_most(bits.ue(), 31) + 1
    bits.u(8)
    for _ in range(count):
        bits.ues(2)
        bits.u(1)
    bits.u(20)


def _scaling_matrix(bits: BitCopy, n_lists: int) -> None:
    for number in range(n_lists):
        if not bits.u(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def picture_set(unit: bytes, sequences: dict[int, SequenceSet]) -> PictureSet:
    """Read and rewrite a picture parameter set (NAL unit type 8); ``sequences`` by their id."""
    number = BitCopy(unit, 1)
    number.ue()
    sequence = sequences.get(number.ue())
    return _picture_set(unit, sequence.chroma_format if sequence else 1)


@lru_cache(maxsize=64)
def _picture_set(unit: bytes, chroma_format: int) -> PictureSet:
    bits = BitCopy(unit, 1)
    number, sequence = bits.ue(), bits.ue()
    bits.u(2)
    n_groups = _at_most(bits.ue(), 7) + 1
    if n_groups > 1:
        _slice_groups(bits, n_groups)
    bits.ues(2)
    bits.u(3)
    bits.ses(3)
    bits.u(3)
    if bits.more_data():
        with_8x8 = bits.u(1)
        if bits.u(1):
            _scaling_matrix(bits, 6 + (2 if chroma_format != 3 else 6) * with_8x8)
        bits.se()
    return PictureSet(_at_most(number, 255), _at_most(sequence, 31), bits.finished())


def _slice_groups(bits: BitCopy, n_groups: int) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ues(n_groups)
    elif kind == 2:
        bits.ues(2 * (n_groups - 1))
    elif kind in (3, 4, 5):
        bits.u(1)
        bits.ue()
    elif kind == 6:
        count = bits.ue() + 1
        for _ in range(count):
            bits.u((n_groups - 1).bit_length())


def picture_set_of_slice(unit: bytes) -> int:
    """The id of the picture parameter set that a slice (types 1, 2, 5) refers to."""
    bits = BitCopy(unit[:24], 1)
    bits.ues(2)
    return bits.ue()


def _at_most(value: int, limit: int) -> int:
    if value > limit:
        raise DamagedUnits("parameter set: a number beyond its range; send it again")
    return value
