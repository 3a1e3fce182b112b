"""Rows of numbers as text, many at once: the characters that `%d` and `%.4f` give, made as arrays.

Python formats a number at a time, which is most of what a table of a million boxes costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Above it the product with a power of ten is not near enough to tell which way it rounds.
MOST = 1e5
_NEAR_A_TIE = 1e-6


class Column(NamedTuple):
    """uint32 values, one a row, each the number times 10 to the power of ``decimals``."""

    values: np.ndarray
    decimals: int = 0


def fixed(values: np.ndarray, decimals: int) -> Column | None:
    """Float64 values as `%.<decimals>f` rounds them; None where one is negative (also -0.0), not
    finite or not below MOST. At most 4 ``decimals``.

    `%f` rounds the exact binary value, ties to even. A product with a power of ten is off by less
    than 1e-6 here, so that only values nearer than that to a tie are rounded one by one.
    """
    if np.signbit(values).any() or not (values < MOST).all():
        return None
    scaled = values * 10**decimals
    whole = np.rint(scaled)
    for place in np.flatnonzero(np.abs(np.abs(scaled - whole) - 0.5) < _NEAR_A_TIE):
        whole[place] = int(f"{values[place]:.{decimals}f}".replace(".", ""))
    return Column(whole.astype(np.uint32), decimals)


def rows_text(fields: Sequence[Column | bytes]) -> bytes:
    """A text of all rows, one after the other: columns as decimal numbers, bytes as they stand."""
    n_rows = len(next(f.values for f in fields if isinstance(f, Column)))
    parts = [
        _digits(field) if isinstance(field, Column) else _constant(field, n_rows)
        for field in fields
    ]
    text = np.concatenate([characters for characters, _ in parts], axis=0)
    shown = np.concatenate([kept for _, kept in parts], axis=0)
    # A row of the arrays is one place in the line: so each step above runs over one stretch.
    return text.T[shown.T].tobytes()


def _constant(text: bytes, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    characters = np.frombuffer(text, np.uint8)[:, None]
    shape = (len(text), n_rows)
    return np.broadcast_to(characters, shape), np.ones(shape, bool)


def _digits(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """(characters, which of them are shown), a row a place of the number, from the left."""
    rest, decimals = column.values, column.decimals
    n_digits = max(len(str(int(rest.max(initial=0)))), decimals + 1)
    width = n_digits + bool(decimals)
    characters = np.empty((width, len(rest)), np.uint8)
    shown = np.ones(characters.shape, bool)
    place = width - 1
    for digit in range(n_digits):
        if decimals and digit == decimals:
            characters[place] = ord(".")
            place -= 1
        if digit > decimals:
            shown[place] = rest > 0
        above = rest // np.uint32(10)
        characters[place] = rest - above * np.uint32(10) + np.uint32(ord("0"))
        rest = above
        place -= 1
    return characters, shown
