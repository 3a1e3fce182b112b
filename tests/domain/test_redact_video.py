"""Redaction blanks what it is told, and changes neither the count nor the time of a picture."""

import io

import av
import numpy as np
import pytest

from apps.deid.domain import redact, sei
from apps.deid.domain.boxes import Box, Span, merge_boxes, merge_spans
from apps.deid.domain.refusals import StreamRefusal
from apps.library.domain.frame_index import build_index
from apps.library.domain.review_copy import needs_review_copy
from apps.library.domain.video_stream import video_info
from tests.domain.clips import decoded, make_clip, read_index, tissue

VARIABLE = [9000 + i * 3600 + (i * i % 7) * 100 for i in range(64)]
OPEN_GOP = {"bf": "3", "x264-params": "keyint=16:open-gop=1"}


def redacted(clip: bytes, boxes=(), spans=(), **settings):
    out = io.BytesIO()
    result = redact.redact_video(io.BytesIO(clip), out, boxes, spans, **settings)
    return out.getvalue(), result


@pytest.mark.parametrize(
    "settings",
    [
        {"pts": VARIABLE, "options": OPEN_GOP},
        {"pts": [t - 9000 - 8 * 3600 for t in VARIABLE], "options": OPEN_GOP},
        {"pts": VARIABLE, "options": OPEN_GOP, "container": "matroska"},
        {"codec": "mpeg2video", "container": "mpegts", "options": {"bf": "2", "g": "12"}},
    ],
    ids=["variable-rate", "edit-list", "matroska", "mpeg2"],
)
def test_every_picture_keeps_its_place_and_time(settings):
    clip = make_clip(64, **settings)
    out, result = redacted(clip, [Box(20, 20, 60, 20)])
    before, after = decoded(clip, "gray"), decoded(out, "gray")
    assert [pts for pts, _ in after] == [pts for pts, _ in before]
    assert [read_index(p) for _, p in after] == [read_index(p) for _, p in before]
    assert result.pts == tuple(pts for pts, _ in before)
    assert result.filled_frames == ()


def test_a_box_is_constant_in_luma_and_chroma_from_macroblock_to_macroblock():
    out, _ = redacted(make_clip(20), [Box(50, 35, 40, 20, start_frame=5, end_frame=12)])
    with av.open(io.BytesIO(out)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            luma, cb, cr = (
                np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width]
                for p in frame.planes
            )
            inside = luma[32:64, 48:96], cb[16:32, 24:48], cr[16:32, 24:48]
            if 5 <= index < 12:
                for plane, value in zip(inside, (16, 128, 128), strict=True):
                    assert np.abs(plane.astype(int) - value).max() <= 2
            else:
                assert luma[32:64, 48:96].mean() > 40
            assert luma[70:200].mean() > 40


def test_pictures_of_a_span_are_blank_as_a_whole_and_keep_their_place():
    clip = make_clip(30)
    out, result = redacted(clip, spans=[Span(10, 20)])
    pictures = decoded(out, "gray")
    assert len(pictures) == 30
    assert all(np.ptp(p) <= 2 for _, p in pictures[10:20])
    assert [read_index(p) for _, p in pictures[:10] + pictures[20:]] == [*range(10), *range(20, 30)]
    assert result.n_frames_blanked == 10


def test_what_is_not_blanked_stays_close_to_the_source():
    clip = make_clip(20, options={"crf": "10"})
    out, _ = redacted(clip, [Box(0, 0, 32, 32)])
    for (_, a), (_, b) in zip(decoded(clip, "gray"), decoded(out, "gray"), strict=True):
        error = (a[64:].astype(float) - b[64:]) ** 2
        assert 10 * np.log10(255**2 / error.mean()) >= 38


