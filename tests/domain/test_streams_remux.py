"""Copying a stream keeps its pictures and times, and nothing that could name a person."""

import io

import pytest

from apps.deid.domain import mpeg2_sections, packets, remux, sei
from apps.deid.domain.refusals import StreamRefusal
from tests.domain.clips import decoded, make_clip

SECRET = "MORGAN-LEVY^ANA"
VARIABLE = [9000 + i * 3600 + (i * i % 7) * 100 for i in range(48)]
OPEN_GOP = {"bf": "3", "x264-params": "keyint=16:open-gop=1"}
QUIET = {"x265-params": "log-level=0"}


def copied(clip: bytes) -> tuple[bytes, remux.RemuxResult]:
    out = io.BytesIO()
    result = remux.remux_video(io.BytesIO(clip), out)
    return out.getvalue(), result


def pictures(clip: bytes) -> list[tuple[int, bytes]]:
    return [(pts, picture.tobytes()) for pts, picture in decoded(clip)]


def units_of_clip(clip: bytes) -> list[bytes]:
    found = []
    with packets.open_media(io.BytesIO(clip)) as container:
        stream = packets.video_stream(container)
        configuration = packets.configuration_of(stream)
        found += configuration.removed_units
        for packet in packets.packets_of(container, stream):
            found += packets.units_of(bytes(packet), configuration.length_size)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"pts": VARIABLE, "options": OPEN_GOP},
        {"pts": [t - 9000 - 8 * 3600 for t in VARIABLE], "options": OPEN_GOP},
        {"pts": VARIABLE, "options": OPEN_GOP, "container": "mpegts"},
        {"pts": VARIABLE, "options": OPEN_GOP, "container": "matroska"},
        {"pts": VARIABLE, "codec": "libx265", "options": QUIET, "pix_fmt": "yuv420p10le"},
        {"pts": VARIABLE, "codec": "libx265", "options": QUIET, "container": "mpegts"},
        {"codec": "mpeg2video", "container": "mpegts", "options": {"bf": "2", "g": "12"}},
    ],
    ids=["first-pts", "edit-list", "ts", "matroska", "hevc-10-bit", "hevc-ts", "mpeg2-ts"],
)
def test_each_picture_and_its_time_stay_identical_to_the_bit(settings):
    clip = make_clip(48, **settings)
    out, result = copied(clip)
    before, after = pictures(clip), pictures(out)
    assert after == before
    assert result.pts == tuple(pts for pts, _ in before)
    assert result.n_frames == len(before)


def test_an_edit_list_hides_the_pictures_it_hid_before():
    clip = make_clip(48, pts=[t - 9000 - 8 * 3600 for t in VARIABLE], options=OPEN_GOP)
    assert len(decoded(clip)) < 48
    assert copied(clip)[1].n_frames == len(decoded(clip))


def test_sound_tags_handler_names_and_encoder_messages_are_gone():
    clip = make_clip(
        30, audio=True, metadata={"title": SECRET, "comment": SECRET, "creation_time": "2024-09-17"}
    )
    assert SECRET.encode() in clip and b"x264 - core" in clip
    out, result = copied(clip)
    for trace in (SECRET.encode(), b"x264", b"Lav", b"soun", b"2024"):
        assert trace not in out
    with packets.open_media(io.BytesIO(out)) as container:
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        assert container.streams[0].metadata["handler_name"] == "VideoHandler"
    assert result.n_streams_dropped == 1
    assert result.removed_bytes > 0


def test_the_same_input_gives_the_same_bytes():
    clip = make_clip(30, options=OPEN_GOP)
    assert copied(clip)[0] == copied(clip)[0]


def test_only_the_recovery_point_stays_of_supplemental_messages():
    clip = make_clip(48, options=OPEN_GOP)
    kept = [m for m in sei.sei_of(units_of_clip(copied(clip)[0]), "h264")]
    assert kept
    assert {m.payload_type for m in kept} == {sei.RECOVERY_POINT}
    assert (
        packets.read_timeline(io.BytesIO(copied(clip)[0])).key
        == packets.read_timeline(io.BytesIO(clip)).key
    )


def test_a_message_beside_a_recovery_point_is_cut_out_of_their_common_unit():
    text = bytes(16) + SECRET.encode()
    body = bytes([5, len(text)]) + text + bytes([6, 2]) + b"\x80\x00" + b"\x80"
    unit = b"\x06" + sei.escape(body)
    assert SECRET.encode() in sei.unescape(unit)
    kept = sei.clean_h264([unit, b"\x0c\xff\xff", b"\x18" + SECRET.encode(), b"\x65slice"])
    assert kept == [b"\x06\x06\x02\x80\x00\x80", b"\x65slice"]


def test_hevc_units_of_other_layers_and_reserved_types_are_dropped():
    prefix = bytes([39 << 1, 1, 5, 16]) + bytes(16) + b"\x80"
    layer = bytes([1 << 1, 1 << 3 | 1]) + b"x"
    assert sei.clean_hevc([prefix, layer, bytes([62 << 1, 1]) + b"x", bytes([1 << 1, 1, 7])]) == [
        bytes([1 << 1, 1, 7])
    ]


def test_mpeg_2_user_data_is_cut_and_the_time_code_counts_from_the_start():
    group = b"\x00\x00\x01\xb8" + (23 << 26 | 59 << 20 | 1 << 19 | 1 << 6).to_bytes(4, "big")
    picture = b"\x00\x00\x01\x00\x11\x22"
    unit = b"\x00\x00\x01\xb2" + SECRET.encode() + group + picture
    cleaned = mpeg2_sections.clean_mpeg2(unit, first_picture=51, pictures_per_s=25)
    assert SECRET.encode() not in cleaned
    assert cleaned.endswith(picture)
    word = int.from_bytes(cleaned[4:8], "big")
    hours, minutes, seconds, frames = (
        word >> 26 & 31,
        word >> 20 & 63,
        word >> 13 & 63,
        word >> 7 & 63,
    )
    assert (hours, minutes, seconds, frames) == (0, 0, 2, 1)
    assert word >> 6 & 1 == 1


def test_user_data_planted_in_an_mpeg_2_stream_leaves_and_its_pictures_stay():
    clip = make_clip(24, codec="mpeg2video", container="mpegts", options={"bf": "2"})
    with packets.open_media(io.BytesIO(clip)) as container:
        stream = packets.video_stream(container)
        clean = remux.Cleaner(stream, None)
        for packet in packets.packets_of(container, stream):
            data = bytes(packet)
            start = data.find(b"\x00\x00\x01\x01")
            planted = data[:start] + b"\x00\x00\x01\xb2" + SECRET.encode() + data[start:]
            assert clean(planted) == mpeg2_sections.clean_mpeg2(
                data, clean.pictures - 1, clean.rate
            )


def test_a_codec_that_cannot_be_cleaned_is_refused_for_copying():
    clip = make_clip(10, codec="libvpx-vp9", container="matroska")
    out = io.BytesIO()
    with pytest.raises(StreamRefusal) as refusal:
        remux.remux_video(io.BytesIO(clip), out)
    assert refusal.value.reason == "cannot_copy_stream"
    assert out.getvalue() == b""


def test_copying_stops_on_request():
    with pytest.raises(StreamRefusal) as refusal:
        remux.remux_video(io.BytesIO(make_clip(30)), io.BytesIO(), cancelled=lambda: True)
    assert refusal.value.reason == "cancelled"
