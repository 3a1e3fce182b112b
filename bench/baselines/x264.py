"""libav decoding a video and x264 encoding it again, nothing else: the least that redaction costs.

python -m bench.baselines.x264 FILE
"""

from __future__ import annotations

import io
import sys
import time
from typing import BinaryIO

import av

SETTINGS = {
    "preset": "veryfast",
    "profile": "high",
    "level": "4.1",
    "crf": "18",
    "g": "30",
    "keyint_min": "30",
    "sc_threshold": "0",
    "bf": "0",
    "x264-params": "open-gop=0:mbtree=0:sliced-threads=0",
}
THREADS = 2


def encode(source: BinaryIO) -> int:
    """Decode with two threads, encode with two, into an MP4 in memory; the number of pictures."""
    source.seek(0)
    count = 0
    with av.open(source) as container, av.open(io.BytesIO(), "w", format="mp4") as output:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        target = output.add_stream("libx264", rate=stream.average_rate or 25)
        target.width, target.height = stream.width, stream.height
        target.pix_fmt = "yuv420p"
        target.codec_context.thread_count = THREADS
        target.options = SETTINGS
        target.time_base = target.codec_context.time_base = stream.time_base
        for frame in container.decode(stream):
            frame.pict_type = av.video.frame.PictureType.NONE
            output.mux(target.encode(frame))
            count += 1
        output.mux(target.encode(None))
    return count


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        began = time.perf_counter()
        pictures = encode(opened)
        print(f"{pictures / (time.perf_counter() - began):.1f} pictures/s")
