"""A freeze read from its file clip by clip, so that memory does not grow with their number."""

from __future__ import annotations

import hashlib
import json
import mmap
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from apps.release.domain.freeze import (
    ClipFreeze,
    Freeze,
    FreezeError,
    freeze_of_parts,
    load_clip,
)

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_KEPT_BYTES = 512 << 10  # as JSON; some ten times as much as objects
_MAPPED_BYTES = 4 << 20
Span = tuple[int, int]


class LazyClips(Sequence[ClipFreeze]):
    """The clips of a freeze's file, each read when it is asked for; the last few are kept."""

    def __init__(self, path: Path, spans: list[Span]) -> None:
        self._path, self._spans = path, spans
        self._kept: OrderedDict[int, ClipFreeze] = OrderedDict()
        self.heads = [clip.head for clip in self]

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, place: int) -> ClipFreeze: ...
    @overload
    def __getitem__(self, place: slice) -> list[ClipFreeze]: ...
    def __getitem__(self, place: int | slice) -> ClipFreeze | list[ClipFreeze]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(place)
        if at not in self._kept:
            start, end = self._spans[at]
            with self._path.open("rb") as file:
                file.seek(start)
                self._kept[at] = load_clip(json.loads(file.read(end - start)), f"clips[{at}]")
            self._forget()
        self._kept.move_to_end(at)
        return self._kept[at]

    def _forget(self) -> None:
        sizes = {at: self._spans[at][1] - self._spans[at][0] for at in self._kept}
        while len(self._kept) > 1 and sum(sizes[at] for at in self._kept) > _KEPT_BYTES:
            self._kept.popitem(last=False)

    def __iter__(self) -> Iterator[ClipFreeze]:
        for at in range(len(self)):
            yield self[at]


def open_freeze(path: Path) -> Freeze:
    """The freeze of a file that `dump_freeze` wrote; its clips stay in the file.

    Raises FreezeError when it is none. Not validated: see `freeze_check.validate`.
    """
    spans, before, after = _clip_spans(path)
    with path.open("rb") as file:
        head = file.read(before)
        file.seek(after)
        rest = file.read()
    try:
        raw = json.loads(head + rest)
    except ValueError as error:
        raise FreezeError("freeze: not JSON; write it with dump_freeze") from error
    return freeze_of_parts(raw, LazyClips(path, spans))


def _clip_spans(path: Path) -> tuple[list[Span], int, int]:
    """Bytes of each clip, and where the list's inside begins and ends."""
    spans: list[Span] = []
    depth, key, start, before = 0, b"", 0, -1
    with path.open("rb") as file, _mapped(file) as content:
        left = 0
        for found in _TOKEN.finditer(content):
            token = found.group()
            if found.start() - left > _MAPPED_BYTES:
                # What was read is given back: the file may be larger than memory.
                step = (found.start() - left) // mmap.PAGESIZE * mmap.PAGESIZE
                content.madvise(mmap.MADV_DONTNEED, left, step)
                left += step
            if token[:1] == b'"':
                key = token if depth == 1 else key
            elif token in b"{[":
                depth += 1
                if depth == 2 and key == b'"clips"' and token == b"[":
                    before = found.end()
                elif depth == 3 and before >= 0:
                    start = found.start()
            else:
                depth -= 1
                if before >= 0 and depth == 2:
                    spans.append((start, found.end()))
                elif before >= 0 and depth == 1:
                    return spans, before, found.start()
    raise FreezeError("clips: a list is needed")


def _mapped(file: Any) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise FreezeError("freeze: empty; write it with dump_freeze") from error


def digest_of(path: Path) -> str:
    """Hex SHA-256 of the file: the freeze's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
