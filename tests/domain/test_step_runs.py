"""Times as runs of equal steps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.step_runs import as_runs, step_runs

_STEPS = st.lists(st.sampled_from([0, 1, 1, 1, 512, 513, -3]), min_size=0, max_size=40)


@given(st.integers(-5000, 5000), _STEPS)
def test_runs_give_their_values_again(first: int, steps: list[int]) -> None:
    values = np.cumsum([first, *steps]).astype(np.int64)
    runs = step_runs(values, len(values))
    assert runs is not None
    assert [a + i * step for a, step, count in runs for i in range(count)] == values.tolist()


def test_an_hour_at_a_constant_rate_is_one_run_and_no_rate_at_all_stays_a_list() -> None:
    assert as_runs("pts", np.arange(90_000) * 512) == {"pts_runs": [[0, 512, 90_000]]}
    jumping = np.cumsum(np.arange(99) % 7 * 3 + 1)
    assert as_runs("pts", jumping) == {"pts": jumping.tolist()}
    assert as_runs("key", np.array([0])) == {"key": [0]}
