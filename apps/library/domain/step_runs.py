"""Long arrays of times for the wire: as they are, or as runs of equal steps.

An hour of video at a constant rate is one run, where its list is most of a megabyte that the server
writes and the browser reads before the first picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Spelled = Callable[[str, NDArray[np.integer]], dict[str, Any]]


def as_list(name: str, values: NDArray[np.integer]) -> dict[str, Any]:
    """``{name: values}``."""
    return {name: values.tolist()}


def as_runs(name: str, values: NDArray[np.integer]) -> dict[str, Any]:
    """``{name_runs: [[first, step, count], ...]}``, or the list where that is no longer."""
    # A run says three numbers.
    found = step_runs(values, len(values) // 3)
    return as_list(name, values) if found is None else {f"{name}_runs": found}


def step_runs(values: NDArray[np.integer], most: int) -> list[list[int]] | None:
    """Runs ``[first, step, count]`` that give the values again, one after the other; None where it
    takes more than ``most``. The step of a single value is 0."""
    steps = np.diff(values.astype(np.int64))
    turns = np.flatnonzero(steps[1:] != steps[:-1]) + 1
    # A run takes in at most two turns: its end, and that into the next one.
    if len(turns) > 2 * most:
        return None
    found: list[list[int]] = []
    start, n = 0, len(values)
    for last in (*turns.tolist(), n - 1):
        if last < start:
            continue
        step = int(steps[start]) if last > start else 0
        found.append([int(values[start]), step, last - start + 1])
        start = last + 1
    return found if len(found) <= most else None
