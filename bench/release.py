"""Sizes and speeds of the DICOM writers, each in a process of its own; judged by CPU time.

python -m bench.release seg HOW N_FRAMES N_TRACKS FOLDER    HOW: native or deflated
python -m bench.release sr N_POINTS FOLDER
python -m bench.release clips N WORKERS FOLDER
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
    import gc

    import highdicom

    gc.disable()  # a tree of some million objects, none of them garbage before the end
    began = os.times()
    groups = highdicom.sr.srread(path).content.get_planar_roi_measurement_groups()
    points = [group.roi.value[0] for group in groups]
    return {**_spent(began), "n_points": len(points), "sum_x": float(sum(p[0] for p in points))}


def clips(n_clips: int, workers: int, folder: Path) -> dict[str, Any]:
    """Build a release of ``n_clips`` clips, each with labels of its own, by several workers."""
    from dataclasses import replace

    from apps.annotation.domain.expand import expanded_digest
    from apps.release.domain.freeze import draw_uids, dump_freeze
    from tests.domain.keys import KEY
    from tests.domain.release_samples import CINE, VIDEO, sample

    whole = sample()
    video = next(clip for clip in whole.freeze.clips if clip.id != CINE)
    folder.mkdir(parents=True)
    made = []
    for n in range(n_clips):
        clip_id = str(uuid.UUID(int=n + 1))
        labels = json.loads(json.dumps(video.label_set.labels).replace(VIDEO, clip_id))
        sizes = {clip_id: (video.n_frames, video.columns, video.rows)}
        digest = expanded_digest(labels, whole.freeze.ontology, sizes)
        signature = video.label_set.signature
        assert signature is not None
        statement = json.dumps({"digest": digest}).encode()
        held = replace(
            video.label_set, labels=labels, expanded_digest=digest,
            signature=replace(signature, digest=digest, statement=statement,
                              server_signature=KEY.sign(statement)),
        )  # fmt: skip
        made.append(replace(video, id=clip_id, name=f"clip-{n:04}", pseudonym=f"p{n}",
                            label_set=held))  # fmt: skip
        (folder / clip_id).write_bytes(whole.instances[VIDEO])
    numbers = iter(range(1, 10 * n_clips))
    uids = draw_uids([clip.id for clip in made], lambda: f"2.25.{next(numbers)}")
    freeze = replace(whole.freeze, clips=made, uids=uids)
    (folder / "freeze.json").write_bytes(dump_freeze(freeze))
    del made, freeze
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # Making the freeze took memory of its own: the build is watched in a fresh process.
    began = os.times()
    child = os.fork()
    if child == 0:
        os.execv(
            sys.executable,
            [sys.executable, "-m", "bench.release", "build", str(folder), str(workers)],
        )
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError("the build failed")
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return {**told, "wall_s": os.times().elapsed - began.elapsed, "made_mb": before_mb}


def build(folder: Path, workers: int) -> None:
    """Write the release whose freeze lies in ``folder``; memory of this process and its workers."""
    from functools import partial

    from apps.release.domain.build import build_release
    from tests.domain.keys import KEY
    from tests.domain.write_freeze import open_instance

    build_release(
        folder / "freeze.json",
        ["dicom-seg", "dicom-sr", "coco-video", "mot", "yolo", "csv"],
        folder / "out",
        partial(open_instance, str(folder)),
        KEY.sign,
        KEY.public_key().public_bytes_raw(),
        workers=workers,
    )
    spent = {
        "manifest_mb": (folder / "out" / "manifest.json").stat().st_size / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "workers_peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    (folder / "told.json").write_text(json.dumps(spent))


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
    elif what == "clips":
        told = clips(int(given[0]), int(given[1]), Path(given[2]))
    elif what == "build":
        build(Path(given[0]), int(given[1]))
        sys.exit()
    else:
        told = read(Path(given[0]))
    print(json.dumps(told))
