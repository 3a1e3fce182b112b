"""Text where numbers belong, and numbers that are nobody's though they look like somebody's."""

from __future__ import annotations

import io
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement

from apps.deid.domain import packets
from apps.deid.domain.disguised import is_no_geometry, most_values, reads_as_text
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.icc import scrub_icc_profile
from apps.deid.domain.redact import redacted
from apps.deid.domain.scan import LeakScanner
from apps.deid.domain.stream_notes import header_notes
from tests.afresh.documents import code, icc
from tests.afresh.headers import Planter, identity, part10, pixels
from tests.afresh.people import Sample
from tests.afresh.product import cleaned
from tests.afresh.videos import _made

ELE = "1.2.840.10008.1.2.1"


def _plain() -> Dataset:
    import random

    ds = Dataset()
    identity(ds, Planter(random.Random(1), "", False), "1.2.840.10008.5.1.4.1.1.77.1.1")
    ds.Modality = "ES"
    pixels(ds, random.Random(1))
    return ds


def _result(ds: Dataset, syntax: str = ELE, profile: str = "basic") -> tuple[Dataset, tuple]:
    sample = Sample("", part10(ds, syntax), str(ds.SOPClassUID), syntax, profile)
    result, findings = cleaned(sample)
    return dcmread(io.BytesIO(result)), findings


@pytest.mark.parametrize("bits", [8, 16])
def test_no_colour_table_reads_as_a_text(bits: int) -> None:
    kind = "<u2" if bits == 16 else "u1"
    x = np.linspace(0, 1, 256)
    for curve in (x, 1 - x, x**2.2, np.sin(3 * x), np.clip(3 * x - 1, 0, 1), 0.3 + 0.2 * x,
                  np.repeat(np.linspace(0.25, 0.48, 16), 16)):  # fmt: skip
        data = (curve * (2**bits - 1)).astype(kind).tobytes()
        assert not reads_as_text(data)


