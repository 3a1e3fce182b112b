"""Bars of deciding: what an adjudicator does in a browser, in full size."""

from __future__ import annotations

from bench.bar import Bar, tests

BARS = [
    Bar(
        "adjudication keys",
        "40 planted disagreements decided and signed with at most 60 key presses and no mouse;"
        " the consensus is the expected one exactly",
        tests("tests/journeys/test_forty.py", BAR_FULL="1"),
    ),
    Bar(
        "officer clicks",
        "who saw a patient's pictures in a month: proven, printed, verified elsewhere in under"
        " 15 clicks",
        tests("tests/journeys/test_officer.py"),
    ),
]
