"""A generated clip of known truth: an instrument and a lesion that move, another crosses, smoke."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

MOVE_PX, SCALE, TURN_DEG = 8.0, 1.01, 1.0


def texture(rng: np.random.Generator, height: int, width: int, grain: float) -> np.ndarray:
    """Noise of a grain, uint8."""
    noise = cv2.GaussianBlur(rng.random((height, width)).astype(np.float32), (0, 0), grain)
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    return (40 + 170 * noise).astype(np.uint8)


@dataclass
class Truth:
    mask: np.ndarray
    tip: tuple[float, float]


class MovingClip:
    """``frames(n)`` gives (index, grey picture, truth); everything follows from ``seed``.

    The lesion is a blob with a texture of its own that moves by ``MOVE_PX`` a frame, grows by 1 %
    and turns by 1°; the instrument (its tip is what is followed) does the same elsewhere. A dark
    instrument crosses both half way; smoke brightens and blurs the picture from a third on.
    """

    def __init__(self, seed: int, width: int = 1280, height: int = 720) -> None:
        self.rng = np.random.default_rng(seed)
        self.width, self.height = width, height
        self.background = texture(self.rng, height, width, 6.0)
        self.skin = texture(self.rng, height, width, 2.0)
        self.metal = texture(self.rng, height, width, 1.5)
        self.smoke = texture(self.rng, height, width, 40.0)
        angle = np.linspace(0, 2 * math.pi, 40, endpoint=False)
        radius = 52 * (1 + 0.18 * np.sin(3 * angle + seed) + 0.1 * np.cos(5 * angle))
        self.start = np.array([width * 0.25, height * 0.3])
        self.blob = np.stack((np.cos(angle), np.sin(angle)), 1) * radius[:, None] + self.start
        self.tip_start = np.array([width * 0.3, height * 0.65])
        # The tip is the pointed end of a shaft that comes from the left edge.
        self.tool = (
            np.array([[0, 0], [-26, -16], [-420, -18], [-420, 18], [-26, 16]]) + self.tip_start
        )
        self.heading = math.radians(12)

    def pose(self, t: int, about: np.ndarray) -> np.ndarray:
        """Similarity (2, 3) from frame 0 to frame ``t``, turning and growing about a place."""
        scale = SCALE**t
        turn = math.radians(TURN_DEG * t)
        c, s = scale * math.cos(turn), scale * math.sin(turn)
        linear = np.array([[c, -s], [s, c]])
        way = MOVE_PX * t * np.array([math.cos(self.heading), math.sin(self.heading)])
        return np.column_stack((linear, about + way - linear @ about))

    def _drawn(self, outline: np.ndarray, pose: np.ndarray) -> np.ndarray:
        points = outline @ pose[:, :2].T + pose[:, 2]
        out = np.zeros((self.height, self.width), np.uint8)
        cv2.fillPoly(out, [np.round(points * 16).astype(np.int32)], 255, shift=4)
        return out > 127

    def frames(self, n: int = 61) -> Iterator[tuple[int, np.ndarray, Truth]]:
        size = (self.width, self.height)
        for t in range(n):
            drift = np.float32([[1, 0, 1.5 * t], [0, 1, 0.5 * t]])
            picture = cv2.warpAffine(self.background, drift, size, borderMode=cv2.BORDER_REFLECT)
            lesion_pose = self.pose(t, self.start)
            mask = self._drawn(self.blob, lesion_pose)
            skin = cv2.warpAffine(self.skin, lesion_pose, size, borderMode=cv2.BORDER_REFLECT)
            picture[mask] = skin[mask]
            tool_pose = self.pose(t, self.tip_start)
            tool = self._drawn(self.tool, tool_pose)
            metal = cv2.warpAffine(self.metal, tool_pose, size, borderMode=cv2.BORDER_REFLECT)
            picture[tool] = metal[tool]
            self._cross(picture, t, n)
            share = 0.45 * min(1.0, max(0.0, (t - n / 3) / (n / 3)))
            fog = cv2.warpAffine(self.smoke, np.float32([[1, 0, 3 * t], [0, 1, -2 * t]]), size,
                                 borderMode=cv2.BORDER_REFLECT)  # fmt: skip
            blended = picture * (1 - share) + (fog * 0.5 + 125) * share
            noise = self.rng.normal(0, 3, picture.shape)
            shown = np.clip(blended + noise, 0, 255).astype(np.uint8)
            tip = tuple(float(v) for v in tool_pose[:, :2] @ self.tip_start + tool_pose[:, 2])
            yield t, shown, Truth(mask, tip)

    def _cross(self, picture: np.ndarray, t: int, n: int) -> None:
        """A bar that sweeps over the picture once, from top right to bottom left."""
        x = self.width * (1.15 - 1.3 * t / n)
        ends = (round(x), 0), (round(x - 160), self.height)
        cv2.line(picture, *ends, 55, 26)


def shapes_of(truth: Truth) -> tuple[dict[str, Any], dict[str, Any]]:
    from apps.annotation.domain import rle

    return {"type": "mask", "rle": rle.encode(truth.mask)}, {"type": "tip", "point": [*truth.tip]}
