"""Carrying a shape from frame to frame by optical flow.

A region (the shape, or what surrounds a point and moves with it) is followed by a similarity:
first from picture to picture, then against the picture of the keyframe itself brought to the place
found, so that errors do not add up. Both use dense inverse search flow (Kroeger et al., ECCV 2016)
in a window around the region, and fit by RANSAC, so that an instrument that crosses and smoke count
as outliers. Where the fit finds no support the shape stays as it is: never worse than keeping it.

Pictures are uint8 (height, width). Coordinates are continuous, (0, 0) the outer corner of the top
left pixel.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.library.domain.shots import is_cut

from .regions import POINT_RADIUS_PX, moved_shape, region_of

Grey = NDArray[np.uint8]
Matrix = NDArray[np.float64]

WINDOW_PX = 288  # a larger window is looked at scaled down to this side
MARGIN_PX = 40
MAX_POINTS = 1500
RANSAC_PX = 1.5
LEAST_SUPPORT = 0.25
LEAST_POINTS = 12
TRUSTED = 0.6
REFRESH_SCALE = 1.25  # beyond this change of size the keyframe's picture is too unlike
LOST_AFTER = 5
LEAST_VARIANCE = 2.0  # of grey levels over 7 × 7 px: flatter places say nothing of motion
_NOTHING = np.zeros((0, 2))


@dataclass(frozen=True)
class Carried:
    """One frame's result; ``score`` is 0 (nothing of it was found again) to 1."""

    frame_index: int
    shape: dict[str, Any]
    score: float


@dataclass(frozen=True)
class Stopped:
    """Why nothing is carried on to ``frame_index``: ``shot_change``, ``lost`` or ``left``."""

    frame_index: int
    reason: str


def carry(
    shape: Mapping[str, Any],
    pictures: Iterable[tuple[int, Grey]],
    shots: Collection[int] = (),
) -> Iterator[Carried | Stopped]:
    """The shape on each frame after the first, in the order of ``pictures``.

    ``pictures`` begins with the frame on which the shape stands; indices may run backwards.
    ``shots`` are the first frames of the clip's shots, as far as they are known. Ends early, with a
    ``Stopped``, at a change of shot, where the object is lost over five frames (the doubtful ones
    are given, with their scores), and where it leaves the picture.
    """
    source = iter(pictures)
    last, first = next(source)
    follower = _Follower(first, shape)
    before, lost = first, 0
    for index, picture in source:
        # Two shots through one round window are alike: the clip as a whole tells more of them.
        if max(last, index) in shots or is_cut(before, picture):
            yield Stopped(index, "shot_change")
            return
        score = follower.step(before, picture)
        lost = lost + 1 if score < LEAST_SUPPORT else 0
        if lost > LOST_AFTER:
            yield Stopped(index, "lost")
            return
        placed = moved_shape(shape, follower.pose, picture.shape[1], picture.shape[0])
        if placed is None:
            yield Stopped(index, "left")
            return
        yield Carried(index, placed, round(score, 3))
        last, before = index, picture


