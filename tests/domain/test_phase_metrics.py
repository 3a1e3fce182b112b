"""Figures of agreement on phases: published worked examples, and other ways to count the same."""

from __future__ import annotations

import random

import numpy as np
import pytest

from apps.adjudication.domain.phase_metrics import (
    accuracy,
    cohens_kappa,
    edit_score,
    fleiss_kappa,
    jaccard,
    krippendorff_alpha,
    segmental_f1,
    segments,
)

N = None
# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers,
# twelve units, nine missing.
WORKED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]
# Fleiss 1971 as worked through by many textbooks: fourteen raters, ten subjects, five categories.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_alpha_is_that_of_krippendorff_s_own_worked_examples():
    assert krippendorff_alpha(WORKED) == pytest.approx(0.743421052631579, abs=1e-9)
    assert krippendorff_alpha(WORKED, "interval") == pytest.approx(0.849, abs=5e-4)
    # Section B: two observers, ten units, two categories.
    a, b = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha([a, b]) == pytest.approx(0.095, abs=5e-4)


def test_kappas_are_those_of_the_published_examples():
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no.
    a = ["y"] * 25 + ["n"] * 25
    b = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohens_kappa(a, b) == pytest.approx(0.4, abs=1e-12)
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa([[1, 1], [2, 1]])


def test_cohens_kappa_equals_one_counted_from_the_confusion_matrix():
    chance = random.Random(3)
    for _ in range(200):
        n = chance.randint(1, 60)
        a, b = ([chance.choice("xyz") for _ in range(n)] for _ in range(2))
        table = np.zeros((3, 3))
        for x, y in zip(a, b, strict=True):
            table["xyz".index(x), "xyz".index(y)] += 1
        weights = 1 - np.eye(3)
        expected = np.outer(table.sum(1), table.sum(0)) / n
        told = (weights * expected).sum()
        wanted = 1.0 if told == 0 else 1 - (weights * table).sum() / told
        assert cohens_kappa(a, b) == pytest.approx(wanted, abs=1e-9)


def test_segments_f1_and_edit_score_are_those_counted_by_hand():
    a = ["p"] * 10 + [None] * 2 + ["q"] * 8 + ["p"] * 5
    b = ["p"] * 6 + ["q"] * 14 + ["p"] * 5
    assert segments(a) == [("p", 0, 10), ("q", 12, 20), ("p", 20, 25)]
    # p 6/10, q 8/14, p 5/5.
    assert [segmental_f1(a, b, k) for k in (0.1, 0.25, 0.5, 0.59, 1.0)] == [
        1, 1, 1, pytest.approx(2 / 3), pytest.approx(1 / 3),
    ]  # fmt: skip
    assert edit_score(a, b) == 1
    assert edit_score(a, ["q"] * 25) == pytest.approx(1 - 2 / 3)
    assert accuracy(a, b) == pytest.approx(19 / 25)
    assert jaccard(a, b, "q") == 8 / 14
    # Two segments on one: the second is a false alarm.
    split = ["p"] * 5 + [None] + ["p"] * 4
    assert segmental_f1(["p"] * 10, split, 0.1) == pytest.approx(2 / 3)


def test_what_nobody_labelled_has_no_figure():
    none = [None] * 5
    assert accuracy(none, none) is jaccard(none, none, "p") is edit_score(none, none) is None
    assert segmental_f1(none, none, 0.5) is cohens_kappa([], []) is krippendorff_alpha([none]) is N
    assert krippendorff_alpha([["p"] * 3, ["p"] * 3]) == cohens_kappa(["p"], ["p"]) == 1
