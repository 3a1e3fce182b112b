"""How far two or more people agree on what each frame is called.

Frame accuracy and Jaccard; segmental F1 and edit score after Lea et al. 2017 (as MS-TCN counts
them); Cohen's kappa (1960), Fleiss' kappa (1971), Krippendorff's alpha (2011, nominal and
interval). A frame without a label is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Labels = Sequence[Hashable | None]
Segment = tuple[Hashable, int, int]
Counts = NDArray[np.int64]


def accuracy(a: Labels, b: Labels) -> float | None:
    """Share of the frames labelled by either on which both say the same; None without any."""
    either = sum(x is not None or y is not None for x, y in zip(a, b, strict=True))
    same = sum(x == y and x is not None for x, y in zip(a, b, strict=True))
    return same / either if either else None


def jaccard(a: Labels, b: Labels, label: Hashable) -> float | None:
    """Frames that both call ``label`` over frames that either does; None without any."""
    either = sum(label in pair for pair in zip(a, b, strict=True))
    both = sum(x == label == y for x, y in zip(a, b, strict=True))
    return both / either if either else None


def segments(labels: Labels) -> list[Segment]:
    """Longest runs of one label: (label, first frame, frame past the last)."""
    found, start = [], 0
    for label, run in groupby(labels):
        end = start + len(list(run))
        if label is not None:
            found.append((label, start, end))
        start = end
    return found


def segmental_f1(a: Labels, b: Labels, overlap: float) -> float | None:
    """F1 of b's segments against a's: each takes the segment of its label with the largest
    intersection over union; a hit is at least ``overlap`` and the first on its segment."""
    wanted, said = segments(a), segments(b)
    if not wanted and not said:
        return None
    taken, hits = [False] * len(wanted), 0
    for label, start, end in said:
        shares = [
            _overlap(start, end, other_start, other_end) if other == label else 0.0
            for other, other_start, other_end in wanted
        ]
        best = max(range(len(shares)), key=shares.__getitem__, default=None)
        if best is not None and shares[best] >= overlap and shares[best] > 0 and not taken[best]:
            taken[best], hits = True, hits + 1
    return 2 * hits / (len(wanted) + len(said))


def _overlap(start: int, end: int, other_start: int, other_end: int) -> float:
    shared = max(0, min(end, other_end) - max(start, other_start))
    return shared / (max(end, other_end) - min(start, other_start))


def edit_score(a: Labels, b: Labels) -> float | None:
    """1 - Levenshtein distance of the two orders of segments over the longer one's length."""
    wanted, said = ([label for label, _, _ in segments(side)] for side in (a, b))
    if not wanted and not said:
        return None
    row = list(range(len(said) + 1))
    for i, label in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(said, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (label != other))
    return 1 - row[-1] / max(len(wanted), len(said))


def cohens_kappa(a: Labels, b: Labels) -> float | None:
    """Agreement of two beyond chance, None being a label like others; 1 where both only ever say
    one and the same; None without frames."""
    n = len(a)
    if not n:
        return None
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / n
    counts_a, counts_b = Counter(a), Counter(b)
    by_chance = sum(counts_a[label] * counts_b[label] for label in counts_a) / n**2
    return 1.0 if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def fleiss_kappa(counts: Sequence[Sequence[int]] | Counts) -> float:
    """``counts[i][j]``: how many of the (equally many) raters gave unit i the label j. Raises
    ValueError for unequal sums or fewer than two raters."""
    table = np.asarray(counts, dtype=np.float64)
    raters = table.sum(1)
    if table.ndim != 2 or raters[0] < 2 or (raters != raters[0]).any():
        raise ValueError("each unit needs the same number of raters, at least two")
    n = raters[0]
    observed = ((table**2).sum(1) - n).mean() / (n * (n - 1))
    by_chance = ((table.sum(0) / table.sum()) ** 2).sum()
    return 1.0 if by_chance == 1 else float((observed - by_chance) / (1 - by_chance))


