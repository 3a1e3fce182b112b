import hashlib
import io
from itertools import pairwise

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import convert_color_space, set_pixel_data
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from apps.library.domain.cine_master import (
    CineReader,
    NotACine,
    frame_times_us,
    master_frames,
    write_cine_master,
)

RGB = np.random.default_rng(3).integers(0, 255, (6, 24, 31, 3), dtype=np.uint8)
GREY = RGB[..., 0].copy()


def cine(pixels, photometric="RGB", rle=False, bits=8, **attributes):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    ds.SOPInstanceUID = "2.25.1"
    set_pixel_data(ds, pixels, photometric, bits, generate_instance_uid=False)
    if rle:
        ds.compress(RLELossless, generate_instance_uid=False)
    for name, value in attributes.items():
        setattr(ds, name, value)
    return ds


def written(ds):
    out = io.BytesIO()
    index = write_cine_master(ds, out)
    return index, CineReader(io.BytesIO(out.getvalue()))


@pytest.mark.parametrize("rle", [False, True])
@pytest.mark.parametrize(("pixels", "kind"), [(RGB, "RGB"), (GREY, "MONOCHROME2")])
def test_the_master_holds_every_sample(pixels, kind, rle):
    index, reader = written(cine(pixels, kind, rle, FrameTime="40"))
    assert reader.photometric == kind
    assert index.n_frames == reader.n_frames == 6
    assert index.to_bytes() == reader.index.to_bytes()
    for i in (5, 0, 3):
        assert (reader.picture(i) == pixels[i]).all()
        assert reader.rgb(i).shape == (24, 31, 3)
        stored = cv2.imdecode(np.frombuffer(reader.png_bytes(i), np.uint8), cv2.IMREAD_UNCHANGED)
        assert (stored == (pixels[i][..., ::-1] if kind == "RGB" else pixels[i])).all()
        assert reader.digest(i) == hashlib.sha256(pixels[i].tobytes()).hexdigest()
        assert reader.digests()[32 * i : 32 * i + 32].hex() == reader.digest(i)
    with pytest.raises(IndexError):
        reader.png_bytes(6)


@pytest.mark.parametrize("rle", [False, True])
def test_ybr_becomes_rgb_once(rle):
    ybr = np.stack([convert_color_space(f, "RGB", "YBR_FULL") for f in RGB])
    _, reader = written(cine(ybr, "YBR_FULL", rle, FrameTime="40"))
    expected = np.stack([convert_color_space(f, "YBR_FULL", "RGB") for f in ybr])
    assert reader.photometric == "RGB"
    for i in range(6):
        assert (reader.picture(i) == expected[i]).all()
    assert np.abs(reader.picture(0).astype(int) - RGB[0]).max() <= 3


def test_monochrome1_is_inverted_and_more_bits_go_through_the_window():
    assert (next(master_frames(cine(GREY, "MONOCHROME1"))) == 255 - GREY[0]).all()
    deep = GREY.astype(np.uint16) << 4
    plain = next(master_frames(cine(deep, "MONOCHROME2", bits=12)))
    assert np.abs(plain.astype(int) - GREY[0]).max() <= 1
    seen = next(
        master_frames(cine(deep, "MONOCHROME2", bits=12, WindowCenter=2048, WindowWidth=1024))
    )
    assert (seen[deep[0] < 1500] == 0).all()
    assert (seen[deep[0] > 2600] == 255).all()


@pytest.mark.parametrize(
    ("attributes", "pts", "warned"),
    [
        (
            {"FrameTimeVector": [0, 33.333, 33.333, 33.334], "FrameTime": 40, "CineRate": 10},
            [0, 33333, 66666, 100000],
            set(),
        ),
        ({"FrameTimeVector": [0, "33.3335", "33.3335", 10]}, [0, 33334, 66667, 76667], set()),
        (
            {"FrameTimeVector": [0, 1], "FrameTime": 40},
            [0, 40000, 80000, 120000],
            {"frame_time_vector"},
        ),
        (
            {"FrameTimeVector": [0, 40, -1, 40], "CineRate": 25},
            [0, 40000, 80000, 120000],
            {"frame_time_vector"},
        ),
        ({"FrameTime": "33.3333"}, [0, 33333, 66667, 100000], set()),
        ({"FrameTime": 0, "CineRate": 30}, [0, 33333, 66667, 100000], set()),
        ({"RecommendedDisplayFrameRate": 50}, [0, 20000, 40000, 60000], set()),
        ({"FrameTimeVector": [0, 40, 0, 40]}, [0, 40000, 40000, 80000], {"repeated_pts"}),
        ({}, [0, 40000, 80000, 120000], {"no_frame_time"}),
    ],
)
def test_times_follow_the_vector_then_frame_time_then_rate(attributes, pts, warned):
    ds = Dataset()
    for name, value in attributes.items():
        setattr(ds, name, value)
    found, last, notes = frame_times_us(ds, 4)
    assert found == pts
    assert {code for code, _ in notes} == warned
    assert last > 0


