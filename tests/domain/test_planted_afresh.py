"""The bar of `test_planted_identifiers` on a corpus by another hand (`tests/afresh`): a share of it
in `make test`, whole by AFRESH_NUMBERS=all, with several seeds as a bar (`bench/bars_deid.py`)."""

from __future__ import annotations

import os

import pytest

from apps.deid.domain.reasons import Refused
from tests.afresh import judge
from tests.afresh.instances import MAKERS, SHARE, made
from tests.afresh.product import cleaned

SEED = int(os.environ.get("AFRESH_SEED", "4"))
NUMBERS = range(len(MAKERS)) if os.environ.get("AFRESH_NUMBERS") == "all" else SHARE


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_is_left_of_an_instance_made_afresh_and_nothing_needed_is_lost(number: int) -> None:
    sample = made(SEED, number)
    print(f"corpus made afresh, seed {SEED}: {sample.name}, {len(sample.plants)} identifiers")
    try:
        result, findings = cleaned(sample)
    except Refused as refusal:
        pytest.fail(f"refused: {refusal}")
    verdict = judge(sample, result)
    assert (findings, verdict.leaks, verdict.destroyed) == ((), [], [])


def test_the_second_judge_finds_what_is_left_as_it_was() -> None:
    sample = made(SEED, 0)
    found = {leak.rpartition(" at ")[0] or leak.rpartition(" in ")[0]
             for leak in judge(sample, sample.data).leaks}  # fmt: skip
    assert len(found) > 0.9 * len({plant.kind for plant in sample.plants})
