"""Multi-frame pixel data: boxes go, every other sample stays."""

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import iter_pixels
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from apps.deid.domain import cine, jpeg_markers
from apps.deid.domain.boxes import Box
from apps.deid.domain.refusals import StreamRefusal
from tests.domain.cine_sources import source_of

SECRET = b"MORGAN-LEVY^ANA"


def samples(n: int = 4, colour: bool = True, dtype=np.uint8) -> np.ndarray:
    shape = (n, 48, 64, 3) if colour else (n, 48, 64)
    top = 255 if dtype == np.uint8 else 4095
    data = np.random.default_rng(3).integers(1, top, shape).astype(dtype)
    data[:, 10:30, 5:60] = 7
    return data


def data_set(array: np.ndarray, syntax: str = ExplicitVRLittleEndian, photometric="RGB") -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.Rows, ds.Columns, ds.NumberOfFrames = array.shape[1], array.shape[2], len(array)
    ds.SamplesPerPixel = 3 if array.ndim == 4 else 1
    ds.PhotometricInterpretation = photometric
    ds.PlanarConfiguration = 0
    ds.BitsAllocated = 8 * array.itemsize
    ds.BitsStored = 8 if array.itemsize == 1 else 12
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    ds.PixelData = array.tobytes()
    return ds


def jpeg_set(format_name: str, syntax: str, **settings) -> Dataset:
    array = samples()
    frames = []
    for picture in array:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, format_name, comment=SECRET, **settings)
        frames.append(buffer.getvalue())
    ds = data_set(array, syntax, "YBR_FULL_422" if format_name == "JPEG" else "RGB")
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    return ds


def written(ds: Dataset, redaction: cine.CineRedaction) -> list[np.ndarray]:
    new = Dataset()
    new.update(ds)
    new.file_meta = FileMetaDataset()
    new.file_meta.TransferSyntaxUID = redaction.transfer_syntax_uid
    for keyword, value in redaction.attributes.items():
        setattr(new, keyword, value)
    new.PixelData = encapsulate(list(redaction.frames))
    new["PixelData"].is_undefined_length = True
    return [np.array(a) for a in iter_pixels(new)]


@pytest.mark.parametrize(
    ("colour", "dtype"), [(True, np.uint8), (False, np.uint8), (False, np.uint16)]
)
def test_outside_the_boxes_every_sample_stays_and_inside_is_black(colour, dtype):
    array = samples(colour=colour, dtype=dtype)
    ds = data_set(array, photometric="RGB" if colour else "MONOCHROME2")
    box = Box(8, 4, 20, 10, start_frame=1, end_frame=3)
    redaction = cine.redact_cine(source_of(ds), [box])
    assert redaction.transfer_syntax_uid == RLELossless and redaction.was_decoded
    expected = array.copy()
    expected[1:3, 4:14, 8:28] = 0
    assert np.array_equal(np.stack(written(ds, redaction)), expected)
    assert "LossyImageCompression" not in redaction.attributes


def test_a_native_ybr_cine_becomes_rgb_once():
    ds = data_set(samples(), photometric="YBR_FULL")
    expected = np.stack(list(iter_pixels(ds)))
    redaction = cine.redact_cine(source_of(ds))
    assert redaction.attributes["PhotometricInterpretation"] == "RGB"
    assert np.array_equal(np.stack(written(ds, redaction)), expected)


def test_an_inverted_cine_is_turned_to_monochrome2():
    array = samples(colour=False)
    ds = data_set(array, photometric="MONOCHROME1")
    assert np.array_equal(np.stack(written(ds, cine.redact_cine(source_of(ds)))), 255 - array)


def test_twelve_bits_in_sixteen_are_turned_within_the_twelve():
    array = samples(colour=False).astype(np.uint16) << 4
    ds = data_set(array, photometric="MONOCHROME1")
    ds.BitsStored, ds.HighBit = 12, 11
    assert np.array_equal(np.stack(written(ds, cine.redact_cine(source_of(ds)))), 4095 - array)


