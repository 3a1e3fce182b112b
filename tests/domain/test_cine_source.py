"""Frames are read a few at a time, whatever they are stored in; HTJ2K, wide and floating samples
keep each value outside the boxes."""

from __future__ import annotations

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.uid import (
    HTJ2K,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    ParametricMapStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from apps.deid.domain import cine_source, pipeline
from apps.deid.domain.cine import CinePictures
from apps.deid.domain.header import DeidContext
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.pipeline import examining
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.propose import Proposals
from apps.deid.domain.reasons import Reason, Refused

CONTEXT = DeidContext(
    profile=load_builtin("basic"),
    uid_key=b"k" * 32,
    pseudonym="P-1",
    pixels_confirmed=True,
    visual_features_confirmed=True,
)
BOX = {
    "x_px": 3, "y_px": 2, "width_px": 6, "height_px": 4, "start_frame": 1, "end_frame": 9,
    "frame_index": 1, "kind": "unknown", "origin": "person", "action": "blank",
}  # fmt: skip


def instance(array: np.ndarray, photometric: str = "MONOCHROME2", **more: Any) -> Dataset:
    """A secondary capture of frames (n, h, w[, 3])."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    ds.PatientName, ds.PatientID, ds.Modality = "Zyxwood^Anna", "PAT-778899", "OT"
    ds.Rows, ds.Columns, ds.NumberOfFrames = array.shape[1], array.shape[2], len(array)
    ds.SamplesPerPixel = 3 if array.ndim == 4 else 1
    ds.PhotometricInterpretation = photometric
    if array.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = 8 * array.dtype.itemsize
    if array.dtype.kind != "f":
        ds.BitsStored, ds.HighBit = ds.BitsAllocated, ds.BitsAllocated - 1
        ds.PixelRepresentation = int(array.dtype.kind == "i")
        ds.PixelData = array.tobytes()
        ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return ds


def file_of(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> io.BytesIO:
    ds.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out


def cleaned(file: io.BytesIO, *boxes: dict[str, Any]) -> Dataset:
    """What comes out of the pipeline, searched."""
    examined = pipeline.examine(file, with_proposals=False, header=CONTEXT)
    out, decision = io.BytesIO(), {"boxes": list(boxes), "spans": []}
    made = pipeline.produce(file, out, CONTEXT, decision)
    checked = pipeline.check(
        out, examined.harvest, CONTEXT.profile, made.header, decision, None, look_for_text=False
    )
    assert checked.findings == ()
    out.seek(0)
    return dcmread(out)


def blanked(array: np.ndarray) -> np.ndarray:
    wanted = array.copy()
    wanted[1:9, 2:6, 3:9] = 0
    return wanted


def frames_of(ds: Dataset) -> np.ndarray:
    found = pixel_array(ds)
    return found if int(ds.get("NumberOfFrames", 1)) > 1 else found[None]


def wide(dtype: str, n: int = 11) -> np.ndarray:
    draw = np.random.default_rng(5)
    if dtype.startswith("f"):
        return draw.normal(1, 1e6, (n, 9, 13)).astype(dtype)
    info = np.iinfo(dtype)
    return draw.integers(info.min, info.max, (n, 9, 13), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("dtype", ["uint32", "int32"])
def test_samples_of_32_bits_stay_as_they_are_outside_the_boxes(dtype: str, syntax: str) -> None:
    array = wide(dtype)
    made = cleaned(file_of(instance(array), syntax), BOX)
    assert made.BitsAllocated == 32 and np.array_equal(frames_of(made), blanked(array))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_samples_stay_as_they_are_outside_the_boxes(dtype: str, syntax: str) -> None:
    array = wide(dtype)
    keyword = "FloatPixelData" if dtype == "float32" else "DoubleFloatPixelData"
    ds = instance(array, SOPClassUID=ParametricMapStorage, **{keyword: array.tobytes()})
    made = cleaned(file_of(ds, syntax), BOX)
    assert keyword in made and "PixelData" not in made
    assert np.array_equal(frames_of(made), blanked(array))


def test_wide_samples_are_shown_between_their_lowest_and_highest() -> None:
    array = np.full((2, 40, 60), -3000.0, np.float32)
    array[:, 10:30, 20:40] = 250_000.0
    array[0, 0, 0], array[0, 0, 1] = np.nan, 1e30
    ds = instance(array, SOPClassUID=ParametricMapStorage, FloatPixelData=array.tobytes())
    _, source = pipeline.pictured(parse_instance(file_of(ds)))
    for _, picture in CinePictures(source).rgb([0, 1]):
        assert (picture[10:30, 20:40] == 255).all() and (picture[35:, :] == 0).all()


def throughput(array: np.ndarray, syntax: str, **options: Any) -> io.BytesIO:
    colour = array.ndim == 4
    lossless = syntax != HTJ2K
    frames = [
        bytes(imagecodecs.htj2k_encode(frame, reversible=lossless, tlm=True, **options))
        for frame in array
    ]
    ds = instance(array, "YBR_RCT" if colour else "MONOCHROME2")
    if not lossless:
        ds.PhotometricInterpretation = "MONOCHROME2" if not colour else "YBR_ICT"
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    return file_of(ds, syntax)


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
@pytest.mark.parametrize(
    ("colour", "dtype"), [(True, "uint8"), (False, "uint8"), (False, "uint16"), (False, "int16")]
)
def test_htj2k_is_kept_coded_and_loses_its_comments(syntax: str, colour: bool, dtype: str) -> None:
    shape = (3, 40, 56, 3) if colour else (3, 40, 56)
    array = np.random.default_rng(2).integers(0, 120, shape).astype(dtype)
    file = throughput(array, syntax)
    assert b"OpenJPH" in file.getvalue()
    before = frames_of(dcmread(io.BytesIO(file.getvalue())))
    if syntax != HTJ2K:
        assert np.array_equal(before, array)
    made = cleaned(file)
    assert np.array_equal(frames_of(made), before)
    if dtype == "int16":
        return
    assert made.file_meta.TransferSyntaxUID == syntax and b"OpenJPH" not in made.PixelData
    assert (b"\xff\x55" in made.PixelData[:300]) == (syntax == HTJ2KLosslessRPCL)


def test_a_blanked_htj2k_keeps_every_other_sample() -> None:
    array = np.random.default_rng(2).integers(0, 4000, (11, 24, 32)).astype("uint16")
    made = cleaned(throughput(array, HTJ2KLossless), BOX)
    assert made.file_meta.TransferSyntaxUID == RLELossless
    assert np.array_equal(frames_of(made), blanked(array))


@pytest.mark.parametrize("part_bytes", [1, 300, 8 << 20])
@pytest.mark.parametrize(
    ("shape", "bits", "syntax"),
    [
        ((19, 9, 13), 8, ExplicitVRLittleEndian),
        ((19, 9, 13), 16, ExplicitVRBigEndian),
        ((19, 9, 13), 1, ExplicitVRLittleEndian),
        ((19, 9, 13, 3), 8, ExplicitVRLittleEndian),
    ],
)
def test_the_same_comes_out_however_few_frames_are_read_at_a_time(
    monkeypatch: pytest.MonkeyPatch, part_bytes: int, shape: tuple[int, ...], bits: int, syntax: str
) -> None:
    monkeypatch.setattr(cine_source, "_PART_BYTES", part_bytes)
    top = 2 if bits == 1 else 1 << bits
    dtype = "uint16" if bits == 16 else "uint8"
    array = np.random.default_rng(3).integers(0, top, shape).astype(dtype)
    ds = instance(array, "RGB" if len(shape) == 4 else "MONOCHROME2")
    if bits == 1:
        ds.BitsAllocated = ds.BitsStored = 1
        ds.HighBit = 0
        packed = np.packbits(array.reshape(-1), bitorder="little").tobytes()
        ds.PixelData = packed + bytes(len(packed) % 2)
    elif syntax == ExplicitVRBigEndian:
        ds.PixelData = array.byteswap().tobytes()
    file = file_of(ds, syntax)
    _, source = pipeline.pictured(parse_instance(file))
    for wanted in ([0], [5], [3, 4, 9, 18], list(range(19))):
        found = list(source.arrays(wanted))
        assert len(found) == len(wanted)
        assert all(np.array_equal(a, array[i]) for a, i in zip(found, wanted, strict=True))
    assert np.array_equal(frames_of(cleaned(file, BOX)), blanked(array))


@pytest.mark.parametrize("table", [True, False], ids=["offset table", "no table"])
def test_frames_of_several_fragments_are_put_together(table: bool) -> None:
    array = np.random.default_rng(4).integers(0, 255, (4, 40, 56)).astype("uint8")
    items, starts, at = [], [], 0
    for frame in array:
        code = bytes(imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k"))
        cut = len(code) // 4 * 2
        starts.append(at)
        for part in (code[:cut], code[cut:] + bytes(len(code[cut:]) % 2)):
            items.append(struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part)
            at += len(items[-1])
    offsets = struct.pack("<4I", *starts) if table else b""
    ds = instance(array)
    ds.PixelData = struct.pack("<HHI", 0xFFFE, 0xE000, len(offsets)) + offsets + b"".join(items)
    ds["PixelData"].is_undefined_length = True
    file = file_of(ds, "1.2.840.10008.1.2.4.90")
    _, source = pipeline.pictured(parse_instance(file))
    assert np.array_equal(np.stack(list(source.arrays())), array)
    assert np.array_equal(next(source.arrays([2])), array[2])
    assert np.array_equal(frames_of(cleaned(file)), array)


def test_missing_frames_are_refused_and_not_made_up() -> None:
    array = np.zeros((4, 8, 8), np.uint8)
    cut = instance(array, PixelData=bytes(3 * 64))
    with pytest.raises(Refused) as native:
        cleaned(file_of(cut))
    assert native.value.reason == Reason.STREAM_TRUNCATED


@pytest.mark.parametrize("claimed", [3, 5])
def test_fragments_are_counted_where_number_of_frames_says_otherwise(claimed: int) -> None:
    array = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8)
    coded = instance(array)
    coded.NumberOfFrames = claimed
    coded.PixelData = encapsulate([bytes(imagecodecs.htj2k_encode(f)) for f in array])
    coded["PixelData"].is_undefined_length = True
    assert np.array_equal(frames_of(cleaned(file_of(coded, HTJ2KLossless))), array)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2"}, Reason.UNSUPPORTED_IOD),
        ({"SOPClassUID": "1.2.826.0.1.3680043.9.1"}, Reason.PRIVATE_SOP_CLASS),
        ({"SpecificCharacterSet": "ISO_IR 999"}, Reason.CHARSET_UNDECODABLE),
    ],
)
def test_what_the_header_refuses_is_refused_before_a_picture_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], reason: Reason
) -> None:
    class Looked(Exception):
        pass

    def look(*_: Any, **__: Any) -> Proposals:
        raise Looked

    monkeypatch.setattr(examining, "propose_for", look)
    array = np.zeros((2, 8, 8), np.uint8)
    with pytest.raises(Looked):
        pipeline.examine(file_of(instance(array)), with_proposals=True, header=CONTEXT)
    with pytest.raises(Refused) as refusal:
        pipeline.examine(file_of(instance(array, **change)), with_proposals=True, header=CONTEXT)
    assert refusal.value.reason == reason


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (16, 16)])
def test_the_smallest_pictures_are_looked_at_like_any(size: tuple[int, int]) -> None:
    array = np.random.default_rng(6).integers(0, 255, (2, *size)).astype("uint8")
    found = pipeline.examine(file_of(instance(array)), with_proposals=True, header=CONTEXT)
    assert found.proposals is not None and found.proposals["n_frames"] == 2
