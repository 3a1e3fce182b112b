"""Masks as COCO run lengths: runs down the columns, the first run counts background.

A mask is ``{"size": [height_px, width_px], "counts": str}``; ``counts`` is the compressed string
of the COCO API (``rleToString`` in maskApi.c), byte for byte what ``pycocotools.mask.encode``
gives. Areas, boxes and set operations work on the runs, without unpacking pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_COUNTS_CHARS = 2_000_000
_MAX_GROUPS = 7  # 5 bits each: 35 bits hold any run of a picture

Rle = dict[str, Any]
Runs = NDArray[np.int64]


class MalformedRle(ValueError):
    """The run lengths do not describe one mask of the stated size; ``remedy`` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def counts_to_string(counts: NDArray[Any]) -> str:
    """Compressed COCO string of run lengths (1-D, integers >= 0, background first)."""
    runs = np.asarray(counts, dtype=np.int64)
    if runs.size == 0:
        return ""
    rest = runs.copy()
    rest[3:] -= runs[1:-2]
    groups = np.zeros((runs.size, _MAX_GROUPS), dtype=np.uint8)
    used = np.zeros((runs.size, _MAX_GROUPS), dtype=bool)
    going = np.ones(runs.size, dtype=bool)
    for k in range(_MAX_GROUPS):
        low = (rest & 0x1F).astype(np.uint8)
        rest >>= 5
        more = np.where(low & 0x10, rest != -1, rest != 0)
        used[:, k] = going
        groups[:, k] = (low | np.where(more, 0x20, 0).astype(np.uint8)) + 48
        going &= more
        if not going.any():
            break
    return groups[used].tobytes().decode("ascii")


