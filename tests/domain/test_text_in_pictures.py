"""Burned-in text and pictures outside the body are found, and nothing else is touched."""

import io
import socket

import numpy as np
import pytest

from apps.deid.domain import out_of_body, propose, redact, text_detector, text_engine, verify_text
from apps.deid.domain.boxes import Box
from apps.deid.domain.pictures import VideoPictures
from apps.deid.domain.refusals import StreamRefusal
from tests.domain.clips import make_clip, room, tissue, with_text

WIDTH, HEIGHT = 480, 360


def film(index: int) -> np.ndarray:
    """Tissue with a name all along, a card in frames 60 to 69, the room in frames 100 to 129."""
    picture = room(index, WIDTH, HEIGHT) if 100 <= index < 130 else tissue(index, WIDTH, HEIGHT)
    picture = with_text(picture, "MORGAN-LEVY ANA", (16, 14), 24)
    if 60 <= index < 70:
        picture = with_text(picture, "PATIENT ZX-7731-0042", (120, 180), 26)
    return picture


@pytest.fixture(scope="module")
def clip() -> bytes:
    return make_clip(160, film)


@pytest.fixture(scope="module")
def proposals(clip) -> propose.Proposals:
    return propose.propose(io.BytesIO(clip), harvest_match=lambda text: "MORGAN" in text.upper())


def holding(proposals, box: Box):
    return [p for p in proposals.boxes if p.box.overlap_px(box) > 0.9 * box.area_px]


def test_text_that_stands_is_boxed_for_the_whole_clip_and_known_as_an_identifier(proposals):
    found = holding(proposals, Box(16, 14, 200, 20))
    assert len(found) == 1
    assert found[0].kind == "identifier" and found[0].origin == "static"
    assert (found[0].box.start_frame, found[0].box.end_frame) == (0, 160)
    assert found[0].box.x_px % 16 == 0 and found[0].box.y_px % 16 == 0
    assert "MORGAN" not in repr(proposals)


def test_text_that_flashes_is_boxed_for_its_frames_and_not_for_the_whole_clip(proposals):
    found = holding(proposals, Box(122, 182, 230, 18))
    assert found
    assert all(any(p.box.covers_frame(i) for p in found) for i in range(60, 70))
    assert not any(p.box.covers_frame(20) or p.box.covers_frame(140) for p in found)


def test_the_room_is_proposed_with_a_margin_and_the_body_is_not(proposals):
    assert proposals.is_out_of_body_assessable
    assert len(proposals.spans) == 1
    span = proposals.spans[0]
    assert 80 <= span.start_frame <= 95 and 135 <= span.end_frame <= 150


def test_nothing_is_proposed_over_tissue_without_text(proposals):
    area = sum(p.box.area_px for p in proposals.boxes if p.box.covers_frame(20))
    assert area < 0.1 * WIDTH * HEIGHT


def test_after_redaction_no_text_is_found_and_before_it_is(clip, proposals):
    frames = proposals.representative_frames
    before = verify_text.verify_text(VideoPictures(io.BytesIO(clip)), frames=frames)
    assert before
    out = io.BytesIO()
    boxes = [p.box for p in proposals.boxes]
    redact.redact_video(io.BytesIO(clip), out, boxes, proposals.spans)
    after = verify_text.verify_text(VideoPictures(out), frames=[*frames, 65])
    assert after == []


def test_text_in_a_kept_box_is_no_finding_unless_it_identifies(clip):
    pictures = VideoPictures(io.BytesIO(clip))
    kept = [Box(0, 0, 320, 48)]
    quiet = verify_text.verify_text(pictures, kept, frames=[10])
    assert all(f.frame_index != 10 for f in quiet)
    named = verify_text.verify_text(pictures, kept, [10], lambda text: "LEVY" in text.upper())
    assert any(f.frame_index == 10 and f.is_identifier for f in named)


def test_the_detector_needs_no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the detector asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    picture = with_text(tissue(3, WIDTH, HEIGHT), "DOB 04.03.1961", (40, 200), 22)
    boxes = text_detector.TextDetector(text_engine.TextEngine()).lines(picture)
    assert len(boxes) == 1 and "1961" in boxes[0][1]


def test_a_missing_model_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setitem(text_engine.MODELS, "Det", "absent.onnx")
    with pytest.raises(StreamRefusal, match=r"absent\.onnx") as refusal:
        text_detector.TextDetector()
    assert refusal.value.reason == "detector_missing"


def test_colour_says_nothing_where_the_clip_is_grey():
    result = out_of_body.out_of_body_spans(np.full(200, 0.05), 25.0)
    assert not result.is_assessable and result.spans == ()


def test_the_first_and_last_seconds_are_proposed_only_when_they_look_it():
    redness = np.full(500, 0.9)
    assert out_of_body.out_of_body_spans(redness, 25.0).spans == ()
    redness[:40], redness[470:] = 0.1, 0.2
    spans = out_of_body.out_of_body_spans(redness, 25.0).spans
    assert [(s.start_frame, s.end_frame) for s in spans] == [(0, 48), (462, 500)]


@pytest.mark.parametrize(
    ("width_px", "height_px", "text", "is_glyph"),
    [
        (60, 80, "H", True),
        (83, 115, "82", True),
        (40, 30, "JD", False),
        (200, 24, "", False),
        (20, 90, "1", False),
    ],
)
def test_a_lone_glyph_is_no_line_of_text_and_an_unread_line_is_one(
    width_px, height_px, text, is_glyph
):
    assert text_detector.is_lone_glyph(Box(0, 0, width_px, height_px), text) is is_glyph


def test_a_device_mask_is_proposed_as_it_is_and_text_in_it_not_once_more(clip):
    mask = Box(0, 0, WIDTH, 64)
    found = propose.propose(io.BytesIO(clip), [mask]).boxes
    assert found[0].box == mask and found[0].origin == "device_mask"
    assert not any(p.box.overlap_px(mask) == p.box.area_px for p in found[1:])
