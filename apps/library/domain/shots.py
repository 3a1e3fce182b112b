"""Where the shot changes: the camera is taken out and put in again, another source comes on.

Two pictures are of two shots when what stands where is unlike, also after the shift of the whole
picture that fits best (the camera may have moved in between). Pictures are compared at 128 × 72.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .frame_index import WorkCancelled

Grey = NDArray[np.uint8]
Small = NDArray[np.float64]

SIZE = (128, 72)
LIKENESS = 0.35
# Differing so many times more than before and after, less than SAME is a change as well.
JUMP, SAME = 3.0, 0.85
# While all moves fast many are unlike: a change stands out at least so much.
SOMEWHAT = 1.5
DARK, FLAT = 14.0, 1.5  # grey levels; FLAT of the standard deviation
LEVELS = 12.0  # mean difference of grey levels below which no shot changes
# Pictures up to a second apart that are more alike than this are taken to be of one shot.
SURELY_LIKE = 0.8
PROGRESS_EVERY = 16


def small(picture: av.VideoFrame | Grey) -> Small:
    """Grey levels (72, 128) of a decoded picture, or of uint8 (h, w) or RGB (h, w, 3)."""
    if isinstance(picture, av.VideoFrame):
        width, height = SIZE
        made = picture.reformat(width=width, height=height, format="gray", interpolation="AREA")
        return made.to_ndarray().astype(np.float64)
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA).astype(np.float64)


def is_cut(one: Grey, two: Grey) -> bool:
    """Whether the shot changes between two pictures that follow each other, uint8 (h, w)."""
    return differs(small(one), small(two))


def differs(a: Small, b: Small) -> bool:
    """`is_cut` of what `small` gave."""
    return similarity(a, b) < LIKENESS


def similarity(a: Small, b: Small) -> float:
    """-1 to 1: how alike two pictures are where they stand, or after the shift that fits best; 1
    where hardly a grey level differs."""
    a, b, seen = _inside(a, b)
    if _distance(a, b, seen) <= LEVELS:
        return 1.0
    here = _likeness(a, b)
    if here >= SAME:
        return here
    window = cv2.createHanningWindow(SIZE, cv2.CV_64F)
    # It multiplies what it is given by the window, in place.
    (dx, dy), _ = cv2.phaseCorrelate(a.copy(), b.copy(), window)
    x, y = round(dx), round(dy)
    width, height = SIZE
    if abs(x) > width // 2 or abs(y) > height // 2:
        return here
    left, top = max(0, -x), max(0, -y)
    right, bottom = width - max(0, x), height - max(0, y)
    moved = b[top + y : bottom + y, left + x : right + x]
    return max(here, _likeness(a[top:bottom, left:right], moved))


def find_shots(
    reader: Any,
    entries: Iterable[int],
    fps: float,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[int]:
    """First frame indices of every shot but the first, ascending.

    ``reader`` has ``n_frames`` and ``picture(i)`` (FrameReader, CineReader); ``entries`` are frame
    indices that decode alone. Pictures at entries, at most a second apart, are compared; only where
    those are unlike is each picture between them looked at, so that a clip of short groups costs a
    part of decoding it. What comes and goes within that second is not found.

    Raises PictureMissing, WorkCancelled.
    """
    n = reader.n_frames
    looked_at = _looked_at(entries, n, max(1, round(fps)))
    found: list[int] = []
    before = small(reader.picture(0))
    for at, (start, end) in enumerate(pairwise(looked_at)):
        if cancelled and cancelled():
            raise WorkCancelled
        if progress and at % PROGRESS_EVERY == 0:
            progress(start, n)
        after = small(reader.picture(end))
        if similarity(before, after) < SURELY_LIKE:
            found += _between(reader, start, end)
        before = after
    if progress:
        progress(n, n)
    return found


def _looked_at(entries: Iterable[int], n: int, most: int) -> list[int]:
    """0, then the last entry within ``most`` frames or, where there is none, that frame; n - 1."""
    known = np.array(sorted({e for e in entries if 0 < e < n}), np.int64)
    out = [0]
    while out[-1] < n - 1:
        limit = min(out[-1] + most, n - 1)
        at = int(np.searchsorted(known, limit, side="right")) - 1
        entry = int(known[at]) if at >= 0 else 0
        out.append(entry if entry > out[-1] else limit)
    return out


def _between(reader: Any, start: int, end: int) -> list[int]:
    """Changes in (start, end]: pictures that are unlike, and those that differ several times more
    from the one before than their neighbours do (through the same endoscope's round window two
    shots are never quite unlike)."""
    first, last = max(0, start - 1), min(reader.n_frames - 1, end + 1)
    seen = [small(reader.picture(i)) for i in range(first, last + 1)]
    apart = [0.0, *(distance(a, b) for a, b in pairwise(seen)), 0.0]
    found = []
    for i in range(start + 1, end + 1):
        at = i - first
        if apart[at] <= LEVELS:
            continue
        alike = similarity(seen[at - 1], seen[at])
        times = apart[at] / max(apart[at - 1], apart[at + 1], 1.0)
        if (times >= SOMEWHAT and alike < LIKENESS) or (times >= JUMP and alike < SAME):
            found.append(i)
    return found


def distance(a: Small, b: Small) -> float:
    """Mean difference of grey levels, apart from that of all alike."""
    return _distance(*_inside(a, b))


def _inside(a: Small, b: Small) -> tuple[Small, Small, int]:
    """Both without their mean and 0 where both are black (beside an endoscope's round window), and
    how many places are left."""
    dark = (a <= DARK) & (b <= DARK)
    n = dark.size - int(dark.sum())
    if not n:
        return np.zeros_like(a), np.zeros_like(b), 0
    made = []
    for each in (a, b):
        kept = np.where(dark, 0.0, each)
        made.append(np.where(dark, 0.0, kept - kept.sum() / n))
    return made[0], made[1], n


def _distance(a: Small, b: Small, n: int) -> float:
    return float(np.abs(a - b).sum()) / n if n else 0.0


def _likeness(a: Small, b: Small) -> float:
    """Correlation, -1 to 1; 1 of two flat pictures, 0 of a flat one and another."""
    one, two = math.sqrt(float((a * a).mean())), math.sqrt(float((b * b).mean()))
    if min(one, two) < FLAT:
        return 1.0 if max(one, two) < FLAT else 0.0
    return float((a * b).mean()) / (one * two)
