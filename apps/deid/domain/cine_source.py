"""Frames of a cine's pixel data, read a few at a time: what is in memory does not grow with the
number of frames.

A frame's bytes are read where they stand in the file. A few frames' together make a data set of
their own, so that what decodes is pydicom's decoder of one frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice, pairwise
from typing import BinaryIO

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import iter_pixels
from pydicom.tag import BaseTag
from pydicom.uid import RLELossless

from .code_streams import stripper_of
from .elements import read_element
from .pixel_reader import PixelReader
from .refusals import StreamRefusal

_PART_BYTES = 8 << 20
# Where a frame ends within fragments that nothing else tells apart (as pydicom does it).
_END_OF_IMAGE, _TAIL_BYTES = b"\xff\xd9", 10
_KEYWORDS = {"OF": "FloatPixelData", "OD": "DoubleFloatPixelData"}
# Frame Time, Frame Time Vector, Cine Rate, Lossy Image Compression.
_ASKED_FOR = frozenset((0x00181063, 0x00181065, 0x00180040, 0x00282110))


def pixel_module(ds: Dataset) -> Dataset:
    """The pixel module alone: frames are made late, when the caller may have rewritten ``ds``."""
    own, own_meta = Dataset(), FileMetaDataset()
    _take(own, ds, [tag for tag in ds._dict if tag >> 16 == 0x0028 or tag in _ASKED_FOR])
    _take(own_meta, ds.file_meta, list(ds.file_meta._dict))
    own.file_meta = own_meta
    if not own.get("NumberOfFrames"):
        own.NumberOfFrames = 1
    return own


def _take(own: Dataset, ds: Dataset, tags: Sequence[BaseTag]) -> None:
    """Elements of its own with the same values: a value that is set anew in ``ds`` is set in the
    element that stands there."""
    for tag in sorted(tags):
        held = read_element(ds, tag)
        if type(held) is not DataElement:
            # pydicom tells what is wrong with it.
            held = ds[tag]
        copied = own._dict[tag] = DataElement.__new__(DataElement)
        copied.__dict__.update(held.__dict__)


class CineSource:
    """Frames of an instance's file. ``module``: its pixel module (group 0028), with file meta, and
    what tells the times. ``n_frames`` counts the frames that fragments hold, whatever Number of
    Frames (0028,0008) says of several; ``claimed`` is what it says.

    ``ds``: the data set without pixel data; ``pieces`` (offset_bytes, size_bytes) and ``offsets``
    as ``parse.PixelPlace``. ``vr``: OB, OW, OF or OD.
    """

    def __init__(
        self,
        ds: Dataset,
        stream: BinaryIO,
        pieces: Sequence[tuple[int, int]],
        *,
        offsets: Sequence[int] = (),
        is_encapsulated: bool,
        vr: str,
    ) -> None:
        self.module = pixel_module(ds)
        self.n_frames = self.claimed = int(self.module.NumberOfFrames)
        self._stream, self._pieces, self._offsets = stream, tuple(pieces), tuple(offsets)
        self._is_encapsulated, self.vr = is_encapsulated, vr
        self._bits: int | None = None
        self._groups: list[tuple[tuple[int, int], ...]] | None = None
        if is_encapsulated and self.claimed > 1 and self._pieces:
            self._groups = self._grouped()
            # Where the last image has no end the file was cut: what it claims is missing, then.
            if len(self._groups) > 1 and (self._is_rle() or self._ends(self._groups[-1][-1])):
                self.n_frames = self.module.NumberOfFrames = len(self._groups)

    def arrays(
        self, indices: Sequence[int] | None = None, *, raw: bool = False
    ) -> Iterator[np.ndarray]:
        """The decoded frames, all or those asked for, in ascending order. Decoders raise anything;
        StreamRefusal("truncated_stream") where bytes of frames are missing."""
        if not self._is_encapsulated and int(self.module.BitsAllocated) == 1:
            yield from self._single_bits(range(self.n_frames) if indices is None else indices)
            return
        for start, end in self._parts(range(self.n_frames) if indices is None else indices):
            near = start // 8 * 8 if self._go_in_eights() else start
            yield from self._decoded(near, start, end, raw)

    def _decoded(self, near: int, start: int, end: int, raw: bool) -> Iterator[np.ndarray]:
        """Frames ``start`` to ``end`` of those from ``near`` on. Decoders stop at segments that
        have nothing to do with the samples: what one does not read is given to it without them."""
        try:
            for array in islice(iter_pixels(self._part(near, end), raw=raw), start - near, None):
                yield array
                start += 1
        except Exception:
            strip = stripper_of(str(self.module.file_meta.TransferSyntaxUID))
            if strip is None or not self._is_encapsulated:
                raise
            yield from iter_pixels(self._part(start, end, strip), raw=raw)

    def _single_bits(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Frames of 0 and 1 (pydicom's decoder needs frames that begin a byte)."""
        shape, bits = (int(self.module.Rows), int(self.module.Columns)), self._frame_bits()
        for index in indices:
            near = index // 8 * 8
            data = np.frombuffer(self._native(near, index + 1), np.uint8)
            ones = np.unpackbits(data, bitorder="little")[(index - near) * bits :][:bits]
            yield ones.reshape(shape)

    def encoded(self) -> Iterator[bytes]:
        """Each frame's code stream. Raises StreamRefusal("truncated_stream")."""
        for group in self._frames():
            yield self._read(group)

    def native(self) -> Iterator[tuple[int, bytearray]]:
        """(first frame, bytes of the caller's own) of a few whole frames at a time, of uncompressed
        pixel data; of single bits eight frames at a time, so that each part begins a byte."""
        for start, end in self._parts(range(self.n_frames)):
            yield start, self._native(start, end)

    def _frame_bits(self) -> int:
        if self._bits is None:
            module = self.module
            bits = int(module.Rows) * int(module.Columns) * int(module.SamplesPerPixel)
            if str(module.PhotometricInterpretation) == "YBR_FULL_422":
                bits = bits // 3 * 2
            self._bits = bits * int(module.BitsAllocated)
        return self._bits

    def _go_in_eights(self) -> bool:
        """Whether a frame may begin within a byte, or within a word of swapped bytes."""
        return not self._is_encapsulated and self._frame_bits() % 16 != 0

    def _parts(self, indices: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Runs of the frames asked for, (first, end), each of a few megabytes."""
        if self._is_encapsulated:
            groups = self._frames()
            sizes = [sum(size for _, size in groups[i]) for i in indices]
        else:
            sizes = [self._frame_bits() // 8 + 1] * len(indices)
        whole = self._go_in_eights()
        start = end = held = 0
        for place, index in enumerate(indices):
            is_next = place > 0 and index == end
            is_full = held + sizes[place] > _PART_BYTES and not (whole and (end - start) % 8)
            if place and (not is_next or is_full):
                yield start, end
                held = 0
            if not place or not is_next or is_full:
                start = index
            end, held = index + 1, held + sizes[place]
        if indices:
            yield start, end

    def _part(self, start: int, end: int, strip: Callable[[bytes], bytes] | None = None) -> Dataset:
        """Frames ``start`` to ``end`` (exclusive) as a data set, each code stream stripped."""
        if self._is_encapsulated:
            items = [b"\xfe\xff\x00\xe0\x00\x00\x00\x00"]
            for group in self._frames()[start:end]:
                data = self._read(group) if strip is None else strip(self._read(group))
                data += b"\x00" * (len(data) % 2)
                items += [struct.pack("<HHI", 0xFFFE, 0xE000, len(data)), data]
            value = b"".join(items)
        else:
            value = bytes(self._native(start, end))
        ds = Dataset()
        ds.file_meta = self.module.file_meta
        ds.update(self.module)
        ds.NumberOfFrames = end - start
        if self.vr in _KEYWORDS:
            setattr(ds, _KEYWORDS[self.vr], value)
            return ds
        vr = "OB" if self._is_encapsulated or self.vr == "OB" else "OW"
        element = DataElement(0x7FE00010, vr, value, already_converted=True)
        element.is_undefined_length = self._is_encapsulated
        ds.add(element)
        return ds

    def _native(self, start: int, end: int) -> bytearray:
        bits = self._frame_bits()
        size = ((end - start) * bits + 7) // 8
        reader = PixelReader(self._stream, self._pieces)
        reader.seek(start * bits // 8)
        # Room is made for what is there, not for what a header tells.
        data = bytearray(size + size % 2 if size <= reader.left_bytes else 0)
        if len(data) < size or reader.readinto(memoryview(data)[:size]) < size:
            raise StreamRefusal("truncated_stream", "pixel data: frames are missing; send it again")
        return data

    def _read(self, group: Sequence[tuple[int, int]]) -> bytes:
        parts = []
        for offset, size in group:
            self._stream.seek(offset)
            parts.append(self._stream.read(size))
        return b"".join(parts)

    def _frames(self) -> list[tuple[tuple[int, int], ...]]:
        """The fragments of each frame: one each (of RLE always, PS3.5 A.4.2), or as the Basic
        Offset Table says where it points right, or each up to the end of an image."""
        if self._groups is None:
            self._groups = self._grouped()
        if len(self._groups) != self.n_frames:
            raise StreamRefusal("truncated_stream", "pixel data: frames are missing; send it again")
        return self._groups

    def _is_rle(self) -> bool:
        return str(self.module.file_meta.TransferSyntaxUID) == RLELossless

    def _ends(self, piece: tuple[int, int]) -> bool:
        """Whether an image's end stands at the end of a fragment."""
        offset, size = piece
        self._stream.seek(offset + max(0, size - _TAIL_BYTES))
        return _END_OF_IMAGE in self._stream.read(min(size, _TAIL_BYTES))

    def _grouped(self) -> list[tuple[tuple[int, int], ...]]:
        pieces = self._pieces
        if len(pieces) == self.n_frames or self._is_rle():
            return [(piece,) for piece in pieces]
        if self.n_frames == 1:
            return [pieces] if pieces else []
        starts = [0, *accumulate(size + 8 for _, size in pieces)]
        if self._offsets and set(self._offsets) <= set(starts):
            number = {start: place for place, start in enumerate(starts)}
            cuts = [*(number[offset] for offset in self._offsets), len(pieces)]
            return [pieces[a:b] for a, b in pairwise(cuts)]
        found: list[tuple[tuple[int, int], ...]] = []
        group: list[tuple[int, int]] = []
        for offset, size in pieces:
            group.append((offset, size))
            if self._ends((offset, size)):
                found.append(tuple(group))
                group = []
        return [*found, *([tuple(group)] if group else [])]
