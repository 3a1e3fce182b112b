"""Memory does not grow with a video's length: copied, blanked, searched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.domain.clips import make_clip

ROOT = Path(__file__).parents[2]
# Pictures of the long one: an hour at 25 a second in full size.
FRAMES = int(os.environ.get("BAR_VIDEO_FRAMES", "6000"))
WORKER_LIMIT_MB = 400

_RUN = """
import json, sys
from apps.deid.domain import probe, redact, remux
from apps.deid.domain.boxes import Box
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.scan import LeakScanner

class Sink:
    def __init__(self, scanner): self.scanner, self.size = scanner, 0
    def write(self, data):
        self.scanner.feed("file", bytes(data)); self.size += len(data); return len(data)

def peak_mb():
    # Not ru_maxrss: a process started by a large one begins with that one's peak.
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))

path, blank = sys.argv[1], sys.argv[2] == "blank"
sink = Sink(LeakScanner(Harvest({"name": {"MORGANLEVY"}})))
with open(path, "rb") as source:
    info = probe.probe_stream(source)
    before = peak_mb()
    if blank:
        made = redact.redact_video(source, sink, [Box(0, 0, 64, 32)])
    else:
        made = remux.remux_video(source, sink)
print(json.dumps({"frames": made.n_frames, "bytes": sink.size, "mb": peak_mb()}))
"""


def repeated(clip: bytes, path: Path, n_frames: int) -> None:
    """The clip over and over, packet by packet."""
    import io

    import av

    with av.open(io.BytesIO(clip)) as source, av.open(str(path), "w", format="mp4") as output:
        video = source.streams.video[0]
        target = output.add_stream_from_template(video)
        held = [(bytes(p), p.is_keyframe) for p in source.demux(video) if p.size]
        for number in range(n_frames):
            data, is_key = held[number % len(held)]
            packet = av.Packet(data)
            packet.pts = packet.dts = 3600 * number
            packet.duration, packet.time_base = 3600, video.time_base
            packet.is_keyframe, packet.stream = is_key, target
            output.mux(packet)


@pytest.mark.parametrize("way", ["copy", *(["blank"] if "BAR_VIDEO_FRAMES" in os.environ else [])])
def test_a_long_video_takes_no_more_memory_than_a_short_one(tmp_path: Path, way: str) -> None:
    noisy = {"bf": "0", "g": "25", "crf": "10", "preset": "ultrafast"}
    clip = make_clip(25, options=noisy)
    found = []
    for name, n_frames in (("short", 250), ("long", FRAMES)):
        path = tmp_path / f"{name}.mp4"
        repeated(clip, path, n_frames)
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(path), way],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout.splitlines()[-1]))
        assert found[-1]["frames"] == n_frames
    short, long = found
    assert long["mb"] < WORKER_LIMIT_MB
    # The times alone: some 300 bytes a picture.
    assert long["mb"] - short["mb"] < 20 + 600 * FRAMES / 1e6, found
    assert way == "blank" or long["bytes"] > 20 * short["bytes"] > 20e6 or FRAMES < 6000
