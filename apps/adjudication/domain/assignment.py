"""One-to-one pairs of the least summed cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cheapest_pairs(cost: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of each pair, shape (min(cost.shape),) each, rows ascending (Hungarian method,
    Kuhn 1955)."""
    # Half a second to import, which the start of every process and command would pay.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost)
    return rows, columns
