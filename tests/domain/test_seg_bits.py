"""Masks as the bits of a SEG: the same as packing all pixels one after the other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.annotation.domain import rle
from apps.release.domain.dicom_seg import _packed, overlapping
from apps.release.domain.objects import Placed


def rows_of(pictures, frames=None):
    return [
        (
            SimpleNamespace(id=place),
            Placed(n, "visible", {"type": "mask", "rle": rle.encode(pixels)}, False, {}),
        )
        for place, (n, pixels) in enumerate(
            zip(frames or range(len(pictures)), pictures, strict=True)
        )
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(1, 4), st.integers(0, 2**32))
def test_frames_of_any_width_are_packed_as_one_run_of_bits(height, width, n, seed):
    chance = np.random.default_rng(seed)
    pictures = []
    for _ in range(n):
        pixels = np.zeros((height, width), bool)
        top, left = chance.integers(0, height), chance.integers(0, width)
        window = pixels[top : top + 1 + chance.integers(0, height), left:]
        window[:] = chance.random(window.shape) < 0.6
        pictures.append(pixels)
    n_bytes = (n * height * width + 7) // 8
    n_bytes += n_bytes % 2
    packed = b"".join(_packed(rows_of(pictures), n_bytes))
    wanted = np.packbits(np.stack(pictures).ravel(), bitorder="little").tobytes()
    assert packed == wanted.ljust(n_bytes, b"\0")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_an_overlap_is_a_pixel_of_two_masks_on_one_frame(seed, same_frame):
    chance = np.random.default_rng(seed)
    one, two = chance.random((2, 6, 9)) < 0.08
    one[0, 0] = two[5, 8] = True
    frames = [3, 3] if same_frame else [3, 4]
    share = same_frame and (one & two).any()
    assert overlapping(rows_of([one, two], frames)) == ({(0, 1)} if share else set())
