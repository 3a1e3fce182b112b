"""Grey samples of any depth as the 8 bits that a master shows (PS3.3 C.11.1, C.11.2)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_rescale, apply_windowing

_FRAMES_LOOKED_AT = 16
_MOST_SAMPLES = 250_000
# Nearly the lowest and nearly the highest: a single value far away hides nothing.
_PERCENTILES = (0.1, 99.9)

Range = tuple[float, float]


def needs_range(ds: Dataset) -> bool:
    """Whether nothing in the data set says which of its values are to be seen: floating samples and
    such of more than 16 bits fill a small part of all that they could be."""
    return int(ds.get("BitsAllocated") or 8) > 16 and _window(ds) is None


def frames_to_look_at(n_frames: int) -> list[int]:
    """Indices of a few frames, spread over all."""
    n = min(n_frames, _FRAMES_LOOKED_AT)
    return sorted({int(i) for i in np.linspace(0, n_frames - 1, n)})


def range_of(frames: Iterable[NDArray], ds: Dataset) -> Range:
    """(black, white) for all frames alike, of the values (after rescale) of those given."""
    parts = []
    for frame in frames:
        values = np.asarray(apply_rescale(frame, ds), np.float64).reshape(-1)
        values = values[:: max(1, values.size // _MOST_SAMPLES)]
        parts.append(values[np.isfinite(values)])
    found = np.concatenate(parts) if parts else np.zeros(0)
    if not found.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(found, _PERCENTILES))
    if high <= low:
        low, high = float(found.min()), float(found.max())
    return (low, high) if high > low else (low, low + 1.0)


def shown(frame: NDArray, ds: Dataset, seen: Range | None = None) -> NDArray[np.uint8]:
    """A frame through rescale and window; without a window through ``seen``, else through the
    range that its bits stored can hold. What is no number is black."""
    values = apply_rescale(frame, ds)
    if int(ds.get("BitsAllocated") or 8) > 16:
        window = _window(ds)
        if window is not None:
            seen = window
        if seen is not None:
            return _between(np.asarray(values, np.float64), seen)
    signed = bool(ds.get("PixelRepresentation", 0))
    bits = int(ds.get("BitsStored", 8))
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    slope, cut = float(ds.get("RescaleSlope", 1) or 1), float(ds.get("RescaleIntercept", 0) or 0)
    bottom, top = sorted((low * slope + cut, high * slope + cut))
    if "WindowCenter" in ds and "WindowWidth" in ds:
        values = apply_windowing(values, ds)
    return _between(np.asarray(values, np.float64), (bottom, top))


def _between(values: NDArray[np.float64], seen: Range) -> NDArray[np.uint8]:
    scaled = (values - seen[0]) * (255.0 / (seen[1] - seen[0]))
    numbers = np.nan_to_num(np.rint(scaled), nan=0.0, posinf=255.0, neginf=0.0)
    return np.clip(numbers, 0, 255).astype(np.uint8)


def _window(ds: Dataset) -> Range | None:
    """(black, white) of the first window, in the data set or for all frames of an enhanced one, as
    LINEAR_EXACT does it: LINEAR differs by one value, which is none here."""
    for group in [ds, *(ds.get("SharedFunctionalGroupsSequence") or [])]:
        for item in [group, *(group.get("FrameVOILUTSequence") or [])]:
            centre, width = (_first(item, name) for name in ("WindowCenter", "WindowWidth"))
            if centre is not None and width is not None and width > 0:
                return centre - width / 2, centre + width / 2
    return None


def _first(ds: Dataset, keyword: str) -> float | None:
    value = ds.get(keyword)
    if value is None or isinstance(value, str):
        return None
    values = list(value) if hasattr(value, "__iter__") else [value]
    number = float(values[0]) if values else float("nan")
    return number if np.isfinite(number) else None
