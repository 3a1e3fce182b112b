"""A name planted in each place of a stream is gone after copying, and every picture is the same."""

import io

import av
import pytest

from apps.deid.domain import mpeg2_sections, remux
from tests.domain import container_plants, stream_plants
from tests.domain.stream_plants import SECRET


def pictures(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


def copied(data: bytes) -> bytes:
    out = io.BytesIO()
    remux.remux_video(io.BytesIO(data), out)
    return out.getvalue()


def holds(data: bytes, text: bytes) -> bool:
    """Whether the text stands in the bytes, beginning at any bit."""
    whole = int.from_bytes(data, "big")
    return any(
        text in (whole >> shift).to_bytes(len(data), "big") for shift in range(8)
    ) or text in data.replace(b"\0\0\3", b"\0\0")


def is_cleaned(planted: bytes, sound: bytes, text: bytes = SECRET) -> None:
    assert holds(planted, text) or text == SECRET
    out = copied(planted)
    assert not holds(out, text)
    assert pictures(out) == pictures(sound)


@pytest.fixture(scope="module")
def sound():
    """Sound streams, each made once."""
    made: dict = {}

    def get(make, *arguments):
        return made.setdefault((make, arguments), make(*arguments))

    return get


@pytest.mark.parametrize("place", stream_plants.H264)
def test_text_beside_h264_pictures_is_cut_out_and_they_stay(sound, place):
    clean = sound(stream_plants.h264)
    planted = stream_plants.H264[place](clean)
    text = SECRET[-8:] if place == "unused sequence set" else SECRET
    assert holds(planted, text)
    is_cleaned(planted, clean, text)


@pytest.mark.parametrize("place", stream_plants.HEVC)
def test_text_beside_hevc_pictures_is_cut_out_and_they_stay(sound, place):
    clean = sound(stream_plants.hevc_10 if "set" in place else stream_plants.hevc)
    planted = stream_plants.HEVC[place](clean)
    assert holds(planted, SECRET)
    is_cleaned(planted, clean)


@pytest.mark.parametrize("place", stream_plants.MPEG2_PLANTS)
def test_text_beside_mpeg_2_pictures_is_cut_out_and_they_stay(sound, place):
    clean = sound(stream_plants.mpeg2)
    is_cleaned(stream_plants.MPEG2_PLANTS[place](clean), clean)


def test_text_behind_mpeg_2_headers_with_and_without_matrices_is_cut():
    head = b"\0\0\1\xb3" + bytes.fromhex("16012033ffffe0")
    without, with_first, with_both = 0b00011000, 0b00011010, 0b00011010
    first, second = bytes(range(8, 71)), bytes(range(8, 72))
    for header in (
        head + bytes([without]),
        head + bytes([with_first]) + first + b"\x46",
        head + bytes([with_both]) + first + b"\x47" + second,
    ):
        assert mpeg2_sections.clean_mpeg2(header + SECRET, 0, 25) == header


def test_the_clock_of_mpeg_2_groups_begins_at_zero(sound):
    clean = sound(stream_plants.mpeg2)
    out = copied(stream_plants._clock(clean))
    groups = out.split(b"\0\0\1\xb8")[1:]
    clocks = [int.from_bytes(group[:4], "big") >> 7 for group in groups]
    assert clocks[0] == 1 << 12 and len(clocks) > 1
    assert all(clock >> 13 == 0 for clock in clocks)
    assert pictures(out) == pictures(clean)


@pytest.mark.parametrize("container", ["mp4", "mov"])
@pytest.mark.parametrize("place", stream_plants.BOXES)
def test_text_in_boxes_is_gone_and_the_pictures_stay(sound, place, container):
    clean = sound(stream_plants.mp4, container)
    planted = stream_plants.BOXES[place](clean)
    assert SECRET in planted
    is_cleaned(planted, clean)


@pytest.mark.parametrize("place", container_plants.TRANSPORT)
def test_text_in_a_transport_stream_is_gone_and_the_pictures_stay(sound, place):
    planted = container_plants.TRANSPORT[place]()
    assert SECRET[:4] in planted
    out = copied(planted)
    assert SECRET not in out
    assert pictures(out) == pictures(sound(container_plants.transport))


@pytest.mark.parametrize("place", container_plants.PROGRAM)
def test_text_in_a_program_stream_is_gone_and_the_pictures_stay(sound, place):
    clean = sound(container_plants.program)
    is_cleaned(container_plants.PROGRAM[place](clean), clean)


def test_a_timecode_track_is_dropped(sound):
    out = io.BytesIO()
    with av.open(io.BytesIO(sound(stream_plants.mp4, "mov"))) as source:
        options = {"metadata": "timecode=13:37:42:07"}
        with av.open(out, "w", format="mov", options=options) as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            stream.metadata["timecode"] = "13:37:42:07"
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    planted = out.getvalue()
    assert b"tmcd" in planted
    cleaned = copied(planted)
    assert b"tmcd" not in cleaned
    assert pictures(cleaned) == pictures(planted)


def test_sets_that_no_picture_uses_and_models_of_a_decoder_are_left_out(sound):
    unused = stream_plants.H264["unused picture set"](sound(stream_plants.h264))
    before = stream_plants.units(unused)
    with av.open(io.BytesIO(copied(unused))) as container:
        record = container.streams.video[0].codec_context.extradata
    # One set of each kind, and a sequence set shorter by its two reference decoder models.
    assert record[5] & 31 == 1
    size = int.from_bytes(record[6:8], "big")
    assert size < len(next(u for u in before if u[0] & 31 == 7))
    assert record[8 + size] == 1
