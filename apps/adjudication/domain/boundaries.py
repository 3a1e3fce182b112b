"""How far the boundaries of two masks lie apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from apps.annotation.domain import rle


def hd95(a: rle.Rle, b: rle.Rle) -> float:
    """95th percentile Hausdorff distance of two non-empty masks' boundaries, in pixels.

    The larger of the two directed percentiles; a boundary pixel has a 4-neighbour outside the mask
    (the picture's edge counts as outside). Infinite when one mask alone is empty, 0 when both are.
    """
    edges = [_boundary(a), _boundary(b)]
    if not len(edges[0]) or not len(edges[1]):
        return 0.0 if len(edges[0]) == len(edges[1]) else math.inf
    there, back = _distances(*edges)
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def normalised_surface_distance(a: rle.Rle, b: rle.Rle, tolerance_px: float) -> float:
    """Share of both masks' boundary pixels that lie within ``tolerance_px`` of the other boundary
    (surface Dice, Nikolov et al. 2018, counted by pixel): 0 to 1. 1 when both are empty, 0 when
    one alone is."""
    edges = [_boundary(a), _boundary(b)]
    if not len(edges[0]) or not len(edges[1]):
        return float(len(edges[0]) == len(edges[1]))
    there, back = _distances(*edges)
    near = (there <= tolerance_px).sum() + (back <= tolerance_px).sum()
    return float(near / (len(there) + len(back)))


def _distances(
    a: NDArray[np.int64], b: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Imported here: half a second, which the start of every process and command would pay.
    from scipy.spatial import cKDTree

    return cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]


def _boundary(mask: rle.Rle) -> NDArray[np.int64]:
    from scipy.ndimage import binary_erosion

    x, y, width, height = (int(v) for v in rle.bbox(mask))
    pixels = rle.decode(mask)[y : y + height, x : x + width]
    return np.argwhere(pixels & ~binary_erosion(pixels)) + np.array([y, x])
