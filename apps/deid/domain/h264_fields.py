"""Which packets of H.264 add a second field to the picture before (Rec. ITU-T H.264 7.4.1.2.4).

Transport streams carry the two fields of a frame as two access units, each of which may have a
time of its own: counted as pictures they would be twice as many as are shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import h264_sets
from .bit_fields import BitCopy
from .parameter_sets import configuration_units
from .sei import DamagedUnits

_SLICES, _IDR = (1, 2, 5), 5
_HEADER_BYTES = 32
Field = tuple[int, int]


class FieldPairs:
    """Watches a stream's packets in coded order, beginning with the decoder configuration."""

    def __init__(self, extradata: bytes | None) -> None:
        self._sequences: dict[int, h264_sets.SequenceSet] = {}
        self._sequence_of: dict[int, int] = {}
        self._open: Field | None = None
        self._last: Field | None = None
        self.length_size = 0
        try:
            self.length_size, units = configuration_units(extradata, "h264")
            self.adds_to_the_one_before(units)
        except DamagedUnits:
            self._sequences = {}

    @property
    def are_possible(self) -> bool:
        """Whether the stream may hold fields at all; most hold none, and need no watching."""
        return any(each.may_have_fields for each in self._sequences.values())

    def adds_to_the_one_before(self, units: Iterable[bytes]) -> bool:
        """Whether the packet of these units begins with the second field of a frame that the
        packets before left half. Raises ``DamagedUnits``."""
        first: bool | None = None
        for unit in units:
            kind = unit[0] & 0x1F
            if kind == h264_sets.SPS:
                sequence = h264_sets.sequence_set(unit)
                self._sequences[sequence.id] = sequence
            elif kind == h264_sets.PPS:
                picture = h264_sets.picture_set(unit, self._sequences)
                self._sequence_of[picture.id] = picture.sequence_id
            if kind not in _SLICES:
                continue
            field = self._field(unit)
            if field is not None and field == self._last:
                continue
            completes = (
                field is not None
                and kind != _IDR
                and self._open is not None
                and self._open == (field[0], 1 - field[1])
            )
            first = completes if first is None else first
            self._open = None if completes else field
            self._last = field
        return bool(first)

    def _field(self, unit: bytes) -> Field | None:
        """(frame number, whether it is the bottom field) of a slice; None of a frame's (7.3.3)."""
        bits = BitCopy(unit[:_HEADER_BYTES], 1)
        bits.ues(2)
        sequence = self._sequences.get(self._sequence_of.get(bits.ue(), -1))
        if sequence is None or not sequence.may_have_fields:
            return None
        if sequence.has_planes_apart:
            bits.u(2)
        number = bits.u(sequence.frame_number_bits)
        return (number, bits.u(1)) if bits.u(1) else None
