"""Rows of numbers made as arrays are the characters that Python's own formatting gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.release.domain.decimal_rows import MOST, Column, fixed, rows_text

NEAR_A_TIE = st.integers(0, 2 * 10**8).map(lambda n: n / 20000)


@given(st.lists(st.floats(0, MOST, exclude_max=True) | NEAR_A_TIE, min_size=1, max_size=30))
def test_four_decimals_are_those_of_python_also_at_ties(values: list[float]) -> None:
    wanted = "".join(f"{n},{value:.4f};\n" for n, value in enumerate(values)).encode()
    column = fixed(np.array(values), 4)
    if any(value >= MOST or np.signbit(value) for value in values):
        assert column is None
        return
    assert column is not None
    rows = Column(np.arange(len(values), dtype=np.uint32))
    assert rows_text([rows, b",", column, b";\n"]) == wanted


@pytest.mark.parametrize("value", [-0.0, -0.00001, -3.5, MOST, float("inf"), float("nan")])
def test_a_number_that_it_cannot_round_is_left_to_python(value: float) -> None:
    assert fixed(np.array([1.0, value]), 4) is None


def test_the_next_number_beside_a_tie_rounds_to_its_own_side() -> None:
    ties = np.arange(1, 40001, 2) / 20000
    for values in (ties, np.nextafter(ties, 0), np.nextafter(ties, np.inf)):
        column = fixed(values, 4)
        assert column is not None
        assert rows_text([column, b"\n"]) == "".join(f"{v:.4f}\n" for v in values).encode()
