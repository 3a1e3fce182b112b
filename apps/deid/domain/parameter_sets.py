"""Parameter sets in the stream and in a track's decoder configuration (``avcC``, ``hvcC``, Annex
B): only those that a picture uses, each rewritten from what decoding needs. Configuration records
may also hold SEI units and unknown trailing bytes: these stay behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from . import h264_sets, hevc_sets, mpeg2_sections, sei

_H264_SLICES_WITH_HEADER = frozenset({1, 2, 5})
_H264_SLICES = frozenset({1, 2, 3, 4, 5})
_CABAC_ZERO_WORD = b"\x00\x00\x03"


@dataclass(frozen=True)
class Configuration:
    """``length_size`` is 0 for Annex B packets, else the bytes of a NAL unit's length."""

    length_size: int
    cleaned: bytes
    removed_units: tuple[bytes, ...] = ()


@dataclass
class SetsInUse:
    """Which parameter sets the pictures refer to, gathered unit by unit before copying.

    ``codec``: ``h264`` or ``hevc``. Feed it the configuration's units, then each packet's.
    """

    codec: str
    pictures: set[int] = field(default_factory=set)
    _above: dict[tuple[int, int], set[int]] = field(default_factory=dict)

    def watch(self, units: Iterable[bytes]) -> None:
        """Raises ``sei.DamagedUnits`` as the sets' readers do."""
        if self.codec == "h264":
            for unit in units:
                kind = unit[0] & 0x1F
                if kind in _H264_SLICES_WITH_HEADER:
                    self.pictures.add(h264_sets.picture_set_of_slice(unit))
                elif kind == h264_sets.PPS:
                    picture = h264_sets.picture_set(unit, {})
                    self._note(h264_sets.PPS, picture.id, picture.sequence_id)
            return
        for unit in units:
            kind, layer = sei.hevc_kind(unit)
            if layer:
                continue
            if kind < 32:
                self.pictures.add(hevc_sets.picture_set_of_slice(unit))
            elif kind in sei.HEVC_PARAMETER_SETS:
                found = hevc_sets.parameter_set(unit)
                self._note(kind, found.id, found.refers_to)

    def _note(self, kind: int, number: int, above: int) -> None:
        self._above.setdefault((kind, number), set()).add(above)

    def _all_above(self, kind: int, numbers: set[int]) -> set[int]:
        return set().union(*(self._above.get((kind, number), set()) for number in numbers))

    @property
    def sequences(self) -> set[int]:
        kind = h264_sets.PPS if self.codec == "h264" else hevc_sets.PPS
        return self._all_above(kind, self.pictures)

    @property
    def videos(self) -> set[int]:
        return self._all_above(hevc_sets.SPS, self.sequences)


class UnitCleaner:
    """Cleans the NAL units of one stream, in decoding order: SEI cut to recovery_point, unknown
    types dropped, parameter sets rewritten and those that ``used`` does not name dropped.

    Raises ``sei.DamagedUnits`` for a set that cannot be rewritten.
    """

    def __init__(self, codec: str, used: SetsInUse | None = None) -> None:
        self._codec = codec
        self._kept: dict[int, set[int]] = {}
        if used is not None and codec == "h264":
            self._kept = {h264_sets.SPS: used.sequences, h264_sets.PPS: used.pictures}
        elif used is not None:
            self._kept = {
                hevc_sets.VPS: used.videos,
                hevc_sets.SPS: used.sequences,
                hevc_sets.PPS: used.pictures,
            }
        self._sequences: dict[int, h264_sets.SequenceSet] = {}

    def __call__(self, units: list[bytes]) -> list[bytes]:
        kept = sei.clean_h264(units) if self._codec == "h264" else sei.clean_hevc(units)
        return [cleaned for unit in kept if (cleaned := self._unit(unit))]

    def _unit(self, unit: bytes) -> bytes | None:
        kind = unit[0] & 0x1F if self._codec == "h264" else unit[0] >> 1 & 0x3F
        if self._codec == "h264":
            if kind == h264_sets.SPS:
                sequence = h264_sets.sequence_set(unit)
                self._sequences[sequence.id] = sequence
                return self._if_used(kind, sequence.id, sequence.cleaned)
            if kind == h264_sets.PPS:
                picture = h264_sets.picture_set(unit, self._sequences)
                return self._if_used(kind, picture.id, picture.cleaned)
            is_slice = kind in _H264_SLICES
        else:
            if kind in sei.HEVC_PARAMETER_SETS:
                found = hevc_sets.parameter_set(unit)
                return self._if_used(kind, found.id, found.cleaned)
            is_slice = kind < 32
        while is_slice and unit.endswith(_CABAC_ZERO_WORD):
            unit = unit[: -len(_CABAC_ZERO_WORD)]
        return unit

    def _if_used(self, kind: int, number: int, cleaned: bytes) -> bytes | None:
        return cleaned if number in self._kept.get(kind, {number}) else None


