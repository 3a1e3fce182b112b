"""COCO and MOT of a million boxes, against datumaro writing as many; judged by CPU time.

python -m bench.boxes FORMAT N FOLDER   prints {"cpu_s", "peak_mb"} of ours in a process of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[1]
N_BOXES = int(os.environ.get("BENCH_BOXES", "1000000"))
N_TRACKS = 20
FORMATS = {"coco-video": "coco_instances", "mot": "mot_seq_gt"}
DATUMARO = "datumaro==1.13.12"


def race(folder: Path) -> dict[str, dict[str, Any]]:
    """A line a format: CPU seconds of ours over datumaro's, and a line of our peak memory for a
    tenth of the boxes and for all."""
    python = _datumaro_python(folder)
    found = {}
    for ours, theirs in FORMATS.items():
        mine = _told([sys.executable, "-m", "bench.boxes", ours, str(N_BOXES), str(folder / ours)])
        small = _told(
            [
                sys.executable,
                "-m",
                "bench.boxes",
                ours,
                str(N_BOXES // 10),
                str(folder / f"{ours}-"),
            ]
        )
        script = str(ROOT / "bench" / "baselines" / "datumaro_boxes.py")
        other = _told([python, script, theirs, str(N_BOXES), str(folder / theirs)])
        found[f"{ours} of {N_BOXES} boxes"] = {
            "ratio": round(mine["cpu_s"] / other["cpu_s"], 3), "ours": round(mine["cpu_s"], 1),
            "theirs": round(other["cpu_s"], 1), "unit": "s of CPU",
        }  # fmt: skip
        found[f"{ours} memory, all against a tenth"] = {
            "ratio": round(mine["peak_mb"] / small["peak_mb"], 2), "ours": round(mine["peak_mb"]),
            "theirs": round(small["peak_mb"]), "unit": "MB",
        }  # fmt: skip
    return found


def _told(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _datumaro_python(folder: Path) -> str:
    """A Python with datumaro: BENCH_DATUMARO, or an environment made for this run."""
    if given := os.environ.get("BENCH_DATUMARO"):
        return given
    venv.create(folder / "datumaro", with_pip=True)
    python = str(folder / "datumaro" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", DATUMARO], check=True)
    return python


def write(name: str, n_boxes: int, folder: Path) -> None:
    """Write one clip of 20 interpolated boxes over as many frames as it takes."""
    from apps.release.domain.registry import FORMATS as KNOWN
    from apps.release.domain.view import Choice
    from tests.domain.format_samples import freeze_of, view_of
    from tests.domain.release_samples import VIDEO

    n_frames = n_boxes // N_TRACKS

    def keyframe(x: float) -> dict[str, Any]:
        return {"state": "visible", "shape": {"type": "box", "box": [x, 20.5, 99.25, 80.0]},
                "attributes": {}}  # fmt: skip

    tracks = {
        f"00000000-0000-0000-0000-{n:012}": {
            "clip": VIDEO, "class_id": "bag", "number": n, "attributes": {},
            "keyframes": {"0": keyframe(10.0 * n), str(n_frames - 1): keyframe(1700.5 - n)},
        }
        for n in range(1, N_TRACKS + 1)
    }  # fmt: skip
    labels = {"clips": [VIDEO], "tracks": tracks, "intervals": {}}
    freeze = freeze_of(labels, n_frames=n_frames, rows=1080, columns=1920)
    view = view_of(freeze, Choice(name))

    @contextmanager
    def create(path: str) -> Iterator[BinaryIO]:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            yield out

    began = os.times()
    writer = KNOWN[name].write
    assert writer is not None
    if name == "coco-video":  # datumaro writes one layout: the image-level one
        from apps.release.domain.coco_video import write_annotations

        with create("annotations.json") as out:
            write_annotations(view, out)
    else:
        writer(view, create)
    ended = os.times()
    cpu_s = ended.user + ended.system - began.user - began.system
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": cpu_s, "peak_mb": peak_mb}))


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
