"""Bars of the player and of the clips that hospitals send (issue 5)."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[[], tuple[str, bool]]


def bars(tests: Callable[..., Run]) -> list[tuple[str, str, Run]]:
    """(name, bar, run) of each; ``tests`` makes a run of a selection of tests in full size."""
    return [
        (
            "trap clips",
            "200 of 200 random seeks and single steps show the picture asked for on every trap"
            " clip: master, digests, review copy, frame endpoint, browser; each with its warnings",
            tests("tests/traps", BAR_SEEKS="200", BAR_FULL="1"),
        ),
        (
            "review kills",
            "SIGKILL of the worker at 20 random moments of making a review copy: no finished segment"
            " is made again",
            tests("tests/library/test_review_segments.py", BAR_SEGMENT_KILLS="20"),
        ),
    ]
