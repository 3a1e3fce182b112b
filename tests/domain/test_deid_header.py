from __future__ import annotations

import base64
import glob
import os
import struct
from io import BytesIO

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from apps.deid.domain.header import DeidContext, PixelChange, deidentify_dataset
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.profile import ProfileError, load_builtin, load_profile
from apps.deid.domain.reasons import REASON_TEXTS, Reason, Refused
from apps.deid.domain.report import instance_report
from apps.deid.domain.scan import LeakScanner, kinds_kept_on_purpose
from apps.deid.domain.table import table_tags
from apps.deid.domain.write import EncapsulatedPixels, NativePixels, write_instance
from tests.domain import deid_corpus as corpus

PROFILES = ("basic", "research")


def context(profile: str = "basic", **changes) -> DeidContext:
    values = dict(
        profile=load_builtin(profile), uid_key=b"u" * 32, pseudonym="P-0001",
        date_offset_s=-86_400 * 400 - 45_000, pixels_confirmed=True,
    )  # fmt: skip
    return DeidContext(**{**values, **changes})


def written(ds: Dataset) -> bytes:
    out = BytesIO()
    write_instance(out, ds, "1.2.840.10008.1.2.1")
    return out.getvalue()


def scanned(result, profile: str, data: bytes, harvest=None) -> list:
    scanner = LeakScanner(
        harvest or result.harvest,
        written=result.written,
        ignore_kinds=kinds_kept_on_purpose(load_builtin(profile)),
    )
    scanner.feed("file", data)
    scanner.finish("file")
    scanner.scan_dataset("parsed", pydicom.dcmread(BytesIO(data)))
    return scanner.findings


@pytest.mark.parametrize("profile", PROFILES)
def test_no_planted_identifier_is_left_in_any_kind_of_place(profile: str) -> None:
    kept_device = {"XK-88-20715"} if profile == "research" else set()
    for ds in corpus.all_instances():
        parsed = parse_instance(corpus.as_file(ds))
        result = deidentify_dataset(parsed.dataset, context(profile))
        data = written(result.dataset)
        for planted in set(corpus.PLANTED) - kept_device:
            for variant in (planted, planted.upper(), planted.lower()):
                assert variant.encode() not in data, (planted, ds.SOPClassUID)
        assert scanned(result, profile, data) == []


def test_a_planted_value_that_stays_is_found_by_the_scan() -> None:
    parsed = parse_instance(corpus.as_file(corpus.secondary_capture()))
    result = deidentify_dataset(parsed.dataset, context())
    result.dataset.SeriesDescription = "wolkenstein"
    kinds = {finding.kind for finding in scanned(result, "basic", written(result.dataset))}
    assert kinds == {"name"}


def _as_number(tag: int, vr: str, value: object) -> Dataset:
    ds = corpus.secondary_capture()
    ds.PatientID = "KH-00471188"
    ds.add_new(tag, vr, value)
    return ds


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00180088, "DS", "471188.0"), (0x00180088, "DS", "4.71188e5"),
        (0x00180088, "DS", "-00471188"), (0x00200012, "IS", "471188"),
        (0x00189073, "FD", 471188.0), (0x00189074, "FL", 471188.0),
        (0x00280034, "IS", ["0047", "1188"]),
        (0x0040A0B0, "US", [ord(letter) for letter in corpus.FAMILY]),
        (0x00720082, "FL", [float(ord(letter)) for letter in corpus.FAMILY]),
        (0x00081195, "UI", "1.2.840.10008.5.1.10047.1188"),
        (0x00081195, "UI", "1.2.840.10008.00471188"),
        (0x00281408, "OW", corpus.FAMILY.ljust(20).encode("utf-16-le")),
    ],
)  # fmt: skip
def test_an_identifier_written_as_a_number_goes_and_the_instance_stays(
    tag: int, vr: str, value: object, profile: str
) -> None:
    ds = _as_number(tag, vr, value)
    result = deidentify_dataset(ds, context(profile))
    kept = result.dataset.get(tag)
    assert kept is None or str(kept.value)[:5] in ("0", "2.25.")
    assert scanned(result, profile, written(result.dataset)) == []
    near = deidentify_dataset(_as_number(0x00180088, "DS", "471.189"), context(profile)).dataset
    assert float(near.SpacingBetweenSlices) == 471.189


def test_retained_device_texts_hide_no_name_in_base64_or_hex() -> None:
    for hidden in (
        base64.b64encode(corpus.FAMILY.encode()).decode(),
        corpus.FAMILY.encode().hex(),
    ):
        ds = corpus.secondary_capture()
        ds.SecondaryCaptureDeviceID = hidden
        ds.ManufacturerDeviceClassUID = "1.2.840.10008.5.1.4711.8852"
        result = deidentify_dataset(ds, context("research"))
        assert "SecondaryCaptureDeviceID" not in result.dataset
        assert "4711.8852" not in str(result.dataset)
        assert scanned(result, "research", written(result.dataset)) == []