def test_the_result_serves_as_its_own_review_copy_and_bears_no_message():
    out, result = redacted(make_clip(70, options=OPEN_GOP))
    assert result.key_frames == (0, 30, 60)
    assert b"x264" not in out and b"Lav" not in out
    with av.open(io.BytesIO(out)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.size:
                assert packet.pts == packet.dts
                kinds = {u[0] & 31 for u in sei.split_length_prefixed(bytes(packet), 4)}
                assert kinds <= {1, 5, 7, 8}
                assert (5 in kinds) == packet.is_keyframe
    assert (result.transfer_syntax_uid, result.level) == ("1.2.840.10008.1.2.4.102", 41)


def test_the_same_input_gives_the_same_bytes():
    clip = make_clip(40)
    assert redacted(clip, [Box(0, 0, 64, 16)])[0] == redacted(clip, [Box(0, 0, 64, 16)])[0]


def test_colours_stay_described_and_ten_bits_become_eight_with_a_note():
    clip = make_clip(
        10,
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": "log-level=0:colorprim=bt709:transfer=bt709:colormatrix=bt709"},
    )
    out, result = redacted(clip)
    assert "converted_to_420_8_bit" in result.warnings
    with av.open(io.BytesIO(out)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert context.pix_fmt == "yuv420p"


def test_colours_that_nobody_named_are_named_so_that_a_browser_plays_the_result_itself():
    out, _ = redacted(make_clip(10), [Box(0, 0, 32, 32)])
    media = io.BytesIO(out)
    info = video_info(media)
    assert info.colorspace == 6
    assert needs_review_copy(info, build_index(media, None)) == (False, "the master serves itself")


def test_a_damaged_picture_is_filled_and_its_place_kept():
    clip = bytearray(make_clip(40, options={"g": "10", "bf": "0"}))
    with av.open(io.BytesIO(bytes(clip))) as container:
        stream = container.streams.video[0]
        places = [(p.pos, p.size) for p in container.demux(stream) if p.size]
    position, size = places[15]
    clip[position : position + size] = bytes(size)
    out, result = redacted(bytes(clip))
    assert result.n_frames == len(decoded(out)) == 40
    assert result.filled_frames == (15,)
    indices = [read_index(p) for _, p in decoded(out, "gray")]
    assert (
        indices[:15] == list(range(15)) and indices[15] == 14 and indices[20:] == [*range(20, 40)]
    )


def test_a_box_outside_the_picture_is_refused():
    with pytest.raises(ValueError, match="outside the picture"):
        redacted(make_clip(3), [Box(300, 0, 40, 16)])


def test_a_stream_without_a_single_good_picture_is_refused_and_writes_nothing():
    clip = bytearray(make_clip(8, options={"bf": "0"}))
    with av.open(io.BytesIO(bytes(clip))) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for position, size in places:
        clip[position : position + size] = bytes(size)
    out = io.BytesIO()
    with pytest.raises(StreamRefusal) as refusal:
        redact.redact_video(io.BytesIO(bytes(clip)), out)
    assert refusal.value.reason == "decode_failed"
    assert out.getvalue() == b""


def test_pictures_of_odd_size_are_padded_and_keep_their_coordinates():
    clip = make_clip(
        6,
        lambda i: tissue(i, 319, 241),
        codec="ffv1",
        container="matroska",
        pix_fmt="yuv444p",
        pts=[i * 3600 for i in range(6)],
    )
    out, result = redacted(clip)
    assert (result.width_px, result.height_px) == (320, 242)
    assert "padded_to_even" in result.warnings
    assert [read_index(p[:241, :319]) for _, p in decoded(out, "gray")] == list(range(6))


@pytest.mark.parametrize(
    ("size", "rate", "level"),
    [((1280, 720), 25, 41), ((1920, 1080), 30, 41), ((1920, 1080), 60, 42), ((3840, 2160), 30, 51)],
)
def test_the_level_follows_size_and_rate(size, rate, level):
    assert redact.level_for(*size, rate) == level


def large(index: int, width_px: int = 2240, height_px: int = 1008) -> np.ndarray:
    """By default one macroblock row more than level 4.2 holds."""
    row = (np.arange(width_px) // 16 + 3 * index) % 100 + 60
    return np.broadcast_to(row[None, :, None], (height_px, width_px, 3)).astype(np.uint8)


def test_what_is_beyond_level_4_2_becomes_hevc_with_the_same_places_and_times():
    clip = make_clip(4, large, options={"preset": "ultrafast"}, pts=[i * 1500 for i in range(4)])
    out, result = redacted(clip, [Box(64, 64, 512, 128)], [Span(2, 3)])
    assert (result.transfer_syntax_uid, result.level) == ("1.2.840.10008.1.2.4.107", 153)
    assert (result.method, result.key_frames) == ("ISO_23008_2", (0,))
    assert result.pts == tuple(i * 1500 for i in range(4))
    assert redacted(clip, [Box(64, 64, 512, 128)], [Span(2, 3)])[0] == out
    assert b"x265" not in out and b"Lav" not in out
    pictures = [picture for _, picture in decoded(out, "gray")]
    assert [read_index(p) for p in pictures[:2] + pictures[3:]] == [0, 1, 3]
    assert all(np.ptp(p[64:192, 64:576]) <= 2 for p in pictures)
    assert np.ptp(pictures[2]) <= 2


def test_what_no_transfer_syntax_holds_is_refused_with_the_limit():
    clip = make_clip(1, lambda i: large(i, 4096, 2304), options={"preset": "ultrafast"})
    with pytest.raises(StreamRefusal, match=r"HEVC level 5\.1") as refusal:
        redacted(clip, [Box(0, 0, 32, 32)])
    assert refusal.value.reason == "no_transfer_syntax"


def test_boxes_and_spans_unite_where_they_touch():
    assert merge_boxes([Box(0, 0, 20, 10), Box(5, 0, 20, 10), Box(100, 0, 5, 5)]) == [
        Box(0, 0, 25, 10),
        Box(100, 0, 5, 5),
    ]
    assert merge_spans([Span(5, 8), Span(20, 22), Span(11, 12)], 24, 2) == [
        Span(3, 14),
        Span(18, 24),
    ]
