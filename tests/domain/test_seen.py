"""What examination saw of a stream is what its copy shows, proven by what the decoder was given."""

import io
import random
from dataclasses import replace

import av
import numpy as np
import pytest

from apps.deid.domain import propose, redact, remux, seen
from apps.deid.domain.boxes import Box
from apps.deid.domain.pictures import VideoPictures
from apps.library.domain.digest import digests
from apps.library.domain.frame_index import build_index
from apps.library.domain.index_format import ENTRY, index_of_times
from apps.library.domain.taken_over import sample, taken_over
from tests.domain.clips import make_clip

OPEN_GOP = {"bf": "3", "x264-params": "keyint=16:open-gop=1"}
QUIET = {"x265-params": "log-level=0"}
TIMES = [9000 + i * 3600 + (i * i % 7) * 100 for i in range(48)]
SELF_SERVING = {"bf": "0", "g": "12"}


def looked_at(clip: bytes) -> VideoPictures:
    pictures = VideoPictures(io.BytesIO(clip), prove=True)
    propose._watch(pictures, None, None)
    return pictures


def copied(clip: bytes) -> io.BytesIO:
    out = io.BytesIO()
    remux.remux_video(io.BytesIO(clip), out)
    return out


@pytest.mark.parametrize(
    "settings",
    [
        {"pts": TIMES, "options": OPEN_GOP},
        {"options": SELF_SERVING},
        {"pts": TIMES, "options": OPEN_GOP, "container": "mpegts"},
        {"pts": TIMES, "options": OPEN_GOP, "container": "matroska"},
        {"pts": TIMES, "codec": "libx265", "options": QUIET, "pix_fmt": "yuv420p10le"},
        {"codec": "mpeg2video", "container": "mpegts", "options": {"bf": "2", "g": "12"}},
    ],
    ids=["mp4", "self-serving", "ts", "matroska", "hevc-10-bit", "mpeg2-ts"],
)
def test_digests_of_the_examination_are_those_of_the_copy_and_taken_over(settings):
    clip = make_clip(48, **settings)
    found = looked_at(clip).seen
    assert found is not None
    out = copied(clip)
    index = build_index(out)
    assert found.digests == digests(out, index)
    assert seen.SeenPictures.from_bytes(found.to_bytes()) == found
    assert taken_over(out, index, found) == found.digests


def test_another_stream_of_as_many_pictures_takes_nothing_over():
    found = looked_at(make_clip(40, options=SELF_SERVING)).seen
    out = io.BytesIO()
    clip = make_clip(40, options=SELF_SERVING)
    redact.redact_video(io.BytesIO(clip), out, [Box(0, 0, 32, 32)])
    assert taken_over(out, build_index(out), found) is None


def test_one_changed_byte_of_a_picture_takes_nothing_over():
    clip = make_clip(40, options=SELF_SERVING)
    found, out = looked_at(clip).seen, copied(clip)
    index, data = build_index(out), bytearray(out.getvalue())
    data[int(index.offset_bytes[17] + index.size_bytes[17] // 2)] ^= 1
    changed = io.BytesIO(bytes(data))
    assert taken_over(changed, build_index(changed), found) is None


def test_a_picture_that_decodes_otherwise_and_another_decoder_take_nothing_over():
    clip = make_clip(40, options=SELF_SERVING)
    found, out = looked_at(clip).seen, copied(clip)
    index = build_index(out)
    other = bytearray(found.digests)
    other[sample(index)[1] * 32] ^= 1
    assert taken_over(out, index, found) == found.digests
    for wrong in (
        seen.SeenPictures(found.coded, found.decoder, bytes(other)),
        seen.SeenPictures(found.coded, "PyAV 1 libavcodec 1", found.digests),
        seen.SeenPictures(found.coded, found.decoder, found.digests[32:]),
    ):
        assert taken_over(out, index, wrong) is None


def test_a_damaged_stream_is_looked_at_as_it_comes_and_proves_nothing():
    clip = bytearray(make_clip(48, options=OPEN_GOP))
    index, draw = build_index(io.BytesIO(bytes(clip))), random.Random(3)
    start, size = int(index.offset_bytes[20]), int(index.size_bytes[20])
    for place in range(start + 20, start + size):
        clip[place] = draw.randrange(256)
    plain, proving = VideoPictures(io.BytesIO(bytes(clip))), looked_at(bytes(clip))
    assert proving.seen is None
    before, _, redness_before = propose._watch(plain, None, None)
    after, _, redness = propose._watch(
        VideoPictures(io.BytesIO(bytes(clip)), prove=True), None, None
    )
    assert after.n_frames == before.n_frames and np.array_equal(redness, redness_before)
    assert np.array_equal(np.concatenate(list(after.maps())), np.concatenate(list(before.maps())))


def test_pictures_that_an_edit_list_hides_are_looked_at_without_a_proof():
    clip = make_clip(48, pts=[t - 9000 - 8 * 3600 for t in TIMES], options=OPEN_GOP)
    assert looked_at(clip).seen is None


def test_a_codec_that_is_never_copied_is_looked_at_without_a_proof():
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode())
    pictures = looked_at(out.getvalue())
    assert pictures.seen is None and pictures.n_frames == 5


def test_what_is_decoded_of_a_long_clip_is_a_small_part_of_it():
    n_frames = 6000
    times = index_of_times(range(n_frames), (1, 25), 1)
    index = replace(times, flags=np.where(np.arange(n_frames) % 50, 0, ENTRY).astype(np.uint8))
    places = sample(index)
    assert len(places) >= 8 and places[-1] > 5900
    assert any(i % 50 > 30 for i in places)
    assert sum(i - index.entry_before(i) + 1 for i in places) <= 0.02 * n_frames
