"""The text detector's own process: bounded, shut off, replaced when it dies; and its tiles."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from apps.deid.domain import detector_process, propose
from apps.deid.domain.boxes import Box
from apps.deid.domain.detector_process import EngineProcess
from apps.deid.domain.refusals import StreamRefusal
from apps.deid.domain.text_detector import TILE_PX, TextDetector
from tests.domain.clips import make_clip, tissue, with_text


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    made = EngineProcess()
    yield made
    made.close()


@pytest.fixture
def picture() -> np.ndarray:
    return with_text(tissue(3), "MORGAN 7731", (40, 90), 24)


def read(engine: EngineProcess, picture: np.ndarray) -> list[str]:
    return [text for _, text in TextDetector(engine).lines(picture)]


def test_a_detector_that_was_killed_is_replaced_and_the_answer_is_the_same(engine, picture):
    before = read(engine, picture)
    assert len(before) == 1 and "7731" in before[0]
    first = engine.pid
    os.kill(first, signal.SIGKILL)
    assert read(engine, picture) == before
    assert engine.pid != first


def test_a_detector_that_dies_at_each_question_is_a_reason_to_try_later(monkeypatch, picture):
    monkeypatch.setitem(detector_process._ENVIRONMENT, "PYTHONHOME", "/nowhere")
    engine = EngineProcess()
    with pytest.raises(StreamRefusal) as refusal:
        read(engine, picture)
    assert refusal.value.reason == "detector_failed" and engine.pid is None


def test_a_detector_that_does_not_answer_is_ended_and_not_heard_later(picture):
    engine = EngineProcess(answer_within_s=0.0)
    with pytest.raises(StreamRefusal):
        read(engine, picture)
    assert engine.pid is None


def test_a_crashed_detector_leaves_no_proposal_half_made(monkeypatch):
    class Dying:
        def detect(self, *_):
            raise StreamRefusal("detector_failed", "text detector: its process ended twice")

    clip = make_clip(4, lambda i: with_text(tissue(i), "MORGAN", (40, 90), 24))
    with pytest.raises(StreamRefusal):
        propose.propose(io.BytesIO(clip), detector=TextDetector(Dying()))


def test_the_detectors_process_knows_no_secret_of_its_parents(monkeypatch, engine, picture):
    monkeypatch.setenv("CLINICAL_ANNOT_KEYS", "a-secret")
    engine.close()
    read(engine, picture)
    child = psutil.Process(engine.pid)
    assert "a-secret" not in str(child.environ()) and "CLINICAL_ANNOT_KEYS" not in child.environ()
    limits = Path(f"/proc/{engine.pid}/limits").read_text()
    assert f"Max data size             {detector_process.MEMORY_BYTES}" in limits
    assert "Max core file size        0 " in limits


def test_the_detectors_process_ends_with_its_parent(engine, picture):
    read(engine, picture)
    child = psutil.Process(engine.pid)
    engine._line.close()
    engine._line = None
    deadline = time.monotonic() + 20
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    engine.close()


class Counting:
    """The real engine, with the tiles it was given."""

    def __init__(self, engine: EngineProcess) -> None:
        self.engine, self.tiles = engine, []

    def detect(self, tile, least_side_px):
        self.tiles.append(tile.shape)
        return self.engine.detect(tile, least_side_px)

    def recognise(self, crops):
        return self.engine.recognise(crops)


def test_small_text_on_a_huge_picture_is_found_and_flat_tiles_cost_nothing(engine):
    picture = np.full((2048, 8192, 3), (90, 30, 30), np.uint8)
    places = [(20, 30), (4500, 1000), (8000, 2012)]
    for x, y in places:
        patch = picture[y - 20 : y + 36, x - 20 : x + 184]
        patch[:] = with_text(patch, "ZX-7731-0042", (20, 20), 13)
    counted = Counting(engine)
    found = TextDetector(counted).lines(picture)
    for x, y in places:
        inside = Box(x + 4, y + 4, 60, 6)
        assert any(box.overlap_px(inside) == inside.area_px for box, _ in found)
    assert sum("7731" in text for _, text in found) == len(places) == len(found)
    assert len(counted.tiles) <= 6
    assert all(max(shape[:2]) <= TILE_PX for shape in counted.tiles)


def test_a_line_over_the_edge_of_tiles_is_one_box_and_read_as_one(engine):
    picture = np.full((500, 2 * TILE_PX, 3), (90, 30, 30), np.uint8)
    text = "MORGAN-LEVY ANA ZX-7731-0042 BORN 04.03.1961 AT ST ALDHELM"
    picture = with_text(picture, text, (500, 200), 36)
    lines = TextDetector(engine).lines(picture)
    wide = [(box, read) for box, read in lines if box.width_px > 1000]
    assert len(wide) == len(lines) == 1
    assert "7731" in wide[0][1] and "ALDHELM" in wide[0][1]


def test_letters_larger_than_a_tile_are_found(engine):
    picture = np.full((1300, 1900, 3), (90, 30, 30), np.uint8)
    picture = with_text(picture, "MORGAN", (60, 260), 420)
    boxes = TextDetector(engine).detect(picture)
    ys, xs = np.where(picture[..., 1] > 150)
    ink = Box(xs.min(), ys.min(), np.ptp(xs), np.ptp(ys))
    assert any(box.overlap_px(ink) > 0.98 * ink.area_px for box in boxes)
