"""Where one goes in a clip: anywhere at random, then picture by picture."""

from __future__ import annotations

import random


def visits(n_frames: int, seed: int, count: int) -> tuple[list[int], list[int]]:
    """``count`` random frame indexes, each another than the one before, and ``count`` single
    steps forward and back from the last of them."""
    draw = random.Random(seed)
    seeks: list[int] = []
    for _ in range(count):
        seeks.append(draw.choice([i for i in range(n_frames) if seeks[-1:] != [i]]))
    at, steps = seeks[-1], []
    for _ in range(count):
        way = draw.choice((1, 1, -1))
        at += way if 0 <= at + way < n_frames else -way
        steps.append(at)
    return seeks, steps