class _Follower:
    """``pose`` maps places of the keyframe to places of the newest picture, float64 (2, 3)."""

    def __init__(self, picture: Grey, shape: Mapping[str, Any]) -> None:
        self.pose: Matrix = np.eye(2, 3)
        self._shape = shape
        self._velocity: Matrix = np.eye(2, 3)
        self._region = region_of(shape, picture.shape[1], picture.shape[0])
        self._key, self._key_region = picture, self._region
        self._unsure = 0  # pictures since the keyframe's own was found again
        # The keyframe's picture may be replaced by a newer one: its own pose.
        self._key_pose: Matrix = np.eye(2, 3)
        # A tip lies where an instrument ends: what is its own shows once it moves.
        self._is_parted = shape["type"] != "tip"
        # Around a point the border of two motions lies close: it takes the finer grid.
        preset = (
            cv2.DISOPTICAL_FLOW_PRESET_FAST
            if shape["type"] in ("mask", "box", "rotated_box", "polygon", "cuboid")
            else cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
        )
        self._flow: Any = cv2.DISOpticalFlow.create(preset)

    def step(self, before: Grey, now: Grey) -> float:
        """Follow into the next picture; returns the share of the region that supports the fit."""
        if not self._is_parted:
            self._part(before, now)
        region = _warped(self._key_region, _compose(self.pose, _inverse(self._key_pose)))
        found, support = self._between(before, now, region, self._velocity)
        # Little support is what crosses in front: the object goes on as it went.
        move = self._velocity if found is None or support < TRUSTED / 2 else found
        guess = _compose(move, self.pose)
        fixed, again = self._against_key(now, guess)
        if fixed is not None:
            guess, support = fixed, max(again, 0.5 * support)
            self._unsure = 0
        else:
            self._unsure += 1
        if fixed is None and found is None:
            return 0.0
        self._velocity = _compose(guess, _inverse(self.pose))
        self.pose = guess
        self._refresh(now, again)
        return support

    def _between(
        self, before: Grey, now: Grey, region: Grey, guess: Matrix
    ) -> tuple[Matrix | None, float]:
        """The region's move from one picture to the next, and its support."""
        window = _window(region, now.shape)
        if window is None:
            return None, 0.0
        # The next picture is brought back by the guess, so that only what differs is sought.
        back = _brought_back(now, guess)
        places, moved, share = self._matches(before, back, region, window)
        if not share:
            return None, 0.0
        rest, support = _fit(places, moved)
        return (None, 0.0) if rest is None else (_compose(guess, rest), support * share)

    def _part(self, before: Grey, now: Grey) -> None:
        """Keep of a disc around a point what moves with the point."""
        centre = self.pose[:, :2] @ np.array(self._shape["point"], dtype=np.float64)
        centre = centre + self.pose[:, 2]
        radius = 2 * POINT_RADIUS_PX
        x0, y0 = (max(0, int(v) - 2 * radius) for v in centre)
        x1, y1 = int(centre[0]) + 2 * radius, int(centre[1]) + 2 * radius
        a = np.ascontiguousarray(before[y0:y1, x0:x1])
        b = np.ascontiguousarray(now[y0:y1, x0:x1])
        if min(a.shape) < 2 * radius:
            return
        flow = self._flow.calc(a, b, None)
        disc = np.zeros(a.shape, np.uint8)
        middle = (float(centre[0]) - x0, float(centre[1]) - y0)
        cv2.circle(disc, (int(middle[0]), int(middle[1])), 2 * radius, 255, -1)
        rows, columns = np.nonzero(disc)
        own = _own_motion(flow[rows, columns].astype(np.float64), rows, columns, middle)
        if own is None or own.sum() < 4 * LEAST_POINTS:
            return
        region = np.zeros(before.shape, np.uint8)
        region[rows[own] + y0, columns[own] + x0] = 255
        back = _compose(self._key_pose, _inverse(self.pose))
        self._key_region = _warped(region, back)
        self._is_parted = True

    def _against_key(self, now: Grey, guess: Matrix) -> tuple[Matrix | None, float]:
        """The pose corrected by the keyframe's picture itself."""
        pose = _compose(guess, _inverse(self._key_pose))
        window = _window(self._key_region, self._key.shape)
        if window is None:
            return None, 0.0
        back = _brought_back(now, pose)
        places, moved, share = self._matches(self._key, back, self._key_region, window)
        if not share:
            return None, 0.0
        rest, support = _fit(places, moved)
        if rest is None or support < LEAST_SUPPORT:
            return None, 0.0
        centre = places.mean(axis=0)
        off = rest[:, :2] @ centre + rest[:, 2] - centre
        limit = 3.0 + 0.05 * max(window[2:]) + 3.0 * self._unsure
        if float(np.hypot(*off)) > limit or abs(_scale(rest) - 1) > 0.05:
            return None, 0.0
        return _compose(_compose(pose, rest), self._key_pose), support * share

    def _matches(
        self, one: Grey, two: Grey, region: Grey, window: tuple[int, int, int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Places in the region and where the flow leads, those that lead back; and their share (0:
        too few)."""
        x, y, width, height = window
        shrink = min(1.0, WINDOW_PX / max(width, height))
        size = (max(16, round(width * shrink)), max(16, round(height * shrink)))
        a, b = (
            cv2.resize(p[y : y + height, x : x + width], size, interpolation=cv2.INTER_AREA)
            for p in (one, two)
        )
        inside = cv2.resize(
            region[y : y + height, x : x + width], size, interpolation=cv2.INTER_NEAREST
        )
        rows, columns = np.nonzero(inside)
        if rows.size < LEAST_POINTS:
            return _NOTHING, _NOTHING, 0.0
        step = max(1, rows.size // MAX_POINTS)
        rows, columns = rows[::step], columns[::step]
        there = self._flow.calc(a, b, None)
        back = self._flow.calc(b, a, None)
        start = np.stack((columns, rows), axis=1).astype(np.float64)
        end = start + there[rows, columns]
        at = np.rint(end).astype(int)
        held = (at >= 0).all(axis=1) & (at[:, 0] < size[0]) & (at[:, 1] < size[1])
        at = np.clip(at, 0, np.array(size) - 1)
        error = np.hypot(*(end + back[at[:, 1], at[:, 0]] - start).T)
        held &= error < 1.0
        plain = a.astype(np.float32)
        mean = cv2.blur(plain, (7, 7))
        held &= (cv2.blur(plain * plain, (7, 7)) - mean * mean)[rows, columns] > LEAST_VARIANCE
        if held.sum() < LEAST_POINTS:
            return _NOTHING, _NOTHING, 0.0
        factor = np.array([width / size[0], height / size[1]])
        origin = np.array([x, y], dtype=np.float64)
        places = (start[held] + 0.5) * factor + origin
        moved = (end[held] + 0.5) * factor + origin
        return places, moved, float(held.mean())

    def _refresh(self, now: Grey, support: float) -> None:
        """Take the present picture for the keyframe's where they have become unlike in size."""
        relative = _compose(self.pose, _inverse(self._key_pose))
        change = max(_scale(relative), 1 / _scale(relative))
        if change < REFRESH_SCALE or (support < TRUSTED and change < REFRESH_SCALE**2):
            return
        self._key_region = _warped(self._key_region, relative)
        self._key, self._key_pose = now, self.pose


def _own_motion(flow: NDArray[np.float64], rows: Any, columns: Any, centre: Any) -> Any:
    """Which of the places around a point move with it and not with what is behind it.

    Behind is what the outer ring does (median). None where nothing moves apart by a pixel: then
    both move alike, or neither does.
    """
    away = np.hypot(columns - centre[0], rows - centre[1])
    behind = np.median(flow[away > 0.75 * away.max()], axis=0)
    apart = np.hypot(*(flow - behind).T)
    near = away < 0.5 * away.max()
    strong = float(np.quantile(apart[near], 0.9))
    return (apart > 0.6 * strong) & near if strong >= 1.0 else None


def _fit(places: NDArray[np.float64], moved: NDArray[np.float64]) -> tuple[Matrix | None, float]:
    """A similarity by RANSAC and the share of the points that it explains."""
    cv2.setRNGSeed(7)
    found, inliers = cv2.estimateAffinePartial2D(
        places, moved, method=cv2.RANSAC, ransacReprojThreshold=RANSAC_PX, maxIters=500
    )
    if found is None or inliers.sum() < LEAST_POINTS:
        return None, 0.0
    fitted = np.asarray(found, np.float64)
    if not 0.8 < _scale(fitted) < 1.25:
        return None, 0.0
    return fitted, float(inliers.mean())


def _window(region: Grey, size: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """x, y, width, height around a region with a margin, inside the picture."""
    x, y, width, height = cv2.boundingRect(region)
    if not width or not height:
        return None
    margin = MARGIN_PX
    x0, y0 = max(0, x - margin), max(0, y - margin)
    x1, y1 = min(size[1], x + width + margin), min(size[0], y + height + margin)
    return (x0, y0, x1 - x0, y1 - y0) if x1 - x0 >= 16 and y1 - y0 >= 16 else None


def _warped(region: Grey, pose: Matrix) -> Grey:
    """A region (0 or 255) as the pose moves it."""
    size = (region.shape[1], region.shape[0])
    return np.asarray(
        cv2.warpAffine(region, pixel_pose(pose), size, flags=cv2.INTER_NEAREST), np.uint8
    )


def _brought_back(picture: Grey, pose: Matrix) -> Grey:
    """The picture with what lies at the pose of a place brought to the place."""
    size = (picture.shape[1], picture.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        picture, pixel_pose(pose), size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def pixel_pose(pose: Matrix) -> Matrix:
    """A pose of continuous coordinates as one of pixel centres (OpenCV's)."""
    half = np.array([0.5, 0.5])
    return np.column_stack((pose[:, :2], pose[:, :2] @ half + pose[:, 2] - half))


def _compose(after: Matrix, before: Matrix) -> Matrix:
    turn = after[:, :2] @ before[:, :2]
    return np.column_stack((turn, after[:, :2] @ before[:, 2] + after[:, 2]))


def _inverse(pose: Matrix) -> Matrix:
    turn = np.linalg.inv(pose[:, :2])
    return np.column_stack((turn, -turn @ pose[:, 2]))


def _scale(pose: Matrix) -> float:
    return math.sqrt(abs(float(np.linalg.det(pose[:, :2]))))
