"""The files of a release, listed on disk: a million of them take no memory.

A piece lists its own as it writes them, a line a file: path, size in bytes, hex SHA-256, separated
by tabs (which no path here holds). `in_order` gives the lines of several lists by path.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

RUN_LINES = 10_000


class Listed(NamedTuple):
    """One file of a release."""

    path: str
    size_bytes: int
    sha256: str


def line_of(row: Listed) -> bytes:
    """The line of a file."""
    return f"{row.path}\t{row.size_bytes}\t{row.sha256}\n".encode()


def in_order(lists: Iterable[Path], folder: Path) -> Generator[Listed]:
    """The files of all lists by path (in the order of its code points), sorted in runs that lie in
    ``folder`` meanwhile."""
    runs: list[Path] = []
    lines = _lines(lists)
    while part := sorted(islice(lines, RUN_LINES)):
        runs.append(folder / f"run-{len(runs)}")
        runs[-1].write_bytes(b"".join(part))
    try:
        with ExitStack() as stack:
            # UTF-8 keeps the order of code points, and a tab comes before all that a path holds.
            for line in heapq.merge(*(stack.enter_context(run.open("rb")) for run in runs)):
                path, size, digest = line.decode().rstrip("\n").split("\t")
                yield Listed(path, int(size), digest)
    finally:
        for run in runs:
            run.unlink()


def _lines(lists: Iterable[Path]) -> Iterator[bytes]:
    for each in lists:
        with each.open("rb") as file:
            yield from file


def files_below(folder: Path, path: str = "") -> Iterator[str]:
    """Paths of all that is no folder below ``folder``, in the order of `in_order`; links are not
    followed."""
    entries = [(f"{each.name}/" if _is_folder(each) else each.name) for each in folder.iterdir()]
    for name in sorted(entries):
        if name.endswith("/"):
            yield from files_below(folder / name, f"{path}{name}")
        else:
            yield path + name


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
