"""Thrift's compact protocol, as far as Parquet's headers need it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
MAX_DEPTH = 16


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


class Struct:
    """A struct that is written field by field, ids rising."""

    def __init__(self) -> None:
        self._out, self._last = bytearray(), 0

    def _head(self, field: int, kind: int) -> None:
        self._out.append((field - self._last) << 4 | kind)
        self._last = field

    def i32(self, field: int, value: int) -> Struct:
        self._head(field, _I32)
        self._out += _zigzag(value)
        return self

    def i64(self, field: int, value: int) -> Struct:
        self._head(field, _I64)
        self._out += _zigzag(value)
        return self

    def binary(self, field: int, value: bytes) -> Struct:
        self._head(field, _BINARY)
        self._out += _varint(len(value)) + value
        return self

    def struct(self, field: int, value: Struct) -> Struct:
        self._head(field, _STRUCT)
        self._out += value.end()
        return self

    def raw_list(self, field: int, value: bytes) -> Struct:
        """A list that `struct_list`, `i32_list` or `bytes_list` made."""
        self._head(field, _LIST)
        self._out += value
        return self

    def end(self) -> bytes:
        """The bytes of the whole struct."""
        return bytes(self._out) + b"\0"


def _list(kind: int, items: list[bytes]) -> bytes:
    n = len(items)
    head = bytes([n << 4 | kind]) if n < 15 else bytes([0xF0 | kind]) + _varint(n)
    return head + b"".join(items)


def struct_list(items: Iterable[Struct]) -> bytes:
    return _list(_STRUCT, [each.end() for each in items])


def i32_list(items: Iterable[int]) -> bytes:
    return _list(_I32, [_zigzag(each) for each in items])


def bytes_list(items: Iterable[bytes]) -> bytes:
    return _list(_BINARY, [_varint(len(each)) + each for each in items])


class Reader:
    """Reads structs as {field id: value}; ``at`` is the place after what was read. Raises
    ValueError for what is cut short or no Thrift."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self.at = data, at

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        if n < 0 or self.at < 0 or n > len(self._data) - self.at:
            raise ValueError("cut short")
        self.at += n
        return self._data[self.at - n : self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number that is too long")

    def _zigzag(self) -> int:
        value = self.varint()
        return value >> 1 if not value & 1 else -((value + 1) >> 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """One struct."""
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        found: dict[int, Any] = {}
        field = 0
        while head := self.take(1)[0]:
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            found[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (4, _I32, _I64):
            return self._zigzag()
        if kind in (1, 2):
            return self.take(1)[0] == 1
        if kind == 3:
            return self.take(1)[0]
        if kind == 7:
            return struct.unpack("<d", self.take(8))[0]
        if kind == _BINARY:
            return self.take(self.varint())
        if kind in (_LIST, 10):
            head = self.take(1)[0]
            n = head >> 4 if head >> 4 != 15 else self.varint()
            if n > len(self._data) or depth > MAX_DEPTH:
                raise ValueError("a list that is too long")
            return [self._value(head & 15, depth + 1) for _ in range(n)]
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError("a kind of value that is not read here")
