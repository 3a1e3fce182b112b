"""Whatever the boxes: what stood in them leaves no trace, all else and every time stays."""

from __future__ import annotations

import io
from itertools import accumulate

import av
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.deid.domain import cine, redact
from apps.deid.domain.boxes import Box, Span
from tests.domain.cine_sources import source_of
from tests.domain.clips import TIME_BASE, decoded
from tests.domain.test_redact_cine import data_set, written

N_FRAMES = 8


@st.composite
def boxes_in(draw, width: int, height: int) -> Box:
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    start = draw(st.integers(0, N_FRAMES - 1))
    return Box(
        x,
        y,
        draw(st.integers(1, width - x)),
        draw(st.integers(1, height - y)),
        start_frame=start,
        end_frame=draw(st.none() | st.integers(start + 1, N_FRAMES)),
    )


def lossless(pictures: list[np.ndarray], pts: list[int]) -> bytes:
    """Packed 4:2:0 pictures as a stream that decodes to just these samples."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=25)
        rows, stream.width = pictures[0].shape
        stream.height, stream.pix_fmt = rows * 2 // 3, "yuv420p"
        stream.codec_context.time_base = stream.time_base = TIME_BASE
        stream.options = {"qp": "0", "preset": "ultrafast"}
        for time, picture in zip(pts, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = time, TIME_BASE
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return out.getvalue()


def packed(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """uint8 (3 / 2 height, width) of luma (h, w) and chroma (2, h / 2, w / 2)."""
    return np.concatenate([luma.ravel(), chroma.ravel()]).reshape(-1, luma.shape[1])


def blanked(boxes: list[Box], spans: list[Span], index: int, height: int, width: int) -> np.ndarray:
    """bool (height, width): what those boxes, snapped to macroblocks, and spans blank."""
    mask = np.zeros((height, width), bool)
    for box in boxes:
        if box.covers_frame(index):
            whole = box.snapped(width, height)
            mask[whole.y_px : whole.bottom_px, whole.x_px : whole.right_px] = True
    if any(span.covers_frame(index) for span in spans):
        mask[:] = True
    return mask


@settings(max_examples=5, deadline=None)
@given(st.data(), st.integers(5, 12), st.integers(5, 10), st.integers(0, 1 << 30))
def test_what_stood_in_a_box_of_a_video_leaves_no_trace_and_each_picture_its_time(
    data, columns, rows, seed
):
    width, height = 16 * columns + 2 * data.draw(st.integers(0, 7)), 16 * rows
    boxes = data.draw(st.lists(boxes_in(width, height), min_size=1, max_size=3))
    starts = data.draw(st.lists(st.integers(0, N_FRAMES - 1), max_size=1))
    spans = [Span(start, min(start + 2, N_FRAMES)) for start in starts]
    steps = data.draw(st.lists(st.integers(300, 9000), min_size=N_FRAMES, max_size=N_FRAMES))
    pts = list(accumulate(steps))
    rng = np.random.default_rng(seed)
    films, others = [], []
    for index in range(N_FRAMES):
        soft = rng.integers(30, 220, (3, rows, columns + 1), dtype=np.uint8)
        luma = np.kron(soft[0], np.ones((16, 16), np.uint8))[:, :width]
        chroma = np.kron(soft[1:], np.ones((1, 8, 8), np.uint8))[:, :, : width // 2]
        films.append(packed(luma, chroma))
        mask = blanked(boxes, spans, index, height, width)
        luma, chroma = luma.copy(), chroma.copy()
        luma[mask] = rng.integers(0, 255, int(mask.sum()), dtype=np.uint8)
        half = mask[::2, ::2]
        chroma[:, half] = rng.integers(0, 255, (2, int(half.sum())), dtype=np.uint8)
        others.append(packed(luma, chroma))
    outputs = []
    for pictures in (films, others):
        clip = lossless(pictures, pts)
        out = io.BytesIO()
        redact.redact_video(io.BytesIO(clip), out, boxes, spans)
        outputs.append(out.getvalue())
        before, after = decoded(clip), decoded(outputs[-1])
        assert [time for time, _ in after] == [time for time, _ in before]
    assert outputs[0] == outputs[1]
    for index, ((_, source), (_, result)) in enumerate(zip(before, after, strict=True)):
        mask = blanked(boxes, spans, index, height, width)
        luma = result[:height].astype(int)
        assert not mask.any() or np.abs(luma[mask] - redact.BLANK_LUMA).max() <= 3
        chroma = result[height:].reshape(2, height // 2, width // 2)[:, mask[::2, ::2]]
        assert not chroma.size or np.abs(chroma.astype(int) - redact.BLANK_CHROMA).max() <= 3
        if not mask.all():
            assert np.abs(luma - source[:height].astype(int))[~mask].mean() < 4


@settings(max_examples=25, deadline=None)
@given(st.data(), st.booleans(), st.sampled_from((np.uint8, np.uint16)), st.integers(0, 1 << 30))
def test_in_a_cine_every_sample_outside_the_boxes_stays_and_none_inside(data, colour, dtype, seed):
    width, height = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 50))
    boxes = data.draw(st.lists(boxes_in(width, height), max_size=4))
    shape = (N_FRAMES, height, width, 3) if colour else (N_FRAMES, height, width)
    rng = np.random.default_rng(seed)
    source = rng.integers(1, 255 if dtype == np.uint8 else 4095, shape).astype(dtype)
    ds = data_set(source, photometric="RGB" if colour else "MONOCHROME2")
    made = written(ds, cine.redact_cine(source_of(ds), boxes))
    assert len(made) == N_FRAMES
    for index, (before, after) in enumerate(zip(source, made, strict=True)):
        expected = before.copy()
        for box in boxes:
            if box.covers_frame(index):
                expected[box.y_px : box.bottom_px, box.x_px : box.right_px] = 0
        assert after.dtype == dtype and np.array_equal(after, expected)
