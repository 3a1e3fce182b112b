"""How well the tracks of one label set follow those of another: HOTA, CLEAR-MOT, identity.

Definitions: HOTA, DetA, AssA, LocA after Luiten et al. 2021 (thresholds 0.05 to 0.95); MOTA, MOTP,
ID switches after Bernardin and Stiefelhagen 2008; IDF1 after Ristani et al. 2016. Figures equal
those of TrackEval. Where the best assignment of a frame is plain (each object has one best partner
of its own) it is read off for all frames at once; only the others are solved one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .assignment import cheapest_pairs

Ids = NDArray[np.int64]
Likeness = NDArray[np.float64]
EPS = float(np.finfo("float").eps)
ALPHAS = np.arange(0.05, 0.99, 0.05)
THRESHOLD = 0.5


@dataclass(frozen=True)
class Frame:
    """What both sets show on one frame: ids from 0 (each at most once a frame), and the likeness of
    each pair, shape (len(ids_a), len(ids_b)), 0 to 1."""

    ids_a: Ids
    ids_b: Ids
    likeness: Likeness


@dataclass(frozen=True)
class Tracking:
    """Set A taken as the reference. All but the counts are 0 to 1 (MOTA at most 1)."""

    hota: float
    det_a: float
    ass_a: float
    loc_a: float
    mota: float
    motp: float
    id_switches: int
    idf1: float


@dataclass(frozen=True)
class _Stack:
    """Frames of one shape: their places, ids (k, n) and (k, m), likeness (k, n, m)."""

    places: Ids
    ids_a: Ids
    ids_b: Ids
    likeness: Likeness


@dataclass(frozen=True)
class _Matches:
    """Pairs that a frame's assignment gave, in order of frames."""

    place: Ids
    a: Ids
    b: Ids
    likeness: Likeness


@dataclass(frozen=True)
class _Counts:
    n_a: int
    n_b: int
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.a), len(self.b)


def measure(frames: Sequence[Frame]) -> Tracking:
    """Every figure over the frames of one clip. With nothing in one of the sets all is 0 (``loc_a``
    1, as TrackEval has it)."""
    counts = _count(frames)
    if not counts.n_a or not counts.n_b:
        return Tracking(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0, 0.0)
    stacks = _stacked(frames)
    mota, motp, switches = _clear(frames, stacks, counts)
    return Tracking(*_hota(frames, stacks, counts), mota, motp, switches, _idf1(stacks, counts))


def _count(frames: Sequence[Frame]) -> _Counts:
    none = np.zeros(0, dtype=np.int64)
    all_a = np.concatenate([none, *(frame.ids_a for frame in frames)])
    all_b = np.concatenate([none, *(frame.ids_b for frame in frames)])
    a, b = (np.bincount(ids).astype(np.float64) for ids in (all_a, all_b))
    return _Counts(len(all_a), len(all_b), a, b)


def _stacked(frames: Sequence[Frame]) -> list[_Stack]:
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, frame in enumerate(frames):
        by_shape.setdefault(frame.likeness.shape, []).append(place)
    return [
        _Stack(
            np.array(places),
            np.stack([frames[place].ids_a for place in places]),
            np.stack([frames[place].ids_b for place in places]),
            np.stack([frames[place].likeness for place in places]),
        )
        for shape, places in by_shape.items()
        if 0 not in shape
    ]


def _sum_pairs(
    stacks: list[_Stack], values: list[NDArray[np.float64]], counts: _Counts
) -> NDArray[np.float64]:
    """``values`` (k, n, m of each stack) summed by pair of ids."""
    total = np.zeros(counts.shape[0] * counts.shape[1])
    for stack, value in zip(stacks, values, strict=True):
        pairs = stack.ids_a[:, :, None] * counts.shape[1] + stack.ids_b[:, None, :]
        total += np.bincount(pairs.ravel(), value.ravel(), minlength=len(total))
    return total.reshape(counts.shape)


def _hota(
    frames: Sequence[Frame], stacks: list[_Stack], counts: _Counts
) -> tuple[float, float, float, float]:
    shares = []
    for stack in stacks:
        like = stack.likeness
        whole = like.sum(1)[:, None, :] + like.sum(2)[:, :, None] - like
        shares.append(np.divide(like, whole, out=np.zeros_like(like), where=whole > EPS))
    possible = _sum_pairs(stacks, shares, counts)
    both = counts.a[:, None] + counts.b[None, :]
    alignment = possible / (both - possible)
    found = _matched(
        stacks,
        [
            alignment[stack.ids_a[:, :, None], stack.ids_b[:, None, :]] * stack.likeness
            for stack in stacks
        ],
    )
    hota, det, ass, loc = (np.zeros(len(ALPHAS)) for _ in range(4))
    pairs = found.a * counts.shape[1] + found.b
    for at, alpha in enumerate(ALPHAS):
        taken = found.likeness >= alpha - EPS
        hits = int(taken.sum())
        together = np.bincount(pairs[taken], minlength=both.size).reshape(both.shape)
        apart = np.maximum(1, both - together)
        ass[at] = (together * (together / apart)).sum() / max(1, hits)
        det[at] = hits / max(1, counts.n_a + counts.n_b - hits)
        loc[at] = max(1e-10, found.likeness[taken].sum()) / max(1e-10, hits)
        hota[at] = np.sqrt(det[at] * ass[at])
    return float(hota.mean()), float(det.mean()), float(ass.mean()), float(loc.mean())