@pytest.mark.parametrize("text", ["Skolidovadu 47", "geb. Kowalczyk", "魏蔡蒋沈"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_name_in_a_table_reads_as_one(text: str, encoding: str) -> None:
    if text.isascii() or encoding == "utf-8":
        assert reads_as_text(text.encode(encoding).ljust(64, b"\0")[:64])


def test_points_of_a_surface_are_no_text_and_a_text_is_no_points() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-300, 300, 3000).astype("<f4").tobytes()
    indices = rng.integers(1, 70_000, 900).astype("<u4").tobytes()
    assert not is_no_geometry(0x00660016, points) and not is_no_geometry(0x00660040, indices)
    for text in (b"Skolidovadu 47118850", b"47118850 93115522   "):
        assert is_no_geometry(0x00660016, text) and is_no_geometry(0x00660041, text)


def test_an_attribute_of_one_value_holds_one() -> None:
    assert most_values(0x00280010) == 1 and most_values(0x00181063) == 1
    assert most_values(0x00281101) == 3 and most_values(0x00081160) is None
    ds = _plain()
    ds.TriggerWindow = [ord(c) for c in "Skolidovadu"]
    ds.ReferencedWaveformChannels = [ord(c) for c in "Skolidovad"]
    assert "TriggerWindow" not in _result(ds)[0]
    assert "ReferencedWaveformChannels" not in _result(ds)[0]


def test_what_stands_behind_a_colour_table_is_cut_off() -> None:
    ds = _plain()
    ds.PhotometricInterpretation = "PALETTE COLOR"
    ramp = (np.arange(256) * 257).astype("<u2").tobytes()
    for n in range(3):
        ds.add_new(0x00281101 + n, "US", [256, 0, 16])
        ds.add_new(0x00281201 + n, "OW", ramp + b"01. 02. 03. 9173")
    lut = Dataset()
    lut.LUTDescriptor, lut.ModalityLUTType = [256, 0, 16], "US"
    lut.add_new(0x00283006, "OW", ramp + b"01. 02. 03. 9173")
    lone = Dataset()
    lone.add_new(0x00283006, "OW", ramp)
    ds.ModalityLUTSequence = [lut]
    ds.VOILUTSequence = [lone]
    new, _ = _result(ds)
    assert b"9173" not in b"".join(e.value for e in new.iterall() if isinstance(e.value, bytes))
    assert new.ModalityLUTSequence[0].LUTData == ramp
    assert not any(item.get("LUTData") for item in new.get("VOILUTSequence", []))


def test_points_in_big_endian_stay_the_same_points() -> None:
    ds = _plain()
    points = Dataset()
    numbers = np.linspace(-90, 90, 30)
    points.add_new(0x00660016, "OF", numbers.astype(">f4").tobytes())
    ds.SurfacePointsSequence = [points]
    new, _ = _result(ds, "1.2.840.10008.1.2.2")
    data = new.SurfacePointsSequence[0].PointCoordinatesData
    assert np.array_equal(np.frombuffer(data, "<f4"), numbers.astype("<f4"))


def test_a_colour_profile_keeps_its_colours_and_no_text() -> None:
    made = scrub_icc_profile(icc("Skolidovadu", "Nyxinmuelze"))
    assert made is not None and b"Skoli" not in made and b"Nyx" not in made
    assert b"chad" in made and struct.pack(">IH", 1, 0x0233) in made
    profile = pytest.importorskip("PIL.ImageCms").createProfile("sRGB")
    whole = pytest.importorskip("PIL.ImageCms").ImageCmsProfile(profile).tobytes()
    again = scrub_icc_profile(whole)
    assert again is not None and b"rTRC" in again and b"rXYZ" in again


def test_digits_of_an_id_by_chance_in_a_public_code_or_a_long_fraction_stop_nothing() -> None:
    ds = _plain()
    ds.PatientID = "185400"
    ds.OtherPatientIDs = "19831204"
    ds.AnatomicRegionSequence = [code("71854001", "SCT", "Colon")]
    ds.PixelSpacing = ["0.4198312049", "0.4198312049"]
    new, findings = _result(ds)
    assert findings == () and new.AnatomicRegionSequence[0].CodeValue == "71854001"
    assert list(map(str, new.PixelSpacing)) == ["0.4198312049"] * 2


def test_a_whole_id_in_a_code_or_as_a_fraction_goes() -> None:
    ds = _plain()
    ds.PatientID = "47118850"
    ds.OtherPatientIDs = "471188"
    ds.AnatomicRegionSequence = [code("C471188", "NCIt", "x")]
    ds.PixelSpacing = ["0.47118850", "0.47118850"]
    new, findings = _result(ds)
    assert findings == ()
    assert (
        "AnatomicRegionSequence" not in new or new.AnatomicRegionSequence[0].CodeValue != "C471188"
    )
    assert "0.4711885" not in str(new.get("PixelSpacing"))
    scanner = LeakScanner(Harvest({"id": {"47118850"}}))
    scanner.feed("x", b"spacing 0.47118850 and")
    assert scanner.findings


@pytest.mark.parametrize(
    "name", ["Research^Subject", "Option^Clean", "Ba\u0161i\u0107^Ana", "Data^Private"]
)
def test_a_patient_called_as_a_word_of_our_own_marks_is_taken(name: str) -> None:
    for profile in ("basic", "research"):
        ds = _plain()
        ds.SpecificCharacterSet, ds.PatientName = "ISO_IR 192", name
        assert _result(ds, profile=profile)[1] == ()


def test_the_meaning_of_a_public_code_gives_way_to_a_patient_called_so() -> None:
    ds = _plain()
    ds.PatientName = "Willis^Ann"
    ds.AnatomicRegionSequence = [code("11279006", "SCT", "Circle of Willis")]
    new, findings = _result(ds)
    assert findings == () and new.AnatomicRegionSequence[0].CodeValue == "11279006"
    assert "Willis" not in new.AnatomicRegionSequence[0].CodeMeaning


@pytest.mark.parametrize("codec,form", [("libx264", "h264"), ("libx265", "hevc")])
def test_pictures_cut_by_an_edit_list_are_not_counted_where_times_are_in_coded_order(
    codec: str, form: str, tmp_path: Path
) -> None:
    # What a muxer makes of a raw stream with reordered pictures.
    (tmp_path / "raw").write_bytes(_made(codec, form))
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", form, "-r", "25", "-i", "raw", "-c", "copy", "a.mp4"],
        cwd=tmp_path, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    data = (tmp_path / "a.mp4").read_bytes()
    assert packets.read_timeline(io.BytesIO(data)).n_frames == 12
    with redacted(io.BytesIO(data)) as (made, _):
        assert made.n_frames == 12 and made.pts[0] == 0


def test_the_element_of_a_table_is_made_anew_each_time() -> None:
    first, second = _plain(), _plain()
    for ds, count in ((first, 256), (second, 128)):
        ds.add_new(0x00281101, "US", [count, 0, 16])
        ds.add_new(0x00281201, "OW", bytes(range(256)) * 2)
    assert len(_result(first)[0][0x00281201].value) == 512
    assert len(_result(second)[0][0x00281201].value) == 256
    assert isinstance(first[0x00281201], DataElement)


@pytest.mark.parametrize("number", ["47118850", "471188", "9E99"])
@pytest.mark.parametrize("keyword", ["NumberOfFrames", "CineRate", "FrameTime"])
def test_a_number_of_the_header_is_not_quoted_beside_the_stream(keyword: str, number: str) -> None:
    ds = Dataset()
    element = DataElement(keyword, "DS", number)
    element.VR = "IS" if keyword != "FrameTime" else "DS"
    ds.add(element)
    notes = header_notes(ds, range(0, 40, 2), Fraction(1, 50))
    assert not any(run in text for _, text in notes for run in ("471188", "47118"))
    known = Dataset()
    known.NumberOfFrames = "41"
    assert "says 41, the stream holds 20" in header_notes(known, range(20), Fraction(1, 25))[0][1]
