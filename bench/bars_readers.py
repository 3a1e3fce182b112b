"""Bars of agreement: figures of labels held to scikit-learn (those of tracks: ``bars_trail``)."""

from __future__ import annotations

from bench.bar import Bar, tests

BARS = [
    Bar(
        "label figures",
        "kappa, accuracy, Jaccard, IoU and Dice equal to scikit-learn's to 1e-9 on 200 cases",
        tests("tests/interop/test_label_figures.py", BAR_LABEL_CASES="200", BAR_FULL="1"),
    ),
]
