"""A mask between two keyframes, by signed distance: the rule ``distance`` of ``shape@1``.

Both masks are laid over one another at their centroids (the second moved by a whole-pixel shift
``d``), each becomes its signed Euclidean distance (a pixel inside: minus the distance of its centre
to the nearest pixel outside; a pixel outside: plus that to the nearest inside; what lies beyond the
picture is outside), and a pixel belongs to frame f, i < f < j, when
``a * (j - f) + b * (f - i) < 0``. The result stands at ``floor(d * (f - i) / (j - i) + 1/2)``,
clipped to the picture. Where that leaves nothing, it is the nearer keyframe's mask moved there (the
first's when both are equally near), and where that leaves nothing either, the first's unmoved.

Squared distances and shifts are whole numbers and square roots are correctly rounded, so the
browser (``static/workspace/morph.js``) gives the same pixels. After "shape-based interpolation",
Raya and Udupa, IEEE TMI 9 (1990) 32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import rle as masks

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


class Morph:
    """Two masks of one size, neither empty, made ready for every frame between them.

    Raises ValueError when a mask is empty or the sizes differ.
    """

    def __init__(self, first: masks.Rle, second: masks.Rle) -> None:
        if list(first["size"]) != list(second["size"]):
            raise ValueError("masks of different sizes have nothing between them")
        self.size = (int(first["size"][0]), int(first["size"][1]))
        self.first, self.second = first, second
        a, b = masks.decode(first), masks.decode(second)
        self.shift = _shift(a, b)
        dx, dy = self.shift
        ax0, ay0, ax1, ay1 = _bounds(first)
        bx0, by0, bx1, by1 = _bounds(second)
        # The window, in the first mask's coordinates, with a margin of one pixel that is outside.
        self.x0, self.y0 = min(ax0, bx0 - dx) - 1, min(ay0, by0 - dy) - 1
        x1, y1 = max(ax1, bx1 - dx) + 1, max(ay1, by1 - dy) + 1
        self.window = (y1 - self.y0, x1 - self.x0)
        self._a = _signed(self._cut(a, 0, 0))
        self._b = _signed(self._cut(b, dx, dy))

    def at(self, i: int, f: int, j: int) -> masks.Rle:
        """The mask of frame ``f`` between keyframes ``i`` and ``j``; never empty."""
        inside = self._a * float(j - f) + self._b * float(f - i) < 0
        ox, oy = (_rounded(d * (f - i), j - i) for d in self.shift)
        made = _placed(inside, self.x0 + ox, self.y0 + oy, self.size)
        if made is not None:
            return made
        nearer = self._a if 2 * (f - i) <= j - i else self._b
        made = _placed(nearer < 0, self.x0 + ox, self.y0 + oy, self.size)
        return made if made is not None else self.first

    def _cut(self, pixels: Bool, dx: int, dy: int) -> Bool:
        """The window's pixels of a mask that is seen moved back by (dx, dy)."""
        height, width = self.size
        rows, columns = self.window
        x0, y0 = self.x0 + dx, self.y0 + dy
        out = np.zeros(self.window, dtype=bool)
        left, top = max(0, -x0), max(0, -y0)
        right, bottom = min(columns, width - x0), min(rows, height - y0)
        out[top:bottom, left:right] = pixels[y0 + top : y0 + bottom, x0 + left : x0 + right]
        return out


def between(first: Any, second: Any, i: int, f: int, j: int) -> masks.Rle:
    """``Morph(first, second).at(i, f, j)``; the first mask where one of them is empty."""
    if masks.is_empty(first) or masks.is_empty(second):
        return dict(first)
    return Morph(first, second).at(i, f, j)


def _rounded(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest whole number, halves up; denominator above 0."""
    return (2 * numerator + denominator) // (2 * denominator)


def _shift(a: Bool, b: Bool) -> tuple[int, int]:
    """From the centroid of ``a`` to that of ``b``, in whole pixels (x, y)."""
    (ya, xa), (yb, xb) = np.nonzero(a), np.nonzero(b)
    na, nb = xa.size, xb.size
    return (
        _rounded(int(xb.sum()) * na - int(xa.sum()) * nb, na * nb),
        _rounded(int(yb.sum()) * na - int(ya.sum()) * nb, na * nb),
    )


def _bounds(rle: masks.Rle) -> tuple[int, int, int, int]:
    x, y, width, height = (int(v) for v in masks.bbox(rle))
    if not width:
        raise ValueError("an empty mask has no distance")
    return x, y, x + width, y + height


def _signed(mask: Bool) -> Float:
    from scipy.ndimage import distance_transform_edt

    outside: Float = distance_transform_edt(~mask)
    inside: Float = distance_transform_edt(mask)
    return outside - inside


def _placed(window: Bool, x0: int, y0: int, size: tuple[int, int]) -> masks.Rle | None:
    """A window's pixels as a mask of the picture, what falls outside cut off; None when empty."""
    height, width = size
    left, top = max(0, -x0), max(0, -y0)
    right, bottom = min(window.shape[1], width - x0), min(window.shape[0], height - y0)
    if left >= right or top >= bottom:
        return None
    kept = window[top:bottom, left:right]
    if not kept.any():
        return None
    return masks.encode_window(kept, x0 + left, y0 + top, size)
