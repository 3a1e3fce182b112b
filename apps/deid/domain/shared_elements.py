"""What was made of an element, kept for the next instance that holds the same one.

A study's instances share most of their elements byte for byte. What comes of one depends on its
bytes (`elements.raw_key`) and on what it is cleaned with (`harvest.view`), so it is made once.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from pydicom.dataelem import DataElement

from apps.deid.domain.encode import encode_element
from apps.deid.domain.header_parts import is_ambiguous_element

_MOST_KEPT = 2048


@dataclass(frozen=True)
class Done:
    """What was made of one element of the root: the element (None: removed), its bytes, and what
    was counted, removed and written on purpose on the way."""

    element: DataElement | None
    as_written: bytes | None
    actions: tuple[tuple[str, int], ...]
    removed: tuple[str, ...]
    written: frozenset[str]

    def copy(self) -> DataElement | None:
        """An element of the same value, whose value can be set without harm to the next one's."""
        if self.element is None:
            return None
        made = DataElement.__new__(DataElement)
        made.__dict__.update(self.element.__dict__)
        return made


class SharedElements:
    """`Done` by key, all of it forgotten when it grows too large."""

    def __init__(self) -> None:
        self._done: dict[Hashable, Done] = {}

    def get(self, key: Hashable) -> Done | None:
        """What was made of an element of this key before."""
        return self._done.get(key)

    def keep(self, key: Hashable, done: Done) -> None:
        """Keep what was made, unless it will still be changed by what stands beside it."""
        if done.element is not None and is_ambiguous_element(done.element):
            return
        if len(self._done) >= _MOST_KEPT:
            self._done.clear()
        self._done[key] = done


@dataclass
class AsWritten:
    """Bytes of elements that were made before, good as long as each holds the value it came with
    (its items are not changed in place)."""

    known: dict[int, tuple[DataElement, Any, bytes]]

    def note(self, made: DataElement, data: bytes) -> None:
        """These bytes are what `made` is written as."""
        self.known[made.tag] = made, made._value, data

    def of(self, element: Any) -> bytes | None:
        """The bytes of this very element with this very value; None: encode it."""
        known = self.known.get(element.tag)
        if known is None or known[0] is not element or known[1] is not element._value:
            return None
        return known[2]


def bytes_of(made: DataElement | None) -> bytes | None:
    """The element's bytes where it is of an ordinary kind."""
    return encode_element(made) if made is not None else None