WORDS = st.sampled_from([corpus.FAMILY, corpus.GIVEN, corpus.PATIENT_ID, corpus.NAME, "Colon"])
TAGS = st.sampled_from([*sorted(table_tags()), 0x0040A160, 0x00080104, 0x00091001, 0x00189ABC])


@st.composite
def data_sets(draw, depth: int = 3) -> Dataset:
    ds = Dataset()
    for tag in draw(st.lists(TAGS, max_size=8, unique=True)):
        vr = draw(st.sampled_from(["LO", "SH", "PN", "UT", "ST", "UN", "OB", "CS", "UI", "SQ"]))
        if vr == "UN" and not tag >> 16 & 1:
            vr = "OB"
        if tag >> 16 in range(8) or tag >> 16 in (0x0400, 0x0042, 0x0002):
            continue
        if vr == "SQ":
            if depth:
                items = draw(st.lists(data_sets(depth - 1), max_size=2))
                ds.add(DataElement(tag, "SQ", Sequence(items)))
            continue
        text = draw(WORDS)
        ds.add(DataElement(tag, vr, text.encode() if vr in ("UN", "OB") else text))
    return ds


@settings(max_examples=60, deadline=None)
@given(data_sets(), st.sampled_from(PROFILES))
def test_no_harvested_token_survives_in_any_nesting(extra: Dataset, profile: str) -> None:
    ds = corpus.secondary_capture()
    for element in extra:
        # What is planted is known by the patient's own ID.
        if element.tag not in (0x00080016, 0x00080018, 0x00100020):
            ds.add(element)
    result = deidentify_dataset(ds, context(profile))
    data = written(result.dataset)
    for planted in (corpus.FAMILY, corpus.GIVEN, "4711-8852"):
        assert planted.lower().encode() not in data.lower()
    source = deidentify_dataset(corpus.secondary_capture(), context(profile)).harvest
    assert scanned(result, profile, data, source) == []


def test_what_a_researcher_needs_stays() -> None:
    us = deidentify_dataset(corpus.ultrasound_cine(), context("research")).dataset
    region = us.SequenceOfUltrasoundRegions[0]
    assert (region.PhysicalDeltaX, region.RegionLocationMaxX1) == (0.0123, 600)
    assert [float(t) for t in us.FrameTimeVector] == [0, 33.3, 41.7]
    assert (us.ManufacturerModelName, us.SoftwareVersions) == ("Tower 9", "4.2.1")
    assert (us.PatientSex, us.PatientAge) == ("F", "090Y")
    assert us.SeriesDescription == "Colonoscopy left colon"
    video = deidentify_dataset(corpus.video_endoscopic(), context()).dataset
    assert (video.CineRate, video.FrameTime, video.InstanceNumber) == (25, 40, 7)
    assert video.LossyImageCompression == "01"
    assert video.AnatomicRegionSequence[0].CodeValue == "71854001"
    assert video.AnatomicRegionSequence[0].CodeMeaning == "Colon"
    sr = deidentify_dataset(corpus.report(), context()).dataset
    numbers = [item for item in sr.ContentSequence if item.ValueType == "NUM"]
    assert numbers[0].MeasuredValueSequence[0].NumericValue == 12.5
    assert "TEXT" not in {item.ValueType for item in sr.ContentSequence}


def test_an_instance_says_only_what_was_done_to_it() -> None:
    waiting = deidentify_dataset(corpus.video_endoscopic(), context(pixels_confirmed=False)).dataset
    codes = {item.CodeValue for item in waiting.DeidentificationMethodCodeSequence}
    assert waiting.PatientIdentityRemoved == "NO" and "BurnedInAnnotation" not in waiting
    assert "113100" in codes and not codes & {"113101", "113102"}
    change = PixelChange("ISO_14496_10", 61.5)
    done = deidentify_dataset(
        corpus.video_endoscopic(),
        context("research", pixel_change=change, visual_features_confirmed=True),
    ).dataset
    codes = {item.CodeValue for item in done.DeidentificationMethodCodeSequence}
    assert {"113101", "113102", "113107"} <= codes
    assert (done.PatientIdentityRemoved, done.BurnedInAnnotation) == ("YES", "NO")
    assert done.ImageType[0] == "DERIVED" and len(done.LossyImageCompressionMethod) == 2
    assert done.LongitudinalTemporalInformationModified == "MODIFIED"
    assert load_builtin("research").sha256 in list(done.DeidentificationMethod)


