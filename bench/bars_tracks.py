"""The bar of propagation: a generated clip of known truth, in full size.

Sixty frames of 1280 × 720 px; lesion and instrument move by 8 px, grow by 1 % and turn by 1° a
frame; a dark instrument crosses, smoke comes up. Speed is judged by processor time (two cores give
two seconds of it a second), so that a loaded machine does not decide.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import cv2
import numpy as np

from apps.annotation.domain import rle
from apps.annotation.domain.propagate import Carried, carry
from tests.domain.moving_clip import MovingClip, shapes_of

SEEDS, FRAMES, CORES = (1, 2, 3, 4, 5), 61, 2
IOU, TIP_PX, FPS = 0.85, 4.0, 15.0


def propagation() -> tuple[str, bool]:
    """Worst mask IoU, median tip error, frames where keeping was better, frames a second."""
    cv2.setNumThreads(CORES)
    ious: list[float] = []
    tips: list[float] = []
    worse = done = 0
    used_s = wall_s = 0.0
    for seed in SEEDS:
        frames = list(MovingClip(seed).frames(FRAMES))
        pictures = [(i, picture) for i, picture, _ in frames]
        mask, tip = shapes_of(frames[0][2])
        for shape in (mask, tip):
            before, began = os.times(), time.monotonic()
            found = list(carry(shape, iter(pictures)))
            after = os.times()
            used_s += after.user + after.system - before.user - before.system
            wall_s += time.monotonic() - began
            done += len(found)
            for each in found:
                assert isinstance(each, Carried), each
                truth = frames[each.frame_index][2]
                if shape is mask:
                    true = rle.encode(truth.mask)
                    ious.append(rle.iou(each.shape["rle"], true))
                    worse += ious[-1] < rle.iou(mask["rle"], true)
                else:
                    tips.append(float(np.hypot(*(np.array(each.shape["point"]) - truth.tip))))
                    kept = float(np.hypot(*(np.array(tip["point"]) - truth.tip)))
                    worse += tips[-1] > kept + TIP_PX
    complete = len(ious) == len(tips) == len(SEEDS) * (FRAMES - 1)
    speed = done / used_s * CORES
    figure = (
        f"mask IoU {min(ious):.3f} at worst ({np.mean(ious):.3f} mean), tip"
        f" {np.median(tips):.2f} px median ({max(tips):.1f} largest), {worse} frames"
        " worse than keeping the shape,"
        f" {done / used_s:.0f} frames a processor second ({done / wall_s:.0f} by the clock)"
    )
    held = complete and min(ious) >= IOU and np.median(tips) < TIP_PX and not worse
    return figure, bool(held and speed >= FPS)


BARS: list[tuple[str, str, Callable[[], tuple[str, bool]]]] = [
    (
        "propagation",
        "over 60 frames mask IoU at least 0.85, tip error median under 4 px, 15 or more frames a"
        " second on two cores, never worse than keeping the last shape",
        propagation,
    ),
]
