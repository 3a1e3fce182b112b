import io

import numpy as np
import pytest
import video_clips as clips

from apps.library.domain.decode import FrameReader
from apps.library.domain.digest import digests, picture_digest
from apps.library.domain.frame_index import WorkCancelled, build_index
from apps.library.domain.index_format import index_of_times
from apps.library.domain.review_copy import (
    ReviewCopyRefused,
    make_cine_review_copy,
    make_review_copy,
    needs_review_copy,
)
from apps.library.domain.video_stream import video_info


class AppendOnly:
    """What a vault writer is: it takes bytes, and nothing else."""

    def __init__(self):
        self.held = bytearray()

    def write(self, data):
        self.held += data
        return len(data)


def review(video, **options):
    out = AppendOnly()
    index = build_index(io.BytesIO(video))
    made = make_review_copy(io.BytesIO(video), index, out, **options)
    return index, made, bytes(out.held)


@pytest.mark.parametrize("name", clips.CLIPS)
def test_the_copy_has_the_masters_pictures_and_times_and_serves_itself(name):
    index, made, copy = review(clips.CLIPS[name]())
    own = build_index(io.BytesIO(copy))
    assert made.times_equal
    assert made.size_bytes == len(copy)
    assert own.time_base == index.time_base
    assert own.pts.tolist() == index.pts.tolist() == made.index.pts.tolist()
    assert own.key == made.index.key == list(range(0, index.n_frames, 12))
    assert not own.warnings
    assert own.to_bytes() == made.index.to_bytes()
    assert copy.index(b"moov") < copy.index(b"mdat")
    assert needs_review_copy(video_info(io.BytesIO(copy)), own)[0] is False
    first = 7 if name.startswith("edit list") else 0
    with FrameReader(io.BytesIO(copy), own, kept_bytes=0) as reader:
        for i in (index.n_frames - 1, 0, 25, 13, 12, 11):
            assert clips.number_in(reader.rgb(i)) == i + first


def test_the_pictures_it_is_made_of_are_those_that_the_digests_prove():
    video = clips.CLIPS["b-frames open group"]()
    seen = bytearray()
    index, _, copy = review(video, seen=lambda frame: seen.extend(picture_digest(frame)))
    assert bytes(seen) == digests(io.BytesIO(video), index)
    assert copy == review(video)[2]


@pytest.mark.parametrize("name", clips.CLIPS)
def test_the_masters_picture_replaces_the_copys_without_a_jump_of_colour(name):
    video = clips.CLIPS[name]()
    index, _, copy = review(video)
    with (
        FrameReader(io.BytesIO(video), index) as master,
        FrameReader(io.BytesIO(copy), build_index(io.BytesIO(copy))) as shown,
    ):
        for i in (0, 30):
            far = master.rgb(i).mean((0, 1)) - shown.rgb(i).mean((0, 1))
            assert np.abs(far).max() < 1


@pytest.mark.parametrize("name", [n for n in clips.CLIPS])
def test_no_master_that_a_browser_plays_inexactly_serves_itself(name):
    video = clips.CLIPS[name]()
    needs, reason = needs_review_copy(video_info(io.BytesIO(video)), build_index(io.BytesIO(video)))
    assert needs
    assert reason


def test_a_master_of_short_closed_groups_serves_itself():
    def verdict(**options):
        video = clips.clip(**{"colour": (6, 6, 6, 1), **options})
        return needs_review_copy(video_info(io.BytesIO(video)), build_index(io.BytesIO(video)))[0]

    short = "bframes=0:keyint=30:scenecut=0"
    assert not verdict(x264=short)
    assert verdict(x264="bframes=0:keyint=31:scenecut=0")
    assert verdict(x264="bframes=1:b-adapt=0:keyint=12:scenecut=0")
    assert verdict(x264=short, pix_fmt="yuv444p")
    assert verdict(x264=short + ":tff=1", height_px=160)
    assert verdict(x264=short, container="matroska", time_base=(1, 1000))


def test_the_same_master_gives_the_same_bytes():
    video = clips.CLIPS["variable rate, late start, b-frames"]()
    assert review(video)[2] == review(video)[2]


def test_a_cine_of_odd_size_gets_a_copy_with_its_own_times():
    times = [0, 33_333, 66_667, 100_000, 140_001]
    index = index_of_times(times, (1, 1_000_000), 33_333)
    out = AppendOnly()
    made = make_cine_review_copy((clips.painted(i, 273, 145) for i in range(5)), index, out)
    own = build_index(io.BytesIO(bytes(out.held)))
    assert own.pts.tolist() == times
    assert (made.width_px, made.height_px) == (273, 145)
    assert (made.coded_width_px, made.coded_height_px) == (274, 146)
    with FrameReader(io.BytesIO(bytes(out.held)), own) as reader:
        shown = reader.rgb(4)
    assert shown.shape == (146, 274, 3)
    assert clips.number_in(shown) == 4
    far = shown[:145, :273].mean((0, 1)) - clips.painted(4, 273, 145).mean((0, 1))
    assert np.abs(far).max() < 2


def test_repeated_times_are_moved_apart_and_said_so():
    index = index_of_times([0, 40_000, 40_000, 40_000, 80_000], (1, 1_000_000), 40_000)
    out = AppendOnly()
    made = make_cine_review_copy((clips.painted(i) for i in range(5)), index, out)
    assert not made.times_equal
    assert made.index.pts.tolist() == [0, 40_000, 40_001, 40_002, 80_000]


def test_a_count_that_differs_is_refused():
    index = index_of_times([0, 1, 2], (1, 25), 1)
    for n in (2, 4):
        with pytest.raises(ReviewCopyRefused, match="frame index"):
            make_cine_review_copy((clips.painted(i) for i in range(n)), index, AppendOnly())


def test_cancelling_ends_the_work_and_progress_counts_pictures():
    said = []
    video = clips.CLIPS["plain mp4"]()
    review(video, progress=lambda done, total: said.append((done, total)))
    assert said == [(25, 60), (50, 60), (60, 60)]
    with pytest.raises(WorkCancelled):
        review(video, cancelled=lambda: True)
