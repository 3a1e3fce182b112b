"""Text that comes and goes: a gate over every picture, cheap enough for the whole clip.

A picture is divided into cells of 16 px of the half-size luma; a cell's value is the share of
strong horizontal steps in it. Text raises it above the cell's own median over the clip.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

CELL_PX = 32
_HALF_CELL = 16
_STRONG_STEP = 24
# A line of 12 px fills a quarter of a cell's height; at 0.12 and three neighbours one short line in
# four was passed over. What is flagged in vain costs a look, no box.
_THRESHOLD = 0.08
_NEIGHBOURS = 2
_MAX_ACTIVE_SHARE = 0.25
_SCENE_CUT = 26.0
_BLOCK_FRAMES = 512
_THUMBNAIL = (16, 9)
_SHARE_OF_COUNT = np.rint(np.arange(_HALF_CELL**2 + 1) * 255 / _HALF_CELL**2).astype(np.uint8)


class NoveltyGate:
    """Collects one small map a picture (a byte a cell: 0.9 kB at 720p, 2 kB at 1080p), packed in
    blocks, so that an hour takes tens of megabytes and no look at them takes more than a block."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._open: list[np.ndarray] = []
        self._last: np.ndarray | None = None
        self._thumbnails: list[np.ndarray] = []
        self._n_maps = 0
        self.n_frames = 0

    def add(self, frame_index: int, luma: np.ndarray) -> None:
        """Take the next picture's luma, uint8 (height, width).

        ``frame_index`` may leave some out, which the decoder did not give; they count as this.
        """
        import cv2

        rows, columns = (max(0, 2 * _HALF_CELL - side) for side in luma.shape)
        if rows or columns:
            # A picture smaller than a cell is one cell.
            luma = np.pad(luma, ((0, rows), (0, columns)), mode="edge")
        half = cv2.resize(
            luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA
        )
        rows, columns = half.shape[0] // _HALF_CELL, half.shape[1] // _HALF_CELL
        half = half[: rows * _HALF_CELL, : columns * _HALF_CELL]
        steps = np.zeros_like(half)
        cv2.absdiff(half[:, 1:], half[:, :-1], dst=steps[:, 1:])
        _, strong = cv2.threshold(steps, _STRONG_STEP, 1, cv2.THRESH_BINARY)
        cells = _shares(strong, rows, columns)
        thumbnail = cv2.resize(_by_halves(half), _THUMBNAIL, interpolation=cv2.INTER_AREA)
        for _ in range(max(1, frame_index + 1 - self._n_maps)):
            self._put(cells, thumbnail)
        self.n_frames += 1

    def _put(self, cells: np.ndarray, thumbnail: np.ndarray) -> None:
        self._open.append(cells)
        self._last = cells
        self._thumbnails.append(thumbnail)
        self._n_maps += 1
        if len(self._open) == _BLOCK_FRAMES:
            self._blocks.append(zlib.compress(np.stack(self._open).tobytes(), 1))
            self._open = []

    def pad_to(self, n_frames: int) -> None:
        """Let pictures that the decoder did not give at the end count as the last one."""
        while self._last is not None and self._n_maps < n_frames:
            self._put(self._last, self._thumbnails[-1])

    def maps(self) -> Iterator[np.ndarray]:
        """uint8 (up to 512, rows, columns) by turns, all pictures in order: share of strong
        steps × 255."""
        shape = self._last.shape if self._last is not None else (0, 0)
        for block in self._blocks:
            yield np.frombuffer(zlib.decompress(block), np.uint8).reshape(-1, *shape)
        if self._open:
            yield np.stack(self._open)

    def flagged(self) -> np.ndarray:
        """bool (n,): two neighbouring cells in a row hold much more than they mostly do.

        A cell that does so in over a quarter of the pictures is texture, not a flash.
        """
        step = max(1, self._n_maps // 500)
        seen = [
            block[(-at) % step :: step]
            for at, block in zip(range(0, self._n_maps, _BLOCK_FRAMES), self.maps(), strict=True)
        ]
        limit = np.median(np.concatenate(seen), axis=0) + _THRESHOLD * 255
        often = np.zeros(limit.shape, np.int64)
        for block in self.maps():
            often += (block > limit).sum(axis=0)
        is_quiet = often <= _MAX_ACTIVE_SHARE * self._n_maps
        found = []
        for block in self.maps():
            novel = (block > limit) & is_quiet
            width = novel.shape[2] - _NEIGHBOURS + 1
            run = novel[..., : max(0, width)].copy()
            for shift in range(1, _NEIGHBOURS):
                run &= novel[..., shift : max(0, width) + shift]
            found.append(run.any(axis=(1, 2)))
        return np.concatenate(found)

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
        rows = slice(y_px // CELL_PX, max(y_px // CELL_PX + 1, -(-(y_px + height_px) // CELL_PX)))
        columns = slice(x_px // CELL_PX, max(x_px // CELL_PX + 1, -(-(x_px + width_px) // CELL_PX)))
        cells = np.concatenate(
            [block[:, rows, columns].reshape(len(block), -1) for block in self.maps()]
        )
        if not cells.shape[1]:
            return np.ones(len(cells), bool)
        target = cells[frame_index].astype(np.int16)
        median = np.median(cells[:: max(1, len(cells) // 4000)], axis=0)
        contrast = float(np.abs(target - median).mean())
        if contrast < 0.04 * 255:
            return np.ones(len(cells), bool)
        near = [
            np.abs(cells[at : at + _BLOCK_FRAMES] - target).mean(axis=1) < 0.6 * contrast
            for at in range(0, len(cells), _BLOCK_FRAMES)
        ]
        return np.concatenate(near)


def _shares(strong: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """uint8 (rows, columns): share × 255 of ones in each cell; eight pixels are added at once, a
    byte each, which hold the sixteen rows of a cell."""
    by_eight = np.ascontiguousarray(strong).view(np.uint64)
    sums = by_eight.reshape(rows, _HALF_CELL, -1).sum(axis=1, dtype=np.uint64)
    counts = sums.view(np.uint8).reshape(rows, columns, _HALF_CELL).sum(axis=2, dtype=np.uint16)
    return _SHARE_OF_COUNT[counts]


def _by_halves(half: np.ndarray) -> np.ndarray:
    """Smaller by halvings, eight pixels or more a pixel of the thumbnail left: one area mean to
    16 × 9 costs forty times as much."""
    import cv2

    small = half
    while small.shape[1] >= 8 * _THUMBNAIL[0] and small.shape[0] >= 8 * _THUMBNAIL[1]:
        size = small.shape[1] // 2, small.shape[0] // 2
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return small
