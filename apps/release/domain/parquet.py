"""Parquet files of flat tables, written and read without a library (parquet-format 2.x).

Written: one data page (v1) a column and row group, PLAIN, GZIP, every column optional; the same
rows give the same bytes. Read: that, and what pandas and pyarrow write as they come: dictionary
pages, SNAPPY, several pages. Nested columns, v2 pages and other codecs are refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from apps.release.domain.thrift import Reader, Struct, bytes_list, i32_list, struct_list

MAGIC = b"PAR1"
GROUP_ROWS = 65_536
MAX_PAGE_BYTES = 256 << 20
MAX_ROWS = 4_000_000
TEXT, WHOLE, REAL, TRUTH = "text", "whole", "real", "truth"
Column = tuple[str, str]
Value = str | int | float | bool | None
_BOOLEAN, _INT32, _INT64, _FLOAT, _DOUBLE, _BYTE_ARRAY = 0, 1, 2, 4, 5, 6
_TYPES = {TEXT: _BYTE_ARRAY, WHOLE: _INT64, REAL: _DOUBLE, TRUTH: _BOOLEAN}
_NUMPY = {_INT32: "<i4", _INT64: "<i8", _FLOAT: "<f4", _DOUBLE: "<f8"}
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
_UNCOMPRESSED, _SNAPPY, _GZIP = 0, 1, 2


class ParquetError(ValueError):
    """A file that is no Parquet, or more of it than is read here."""


def write_table(out: BinaryIO, columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> None:
    """Write rows (a value or None a column) as a Parquet file into a stream that only grows.

    ``columns``: (name, `TEXT`, `WHOLE` (int64), `REAL` (double) or `TRUTH`). Holds `GROUP_ROWS`
    rows in memory.
    """
    out.write(MAGIC)
    at, n_rows, groups = len(MAGIC), 0, list[Struct]()
    held: list[Sequence[Value]] = []
    for row in rows:
        held.append(row)
        if len(held) == GROUP_ROWS:
            at = _write_group(out, at, columns, held, groups)
            n_rows, held = n_rows + len(held), []
    if held:
        at = _write_group(out, at, columns, held, groups)
        n_rows += len(held)
    root = Struct().binary(4, b"schema").i32(5, len(columns))
    schema = [root, *(_element(name, kind) for name, kind in columns)]
    footer = Struct().i32(1, 1).raw_list(2, struct_list(schema)).i64(3, n_rows)
    footer.raw_list(4, struct_list(groups)).binary(6, b"ClinicalAnnot")
    end = footer.end()
    out.write(end + struct.pack("<I", len(end)) + MAGIC)


def _element(name: str, kind: str) -> Struct:
    made = Struct().i32(1, _TYPES[kind]).i32(3, 1).binary(4, name.encode())
    return made.i32(6, 0).struct(10, Struct().struct(1, Struct())) if kind == TEXT else made


def _write_group(
    out: BinaryIO, at: int, columns: Sequence[Column], rows: list[Sequence[Value]],
    groups: list[Struct],
) -> int:  # fmt: skip
    chunks, total, start = [], 0, at
    for place, (name, kind) in enumerate(columns):
        values = [row[place] for row in rows]
        body = _levels(values) + _plain([v for v in values if v is not None], kind)
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        packed = packer.compress(body) + packer.flush()
        data = Struct().i32(1, len(values)).i32(2, _PLAIN).i32(3, _RLE).i32(4, _RLE)
        header = Struct().i32(1, 0).i32(2, len(body)).i32(3, len(packed)).struct(5, data).end()
        out.write(header + packed)
        size = len(header) + len(packed)
        meta = Struct().i32(1, _TYPES[kind]).raw_list(2, i32_list([_PLAIN, _RLE]))
        meta.raw_list(3, bytes_list([name.encode()])).i32(4, _GZIP).i64(5, len(values))
        meta.i64(6, len(header) + len(body)).i64(7, size).i64(9, at)
        chunks.append(Struct().i64(2, at).struct(3, meta))
        at, total = at + size, total + len(header) + len(body)
    group = Struct().raw_list(1, struct_list(chunks)).i64(2, total).i64(3, len(rows))
    groups.append(group.i64(5, start).i64(6, at - start))
    return at


def _levels(values: list[Value]) -> bytes:
    """Definition levels as one bit-packed run of the RLE hybrid."""
    bits = np.packbits(np.array([v is not None for v in values], bool), bitorder="little")
    header, n = bytearray(), len(bits) << 1 | 1
    while n > 127:
        header.append(n & 127 | 128)
        n >>= 7
    header.append(n)
    return struct.pack("<I", len(header) + len(bits)) + bytes(header) + bits.tobytes()


def _plain(values: list[Value], kind: str) -> bytes:
    if kind == TEXT:
        raw = [str(v).encode() for v in values]
        return b"".join(struct.pack("<I", len(each)) + each for each in raw)
    if kind == TRUTH:
        return np.packbits(np.array(values, bool), bitorder="little").tobytes()
    return np.array(values, _NUMPY[_TYPES[kind]]).tobytes()


def read_table(data: bytes) -> tuple[list[str], Iterator[tuple[Value, ...]]]:
    """Names of the columns and the rows of a Parquet file. Raises ParquetError, also while rows
    are read."""
    try:
        if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC:
            raise ParquetError("not a Parquet file")
        (size,) = struct.unpack("<I", data[-8:-4])
        if size > len(data) - 12:
            raise ParquetError("cut short")
        footer = Reader(data, len(data) - 8 - size).struct()
        schema = footer[2]
        names = [each[4].decode() for each in schema[1:]]
        if any(each.get(5) or each.get(3, 0) == 2 for each in schema[1:]) or (
            len(set(names)) != len(names) or schema[0].get(5) != len(names)
        ):
            raise ParquetError("columns within columns are not read here; give a flat table")
        return names, _rows(data, footer, schema[1:])
    except (KeyError, IndexError, TypeError, ValueError, struct.error, AttributeError) as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> ParquetError:
    if isinstance(error, ParquetError):
        return error
    return ParquetError(f"not as the format has it ({type(error).__name__})")


def _rows(data: bytes, footer: Any, schema: Any) -> Iterator[tuple[Value, ...]]:
    n_rows = 0
    try:
        for group in footer[4]:
            n_rows += group[3]
            if not 0 <= group[3] <= n_rows <= MAX_ROWS:
                raise ParquetError(f"more than {MAX_ROWS} rows; give the rows of one clip")
            chunks = [chunk[3] for chunk in group[1]]
            if len(chunks) != len(schema):
                raise ParquetError("a row group has other columns than the table")
            read = [_chunk(data, meta, each) for meta, each in zip(chunks, schema, strict=True)]
            if {len(values) for values in read} - {group[3]}:
                raise ParquetError("a column is cut short")
            yield from zip(*read, strict=True)
    except (KeyError, IndexError, TypeError, ValueError, struct.error, AttributeError,
            MemoryError, zlib.error) as error:  # fmt: skip
        raise _malformed(error) from None


def _chunk(data: bytes, meta: Any, element: Any) -> list[Value]:
    """The values of one column in one row group."""
    kind, codec, n_values = meta[1], meta[4], meta[5]
    is_optional, is_text = element.get(3, 0) == 1, element.get(6) == 0 or 1 in element.get(10, {})
    at = min(meta[9], meta.get(11, meta[9]))
    if kind == _BYTE_ARRAY and not is_text:
        raise ParquetError("a column of bytes is not read here")
    words: list[Value] = []
    found: list[Value] = []
    if n_values > MAX_ROWS:
        raise ParquetError("a column is far too long")
    while len(found) < n_values:
        reader = Reader(data, at)
        header = reader.struct()
        if header[1] not in (0, 2):
            raise ParquetError("pages of version 2 are not read here; write version 1.0")
        start, packed, whole = reader.at, header[3], header[2]
        if not 0 < packed <= len(data) - start or not 0 <= whole <= MAX_PAGE_BYTES:
            raise ParquetError("a page is cut short or far too large")
        body = _unpacked(data[start : start + packed], codec, whole)
        at = start + packed
        if header[1] == 2:
            words = _plain_values(body, kind, header[7][1])
            continue
        n, encoding = header[5][1], header[5][2]
        if n <= 0 or len(found) + n > n_values:
            raise ParquetError("a page holds another number of values than its column")
        there, body = _definition(body, n) if is_optional else (np.ones(n, bool), body)
        n_there = int(there.sum())
        if encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY):
            if n_there and not body:
                raise ParquetError("a page is cut short")
            places = _hybrid(body[1:], body[0], n_there) if n_there else []
            values = [words[place] for place in places]
        elif encoding == _PLAIN:
            values = _plain_values(body, kind, n_there)
        else:
            raise ParquetError("an encoding that is not read here; write PLAIN or dictionaries")
        given = iter(values)
        found += [next(given) if is_there else None for is_there in there]
    return found


def _definition(body: bytes, n: int) -> tuple[np.ndarray, bytes]:
    (size,) = struct.unpack_from("<I", body)
    return np.array(_hybrid(body[4 : 4 + size], 1, n), bool), body[4 + size :]


def _hybrid(data: bytes, width: int, n: int) -> list[int]:
    """``n`` numbers of ``width`` bits of the RLE / bit-packed hybrid."""
    if not 0 <= width <= 32:
        raise ParquetError("numbers of more than 32 bits")
    found: list[int] = []
    reader, size = Reader(data, 0), (width + 7) // 8
    while len(found) < n:
        head = reader.varint()
        if head & 1:
            raw = reader.take((head >> 1) * width)
            bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
            if not width:
                found += [0] * min((head >> 1) * 8, n - len(found))
                continue
            weights = 1 << np.arange(width, dtype=np.int64)
            found += (bits.reshape(-1, width) @ weights).tolist()[: n - len(found)]
        else:
            found += [int.from_bytes(reader.take(size), "little")] * min(head >> 1, n - len(found))
        if not head >> 1:
            raise ParquetError("an empty run")
    return found


def _plain_values(body: bytes, kind: int, n: int) -> list[Value]:
    if kind == _BYTE_ARRAY:
        at, found = 0, list[Value]()
        for _ in range(n):
            (size,) = struct.unpack_from("<I", body, at)
            if size > len(body) - at - 4:
                raise ParquetError("a text is cut short")
            found.append(body[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return found
    if kind == _BOOLEAN:
        bits = np.unpackbits(np.frombuffer(body, np.uint8), bitorder="little", count=n)
        if len(body) * 8 < n:
            raise ParquetError("a page is cut short")
        return [bool(bit) for bit in bits]
    if kind not in _NUMPY:
        raise ParquetError("a column type that is not read here")
    numbers: list[Value] = np.frombuffer(body, _NUMPY[kind], n).tolist()
    return numbers


def _unpacked(data: bytes, codec: int, size: int) -> bytes:
    if codec == _UNCOMPRESSED:
        body = data
    elif codec == _GZIP:
        body = zlib.decompressobj(47).decompress(data, size + 1)
    elif codec == _SNAPPY:
        body = _unsnap(data, size)
    else:
        raise ParquetError("a codec that is not read here; write snappy, gzip or none")
    if len(body) != size:
        raise ParquetError("a page is cut short")
    return body


def _unsnap(data: bytes, size: int) -> bytes:
    """The raw Snappy format: literals and copies of what was written before."""
    reader, out = Reader(data, 0), bytearray()
    if reader.varint() != size:
        raise ParquetError("a page is cut short")
    while len(out) < size:
        tag = reader.take(1)[0]
        if tag & 3 == 0:
            n = tag >> 2
            if n >= 60:
                n = int.from_bytes(reader.take(n - 59), "little")
            out += reader.take(n + 1)
            continue
        if tag & 3 == 1:
            n, back = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | reader.take(1)[0]
        else:
            n = (tag >> 2) + 1
            back = int.from_bytes(reader.take(2 if tag & 3 == 2 else 4), "little")
        if not 0 < back <= len(out):
            raise ParquetError("a copy of what is not there")
        piece = out[-back:] if back <= n else out[-back : len(out) - back + n]
        out += (piece * (n // len(piece) + 1))[:n]
    return bytes(out)