def nominal_alpha(counts: Counts) -> float | None:
    """Krippendorff's alpha of labels, from ``counts[i, j]``: how many raters gave unit i the label
    j (missing ones count nowhere). Units with fewer than two ratings do not count; None where none
    has, 1 where nothing ever differs."""
    table = np.asarray(counts, dtype=np.float64)
    ratings = table.sum(1)
    table, ratings = table[ratings >= 2], ratings[ratings >= 2]
    if not len(table):
        return None
    n, totals = ratings.sum(), table.sum(0)
    observed = ((ratings**2 - (table**2).sum(1)) / (ratings - 1)).sum()
    expected = (n**2 - (totals**2).sum()) / (n - 1)
    return 1.0 if expected == 0 else float(1 - observed / expected)


def chance_by_part(
    codes: NDArray[np.int64],
    n_labels: int,
    parts: Sequence[tuple[int, int]],
    *,
    blank: int | None,
    unsaid: int | None = None,
) -> tuple[list[float | None], list[float | None]]:
    """(kappa, alpha) of each part [start, end) of the frames alone, by what is said in that part.

    ``codes`` (raters, frames): each rater's label, 0 to ``n_labels`` - 1. None for a part where all
    say ``blank`` alone; ``unsaid`` is a label for kappa and none for alpha. Kappa is Cohen's for
    two raters, Fleiss' for more.
    """
    kappas: list[float | None] = []
    alphas: list[float | None] = []
    for start, end in parts:
        part = codes[:, start:end]
        if not part.size or (blank is not None and (part == blank).all()):
            kappas.append(None)
            alphas.append(None)
            continue
        flat = (np.arange(end - start) * n_labels + part).ravel()
        counts = np.bincount(flat, minlength=(end - start) * n_labels).reshape(-1, n_labels)
        if len(part) == 2:
            said = (np.bincount(side, minlength=n_labels) / (end - start) for side in part)
            by_chance = float(np.dot(*said))
            observed = float((part[0] == part[1]).mean())
            kappas.append(1.0 if by_chance == 1 else (observed - by_chance) / (1 - by_chance))
        else:
            kappas.append(fleiss_kappa(counts))
        labelled = counts if unsaid is None else np.delete(counts, unsaid, axis=1)
        alphas.append(nominal_alpha(labelled))
    return kappas, alphas


def interval_alpha(values: NDArray[np.float64], units: NDArray[np.int64]) -> float | None:
    """Krippendorff's alpha of numbers or of places: ``values`` (n, d), one row a rating, of the
    unit ``units[row]`` (0 and up). The difference is the squared distance, which for d = 1 is the
    interval metric. None and 1 as ``nominal_alpha`` has them.

    Sums of squared differences over all pairs of a group are m times those from its mean.
    """
    ratings = np.bincount(units, minlength=1)
    held = ratings[units] >= 2
    values, units = values[held], units[held]
    if not len(values):
        return None
    ratings = np.bincount(units).astype(np.float64)
    sums = np.stack([np.bincount(units, column) for column in values.T], axis=1)
    means = sums / np.maximum(ratings, 1)[:, None]
    within = np.bincount(units, ((values - means[units]) ** 2).sum(1))
    observed = (2 * ratings * within / np.maximum(ratings - 1, 1)).sum()
    n = len(values)
    expected = 2 * n * ((values - values.mean(0)) ** 2).sum() / (n - 1)
    return 1.0 if expected == 0 else float(1 - observed / expected)


def krippendorff_alpha(ratings: Sequence[Labels], level: str = "nominal") -> float | None:
    """``ratings[r][u]``: what rater r said of unit u, None for nothing. ``level``: ``nominal``, or
    ``interval`` for numbers. Units with fewer than two ratings do not count; None where none has,
    1 where nothing ever differs. Raises KeyError for another level."""
    said = [
        (unit, value)
        for unit, of_unit in enumerate(zip(*ratings, strict=True))
        for value in of_unit
        if value is not None
    ]
    units = np.array([unit for unit, _ in said], dtype=np.int64)
    if level == "interval":
        numbers = np.array([[value] for _, value in said], dtype=np.float64).reshape(-1, 1)
        return interval_alpha(numbers, units)
    if level != "nominal":
        raise KeyError(level)
    names = {name: at for at, name in enumerate(dict.fromkeys(value for _, value in said))}
    counts = np.zeros((max((unit for unit, _ in said), default=-1) + 1, len(names)), np.int64)
    np.add.at(counts, (units, np.array([names[value] for _, value in said], np.int64)), 1)
    return nominal_alpha(counts)