@pytest.mark.parametrize(
    ("format_name", "syntax", "settings"),
    [
        ("JPEG", JPEGBaseline8Bit, {"quality": 85, "exif": b"Exif\0\0" + SECRET}),
        ("JPEG2000", JPEG2000, {"no_jp2": True, "irreversible": True}),
    ],
    ids=["jpeg", "jpeg-2000"],
)
def test_a_lossy_source_without_boxes_keeps_its_samples_and_loses_its_comments(
    format_name, syntax, settings
):
    ds = jpeg_set(format_name, syntax, **settings)
    assert SECRET in ds.PixelData
    before = [np.array(a) for a in iter_pixels(ds)]
    redaction = cine.redact_cine(source_of(ds))
    frames = list(redaction.frames)
    assert not redaction.was_decoded and redaction.transfer_syntax_uid == syntax
    assert SECRET not in b"".join(frames)
    new = cine.CineRedaction(iter(frames), syntax, redaction.attributes, False)
    assert np.array_equal(np.stack(written(ds, new)), np.stack(before))


def test_a_lossy_source_with_a_box_is_stored_without_further_loss_and_stays_marked():
    ds = jpeg_set("JPEG", JPEGBaseline8Bit, quality=85)
    before = np.stack([np.array(a) for a in iter_pixels(ds)])
    redaction = cine.redact_cine(source_of(ds), [Box(0, 0, 64, 8)])
    assert redaction.attributes["LossyImageCompression"] == "01"
    before[:, :8] = 0
    assert np.array_equal(np.stack(written(ds, redaction)), before)


def test_bytes_behind_the_picture_are_cut_off():
    ds = jpeg_set("JPEG", JPEGBaseline8Bit, quality=85)
    frame = next(iter(cine.redact_cine(source_of(ds)).frames))
    assert jpeg_markers.strip_jpeg(frame + SECRET) == frame


@pytest.mark.parametrize("cut", [2, 30, 400])
def test_a_code_stream_that_ends_early_is_refused(cut):
    ds = jpeg_set("JPEG", JPEGBaseline8Bit, quality=85)
    frame = next(iter(cine.redact_cine(source_of(ds)).frames))
    with pytest.raises(jpeg_markers.DamagedCodeStream):
        jpeg_markers.strip_jpeg(frame[:cut])


def test_pixel_data_that_does_not_decode_is_refused_without_a_value():
    ds = jpeg_set("JPEG", JPEGBaseline8Bit, quality=85)
    ds.PixelData = encapsulate([SECRET] * 4)
    with pytest.raises(StreamRefusal) as refusal:
        list(cine.redact_cine(source_of(ds), [Box(0, 0, 8, 8)]).frames)
    assert refusal.value.reason == "decode_failed"
    assert SECRET.decode() not in str(refusal.value)


def test_all_outside_the_ultrasound_regions_is_boxed_and_nothing_inside():
    ds = data_set(samples())
    regions = []
    for left, top, right, bottom in ((10, 5, 29, 24), (35, 15, 59, 39)):
        item = Dataset()
        item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
        regions.append(item)
    ds.SequenceOfUltrasoundRegions = regions
    covered = np.zeros((48, 64), int)
    for box in cine.outside_region_boxes(ds):
        covered[box.y_px : box.bottom_px, box.x_px : box.right_px] += 1
    expected = np.ones((48, 64), int)
    expected[5:25, 10:30] = 0
    expected[15:40, 35:60] = 0
    assert np.array_equal(covered, expected)
    del ds.SequenceOfUltrasoundRegions
    assert cine.outside_region_boxes(ds) == []


def test_times_come_from_the_vector_then_the_frame_time_then_the_rate():
    ds = data_set(samples())
    assert cine.read_cine_info(ds).time_source == "assumed"
    ds.CineRate = 20
    assert cine.read_cine_info(ds).times_ms == (0, 50, 100, 150)
    ds.FrameTime = "33.3"
    assert cine.read_cine_info(ds).time_source == "frame_time"
    ds.FrameTimeVector = ["0", "30", "40", "50"]
    info = cine.read_cine_info(ds)
    assert (info.times_ms, info.time_source) == ((0, 30, 70, 120), "frame_time_vector")
