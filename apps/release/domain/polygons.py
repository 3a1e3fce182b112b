"""Masks as one polygon that gives exactly the same pixels back.

The outline runs on the pixels' outer edges, so a pixel's centre is inside exactly when the pixel
is. Parts and holes are joined by bridges that are walked there and back, which add no area.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def outline(mask: NDArray[np.bool_]) -> Points:
    """Corners (n, 2) as x, y of one closed polygon around all of a mask's parts and holes.

    Its even-odd filling at pixel centres (`fill`) is the mask. Empty for an empty mask.
    """
    loops = _loops(mask)
    if not loops:
        return np.zeros((0, 2))
    whole = loops[0]
    for loop in loops[1:]:
        gap = np.abs(whole - loop[0]).sum(axis=1)
        at = int(gap.argmin())
        whole = np.concatenate(
            (whole[: at + 1], loop, loop[:1], whole[at : at + 1], whole[at + 1 :])
        )
    return whole


def _loops(mask: NDArray[np.bool_]) -> list[Points]:
    """Closed rectilinear outlines, the one with the topmost left corner first."""
    padded = np.pad(mask, 1).astype(np.int8)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    total = a + b + c + d
    single = (total == 1) | (total == 3)
    twice = (total == 2) & (a == d)
    ys, xs = np.nonzero(single | twice)
    repeat = np.where(twice[ys, xs], 2, 1)
    ys, xs = np.repeat(ys, repeat), np.repeat(xs, repeat)
    if not ys.size:
        return []
    # Sorted along a line, corners pair up to the edges on it; a corner that is met twice (pixels
    # touching by a corner only) takes part in two edges.
    along_rows = np.arange(ys.size)
    along_columns = np.lexsort((ys, xs))
    partner_h, partner_v = np.empty(ys.size, np.int64), np.empty(ys.size, np.int64)
    partner_h[along_rows[0::2]], partner_h[along_rows[1::2]] = along_rows[1::2], along_rows[0::2]
    partner_v[along_columns[0::2]] = along_columns[1::2]
    partner_v[along_columns[1::2]] = along_columns[0::2]
    across, down = partner_h.tolist(), partner_v.tolist()
    seen = bytearray(ys.size)
    loops = []
    for start in range(ys.size):
        if seen[start]:
            continue
        at = start
        walk: list[int] = []
        while not seen[at]:
            other = across[at]
            seen[at] = seen[other] = 1
            walk += (at, other)
            at = down[other]
        loops.append(np.stack((xs[walk], ys[walk]), axis=1).astype(np.float64))
    return loops


def fill(points: Any, rows: int, columns: int) -> NDArray[np.bool_]:
    """Pixels (rows, columns) whose centre lies inside a closed polygon, by the even-odd rule.

    `points` is (n, 2) as x, y in continuous coordinates. An edge counts for a row when the row's
    centre line lies in its half-open span, so shared corners count once.
    """
    corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if corners.shape[0] < 3:
        return np.zeros((rows, columns), bool)
    first, second = corners, np.roll(corners, -1, axis=0)
    # The same edge walked either way must cross at the same place to the last bit.
    up = first[:, 1] > second[:, 1]
    low, high = np.where(up[:, None], second, first), np.where(up[:, None], first, second)
    start = np.clip(np.ceil(low[:, 1] - 0.5), 0, rows).astype(np.int64)
    stop = np.clip(np.ceil(high[:, 1] - 0.5), 0, rows).astype(np.int64)
    lengths = np.maximum(stop - start, 0)
    edge = np.repeat(np.arange(lengths.size), lengths)
    row = np.arange(edge.size) - np.repeat(np.cumsum(lengths) - lengths, lengths) + start[edge]
    span = high[edge] - low[edge]
    x = low[edge, 0] + span[:, 0] * ((row + 0.5 - low[edge, 1]) / span[:, 1])
    column = np.clip(np.ceil(x - 0.5), 0, columns).astype(np.int64)
    crossings = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1))
    inside = np.cumsum(crossings.reshape(rows, columns + 1)[:, :columns], axis=1) & 1
    return inside.astype(bool)
