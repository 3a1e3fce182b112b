"""Do two clips show the same pictures? What must not lie in two splits.

Two tests, each of which is enough:
- the same decoded pictures: SHA-256 of frames that both clips hold (a copy, an excerpt cut without
  encoding anew);
- alike pictures: a difference hash of 256 bits (17 × 16 grey values, each held against its right
  neighbour) of up to `SAMPLES` frames a clip; finds what was encoded anew, resized or changed in
  brightness. An encoded-anew excerpt that is short against its clip may pass between the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLES = 48
WIDTH, HEIGHT = 17, 16
ALIKE_BITS = 24  # of 256; two pictures that have nothing in common differ in about half
FLAT = 6.0  # grey values' spread below which a picture (black, a cap over the lens) says nothing
SHARE_ALIKE, SHARE_SAME = 0.3, 0.05


class Look(NamedTuple):
    """A clip as it is compared: `bits` uint64 (n, 4), one row a sampled picture that says
    something; `digests` uint8 (n_frames, 32), SHA-256 of each decoded picture."""

    bits: NDArray[np.uint64]
    digests: NDArray[np.uint8]


def sampled(n_frames: int) -> list[int]:
    """Frame indices that are looked at: evenly spread, at most `SAMPLES`."""
    n = min(n_frames, SAMPLES)
    return [(2 * i + 1) * n_frames // (2 * n) for i in range(n)]


def picture_bits(rgb: NDArray[np.uint8]) -> NDArray[np.uint64] | None:
    """The 256 bits of one picture (uint8, height × width × 3) as uint64 (4,); None for a flat
    one."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.int16)
    if float(small.std()) < FLAT:
        return None
    # A step of one grey value is noise: level ground gives the same bits in any encoding.
    bits = small[:, :-1] - small[:, 1:] > 1
    return np.packbits(bits.ravel()).view(np.uint64)


def find_alike(looks: Sequence[Look], groups: Sequence[str]) -> list[tuple[int, int, str]]:
    """Pairs of clips of different ``groups`` (patients) that show the same pictures: places of
    both, lower first, and "same" or "alike". Each pair once."""
    found = {pair: "same" for pair in _same(looks, groups)}
    for pair in _alike(looks, groups):
        found.setdefault(pair, "alike")
    return [(one, two, how) for (one, two), how in sorted(found.items())]


def _same(looks: Sequence[Look], groups: Sequence[str]) -> list[tuple[int, int]]:
    """By decoded pictures; those that occur twice in a clip (black, frozen) count for none."""
    keys, owners, sizes = [], [], []
    for place, look in enumerate(looks):
        heads = np.ascontiguousarray(look.digests[:, :8]).view(np.uint64).ravel()
        values, counts = np.unique(heads, return_counts=True)
        once = values[counts == 1]
        keys.append(once)
        owners.append(np.full(len(once), place, np.int64))
        sizes.append(len(once))
    if not keys:
        return []
    every, owner = np.concatenate(keys), np.concatenate(owners)
    order = np.argsort(every, kind="stable")
    every, owner = every[order], owner[order]
    shared: dict[tuple[int, int], int] = {}
    edges = np.flatnonzero(every[1:] == every[:-1])
    start = 0
    while start < len(edges):
        end = start
        while end + 1 < len(edges) and edges[end + 1] == edges[end] + 1:
            end += 1
        holders = owner[edges[start] : edges[end] + 2].tolist()
        for n, one in enumerate(holders):
            for two in holders[n + 1 :]:
                if groups[one] != groups[two]:
                    pair = (min(one, two), max(one, two))
                    shared[pair] = shared.get(pair, 0) + 1
        start = end + 1
    return [
        (one, two) for (one, two), n in shared.items()
        if n >= max(3, SHARE_SAME * min(sizes[one], sizes[two]))
    ]  # fmt: skip


def _alike(looks: Sequence[Look], groups: Sequence[str]) -> list[tuple[int, int]]:
    found = []
    counts = [len(look.bits) for look in looks]
    ends = np.cumsum(counts)
    rows = np.concatenate([look.bits for look in looks]) if looks else np.zeros((0, 4), np.uint64)
    for one, look in enumerate(looks):
        rest = rows[ends[one] :]
        if not counts[one] or not len(rest):
            continue
        apart = np.zeros((counts[one], len(rest)), np.uint16)
        for word in range(4):
            apart += np.bitwise_count(look.bits[:, word, None] ^ rest[None, :, word])
        near = apart <= ALIKE_BITS
        at = 0
        for two in range(one + 1, len(looks)):
            block = near[:, at : at + counts[two]]
            at += counts[two]
            if groups[one] == groups[two] or not counts[two]:
                continue
            # How much of the shorter clip is found in the other.
            share = block.any(0).mean() if counts[two] <= counts[one] else block.any(1).mean()
            enough = min(3, counts[one], counts[two])
            if share >= SHARE_ALIKE and block.any(0).sum() >= enough:
                found.append((one, two))
    return found
