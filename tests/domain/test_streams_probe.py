"""What a stream is, and which streams are not taken."""

import io

import pytest

from apps.deid.domain import probe
from apps.deid.domain.refusals import StreamRefusal
from tests.domain.clips import make_clip

HIGH_4_1, HEVC_MAIN, MPEG2 = (f"1.2.840.10008.1.2.4.{n}" for n in (102, 107, 100))
SECRET = "MORGAN-LEVY^ANA"


def probed(clip: bytes, **settings) -> probe.StreamInfo:
    return probe.probe_stream(io.BytesIO(clip), **settings)


def test_a_stream_is_described_with_its_other_tracks_and_every_text_in_it():
    info = probed(make_clip(30, audio=True, metadata={"title": SECRET}))
    assert (info.container, info.codec, info.pix_fmt) == ("mp4", "h264", "yuv420p")
    assert (info.width_px, info.height_px, info.n_frames) == (320, 240, 30)
    assert info.pts == tuple(i * 3600 for i in range(30))
    assert [t.kind for t in info.other_tracks] == ["audio"]
    texts = [value for _, value in info.texts]
    assert SECRET in texts
    assert any(value.startswith("x264") for value in texts)
    assert info.refusals == () and info.warnings == ()
    assert SECRET not in repr(info)


def test_a_second_video_stream_is_refused_in_an_instance_and_warned_of_in_a_plain_file():
    clip = make_clip(10, second_video=True)
    assert probed(clip).refusals == ("two_video_streams",)
    plain = probed(clip, is_dicom=False)
    assert plain.refusals == () and plain.warnings == ("second_video_stream",)


@pytest.mark.parametrize(
    ("codec", "container", "fits"),
    [("libx264", "mp4", HIGH_4_1), ("libx265", "mp4", HEVC_MAIN), ("mpeg2video", "mpegts", MPEG2)],
)
def test_a_stream_is_taken_only_under_the_transfer_syntax_that_it_is(codec, container, fits):
    options = {"x265-params": "log-level=0"} if codec == "libx265" else {}
    info = probed(make_clip(10, codec=codec, container=container, options=options))
    for declared in (HIGH_4_1, HEVC_MAIN, MPEG2, "1.2.840.10008.1.2.4.50"):
        expected = [] if declared == fits else ["stream_not_as_declared"]
        assert probe.check_against_transfer_syntax(info, declared) == expected
    assert probe.check_against_transfer_syntax(info, fits + ".1") == []
    assert probe.transfer_syntax_for(info.codec, info.level, info.pix_fmt, 1000) == fits
    assert probe.transfer_syntax_for(info.codec, info.level, info.pix_fmt, 1 << 33) == fits + ".1"


def test_a_container_that_the_standard_does_not_name_is_not_as_declared():
    info = probed(make_clip(10, container="matroska"))
    assert probe.check_against_transfer_syntax(info, HIGH_4_1) == ["stream_not_as_declared"]


@pytest.mark.parametrize("junk", [b"", b"not a video " * 50, bytes(2000)])
def test_bytes_that_are_no_video_are_refused(junk):
    with pytest.raises(StreamRefusal) as refusal:
        probed(junk)
    assert refusal.value.reason == "decode_failed"


def test_a_file_without_pictures_is_refused():
    clip = make_clip(5)
    with pytest.raises(StreamRefusal) as refusal:
        probed(clip[: len(clip) // 2])
    assert refusal.value.reason == "truncated_stream"


def test_a_missing_tail_is_taken_with_a_warning():
    clip = make_clip(
        60, muxer_options={"movflags": "+frag_keyframe+empty_moov"}, options={"g": "10"}
    )
    info = probed(clip[: len(clip) * 2 // 3])
    assert info.refusals == () and "missing_tail" in info.warnings
    assert info.n_frames > 0


def test_a_padding_byte_behind_the_stream_is_no_damage():
    assert probed(make_clip(10) + b"\x00").warnings == ()


def test_sound_alone_is_no_video():
    import av
    import numpy as np

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with pytest.raises(StreamRefusal) as refusal:
        probed(out.getvalue())
    assert refusal.value.reason == "no_video"


def test_a_level_that_no_transfer_syntax_holds_is_refused():
    with pytest.raises(StreamRefusal) as refusal:
        probe.transfer_syntax_for("h264", 51, "yuv420p", 1)
    assert refusal.value.reason == "no_transfer_syntax"