def test_uids_are_mapped_alike_wherever_they_stand() -> None:
    first = corpus.secondary_capture()
    second = corpus.nested_everywhere(3)
    second.SOPInstanceUID = f"{corpus.UID_ROOT}.9.1"
    one = deidentify_dataset(first, context()).dataset
    two = deidentify_dataset(second, context()).dataset
    assert one.StudyInstanceUID == two.StudyInstanceUID != first.StudyInstanceUID
    assert one.SOPClassUID == first.SOPClassUID
    again = deidentify_dataset(first, context()).dataset
    assert written(again) == written(one)


def test_dates_move_together_and_across_midnight() -> None:
    result = deidentify_dataset(corpus.video_endoscopic(), context("research"))
    ds = result.dataset
    study = pydicom.valuerep.DT(ds.StudyDate + ds.StudyTime)
    series = pydicom.valuerep.DT(ds.SeriesDate + ds.SeriesTime)
    assert (series - study).total_seconds() == 80
    acquired = pydicom.valuerep.DT(ds.AcquisitionDateTime)
    assert (acquired - study).total_seconds() == 8.5
    assert ds.StudyDate != corpus.STUDY_DATE and not ds.PatientBirthDate


def test_cleaning_a_cleaned_instance_takes_nothing_more() -> None:
    for ds in corpus.all_instances():
        once = deidentify_dataset(ds, context()).dataset
        twice = deidentify_dataset(once, context()).dataset
        assert {e.tag for e in once} == {e.tag for e in twice}


@pytest.mark.parametrize("charset", ["ISO_IR 192", "GB18030", "ISO_IR 144", "ISO_IR 126"])
def test_names_in_other_character_sets_are_harvested_and_gone(charset: str) -> None:
    name = {"ISO_IR 144": "Люксембург^Роза", "ISO_IR 126": "Διονυσιος^Φως"}.get(
        charset, "王小東^李"
    )
    ds = corpus.secondary_capture()
    ds.SpecificCharacterSet = charset
    for tag in [t for t in list(ds._dict) if t.is_private]:
        del ds[tag]
    ds.PatientName, ds.StudyDescription = name, name.split("^")[0]
    result = deidentify_dataset(parse_instance(corpus.as_file(ds)).dataset, context())
    assert name in result.harvest.values["name"]
    data = written(result.dataset)
    for encoding in ("utf-8", python_encoding[charset]):
        assert name.split("^")[0].encode(encoding) not in data


def _refusal(ds: Dataset) -> Reason:
    with pytest.raises(Refused) as caught:
        deidentify_dataset(ds, context())
    assert corpus.FAMILY not in str(caught.value)
    return caught.value.reason


def test_what_cannot_be_cleaned_is_refused_with_its_reason() -> None:
    ds = corpus.secondary_capture()
    ds.SOPClassUID = "1.3.12.2.1107.5.9.1"
    assert _refusal(ds) is Reason.PRIVATE_SOP_CLASS
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    assert _refusal(ds) is Reason.ENCAPSULATED_DOCUMENT
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.5"
    assert _refusal(ds) is Reason.UNSUPPORTED_IOD
    ds = corpus.secondary_capture()
    ds.add(DataElement(0x04000500, "SQ", Sequence([Dataset()])))
    assert _refusal(ds) is Reason.ENCRYPTED_ATTRIBUTES
    ds = corpus.secondary_capture()
    ds.SpecificCharacterSet = "ISO_IR 9999"
    assert _refusal(ds) is Reason.CHARSET_UNDECODABLE
    good = corpus.as_file(corpus.secondary_capture()).getvalue()
    for data, reason in (
        (b"hello", Reason.NOT_DICOM),
        (good + b"x", Reason.TRAILING_BYTES),
        (good[:-1], Reason.UNPARSABLE),
    ):
        with pytest.raises(Refused) as caught:
            parse_instance(BytesIO(data))
        assert caught.value.reason is reason


def test_every_reason_has_a_sentence_and_a_remedy() -> None:
    for reason in Reason:
        assert REASON_TEXTS[reason].sentence.endswith(".") and REASON_TEXTS[reason].remedy


def test_impossible_profiles_are_refused() -> None:
    head = "name: x\nversion: 1\n"
    for bad in (
        "options: [retain_full_dates, retain_modified_dates]",
        "options: [no_such]",
        "ages: {cap: 95}",
        "dates: {range_days: [-3, 3]}",
        "private: {keep_safe_list: true}",
        "unknown: 1",
    ):
        with pytest.raises(ProfileError):
            load_profile(head + bad)
    assert load_profile(head).sha256 != load_builtin("basic").sha256


