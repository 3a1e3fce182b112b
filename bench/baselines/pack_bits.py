"""The least that a SEG of masks costs: packing pixels to bits and writing them, run by itself.

python -m bench.baselines.pack_bits HOW N_FRAMES N_TRACKS FILE   HOW: native or deflated (zlib 1).
Prints {"cpu_s", "wall_s", "peak_mb", "size_bytes"}. Making the masks is not counted.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import zlib

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS, N_DISTINCT = 1080, 1920, 32


def ellipse(place: int, track: int) -> NDArray[np.bool_]:
    """A lesion-sized mask that wanders: about 320 x 480 pixels of a 1080p picture."""
    y, x = np.ogrid[:ROWS, :COLUMNS]
    down, right = 300 + 5 * place + 100 * track, 420 + 11 * place + 380 * track
    found: NDArray[np.bool_] = ((y - down) / 160) ** 2 + ((x - right) / 240) ** 2 < 1
    return found


def main(how: str, n_frames: int, n_tracks: int, path: str) -> None:
    """Pack and write ``n_frames`` x ``n_tracks`` masks, one after the other."""
    pictures = [[ellipse(p, t) for p in range(N_DISTINCT)] for t in range(n_tracks)]
    began = os.times()
    with open(path, "wb") as out:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15) if how == "deflated" else None
        for track in range(n_tracks):
            for frame in range(n_frames):
                bits = np.packbits(pictures[track][frame % N_DISTINCT], bitorder="little").tobytes()
                out.write(packer.compress(bits) if packer else bits)
        if packer:
            out.write(packer.flush())
    ended = os.times()
    print(
        json.dumps(
            {
                "cpu_s": ended.user + ended.system - began.user - began.system,
                "wall_s": ended.elapsed - began.elapsed,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "size_bytes": os.path.getsize(path),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