def _matched(stacks: list[_Stack], scores: list[NDArray[np.float64]]) -> _Matches:
    """The best assignment of each frame; pairs that score nothing are left out."""
    parts: list[tuple[Ids, Ids, Ids, Likeness]] = []
    for stack, score in zip(stacks, scores, strict=True):
        best = score.argmax(2)
        top = np.take_along_axis(score, best[:, :, None], 2)[:, :, 0]
        wanted = top > 0
        # As many want a column as there are: where none is wanted twice, that is the best.
        k, n, m = score.shape
        places = np.repeat(np.arange(k), n)[wanted.ravel()]
        wants = np.bincount(places * m + best.ravel()[wanted.ravel()], minlength=k * m)
        plain = wants.reshape(k, m).max(1) <= 1
        # With two best columns alike, only the whole assignment can say.
        plain &= ((score == top[:, :, None]).sum(2) * wanted).max(1) <= 1
        at, row = np.nonzero(wanted & plain[:, None])
        parts.append(_pairs(stack, at, row, best[at, row]))
        for frame in np.nonzero(~plain)[0]:
            rows, columns = cheapest_pairs(-score[frame])
            held = score[frame][rows, columns] > 0
            rows, columns = rows[held], columns[held]
            parts.append(_pairs(stack, np.full(len(rows), frame), rows, columns))
    return _joined(parts)


def _pairs(stack: _Stack, at: Ids, row: Ids, column: Ids) -> tuple[Ids, Ids, Ids, Likeness]:
    like = stack.likeness[at, row, column]
    return stack.places[at], stack.ids_a[at, row], stack.ids_b[at, column], like


def _joined(parts: list[tuple[Ids, Ids, Ids, Likeness]]) -> _Matches:
    none = np.zeros(0, dtype=np.int64)
    parts = [(none, none, none, np.zeros(0)), *parts]
    place, a, b, like = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(place, kind="stable")
    return _Matches(place[order], a[order], b[order], like[order])


def _clear(
    frames: Sequence[Frame], stacks: list[_Stack], counts: _Counts
) -> tuple[float, float, int]:
    """MOTA, MOTP and ID switches at a likeness of 0.5: whoever was matched on the frame before
    stays matched while it can."""
    parts: list[tuple[Ids, Ids, Ids, Likeness]] = []
    unclear: list[int] = []
    for stack in stacks:
        near = (stack.likeness >= THRESHOLD - EPS) & (stack.likeness > EPS)
        plain = (near.sum(1).max(1) <= 1) & (near.sum(2).max(1) <= 1)
        at, row, column = np.nonzero(near & plain[:, None, None])
        parts.append(_pairs(stack, at, row, column))
        unclear += stack.places[~plain].tolist()
    found = _joined(parts)
    if unclear:
        found = _joined(
            [
                (found.place, found.a, found.b, found.likeness),
                *_solved(frames, found, sorted(unclear), len(counts.a)),
            ]
        )
    hits = len(found.place)
    order = np.lexsort((found.place, found.a))
    a, b = found.a[order], found.b[order]
    switches = int(((a[1:] == a[:-1]) & (b[1:] != b[:-1])).sum())
    misses, extra = counts.n_a - hits, counts.n_b - hits
    mota = (hits - extra - switches) / max(1, hits + misses)
    return mota, float(found.likeness.sum()) / max(1, hits), switches


def _solved(
    frames: Sequence[Frame], known: _Matches, unclear: list[int], n_ids: int
) -> list[tuple[Ids, Ids, Ids, Likeness]]:
    """Assignments of the frames where one object has two partners near enough, in order."""
    out: list[tuple[Ids, Ids, Ids, Likeness]] = []
    solved: dict[int, tuple[Ids, Ids]] = {}
    starts = np.searchsorted(known.place, np.arange(len(frames) + 1))
    for place in unclear:
        frame = frames[place]
        before = _frame_before(frames, place)
        partner = np.full(n_ids, -1, dtype=np.int64)
        if before in solved:
            partner[solved[before][0]] = solved[before][1]
        elif before >= 0:
            span = slice(starts[before], starts[before + 1])
            partner[known.a[span]] = known.b[span]
        stays = frame.ids_b[None, :] == partner[frame.ids_a][:, None]
        score = 1000 * stays + frame.likeness
        score[frame.likeness < THRESHOLD - EPS] = 0
        rows, columns = cheapest_pairs(-score)
        held = score[rows, columns] > EPS
        rows, columns = rows[held], columns[held]
        a, b = frame.ids_a[rows], frame.ids_b[columns]
        solved[place] = a, b
        out.append((np.full(len(a), place), a, b, frame.likeness[rows, columns]))
    return out


def _frame_before(frames: Sequence[Frame], place: int) -> int:
    """The last frame on which both sets show something; -1 where there is none."""
    place -= 1
    while place >= 0 and frames[place].likeness.size == 0:
        place -= 1
    return place


def _idf1(stacks: list[_Stack], counts: _Counts) -> float:
    near = [(stack.likeness >= THRESHOLD).astype(np.float64) for stack in stacks]
    shared = _sum_pairs(stacks, near, counts)
    n, m = counts.shape
    missed, extra = np.zeros((n + m, n + m)), np.zeros((n + m, n + m))
    missed[:n, m:] = extra[n:, :m] = 1e10
    missed[:n, :m] = counts.a[:, None] - shared
    missed[np.arange(n), m + np.arange(n)] = counts.a
    extra[:n, :m] = counts.b[None, :] - shared
    extra[n + np.arange(m), np.arange(m)] = counts.b
    rows, columns = cheapest_pairs(missed + extra)
    fn, fp = missed[rows, columns].sum(), extra[rows, columns].sum()
    tp = counts.a.sum() - fn
    return float(tp / max(1, tp + 0.5 * fp + 0.5 * fn))
