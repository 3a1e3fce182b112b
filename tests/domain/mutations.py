"""Files as another tool, a disk or a person spoils them."""

from __future__ import annotations

import re

import numpy as np


def mutated(files, random):
    """The files with one to four changes: bytes, lines twice or gone, cut short, words swapped."""
    spoiled = dict(files)
    for _ in range(random.integers(1, 5)):
        name = sorted(spoiled)[random.integers(len(spoiled))]
        data = bytearray(spoiled[name])
        at = int(random.integers(max(1, len(data))))
        kind = random.integers(8)
        lines = bytes(data).split(b"\n")
        place = int(random.integers(len(lines)))
        if kind == 0 and data:
            data[at] = random.integers(256)
        elif kind == 1:
            data[at : at + 1] = bytes(random.integers(32, 127, random.integers(1, 9), np.uint8))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data = bytearray(
                b"\n".join([*lines[:place], *lines[place : place + 1], *lines[place:]])
            )
        elif kind == 4:
            data = bytearray(b"\n".join([*lines[:place], *lines[place + 1 :]]))
        elif kind == 5:
            words = [
                b"nan",
                b"-1",
                b"1e400",
                b"null",
                b"[]",
                b"\xc3\xa9",
                b"9" * 30,
                b"{}",
                b"true",
            ]
            data[at : at + 3] = words[random.integers(len(words))]
        elif kind == 6:
            data = bytearray(re.sub(rb"[0-9]+", b"999999", bytes(data), count=int(at)))
        else:
            data = bytearray(spoiled[sorted(spoiled)[random.integers(len(spoiled))]])
        spoiled[name] = bytes(data)
    return spoiled
