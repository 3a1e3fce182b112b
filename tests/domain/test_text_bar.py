"""Of generated clips' burned-in text nearly all is found, and of what is found no ink stays.

Small here; in full size by ``BAR_OCR_CLIPS`` (``make bars NAME=ocr``).
"""

from __future__ import annotations

import io
import os
import sys

import pytest

from apps.deid.domain.propose import propose
from tests.domain.ocr_clips import Tally, ocr_clip

pytestmark = pytest.mark.timeout(5400)

N_CLIPS = int(os.environ.get("BAR_OCR_CLIPS", "0"))
SEED = int(os.environ.get("OCR_SEED", "20261126"))


@pytest.fixture(scope="module")
def tally() -> Tally:
    counted = Tally()
    if not N_CLIPS:
        clips = [ocr_clip(SEED, (640, 480), 40, n_static=4, n_short=1)]
    else:
        clips = (ocr_clip(SEED + number) for number in range(N_CLIPS))
    for clip in clips:
        counted.add(clip, [p.box for p in propose(io.BytesIO(clip.data)).boxes])
    shares = [f"{name} {counted.share(name):.3f}" for name in ("static", "short", "whole", "boxes")]
    sys.stderr.write(", ".join([*shares, *counted.missed]) + "\n")
    return counted


def test_static_text_is_found(tally):
    assert len(tally.static) >= max(4, 9 * N_CLIPS)
    assert tally.share("static") >= 0.98


def test_text_that_shows_for_half_a_second_is_found(tally):
    assert len(tally.short) >= max(1, 2 * N_CLIPS)
    assert tally.share("short") >= 0.95


def test_nine_of_ten_proposed_boxes_hold_text(tally):
    assert tally.share("boxes") >= 0.9


def test_of_what_is_found_no_ink_is_left(tally):
    assert tally.whole and all(tally.whole)
