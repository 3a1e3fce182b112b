"""A name planted in each place of a picture's code stream is gone, and no sample changes."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import iter_pixels
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from apps.deid.domain import cine
from tests.domain import picture_plants as plants
from tests.domain.cine_sources import source_of
from tests.domain.picture_plants import SECRET, SIDE_PX
from tests.domain.test_redact_cine import data_set, written


def held(frames: list[bytes], syntax: str, photometric: str) -> Dataset:
    colour = photometric != "MONOCHROME2"
    shape = (len(frames), SIDE_PX, SIDE_PX, 3) if colour else (len(frames), SIDE_PX, SIDE_PX)
    ds = data_set(np.zeros(shape, np.uint8), syntax, photometric)
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    return ds


def cleaned(planted: bytes, sound: bytes, syntax: str, photometric: str, copies: bool = True):
    """The samples before and after; the text must be in what comes in and not in what goes out."""
    assert SECRET in planted
    before = [np.array(a) for a in iter_pixels(held([sound], syntax, photometric))]
    ds = held([sound, planted], syntax, photometric)
    made = cine.redact_cine(source_of(ds))
    assert made.was_decoded is not copies
    assert made.transfer_syntax_uid == (syntax if copies else RLELossless)
    frames = list(made.frames)
    assert len(frames) == 2 and SECRET not in b"".join(frames)
    again = cine.CineRedaction(iter(frames), made.transfer_syntax_uid, made.attributes, False)
    for after in written(ds, again):
        assert np.array_equal(after, before[0])


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
@pytest.mark.parametrize("place", plants.JPEG_PLANTS)
def test_text_in_jpeg_is_cut_out_and_the_samples_stay(place, options):
    sound = plants.jpeg(restart_marker_blocks=8, **options)
    planted = plants.JPEG_PLANTS[place](sound)
    cleaned(planted, sound, JPEGBaseline8Bit, "YBR_FULL_422")


@pytest.mark.parametrize("place", plants.JPEG_LS_PLANTS)
def test_text_in_jpeg_ls_is_cut_out_and_the_samples_stay(place):
    sound = plants.jpeg_ls()
    cleaned(plants.JPEG_LS_PLANTS[place](sound), sound, JPEGLSLossless, "MONOCHROME2")


@pytest.mark.parametrize(
    ("syntax", "options"),
    [(JPEG2000Lossless, {}), (JPEG2000, {"irreversible": True, "tile_size": (32, 32)})],
    ids=["lossless", "lossy-tiles"],
)
@pytest.mark.parametrize("place", plants.JPEG_2000_PLANTS)
def test_text_in_jpeg_2000_is_cut_out_and_the_samples_stay(place, syntax, options):
    sound = plants.jpeg_2000(no_jp2=True, **options)
    cleaned(plants.JPEG_2000_PLANTS[place](sound), sound, syntax, "RGB")


@pytest.mark.parametrize("place", plants.JP2_PLANTS)
def test_text_in_jp2_boxes_is_left_behind_with_the_boxes(place):
    sound = plants.jpeg_2000()
    planted = plants.JP2_PLANTS[place](sound)
    cleaned(planted, sound, JPEG2000Lossless, "RGB")


@pytest.mark.parametrize("place", plants.RLE_PLANTS)
def test_text_in_rle_is_left_behind_and_the_samples_stay(place):
    sound = plants.rle()
    cleaned(plants.RLE_PLANTS[place](sound), sound, RLELossless, "MONOCHROME2", copies=False)
