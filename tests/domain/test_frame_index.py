import io

import numpy as np
import pytest
import video_clips as clips

from apps.library.domain.decode import FrameReader
from apps.library.domain.frame_index import FrameIndex, build_index, verify_by_decode
from apps.library.domain.video_stream import NotAVideo, video_info

EXPECTED_WARNINGS = {
    "edit list inside a group": {"cut_by_edit_list"},
    "avi with b-frames": {"disordered_pts"},
    "bare h264": {"missing_pts"},
}


@pytest.mark.parametrize("name", clips.CLIPS)
def test_the_index_lists_the_pictures_that_a_decoder_presents(name):
    video = clips.CLIPS[name]()
    index = build_index(io.BytesIO(video))
    check = verify_by_decode(io.BytesIO(video), index)
    assert check.is_faithful
    assert check.index.pts.tolist() == index.pts.tolist()
    assert index.warning_codes == EXPECTED_WARNINGS.get(name, set())
    assert (np.diff(index.pts) > 0).all()


def test_times_are_those_that_were_written():
    pts = clips.variable_times(40)
    index = build_index(io.BytesIO(clips.clip(n=40, pts=pts, x264=clips.B_FRAMES)))
    assert index.pts.tolist() == pts
    assert index.time_base == (1, 12800)
    assert index.time_text(0) == "0.000000"
    assert index.time_s(39) == round((pts[39] - pts[0]) / 12800, 6)
    assert index.time_s(40) == round((pts[39] - pts[0] + index.duration_of_last) / 12800, 6)
    with pytest.raises(IndexError):
        index.time_s(41)


def test_only_idr_pictures_are_keys():
    refresh = build_index(io.BytesIO(clips.CLIPS["intra refresh"]()))
    assert refresh.key == [0]
    groups = build_index(io.BytesIO(clips.CLIPS["short closed groups"]()))
    assert groups.key == [0, 12, 24, 36, 48]
    assert groups.longest_idr_gap() == 12
    # x265 writes open groups by CRA pictures: entries for a decoder, not keys for a browser.
    hevc = build_index(io.BytesIO(clips.CLIPS["hevc open groups"]()))
    assert hevc.key == [0]
    assert hevc.entry_before(59) == 40


def test_a_cut_tail_is_warned_of_and_what_is_left_is_listed():
    video = clips.clip(n=60, x264="bframes=0", mux={"movflags": "frag_keyframe+empty_moov"})
    whole = build_index(io.BytesIO(video))
    cut = video[: int(whole.offset_bytes[50])]
    index = build_index(io.BytesIO(cut))
    assert "truncated_tail" in index.warning_codes
    assert "truncated_tail" not in whole.warning_codes
    assert 40 < index.n_frames <= 51
    with FrameReader(io.BytesIO(cut), verify_by_decode(io.BytesIO(cut), index).index) as reader:
        assert clips.number_in(reader.rgb(45)) == 45


def test_a_stream_that_starts_inside_a_group_follows_the_decoder():
    video = clips.CLIPS["bare h264"]()
    whole = clips.clip(container="mpegts", x264=f"{clips.B_FRAMES}:keyint=20")
    index = build_index(io.BytesIO(whole))
    start = int(index.offset_bytes[5])
    cut = whole[:376] + whole[start - start % 188 :]
    found = build_index(io.BytesIO(cut))
    check = verify_by_decode(io.BytesIO(cut), found)
    assert "no_key_at_start" in found.warning_codes
    assert check.index.n_frames == check.n_decoded
    with FrameReader(io.BytesIO(cut), check.index) as reader:
        numbers = [clips.number_in(reader.rgb(i)) for i in (check.n_decoded - 1, 30)]
    assert numbers[0] == 59
    assert numbers[0] - numbers[1] == check.n_decoded - 1 - 30
    assert video


def test_a_clock_that_falls_back_keeps_the_order_of_the_pictures():
    first = clips.clip(n=20, container="mpegts", x264="bframes=0:keyint=10")
    jumping = first + clips.clip(n=20, container="mpegts", x264="bframes=0:keyint=10")
    index = build_index(io.BytesIO(jumping))
    assert index.n_frames == 40
    assert "jumping_clock" in index.warning_codes
    assert index.by_count
    with FrameReader(io.BytesIO(jumping), index) as reader:
        assert [clips.number_in(reader.rgb(i)) for i in (0, 19, 20, 39, 5)] == [0, 19, 0, 19, 5]


def test_repeated_times_keep_one_index_a_picture():
    times = [0, 40, 80, 80, 120, 160, 160, 200]
    video = clips.clip(
        n=8,
        container="matroska",
        time_base=(1, 1000),
        x264="bframes=0",
        pts=[0, 40, 80, 81, 120, 160, 161, 200],
    )
    for rising, repeated in ((81, 80), (161, 160)):
        video = _with_block_time(video, rising, repeated)
    index = build_index(io.BytesIO(video))
    assert index.pts.tolist() == times
    assert "repeated_pts" in index.warning_codes
    with FrameReader(io.BytesIO(video), index) as reader:
        assert [clips.number_in(reader.rgb(i)) for i in (3, 2, 7, 6, 5)] == [3, 2, 7, 6, 5]


def _with_block_time(mkv: bytes, old: int, new: int) -> bytes:
    """Rewrites the 16-bit time of the one SimpleBlock (track 1) at `old`."""
    mark = b"\x81" + old.to_bytes(2, "big")
    places = [i for i in range(len(mkv)) if mkv.startswith(mark, i) and mkv[i + 3] in (0, 0x80)]
    assert len(places) == 1
    return mkv[: places[0]] + b"\x81" + new.to_bytes(2, "big") + mkv[places[0] + 3 :]


def test_disagreements_are_recorded_and_the_stream_is_followed():
    video = clips.clip(n=20, streams=2)
    index = build_index(io.BytesIO(video), dicom_number_of_frames=21)
    assert index.n_frames == 20
    assert index.warning_codes == {"second_video_stream", "number_of_frames"}
    assert video_info(io.BytesIO(video)).n_video_streams == 2


def test_the_compact_form_is_read_back_and_damage_is_refused():
    index = build_index(io.BytesIO(clips.CLIPS["edit list inside a group"]()))
    data = index.to_bytes()
    again = FrameIndex.from_bytes(data)
    assert again.to_bytes() == data
    assert again.warnings == index.warnings
    for name in ("pts", "flags", "size_bytes", "offset_bytes"):
        assert (getattr(again, name) == getattr(index, name)).all()
    for bad in (b"", b"CAFI", data[:-1], data[:60] + b"\0" + data[61:], b"X" + data[1:]):
        with pytest.raises(ValueError, match="build it again"):
            FrameIndex.from_bytes(bad)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"no video at all" * 99,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    ],
)
def test_what_is_no_video_is_refused_and_no_other_file_is_opened(bad):
    with pytest.raises(NotAVideo, match="video"):
        build_index(io.BytesIO(bad))
