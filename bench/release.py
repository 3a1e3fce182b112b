"""Sizes and speeds of the DICOM writers, each in a process of its own; judged by CPU time.

python -m bench.release seg HOW N_FRAMES N_TRACKS FOLDER    HOW: native or deflated
python -m bench.release sr N_POINTS FOLDER
python -m bench.release read FILE                            highdicom reads the report back
"""

from __future__ import annotations

import json
import os
import resource
import sys
import uuid
from pathlib import Path
from typing import Any

from bench.baselines.pack_bits import COLUMNS, N_DISTINCT, ROWS, ellipse


def seg(how: str, n_frames: int, n_tracks: int, folder: Path) -> dict[str, Any]:
    """Write ``n_tracks`` mask tracks over ``n_frames`` frames of 1080p as SEG."""
    from apps.annotation.domain import rle
    from apps.release.domain.dicom_seg import seg_parts, write_seg
    from apps.release.domain.objects import clip_labels
    from tests.domain.format_samples import freeze_of
    from tests.domain.release_samples import VIDEO

    tracks = {}
    for track in range(n_tracks):
        drawn = [rle.encode(ellipse(place, track)) for place in range(N_DISTINCT)]
        tracks[str(uuid.UUID(int=track + 1))] = {
            "clip": VIDEO, "class_id": "lesion", "number": track + 1, "attributes": {},
            "keyframes": {
                str(frame): {
                    "state": "visible", "attributes": {},
                    "shape": {"type": "mask", "rle": {**drawn[frame % N_DISTINCT]}},
                }
                for frame in range(n_frames)
            },
        }  # fmt: skip
    labels = {"clips": [VIDEO], "tracks": tracks, "intervals": {}}
    freeze = freeze_of(labels, n_frames=n_frames, rows=ROWS, columns=COLUMNS)
    clip = freeze.clips[0]
    held = clip_labels(freeze, clip)
    folder.mkdir(parents=True, exist_ok=True)
    limit = 0 if how == "deflated" else 1 << 40
    began, size_bytes = os.times(), 0
    for part, rows in enumerate(seg_parts(clip, held), 1):
        path = folder / f"seg-{part}.dcm"
        with path.open("wb") as out:
            write_seg(freeze, clip, rows, out, part, limit)
        size_bytes += path.stat().st_size
    return {**_spent(began), "size_bytes": size_bytes}


def sr(n_points: int, folder: Path) -> dict[str, Any]:
    """Write one tip over ``n_points`` frames as SR."""
    from apps.release.domain.dicom_sr import sr_parts, write_sr
    from apps.release.domain.objects import clip_labels
    from tests.domain.format_samples import freeze_of
    from tests.domain.release_samples import VIDEO

    def keyframe(x: float) -> dict[str, Any]:
        return {
            "state": "visible",
            "attributes": {},
            "shape": {"type": "tip", "point": [x, 200.25]},
        }

    track = {
        "clip": VIDEO, "class_id": "grasper", "number": 1, "attributes": {},
        "keyframes": {"0": keyframe(100.5), str(n_points - 1): keyframe(1700.25)},
    }  # fmt: skip
    labels = {"clips": [VIDEO], "tracks": {str(uuid.UUID(int=1)): track}, "intervals": {}}
    freeze = freeze_of(labels, n_frames=n_points, rows=ROWS, columns=COLUMNS)
    clip = freeze.clips[0]
    folder.mkdir(parents=True, exist_ok=True)
    began = os.times()
    size_bytes = 0
    for part in sr_parts(clip, clip_labels(freeze, clip)):
        path = folder / f"sr-{part.number}.dcm"
        with path.open("wb") as out:
            write_sr(freeze, clip, part, out)
        size_bytes += path.stat().st_size
    return {**_spent(began), "n_parts": part.n_parts, "size_bytes": size_bytes}


def read(path: Path) -> dict[str, Any]:
    """How many points highdicom finds in a report, and their sum."""
    import highdicom

    began = os.times()
    groups = highdicom.sr.srread(path).content.get_planar_roi_measurement_groups()
    points = [group.roi.value[0] for group in groups]
    return {**_spent(began), "n_points": len(points), "sum_x": float(sum(p[0] for p in points))}


def _spent(began: os.times_result) -> dict[str, Any]:
    ended = os.times()
    return {
        "cpu_s": ended.user + ended.system - began.user - began.system,
        "wall_s": ended.elapsed - began.elapsed,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "seg":
        told = seg(given[0], int(given[1]), int(given[2]), Path(given[3]))
    elif what == "sr":
        told = sr(int(given[0]), Path(given[1]))
    else:
        told = read(Path(given[0]))
    print(json.dumps(told))
