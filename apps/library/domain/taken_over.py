"""Digests that examination took of the same stream, so that no picture is decoded a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from apps.deid.domain.picture_digest import DIGEST_BYTES, decoder_name, picture_digest
from apps.deid.domain.seen import SeenPictures, coded_digest

from .decode import FrameReader, PictureMissing
from .frame_index import WorkCancelled
from .index_format import ENTRY, FrameIndex

SAMPLED_ENTRIES = 8
_MOST_INTO_A_GROUP = 60


def taken_over(
    f: BinaryIO,
    index: FrameIndex,
    seen: SeenPictures,
    cancelled: Callable[[], bool] | None = None,
) -> bytes | None:
    """``seen.digests`` where they are proven to be this file's; None: decode it.

    The proof: this decoder was given these very packets, at the same times, when they were taken.
    A few pictures over the clip are decoded all the same and have to agree. Raises WorkCancelled.
    """
    if index.by_count or len(seen.digests) != index.n_frames * DIGEST_BYTES:
        return None
    if seen.decoder != decoder_name() or coded_digest(f) != seen.coded:
        return None
    with FrameReader(f, index, kept_bytes=0) as reader:
        for i in sample(index):
            if cancelled and cancelled():
                raise WorkCancelled
            try:
                found = picture_digest(reader.picture(i))
            except PictureMissing:
                return None
            if found != seen.digests[i * DIGEST_BYTES : (i + 1) * DIGEST_BYTES]:
                return None
    return seen.digests


def sample(index: FrameIndex) -> list[int]:
    """Pictures to decode, a fiftieth of the clip at most (ten at least): up to 8 entries over it,
    and some way into the groups of two of them."""
    entries = np.flatnonzero(index.flags & ENTRY)
    if not len(entries):
        return [0]
    n_entries = min(SAMPLED_ENTRIES, 2 + index.n_frames // 250)
    places = np.unique(np.linspace(0, len(entries) - 1, n_entries).astype(int))
    chosen = {int(entries[place]) for place in places}
    for place in {places[0], places[len(places) // 2]}:
        after = int(entries[place + 1]) if place + 1 < len(entries) else index.n_frames
        into = min(_MOST_INTO_A_GROUP, 4 + index.n_frames // 200)
        chosen.add(min(int(entries[place]) + into, after - 1))
    return sorted(chosen)