def test_a_file_is_written_anew_and_its_pixels_streamed() -> None:
    result = deidentify_dataset(corpus.video_endoscopic(), context())
    out = BytesIO()
    stream = bytes(range(256)) * 5 + b"z"
    pixels = EncapsulatedPixels.video(BytesIO(stream), len(stream))
    size = write_instance(out, result.dataset, "1.2.840.10008.1.2.4.102", pixels)
    assert size == len(out.getvalue()) and out.getvalue()[:128] == bytes(128)
    parsed = parse_instance(out)
    assert parsed.pixels is not None and parsed.pixels.encapsulated
    ((offset, length),) = parsed.pixels.pieces
    assert out.getvalue()[offset : offset + length] == stream + b"\x00"
    assert parsed.file_meta.ImplementationVersionName == "CLINICALANNOT"
    assert "SourceApplicationEntityTitle" not in parsed.file_meta
    out = BytesIO()
    ds = deidentify_dataset(corpus.secondary_capture(), context()).dataset
    write_instance(out, ds, "1.2.840.10008.1.2.1", NativePixels(BytesIO(bytes(16)), 16))
    assert len(pydicom.dcmread(BytesIO(out.getvalue())).PixelData) == 16


@pytest.mark.parametrize("profile", PROFILES)
def test_pydicoms_own_files_are_cleaned_or_refused_with_a_reason(profile: str) -> None:
    folder = os.path.join(os.path.dirname(pydicom.__file__), "data", "test_files")
    accepted = refused = 0
    for path in sorted(glob.glob(folder + "/**/*.dcm", recursive=True)):
        with open(path, "rb") as fp:
            try:
                result = deidentify_dataset(parse_instance(fp).dataset, context(profile))
            except Refused as refusal:
                assert refusal.reason in REASON_TEXTS
                refused += 1
                continue
        accepted += 1
        assert scanned(result, profile, written(result.dataset)) == [], os.path.basename(path)
    assert accepted > 40 and refused > 0


def test_the_report_holds_no_value() -> None:
    result = deidentify_dataset(corpus.odd_places(), context())
    text = str(
        instance_report(
            load_builtin("basic"), result, [], pixels_cleaned=True, visual_features_cleaned=False
        )
    )
    assert not [planted for planted in corpus.PLANTED if planted in text]
    assert "PatientAddress" not in result.kept and result.actions["remove"] > 10


def test_iso_2022_names_are_decoded_and_broken_ones_refused() -> None:
    ds = corpus.secondary_capture()
    for tag in [t for t in ds._dict if t.is_private]:
        del ds[tag]
    ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    ds.PatientName = "Yamada^Tarou=山田^太郎"
    data = corpus.as_file(ds).getvalue()
    assert b"\x1b$B" in data
    result = deidentify_dataset(parse_instance(BytesIO(data)).dataset, context())
    assert any("山田^太郎" in name for name in result.harvest.values["name"])
    broken = data.replace(b"\x1b$B", b"\x1b$Z")
    assert _refusal(parse_instance(BytesIO(broken)).dataset) is Reason.CHARSET_UNDECODABLE


def test_numbers_with_the_digits_of_a_clocks_fraction_stay_and_those_that_spell_a_name_go() -> None:
    ds = corpus.ultrasound_cine()
    ds.PatientName, ds.StudyTime = "Wolkenstein^Otto", "101112.125000"
    ds.PixelSpacing, ds.ImagerPixelSpacing = ["0.125000", "0.125000"], ["1.25000", "1.25000"]
    spelled = b"Wolkenstein     "
    numbers = {"FD": 0x00189322, "FL": 0x0018605A, "AT": 0x0028000A, "UL": 0x00186058,
               "US": 0x00189376}  # fmt: skip
    form = {"FD": "2d", "FL": "4f", "UL": "4I", "US": "8H"}
    for vr, tag in numbers.items():
        if vr == "AT":
            pairs = struct.unpack("<8H", spelled)
            value: list = [pairs[i] << 16 | pairs[i + 1] for i in range(0, 8, 2)]
        else:
            value = list(struct.unpack(f"<{form[vr]}", spelled))
        ds.add(DataElement(tag, vr, value))
    ds.AcquisitionIndex = [1961, 4, 27]
    ds.PatientBirthDate = "19610427"
    result = deidentify_dataset(parse_instance(corpus.as_file(ds)).dataset, context("research"))
    kept = result.dataset
    assert [str(v) for v in kept.PixelSpacing] == ["0.125000", "0.125000"]
    assert [str(v) for v in kept.ImagerPixelSpacing] == ["1.25000", "1.25000"]
    assert not {tag for tag in (*numbers.values(), 0x00209518) if tag in kept}
    assert scanned(result, "research", written(kept)) == []
