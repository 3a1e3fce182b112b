"""Writes a release from a freeze file in a process of its own: GIVEN OUT FORMATS [--workers N].

GIVEN holds ``freeze.json`` and a file a clip, named by its id: the de-identified instance.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import BinaryIO

from apps.release.domain.build import build_release
from tests.domain.keys import KEY


def open_instance(given: str, clip_id: str) -> BinaryIO:
    return open(Path(given) / clip_id, "rb")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("given")
    parser.add_argument("out", type=Path)
    parser.add_argument("formats")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    build_release(
        Path(asked.given) / "freeze.json",
        asked.formats.split(","),
        asked.out,
        partial(open_instance, os.path.abspath(asked.given)),
        KEY.sign,
        KEY.public_key().public_bytes_raw(),
        workers=asked.workers,
    )


if __name__ == "__main__":
    main()
