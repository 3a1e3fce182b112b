"""libav decoding a video from start to end and nothing else: what each picture costs at least.

python -m bench.baselines.decode FILE
"""

from __future__ import annotations

import sys
import time
from typing import BinaryIO

import av


def decode(source: BinaryIO) -> int:
    """The number of pictures."""
    source.seek(0)
    with av.open(source) as container:
        return sum(1 for _ in container.decode(container.streams.video[0]))


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        began = time.perf_counter()
        pictures = decode(opened)
        print(f"{pictures / (time.perf_counter() - began):.0f} pictures/s")