def configuration_units(extradata: bytes | None, codec: str) -> tuple[int, list[bytes]]:
    """(length_size, all NAL units) of a decoder configuration of ``h264`` or ``hevc``.

    Raises ``sei.DamagedUnits`` when a record is cut short.
    """
    data = bytes(extradata or b"")
    if codec == "h264" and data[:1] == b"\x01" and len(data) >= 7:
        return (data[4] & 3) + 1, list(_avcc_units(data))
    if codec == "hevc" and data[:1] == b"\x01" and len(data) >= 23:
        return (data[21] & 3) + 1, list(_hvcc_units(data))
    return 0, sei.split_annex_b(data)


def clean_configuration(
    extradata: bytes | None, codec: str, used: SetsInUse | None = None
) -> Configuration:
    """Read and clean a track's decoder configuration.

    ``codec`` is ``h264``, ``hevc`` or ``mpeg2video``. Raises ``sei.DamagedUnits`` when a record
    is cut short or a set cannot be rewritten.
    """
    if codec not in ("h264", "hevc"):
        return Configuration(0, mpeg2_sections.clean_mpeg2(bytes(extradata or b""), 0, 25))
    length_size, units = configuration_units(extradata, codec)
    sets = sei.parameter_sets(units, codec)
    removed = tuple(u for u in units if u not in sets)
    cleaned = UnitCleaner(codec, used)(sets)
    if not length_size:
        joined = b"".join(b"\x00\x00\x00\x01" + u for u in cleaned)
    elif codec == "h264":
        joined = _avcc(cleaned, length_size)
    else:
        joined = _hvcc(cleaned, length_size)
    return Configuration(length_size, joined, removed)


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


def _avcc_units(data: bytes) -> Iterator[bytes]:
    """AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.3.3.1."""
    reader = _Reader(data, 5)
    for count_mask in (0x1F, 0xFF):
        for _ in range(reader.number(1) & count_mask):
            if unit := reader.take(reader.number(2)):
                yield unit


def _avcc(units: list[bytes], length_size: int) -> bytes:
    sequences = [u for u in units if u[0] & 0x1F == h264_sets.SPS]
    pictures = [u for u in units if u[0] & 0x1F == h264_sets.PPS]
    # Profile, constraints and level are the first set's own. The fields behind the sets repeat
    # what it says (and may be left out).
    head = sequences[0][1:4] if sequences else b"\x00\x00\x00"
    out = bytearray(b"\x01" + head + bytes([0xFC | length_size - 1, 0xE0 | len(sequences)]))
    out += _counted(sequences)
    out.append(len(pictures))
    return bytes(out + _counted(pictures))


def _counted(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _hvcc_units(data: bytes) -> Iterator[bytes]:
    """HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 8.3.3.1."""
    reader = _Reader(data, 22)
    for _ in range(reader.number(1)):
        reader.take(1)
        for _ in range(reader.number(2)):
            if unit := reader.take(reader.number(2)):
                yield unit


def _hvcc(units: list[bytes], length_size: int) -> bytes:
    by_kind = {
        kind: [u for u in units if sei.hevc_kind(u)[0] == kind]
        for kind in (hevc_sets.VPS, hevc_sets.SPS, hevc_sets.PPS)
    }
    if not by_kind[hevc_sets.SPS]:
        raise sei.DamagedUnits("decoder configuration: no sequence parameter set; send it again")
    first = hevc_sets.parameter_set(by_kind[hevc_sets.SPS][0])
    luma, chroma = first.depths
    # Segmentation, parallelism and frame rate as unknown; all else is the first set's own.
    head = (
        b"\x01" + first.profile + b"\xf0\x00\xfc"
        + bytes([0xFC | first.chroma_format, 0xF8 | luma - 8, 0xF8 | chroma - 8, 0, 0])
        + bytes([first.sub_layers << 3 | first.is_nested << 2 | length_size - 1])
    )  # fmt: skip
    arrays = [(kind, found) for kind, found in by_kind.items() if found]
    return (
        head
        + bytes([len(arrays)])
        + b"".join(
            # Complete: none of this kind stands in the stream (the mark of hvc1).
            bytes([0x80 | kind]) + len(found).to_bytes(2, "big") + _counted(found)
            for kind, found in arrays
        )
    )
