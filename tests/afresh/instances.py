"""The whole corpus of a seed, one instance after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from . import documents, headers, innocents, reports, stills, videos
from .people import Sample

_PARTS: list[tuple[Callable[[int, int], Sample], int]] = [
    (headers.scattered, 24),
    (reports.report, 4),
    (documents.state, 2),
    (documents.surface, 2),
    (documents.groups, 3),
    (innocents.innocents, 16),
    (stills.coded, 14),
    (stills.native, 4),
    (videos.video, 10),
]
MAKERS: list[Callable[[int], Sample]] = [
    partial(lambda seed, make, n: make(seed, n), make=make, n=n)
    for make, count in _PARTS
    for n in range(count)
]


# One of each kind that is quick to make.
SHARE = (0, 1, 24, 28, 30, 39, 40, 52, 58, 61, 66, 72)


def made(seed: int, number: int) -> Sample:
    """One instance of a seed."""
    return MAKERS[number](seed)