def test_the_index_speaks_microseconds():
    index, _ = written(cine(RGB, FrameTimeVector=[0, 40, 41, 42, 43, 44]))
    assert index.time_base == (1, 1_000_000)
    assert index.pts.tolist() == [0, 40000, 81000, 123000, 166000, 210000]
    assert index.time_s(6) == 0.254
    assert index.key == list(range(6))


def wide(values, kind="FloatPixelData", **attributes):
    """A cine of floating or of 32-bit samples."""
    ds = cine(np.zeros(values.shape, np.uint8), "MONOCHROME2", FrameTime="40")
    del ds.PixelData
    if kind != "PixelData":
        del ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    ds.BitsAllocated = 8 * values.dtype.itemsize
    for name, value in attributes.items():
        setattr(ds, name, value)
    setattr(ds, kind, values.tobytes())
    return ds


def ramp(low, high, dtype):
    """Six frames, each a little brighter than the one before, from `low` to `high`."""
    return np.linspace(low, high, 6 * 24 * 30).reshape(6, 24, 30).astype(dtype)


@pytest.mark.parametrize(
    ("values", "kind", "more"),
    [
        (ramp(0.1, 0.9, "<f4"), "FloatPixelData", {}),
        (ramp(-3e5, 7e8, "<f8"), "DoubleFloatPixelData", {}),
        (ramp(1000, 90_000, "<u4"), "PixelData",
         {"BitsStored": 32, "HighBit": 31, "PixelRepresentation": 0}),
        (ramp(-500, 40, "<i4"), "PixelData",
         {"BitsStored": 32, "HighBit": 31, "PixelRepresentation": 1}),
    ],
)  # fmt: skip
def test_wide_samples_without_a_window_are_seen_from_black_to_white(values, kind, more):
    values[2, 3, 4:6] = values.max() * 3, values.min()
    if kind != "PixelData":
        values[3, 3, 3] = np.nan
    index, reader = written(wide(values, kind, **more))
    assert "assumed_window" in {code for code, _ in index.warnings}
    first, last = reader.picture(0).astype(int), reader.picture(5).astype(int)
    assert first[0, 0] < 8 and last[-1, -1] > 247
    # The same value is the same grey in every frame: the clip gets brighter as its values do.
    means = [reader.picture(i).mean() for i in range(6)]
    assert all(b - a > 30 for a, b in pairwise(means))
    again = written(wide(values, kind, **more))[1]
    assert again.digests() == reader.digests()


def test_wide_samples_follow_the_window_that_they_come_with():
    values = ramp(0, 1, "<f4")
    window = {"WindowCenter": "0.5", "WindowWidth": "0.2"}
    enhanced = wide(values)
    item, inner = Dataset(), Dataset()
    inner.WindowCenter, inner.WindowWidth = "0.5", "0.2"
    item.FrameVOILUTSequence = [inner]
    enhanced.SharedFunctionalGroupsSequence = [item]
    for ds in (wide(values, **window), enhanced):
        index, reader = written(ds)
        assert "assumed_window" not in {code for code, _ in index.warnings}
        assert (reader.picture(0)[values[0] < 0.39] == 0).all()
        assert (reader.picture(5)[values[5] > 0.61] == 255).all()
        assert np.abs(reader.picture(3)[0, 0] - 127.5) < 3


def test_colour_of_sixteen_bits_is_shown_by_its_highest_eight():
    deep = cine((RGB.astype(np.uint16) << 8) + 77, "RGB", bits=16, FrameTime="40")
    _, reader = written(deep)
    assert all((reader.picture(i) == RGB[i]).all() for i in range(6))


def test_what_does_not_decode_is_refused_without_its_bytes():
    broken = cine(RGB, rle=True)
    broken.PixelData = broken.PixelData[:200] + b"\xff" * 64 + broken.PixelData[264:400]
    with pytest.raises(NotACine, match="does not decode"):
        list(master_frames(broken))


def test_a_cut_master_is_refused():
    out = io.BytesIO()
    write_cine_master(cine(RGB, FrameTime=40), out)
    whole = out.getvalue()
    for bad in (b"", whole[:-1], whole[:100], b"X" + whole[1:]):
        with pytest.raises(NotACine, match="CINE1"):
            CineReader(io.BytesIO(bad))
