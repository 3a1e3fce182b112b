"""Tracking figures equal TrackEval's on random scenes with splits, swaps, gaps and empty frames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from apps.adjudication.domain.tracking_metrics import Frame, measure
from tests.interop.test_trackeval import trackeval_path  # noqa: F401

CASES = int(os.environ.get("BAR_TRACKING_CASES", "24"))
FULL = os.environ.get("BAR_FULL") == "1"
RUN = """
import json, os, pickle, sys, time
import trackeval
scenes = pickle.load(open(sys.argv[1], "rb"))
quiet = {"PRINT_CONFIG": False}
kinds = trackeval.metrics
metrics = [kinds.HOTA(), kinds.CLEAR(quiet), kinds.Identity(quiet)]
out, began = [], os.times()
for data in scenes:
    h, c, i = (m.eval_sequence(data) for m in metrics)
    out.append([float(h["HOTA"].mean()), float(h["DetA"].mean()), float(h["AssA"].mean()),
                float(h["LocA"].mean()), float(c["MOTA"]), float(c["MOTP"]), int(c["IDSW"]),
                float(i["IDF1"])])
ended = os.times()
print("RESULT", json.dumps([out, ended.user + ended.system - began.user - began.system]))
"""


def scene(chance: np.random.Generator, n_frames: int, n_tracks: int) -> list[Frame]:
    """Boxes that drift; the second set jitters, loses, splits and swaps them, and has gaps."""
    size, place = 40.0, chance.uniform(0, 300, (n_tracks, 2))
    drift = chance.normal(0, 1.5, (n_tracks, 2))
    names, fresh = list(range(n_tracks)), n_tracks
    frames = []
    for _ in range(n_frames):
        place = place + drift + chance.normal(0, 1, place.shape)
        if n_tracks > 1 and chance.random() < 0.1:
            i, j = chance.choice(n_tracks, 2, replace=False)
            names[i], names[j] = names[j], names[i]
        if chance.random() < 0.1:
            names[chance.integers(n_tracks)] = fresh
            fresh += 1
        seen_a, seen_b = chance.random(n_tracks) < 0.9, chance.random(n_tracks) < 0.85
        if chance.random() < 0.05:
            seen_a[:] = False
        if chance.random() < 0.05:
            seen_b[:] = False
        a, b = place[seen_a], place[seen_b] + chance.normal(0, 6, (int(seen_b.sum()), 2))
        frames.append(
            Frame(np.nonzero(seen_a)[0], np.array(names)[seen_b].astype(np.int64), iou(a, b, size))
        )
    return frames


def iou(a: np.ndarray, b: np.ndarray, size: float) -> np.ndarray:
    shared = np.prod(np.clip(size - np.abs(a[:, None] - b[None]), 0, None), axis=2)
    return shared / (2 * size * size - shared)


def compact(frames: list[Frame]) -> list[Frame]:
    """Ids from 0 without gaps, as TrackEval wants them."""
    maps = []
    for side in ("ids_a", "ids_b"):
        found = np.unique(np.concatenate([getattr(frame, side) for frame in frames]))
        maps.append(found)
    return [
        Frame(
            np.searchsorted(maps[0], frame.ids_a),
            np.searchsorted(maps[1], frame.ids_b),
            frame.likeness,
        )
        for frame in frames
    ]


def as_trackeval(frames: list[Frame]) -> dict:
    def ids(side: str) -> set[int]:
        return set(np.concatenate([getattr(frame, side) for frame in frames]).tolist())

    return {
        "num_timesteps": len(frames),
        "num_gt_dets": sum(len(frame.ids_a) for frame in frames),
        "num_tracker_dets": sum(len(frame.ids_b) for frame in frames),
        "num_gt_ids": len(ids("ids_a")),
        "num_tracker_ids": len(ids("ids_b")),
        "gt_ids": [frame.ids_a for frame in frames],
        "tracker_ids": [frame.ids_b for frame in frames],
        "similarity_scores": [frame.likeness for frame in frames],
    }


def theirs(library: str, scenes: list[list[Frame]], folder) -> tuple[list[list[float]], float]:
    import pickle

    held = folder / "scenes.pickle"
    held.write_bytes(pickle.dumps([as_trackeval(frames) for frames in scenes]))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(held)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": library},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))


def ours(frames: list[Frame]) -> list[float]:
    m = measure(frames)
    return [m.hota, m.det_a, m.ass_a, m.loc_a, m.mota, m.motp, m.id_switches, m.idf1]


def test_figures_equal_trackeval_s_on_random_scenes(trackeval_path, tmp_path):  # noqa: F811
    chance = np.random.default_rng(20261126)
    scenes = [
        compact(scene(chance, int(chance.integers(1, 40)), int(chance.integers(1, 12))))
        for _ in range(CASES)
    ]
    expected, _ = theirs(trackeval_path, scenes, tmp_path)
    for number, (frames, wanted) in enumerate(zip(scenes, expected, strict=True)):
        assert ours(frames) == pytest.approx(wanted, rel=0, abs=1e-9), number


@pytest.mark.skipif(not FULL, reason="a speed: make bars NAME=tracking")
def test_a_long_clip_of_many_tracks_is_measured_five_times_faster(trackeval_path, tmp_path):  # noqa: F811
    frames = compact(scene(np.random.default_rng(7), 20_000, 30))
    expected, their_s = theirs(trackeval_path, [frames], tmp_path)
    began = time.process_time()
    found = ours(frames)
    our_s = time.process_time() - began
    assert found == pytest.approx(expected[0], rel=0, abs=1e-9)
    with open(os.environ.get("BAR_FIGURES", os.devnull), "a") as noted:
        noted.write(f"{their_s / our_s:.1f} times as fast ({our_s:.1f} s, {their_s:.1f} s)\n")
    assert their_s >= 5 * our_s