def string_to_counts(text: str) -> Runs:
    """Run lengths (int64, >= 0) of a compressed COCO string.

    Raises MalformedRle for characters outside the alphabet, a cut string or a negative run.
    """
    if not isinstance(text, str) or not text.isascii():
        raise MalformedRle("counts is not an ASCII string", "send the compressed COCO string")
    chars = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    if chars.size == 0:
        return np.zeros(0, dtype=np.int64)
    if chars.min() < 0 or chars.max() > 63:
        raise MalformedRle(
            "counts holds characters that COCO does not use", "send the compressed COCO string"
        )
    last = (chars & 0x20) == 0
    if not last[-1]:
        raise MalformedRle("counts ends inside a number", "send the whole string")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_GROUPS:
        raise MalformedRle("counts holds a number that no picture needs", "encode the mask again")
    place = np.arange(chars.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((chars & 0x1F) << (5 * place), starts)
    negative = (chars[ends] & 0x10) != 0
    values = np.where(negative, values - (np.int64(1) << (5 * lengths)), values)
    runs = values.copy()
    runs[1::2] = np.cumsum(values[1::2])
    runs[2::2] = np.cumsum(values[2::2])
    if runs.min() < 0:
        raise MalformedRle("counts holds a negative run", "encode the mask again")
    return runs


def parse(rle: Any, size: tuple[int, int] | None = None) -> Runs:
    """Run lengths of a mask, checked strictly.

    ``size`` is (height_px, width_px) that the mask must have. The string must be the one that
    pycocotools writes for these pixels (no empty run after the first, shortest numbers), so that
    equal masks are equal strings. Raises MalformedRle.
    """
    if not isinstance(rle, dict) or set(rle) != {"size", "counts"}:
        raise MalformedRle(
            "a mask is an object of size and counts", "send {size: [height, width], counts}"
        )
    stated = rle["size"]
    if (
        not isinstance(stated, list | tuple)
        or len(stated) != 2
        or any(type(v) is not int or not 0 < v < 65536 for v in stated)
    ):
        raise MalformedRle(
            "size is not two whole numbers above 0", "send size as [height, width] in pixels"
        )
    if size is not None and tuple(stated) != tuple(size):
        raise MalformedRle(
            f"the mask is {stated[1]} × {stated[0]} px, the picture {size[1]} × {size[0]} px",
            "send the mask of the full picture, size as [height, width]",
        )
    text = rle["counts"]
    if isinstance(text, str) and len(text) > MAX_COUNTS_CHARS:
        raise MalformedRle(
            f"the mask has more than {MAX_COUNTS_CHARS} characters of runs",
            "draw a smoother outline",
        )
    runs = string_to_counts(text)
    if int(runs.sum()) != stated[0] * stated[1]:
        raise MalformedRle(
            f"the runs cover {int(runs.sum())} pixels of {stated[0] * stated[1]}",
            "encode the full picture",
        )
    if (runs[1:] == 0).any() or counts_to_string(runs) != text:
        raise MalformedRle(
            "the runs are not in COCO's shortest form", "leave out runs of length 0 but the first"
        )
    return runs


def encode(mask: NDArray[Any]) -> Rle:
    """Mask of a picture (h, w), any dtype, nonzero is foreground; pixels need not be contiguous."""
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError("a mask has two dimensions and at least one pixel")
    flat = np.ravel(mask if mask.dtype == bool else mask != 0, order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    counts = np.diff(bounds)
    if flat[0]:
        counts = np.concatenate(([0], counts))
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": counts_to_string(counts)}


def encode_window(window: NDArray[np.bool_], x0: int, y0: int, size: tuple[int, int]) -> Rle:
    """Mask of a picture of ``size`` (height, width) whose foreground lies in a window at (x0, y0).

    ``window`` is bool (h, w) and wholly inside the picture: the cost is the window's.
    """
    height, width = size
    rows, columns = window.shape
    padded = np.zeros((columns, rows + 2), dtype=np.int8)
    padded[:, 1:-1] = window.T
    steps = np.diff(padded, axis=1)
    column, row = np.nonzero(steps > 0)
    starts = (column + x0) * height + row + y0
    column, row = np.nonzero(steps < 0)
    ends = (column + x0) * height + row + y0
    # A run that reaches the bottom goes on where the next column begins at the top.
    joined = ends[:-1] == starts[1:]
    starts = starts[np.concatenate(([True], ~joined))] if starts.size else starts
    ends = ends[np.concatenate((~joined, [True]))] if ends.size else ends
    edges = np.stack((starts, ends), axis=1).ravel()
    if edges.size and edges[-1] == height * width:
        edges = edges[:-1]
    bounds = np.concatenate(([0], edges, [height * width]))
    return {"size": [int(height), int(width)], "counts": counts_to_string(np.diff(bounds))}


def decode(rle: Rle) -> NDArray[np.bool_]:
    """Pixels of a mask, bool (h, w), Fortran order."""
    height, width = rle["size"]
    runs = _checked_runs(rle)
    values = (np.arange(runs.size) & 1).astype(bool)
    return np.repeat(values, runs).reshape((width, height)).T


def decode_box(rle: Rle) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """((x, y), pixels): the mask's columns and rows that hold foreground, bool, Fortran order.

    As `decode` cut to `bbox`, without unpacking the rest of the picture; (0, 0) for an empty mask.
    """
    height = int(rle["size"][0])
    runs = _checked_runs(rle)
    if not runs[1::2].any():
        return (0, 0), np.zeros((0, 0), dtype=bool).T
    edges = np.cumsum(runs)
    # The first run is background; a last background run is left out.
    start, stop = int(edges[0]), int(edges[-1 if runs.size % 2 == 0 else -2])
    left, right = start // height, (stop - 1) // height + 1
    inner = runs[: runs.size - runs.size % 2].copy()
    inner[0] -= left * height
    values = (np.arange(inner.size) & 1).astype(bool)
    flat = np.zeros((right - left) * height, dtype=bool)
    filled = np.repeat(values, inner)
    flat[: filled.size] = filled
    columns = flat.reshape(right - left, height)
    held = np.flatnonzero(columns.any(axis=0))
    top, bottom = int(held[0]), int(held[-1]) + 1
    return (left, top), columns[:, top:bottom].T


def runs_of(counts: Any) -> Runs:
    """Run lengths given as a list of whole numbers, background first. Raises MalformedRle."""
    if not isinstance(counts, list) or any(type(v) is not int or v < 0 for v in counts):
        raise MalformedRle("the runs are not whole numbers from 0", "send COCO run lengths")
    if len(counts) > MAX_COUNTS_CHARS or any(v > 1 << 32 for v in counts):
        raise MalformedRle("the mask has too many runs", "draw a smoother outline")
    return np.array(counts, dtype=np.int64)


def from_runs(runs: Runs, height: int, width: int) -> Rle:
    """The mask of any run lengths that fill the picture, in shortest form. Raises MalformedRle."""
    if int(runs.sum()) != height * width:
        raise MalformedRle("the runs do not fill the picture", "encode the full picture")
    inside = (np.arange(runs.size) & 1).astype(bool)
    return _from_segments(runs, inside, [height, width])


def area(rle: Rle) -> int:
    """Foreground pixels."""
    return int(string_to_counts(rle["counts"])[1::2].sum())


def is_empty(rle: Rle) -> bool:
    """No foreground pixel."""
    return area(rle) == 0


def bbox(rle: Rle) -> list[float]:
    """Smallest box [x, y, w, h] in pixels around the foreground; zeros for an empty mask."""
    height = int(rle["size"][0])
    runs = _checked_runs(rle)
    ends = np.cumsum(runs)
    start, stop = ends[0:-1:2], ends[1::2]
    held = stop > start
    start, stop = start[held], stop[held] - 1
    if start.size == 0:
        return [0.0, 0.0, 0.0, 0.0]
    left, right = int(start.min() // height), int(stop.max() // height)
    if (start // height != stop // height).any():
        top, bottom = 0, height - 1
    else:
        top, bottom = int((start % height).min()), int((stop % height).max())
    return [float(left), float(top), float(right - left + 1), float(bottom - top + 1)]


def intersection_area(a: Rle, b: Rle) -> int:
    """Pixels in both masks. Raises ValueError when the sizes differ."""
    lengths, in_a, in_b = _segments(a, b)
    return int(lengths[in_a & in_b].sum())


def iou(a: Rle, b: Rle) -> float:
    """Intersection over union, 0 to 1; 1 for two empty masks."""
    lengths, in_a, in_b = _segments(a, b)
    union_px = int(lengths[in_a | in_b].sum())
    return int(lengths[in_a & in_b].sum()) / union_px if union_px else 1.0


def dice(a: Rle, b: Rle) -> float:
    """Twice the intersection over the sum of areas, 0 to 1; 1 for two empty masks."""
    lengths, in_a, in_b = _segments(a, b)
    total = int(lengths[in_a].sum()) + int(lengths[in_b].sum())
    return 2 * int(lengths[in_a & in_b].sum()) / total if total else 1.0


def intersection(a: Rle, b: Rle) -> Rle:
    """Mask of the pixels in both."""
    lengths, in_a, in_b = _segments(a, b)
    return _from_segments(lengths, in_a & in_b, a["size"])


def union(a: Rle, b: Rle) -> Rle:
    """Mask of the pixels in either."""
    lengths, in_a, in_b = _segments(a, b)
    return _from_segments(lengths, in_a | in_b, a["size"])


def difference(a: Rle, b: Rle) -> Rle:
    """Mask of the pixels of ``a`` that are not in ``b``."""
    lengths, in_a, in_b = _segments(a, b)
    return _from_segments(lengths, in_a & ~in_b, a["size"])


def crop(rle: Rle, x: int, y: int, width: int, height: int) -> Rle:
    """Mask of a window of whole pixels inside the picture. Raises ValueError outside it."""
    rows, columns = rle["size"]
    if not (0 <= x < x + width <= columns and 0 <= y < y + height <= rows):
        raise ValueError("the window leaves the picture")
    return encode(decode(rle)[y : y + height, x : x + width])


def _checked_runs(rle: Rle) -> Runs:
    runs = string_to_counts(rle["counts"])
    if int(runs.sum()) != rle["size"][0] * rle["size"][1]:
        raise MalformedRle("the runs do not fill the picture", "encode the full picture")
    return runs


def _segments(a: Rle, b: Rle) -> tuple[Runs, NDArray[np.bool_], NDArray[np.bool_]]:
    """Stretches over which both masks are constant: lengths, in a, in b."""
    if list(a["size"]) != list(b["size"]):
        raise ValueError("masks of different sizes do not compare")
    ends_a, ends_b = np.cumsum(_checked_runs(a)), np.cumsum(_checked_runs(b))
    edges = np.union1d(ends_a, ends_b)
    starts = np.concatenate(([0], edges[:-1]))
    in_a = (np.searchsorted(ends_a, starts, side="right") & 1).astype(bool)
    in_b = (np.searchsorted(ends_b, starts, side="right") & 1).astype(bool)
    return edges - starts, in_a, in_b


def _from_segments(lengths: Runs, inside: NDArray[np.bool_], size: list[int]) -> Rle:
    held = lengths > 0
    lengths, inside = lengths[held], inside[held]
    first = np.concatenate(([True], inside[1:] != inside[:-1]))
    counts = np.add.reduceat(lengths, np.flatnonzero(first))
    if inside[0]:
        counts = np.concatenate(([0], counts))
    return {"size": [int(size[0]), int(size[1])], "counts": counts_to_string(counts)}
