"""A multipart body read while it arrives (RFC 2046 section 5.1.1): part by part, block by block.

Memory is one block and one delimiter, whatever the parts' sizes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

BLOCK_BYTES = 1 << 18
MAX_HEADER_BYTES = 16 << 10
# RFC 2046: characters of this set, the last one no space. It says 70 at most, and Orthanc's
# DICOMweb plug-in sends 73.
MAX_BOUNDARY_CHARACTERS = 200
_BOUNDARY = re.compile(
    rf"[0-9A-Za-z'()+_,\-./:=? ]{{0,{MAX_BOUNDARY_CHARACTERS - 1}}}[0-9A-Za-z'()+_,\-./:=?]"
)
_PADDING_BYTES = 256


class MalformedBody(ValueError):
    """The body is not the multipart that its header announced."""


class BodyCut(MalformedBody):
    """The body ended before its closing delimiter: the sender was cut off."""


class MultipartReader:
    """Reads from ``read(n)``, which gives at most n bytes and none at the end.

    Iterate over ``parts()``; a part's ``blocks()`` not taken are skipped. Raises ValueError for a
    boundary that is none.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: str) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise ValueError("this is no boundary")
        self._read = read
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # The first delimiter needs no line break before it.
        self._held = b"\r\n"
        self._is_ended = False
        self._inside = True

    def parts(self) -> Iterator[Part]:
        """Every part in order. Raises MalformedBody, BodyCut."""
        self._skip()
        while not self._is_ended:
            headers = self._headers()
            self._inside = True
            yield Part(self, headers)
            self._skip()

    def _skip(self) -> None:
        for _ in self.blocks():
            pass

    def _more(self) -> None:
        block = self._read(BLOCK_BYTES)
        if not block:
            raise BodyCut("the body ended before its closing delimiter")
        self._held += block

    def blocks(self) -> Iterator[bytes]:
        """The bytes up to the next delimiter. Raises BodyCut."""
        keep, start = len(self._delimiter) - 1, 0
        while self._inside:
            found = self._held.find(self._delimiter, start)
            if found < 0:
                free = len(self._held) - keep
                if free > 0:
                    out, self._held = self._held[:free], self._held[free:]
                    yield out
                start = 0
                self._more()
                continue
            is_closing = self._is_delimiter(found)
            if is_closing is None:
                start = found + 1
                continue
            out = self._held[:found]
            if is_closing:
                self._held, self._is_ended = b"", True
            else:
                self._held = self._held[self._held.index(b"\r\n", found + keep + 1) + 2 :]
            self._inside = False
            if out:
                yield out

    def _is_delimiter(self, found: int) -> bool | None:
        """Whether the delimiter at ``found`` closes the body; None where it only begins like one
        (another boundary that is longer)."""
        after = found + len(self._delimiter)
        while True:
            rest = self._held[after : after + _PADDING_BYTES]
            if rest.startswith(b"--"):
                return True
            if re.match(rb"[ \t]*\r\n", rest):
                return False
            if len(rest) == _PADDING_BYTES or not re.fullmatch(rb"-|[ \t]*\r?", rest):
                return None
            self._more()

    def _headers(self) -> dict[str, str]:
        if not self._held:
            self._more()
        # A part without headers begins with an empty line.
        while not self._held.startswith(b"\r\n") and b"\r\n\r\n" not in self._held:
            if len(self._held) > MAX_HEADER_BYTES + BLOCK_BYTES:
                raise MalformedBody("a part's headers have no end")
            self._more()
        if self._held.startswith(b"\r\n"):
            raw, self._held = b"", self._held[2:]
        else:
            raw, _, self._held = self._held.partition(b"\r\n\r\n")
        # A part of no bytes may share its line break with the delimiter that ends it.
        while len(self._held) < len(self._delimiter):
            self._more()
        if self._held.startswith(self._delimiter[2:]):
            self._held = b"\r\n" + self._held
        if len(raw) > MAX_HEADER_BYTES:
            raise MalformedBody("a part's headers are too long")
        headers = {}
        for line in re.sub(rb"\r\n[ \t]+", b" ", raw).split(b"\r\n") if raw else []:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name.strip():
                raise MalformedBody("a part's header is not name and value")
            headers[name.strip().lower()] = value.strip()
        return headers


class Part:
    """One part; ``headers`` by lower-case name."""

    def __init__(self, reader: MultipartReader, headers: dict[str, str]) -> None:
        self._reader, self.headers = reader, headers

    def blocks(self) -> Iterator[bytes]:
        """The part's bytes in order, each at most a block and a delimiter long."""
        return self._reader.blocks()
