"""JPEG as dcmtk writes it, lossless (its default) and with 12 bits, is read sample for sample."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from apps.deid.domain import cine
from apps.deid.domain.boxes import Box
from apps.deid.domain.refusals import StreamRefusal
from tests.domain.cine_sources import source_of
from tests.domain.test_redact_cine import data_set, samples, written


def coded(ds: Dataset, folder: Path, *options: str) -> Dataset:
    """The data set as dcmcjpeg codes it."""
    plain, packed = folder / "plain.dcm", folder / "packed.dcm"
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    dcmwrite(plain, ds, enforce_file_format=True)
    subprocess.run(["dcmcjpeg", *options, plain, packed], check=True, capture_output=True)
    return dcmread(packed)


@pytest.mark.parametrize("options", [("+e1",), ("+el", "+sv", "6")], ids=["sv1", "sv6"])
@pytest.mark.parametrize(
    ("colour", "dtype"), [(True, np.uint8), (False, np.uint8), (False, np.uint16)]
)
def test_a_cine_in_lossless_jpeg_keeps_every_sample(tmp_path, options, colour, dtype):
    array = samples(colour=colour, dtype=dtype)
    ds = coded(data_set(array, photometric="RGB" if colour else "MONOCHROME2"), tmp_path, *options)
    assert ds.file_meta.TransferSyntaxUID in (JPEGLossless, JPEGLosslessSV1)
    redaction = cine.redact_cine(source_of(ds))
    assert redaction.transfer_syntax_uid == ds.file_meta.TransferSyntaxUID
    assert np.array_equal(np.stack(written(ds, redaction)), array)
    assert "LossyImageCompression" not in redaction.attributes


def test_twelve_bits_of_extended_jpeg_are_read_and_kept_as_they_are_coded(tmp_path):
    # Even pictures in small steps: what is coded is then close to what was there.
    ramp = np.linspace(0, 4095, 48 * 64).reshape(48, 64).astype(np.uint16)
    array = np.stack([ramp, ramp[::-1]])
    ds = coded(data_set(array, photometric="MONOCHROME2"), tmp_path, "+ee", "+q", "98")
    assert ds.file_meta.TransferSyntaxUID == JPEGExtended12Bit
    read = list(cine.cine_frames(source_of(ds), cine.read_cine_info(ds)))
    assert np.abs(np.stack(read).astype(int) - array).max() < 40
    kept = cine.redact_cine(source_of(ds))
    assert not kept.was_decoded and kept.attributes == {"LossyImageCompression": "01"}
    assert np.array_equal(np.stack(written(ds, kept)), np.stack(read))
    blanked = cine.redact_cine(source_of(ds), [Box(0, 0, 64, 8)])
    expected = np.stack(read)
    expected[:, :8] = 0
    assert np.array_equal(np.stack(written(ds, blanked)), expected)


def test_a_cut_code_stream_is_refused(tmp_path):
    ds = coded(data_set(samples()), tmp_path, "+e1")
    whole = ds.PixelData
    ds.PixelData = whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2)
    with pytest.raises(StreamRefusal, match=r"cannot be decoded|frames are missing"):
        list(cine.cine_frames(source_of(ds), cine.read_cine_info(ds)))
