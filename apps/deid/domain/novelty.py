"""Text that comes and goes: a gate over every picture, cheap enough for the whole clip.

A picture is divided into cells of 16 px of the half-size luma; a cell's value is the share of
strong horizontal steps in it. Text raises it above the cell's own median over the clip.
"""

from __future__ import annotations

import numpy as np

CELL_PX = 32
_HALF_CELL = 16
_STRONG_STEP = 24
_THRESHOLD = 0.12
_NEIGHBOURS = 3
_MAX_ACTIVE_SHARE = 0.25
_SCENE_CUT = 26.0


class NoveltyGate:
    """Collects one small map a picture (a byte a cell: 0.9 kB at 720p, 2 kB at 1080p)."""

    def __init__(self) -> None:
        self._maps: list[np.ndarray] = []
        self._thumbnails: list[np.ndarray] = []
        self.n_frames = 0

    def add(self, frame_index: int, luma: np.ndarray) -> None:
        """Take the next picture's luma, uint8 (height, width).

        ``frame_index`` may leave some out, which the decoder did not give; they count as this.
        """
        import cv2

        half = cv2.resize(
            luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA
        )
        rows, columns = half.shape[0] // _HALF_CELL, half.shape[1] // _HALF_CELL
        half = half[: rows * _HALF_CELL, : columns * _HALF_CELL]
        steps = np.zeros_like(half)
        cv2.absdiff(half[:, 1:], half[:, :-1], dst=steps[:, 1:])
        _, strong = cv2.threshold(steps, _STRONG_STEP, 255, cv2.THRESH_BINARY)
        cells = cv2.resize(strong, (columns, rows), interpolation=cv2.INTER_AREA)
        thumbnail = cv2.resize(half, (16, 9), interpolation=cv2.INTER_AREA)
        missing = max(1, frame_index + 1 - len(self._maps))
        self._maps += [cells] * missing
        self._thumbnails += [thumbnail] * missing
        self.n_frames += 1

    def pad_to(self, n_frames: int) -> None:
        """Let pictures that the decoder did not give at the end count as the last one."""
        missing = n_frames - len(self._maps)
        if missing > 0 and self._maps:
            self._maps += self._maps[-1:] * missing
            self._thumbnails += self._thumbnails[-1:] * missing

    def maps(self) -> np.ndarray:
        """uint8 (n, rows, columns): share of strong steps × 255."""
        return np.stack(self._maps)

    def flagged(self) -> np.ndarray:
        """bool (n,): three neighbouring cells in a row hold much more than they mostly do.

        A cell that does so in over a quarter of the pictures is texture, not a flash.
        """
        maps = self.maps()
        median = np.median(maps[:: max(1, len(maps) // 500)], axis=0)
        novel = maps.astype(np.int16) - median.astype(np.int16) > _THRESHOLD * 255
        novel &= novel.mean(axis=0) <= _MAX_ACTIVE_SHARE
        run = novel[..., : novel.shape[2] - _NEIGHBOURS + 1].copy()
        for shift in range(1, _NEIGHBOURS):
            run &= novel[..., shift : novel.shape[2] - _NEIGHBOURS + 1 + shift]
        return run.any(axis=(1, 2))

    def scene_cuts(self) -> list[int]:
        """Indices of pictures that differ greatly from the one before."""
        small = np.stack(self._thumbnails).astype(np.int16)
        change = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2))
        return [int(i) + 1 for i in np.flatnonzero(change > _SCENE_CUT)]

    def similar_frames(
        self, x_px: int, y_px: int, width_px: int, height_px: int, frame_index: int
    ) -> np.ndarray:
        """bool (n,): pictures whose cells under a box look as those of ``frame_index`` do.

        All True where the box does not stand out from the clip's median: then nothing tells
        where it begins or ends.
        """
        maps = self.maps()
        rows = slice(y_px // CELL_PX, max(y_px // CELL_PX + 1, -(-(y_px + height_px) // CELL_PX)))
        columns = slice(x_px // CELL_PX, max(x_px // CELL_PX + 1, -(-(x_px + width_px) // CELL_PX)))
        cells = maps[:, rows, columns].reshape(len(maps), -1).astype(np.float32)
        if not cells.shape[1]:
            return np.ones(len(maps), bool)
        target = cells[frame_index]
        median = np.median(cells, axis=0)
        contrast = np.abs(target - median).mean()
        if contrast < 0.04 * 255:
            return np.ones(len(maps), bool)
        return np.abs(cells - target).mean(axis=1) < 0.6 * contrast
