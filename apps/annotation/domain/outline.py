"""An outline or line between two keyframes: the rule ``outline`` of ``shape@1``.

Points of the two are paired first, then each pair moves in a straight line. A closed outline that
runs the other way round is turned; a line is turned when that brings its ends nearer. With as many
points on both, points are paired one to one, from the starting point that moves them least about
their common mean. With different numbers, every point of either is paired with the point of the
other at the same part of its length, from the starting point that moves 32 evenly spaced points
least. All sums run in the order of the points, in IEEE doubles, so that the browser
(``static/workspace/outline.js``) gives the same coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

Point = Sequence[float]
Pair = tuple[tuple[float, float], tuple[float, float]]

SAMPLES = 32


def paired(first: Sequence[Point], second: Sequence[Point], closed: bool) -> list[Pair]:
    """Pairs of points, from the first shape's to the second's, in the first one's order.

    Both shapes have at least two points.
    """
    a = [(float(p[0]), float(p[1])) for p in first]
    b = [(float(p[0]), float(p[1])) for p in second]
    if closed:
        if _area(a) * _area(b) < 0:
            b.reverse()
    elif _ends(a, b[::-1]) < _ends(a, b):
        b.reverse()
    if len(a) == len(b):
        k = _best_start(a, b) if closed else 0
        return [(p, b[(m + k) % len(b)]) for m, p in enumerate(a)]
    if closed:
        even_a = _even(a, 0)
        best, k = None, 0
        for start in range(len(b)):
            cost = _cost(even_a, _even(b, start))
            if best is None or cost < best:
                best, k = cost, start
        b = b[k:] + b[:k]
    parts_a, parts_b = _parts(a, closed), _parts(b, closed)
    ends = len(a) if closed else len(a) - 1, len(b) if closed else len(b) - 1
    wanted = sorted({*parts_a[: ends[0]], *parts_b[: ends[1]]} | (set() if closed else {1.0}))
    return [(_at(a, parts_a, t), _at(b, parts_b, t)) for t in wanted]


def between(pairs: Sequence[Pair], i: int, f: int, j: int) -> list[list[float]]:
    """The points of frame ``f`` between keyframes ``i`` and ``j``."""
    return [
        [x + (u - x) * (f - i) / (j - i), y + (v - y) * (f - i) / (j - i)]
        for (x, y), (u, v) in pairs
    ]


def _area(points: Sequence[tuple[float, float]]) -> float:
    """Twice the signed area."""
    total = 0.0
    for m, (x, y) in enumerate(points):
        u, v = points[(m + 1) % len(points)]
        total += x * v - u * y
    return total


def _ends(a: Sequence[tuple[float, float]], b: Sequence[tuple[float, float]]) -> float:
    return _squared(a[0], b[0]) + _squared(a[-1], b[-1])


def _squared(p: tuple[float, float], q: tuple[float, float]) -> float:
    dx, dy = p[0] - q[0], p[1] - q[1]
    return dx * dx + dy * dy


def _best_start(a: Sequence[tuple[float, float]], b: Sequence[tuple[float, float]]) -> int:
    best, k = None, 0
    for start in range(len(b)):
        cost = _cost(a, [*b[start:], *b[:start]])
        if best is None or cost < best:
            best, k = cost, start
    return k


def _cost(a: Sequence[tuple[float, float]], b: Sequence[tuple[float, float]]) -> float:
    """Summed squares of what is left between paired points once their means lie on one another."""
    mean_x = mean_y = 0.0
    for p, q in zip(a, b, strict=True):
        mean_x += q[0] - p[0]
        mean_y += q[1] - p[1]
    mean_x /= len(a)
    mean_y /= len(a)
    total = 0.0
    for p, q in zip(a, b, strict=True):
        dx, dy = q[0] - p[0] - mean_x, q[1] - p[1] - mean_y
        total += dx * dx + dy * dy
    return total


def _even(points: Sequence[tuple[float, float]], start: int) -> list[tuple[float, float]]:
    turned = [*points[start:], *points[:start]]
    parts = _parts(turned, True)
    return [_at(turned, parts, m / SAMPLES) for m in range(SAMPLES)]


def _parts(points: Sequence[tuple[float, float]], closed: bool) -> list[float]:
    """The part of the whole length at each point (and at the closing point), from 0.0 to 1.0."""
    lengths = [0.0]
    count = len(points) if closed else len(points) - 1
    for m in range(count):
        step = _squared(points[m], points[(m + 1) % len(points)])
        lengths.append(lengths[-1] + sqrt(step))
    whole = lengths[-1]
    if whole == 0.0:
        return [m / count for m in range(count + 1)]
    return [length / whole for length in lengths]


def _at(
    points: Sequence[tuple[float, float]], parts: Sequence[float], t: float
) -> tuple[float, float]:
    """The point at a part of the length."""
    m = 0
    while m + 2 < len(parts) and parts[m + 1] <= t:
        m += 1
    p, q = points[m], points[(m + 1) % len(points)]
    span = parts[m + 1] - parts[m]
    if span == 0.0:
        return p
    w = (t - parts[m]) / span
    return p[0] + (q[0] - p[0]) * w, p[1] + (q[1] - p[1]) * w
