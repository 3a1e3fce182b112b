"""What holds for any study: references, intervals, a second run, any nesting of any text."""

from __future__ import annotations

import io
import os
import struct
from datetime import datetime, timedelta

import pydicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from apps.deid.domain.harvest import Harvest, harvest_identifiers
from apps.deid.domain.header import DeidContext, HeaderResult, deidentify_dataset
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.scan import LeakScanner, kinds_kept_on_purpose
from apps.deid.domain.write import write_instance

EXAMPLES = 400 if os.environ.get("BAR_FULL") else 20
PROFILES = st.sampled_from(["basic", "research"])
# Not common words, at least six letters: what a search may find anywhere.
NAMES = st.text("bdfgkptvwzäöüßéçłжшδθ山田", min_size=6, max_size=14).filter(
    lambda text: len(set(text)) > 3 and not text.isdigit()
)
IDS = st.integers(10**7, 10**11).map(str).filter(lambda digits: len(set(digits)) > 3)
TEXT_TAGS = {
    "LO": (0x00081030, 0x0008103E, 0x00102180, 0x00181030, 0x00400254, 0x00700081, 0x00189ABC),
    "SH": (0x00081010, 0x00200010, 0x00402001, 0x00180024, 0x00200012 ^ 0x1),
    "LT": (0x00104000, 0x00204000, 0x001021B0, 0x40004000),
    "UT": (0x0040A160, 0x00181024, 0x00620020), "PN": (0x00081050, 0x00102297, 0x0040A123),
    "ST": (0x00082111, 0x00080081), "CS": (0x00180015, 0x00080008), "UC": (0x00080119,),
    "UN": (0x00091001, 0x00251099), "OB": (0x60003000, 0x00310010 ^ 0x1F, 0xFFFCFFFC),
    "IS": (0x00201002, 0x00180079 ^ 0x1), "DS": (0x00181060, 0x00185022),
}  # fmt: skip
# Numbers, in whose bytes the text stands, with their size.
NUMBER_TAGS = {
    "FD": (0x00189322, "d", 8), "FL": (0x0018605A, "f", 4), "UL": (0x00186058, "I", 4),
    "SL": (0x0040A162, "i", 4), "US": (0x00189376, "H", 2), "AT": (0x0028000A, "I", 4),
}  # fmt: skip
SEQUENCES = (
    0x00081140,
    0x00082112,
    0x0040A730,
    0x00400555,
    0x00089215,
    0x00101002,
    0x00190010 | 0x1000,
)
SC, US = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.6.1"
SR = "1.2.840.10008.5.1.4.1.1.88.33"


@st.composite
def items(draw, words, depth: int) -> Dataset:
    """A data set of known and unknown attributes that hold `words` in some wrapping."""
    ds = Dataset()
    for vr in draw(st.lists(st.sampled_from(sorted(TEXT_TAGS)), max_size=5)):
        word = draw(st.sampled_from(words))
        tag = draw(st.sampled_from(TEXT_TAGS[vr]))
        if vr in ("IS", "DS") and not word.isdigit():
            continue
        wrap = draw(st.sampled_from(["{}", "Stomach {}", "{} left", "({})"]))
        said = word if vr in ("IS", "DS", "PN", "CS") else wrap.format(word)
        if vr == "CS":
            said = said[:16]
        value: object = (
            said.encode() + bytes(len(said.encode()) % 2) if vr in ("UN", "OB") else said
        )
        ds.add(DataElement(tag, vr, value))
    for vr in draw(st.lists(st.sampled_from(sorted(NUMBER_TAGS)), max_size=2)):
        tag, letter, size = NUMBER_TAGS[vr]
        said_bytes = draw(st.sampled_from(words)).encode()
        said_bytes += b" " * (-len(said_bytes) % size)
        numbers = list(struct.unpack(f"<{len(said_bytes) // size}{letter}", said_bytes))
        # A tag is stored as two numbers, its group first.
        turned = [(n & 0xFFFF) << 16 | n >> 16 for n in numbers] if vr == "AT" else numbers
        ds.add(DataElement(tag, vr, turned))
    if depth:
        for tag in draw(st.lists(st.sampled_from(SEQUENCES), max_size=2, unique=True)):
            inner = draw(st.lists(items(words, depth - 1), min_size=1, max_size=2))
            ds.add(DataElement(tag, "SQ", Sequence(inner)))
    return ds


def base(name: str, patient_id: str, sop_class: str = SC) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, "1.2.826.0.1.3680043.99.2.1"
    ds.StudyInstanceUID = "1.2.826.0.1.3680043.99.2.2"
    ds.SeriesInstanceUID = "1.2.826.0.1.3680043.99.2.3"
    ds.PatientName, ds.PatientID, ds.Modality = name, patient_id, "OT"
    return ds


def clean(ds: Dataset, profile: str, offset_s: int = -40_000_001, key: bytes = b"k" * 32,
          pseudonym: str = "P-A", others: Harvest | None = None) -> HeaderResult:  # fmt: skip
    return deidentify_dataset(
        ds,
        DeidContext(profile=load_builtin(profile), uid_key=key, pseudonym=pseudonym,
                    date_offset_s=offset_s, pixels_confirmed=True, harvest=others),
    )  # fmt: skip


def written(ds: Dataset) -> bytes:
    out = io.BytesIO()
    write_instance(out, ds, "1.2.840.10008.1.2.1")
    return out.getvalue()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILES)
def test_no_harvested_token_survives_in_any_data_set_of_any_nesting(data, profile: str) -> None:
    family, given_name, number = data.draw(NAMES), data.draw(NAMES), data.draw(IDS)
    ds = base(f"{family}^{given_name}", f"PX{number}")
    words = [family, given_name, number, f"{given_name} {family}", family.upper()]
    for element in data.draw(items(words, 4)):
        ds.add(element)
    source = harvest_identifiers(base(f"{family}^{given_name}", f"PX{number}"))
    result = clean(ds, profile)
    raw = written(result.dataset)
    scanner = LeakScanner(
        source, written=result.written, ignore_kinds=kinds_kept_on_purpose(load_builtin(profile))
    )
    scanner.feed("file", raw)
    scanner.finish("file")
    scanner.scan_dataset("parsed", pydicom.dcmread(io.BytesIO(raw)))
    assert scanner.findings == []
    # And without our own scanner's help:
    for word in (family, given_name, number):
        assert word.lower() not in raw.decode("utf-8", "replace").lower()


UIDS = st.integers(1, 10**9).map(lambda n: f"1.2.826.0.1.3680043.77.{n}")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(UIDS, min_size=2, max_size=8, unique=True), st.data(), PROFILES)
def test_uids_stay_consistent_over_a_study(uids: list[str], data, profile: str) -> None:
    """Every reference that stays, at any depth, points at what it pointed at before."""
    made = []
    for uid in uids:
        ds = base("Xavzub^Kodvig", "PX55512345", SR)
        ds.SOPInstanceUID, ds.ValueType = uid, "CONTAINER"
        referenced = data.draw(st.lists(st.sampled_from(uids), max_size=4))
        ds.ContentSequence = Sequence([_image(r, _image(uids[0])) for r in referenced])
        evidence, series = Dataset(), Dataset()
        evidence.StudyInstanceUID, series.SeriesInstanceUID = ds.StudyInstanceUID, uids[0]
        series.ReferencedSOPSequence = Sequence([_reference(r) for r in referenced])
        evidence.ReferencedSeriesSequence = Sequence([series])
        ds.CurrentRequestedProcedureEvidenceSequence = Sequence([evidence])
        made.append((ds, referenced))
    cleaned = [clean(ds, profile).dataset for ds, _ in made]
    new = {uid: str(ds.SOPInstanceUID) for uid, ds in zip(uids, cleaned, strict=True)}
    assert len(set(new.values())) == len(uids) and not set(new.values()) & set(uids)
    for (_, referenced), ds in zip(made, cleaned, strict=True):
        content = ds.get("ContentSequence") or []
        assert [_pointed(item) for item in content] == [new[r] for r in referenced]
        assert all(_pointed(item.ContentSequence[0]) == new[uids[0]] for item in content)
        (evidence,) = ds.CurrentRequestedProcedureEvidenceSequence
        (series,) = evidence.ReferencedSeriesSequence
        pointed = [
            str(i.ReferencedSOPInstanceUID) for i in series.get("ReferencedSOPSequence") or []
        ]
        assert pointed == [new[r] for r in referenced]
        assert evidence.StudyInstanceUID == ds.StudyInstanceUID
        assert series.SeriesInstanceUID == new[uids[0]]
    studies = {str(ds.StudyInstanceUID) for ds in cleaned}
    other = clean(made[0][0], profile, key=b"o" * 32).dataset
    assert len(studies) == 1 and other.StudyInstanceUID not in studies


def _pointed(item: Dataset) -> str:
    (reference,) = item.ReferencedSOPSequence
    assert reference.ReferencedSOPClassUID == SC
    return str(reference.ReferencedSOPInstanceUID)


def _image(uid: str, inner: Dataset | None = None) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "IMAGE"
    item.ReferencedSOPSequence = Sequence([_reference(uid)])
    if inner is not None:
        item.ContentSequence = Sequence([inner])
    return item


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = SC, uid
    return item


MOMENTS = st.datetimes(datetime(1931, 1, 1), datetime(2030, 1, 1))
PAIRS = (("StudyDate", "StudyTime"), ("SeriesDate", "SeriesTime"), ("ContentDate", "ContentTime"))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(MOMENTS, min_size=5, max_size=5), st.integers(-3650 * 86_400, -30 * 86_400))
def test_intervals_between_any_two_dates_of_a_patient_are_unchanged(
    moments: list[datetime], offset_s: int
) -> None:
    """Over instances, in DA with TM, in DT, in nested items and in a report's content."""
    found: list[datetime] = []
    for one in moments:
        ds = base("Xavzub^Kodvig", "PX55512345")
        for day, clock in PAIRS:
            setattr(ds, day, f"{one:%Y%m%d}")
            setattr(ds, clock, f"{one:%H%M%S.%f}")
        ds.AcquisitionDateTime = f"{one:%Y%m%d%H%M%S.%f}"
        frame = Dataset()
        frame.FrameAcquisitionDateTime = f"{one:%Y%m%d%H%M%S.%f}"
        group = Dataset()
        group.FrameContentSequence = Sequence([frame])
        ds.PerFrameFunctionalGroupsSequence = Sequence([group])
        new = clean(ds, "research", offset_s).dataset
        told = [
            *(str(new[day].value) + str(new[clock].value) for day, clock in PAIRS),
            str(new.AcquisitionDateTime),
            str(new.PerFrameFunctionalGroupsSequence[0].FrameContentSequence[0]
                .FrameAcquisitionDateTime),
        ]  # fmt: skip
        assert len(set(told)) == 1
        found.append(datetime.strptime(told[0], "%Y%m%d%H%M%S.%f"))
    moved = [new - old for new, old in zip(found, moments, strict=True)]
    assert set(moved) == {timedelta(seconds=offset_s)}


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), PROFILES)
def test_running_it_twice_changes_nothing_that_a_reader_can_see(data, profile: str) -> None:
    """Of what was cleaned, the second run keeps all but what it renames: UIDs, times, pseudonym."""
    ds = base("Xavzub^Kodvig", "PX55512345", data.draw(st.sampled_from([SC, US])))
    ds.SeriesDescription, ds.BodyPartExamined = "Colonoscopy left colon", "COLON"
    ds.ManufacturerModelName, ds.PatientAge, ds.PatientSex = "Tower 9", "093Y", "F"
    ds.StudyDate, ds.StudyTime = "20240229", "235950"
    for element in data.draw(items(["Stomach", "Xavzub", "55512345"], 2)):
        ds.add(element)
    once = clean(ds, profile).dataset
    twice = clean(pydicom.dcmread(io.BytesIO(written(once))), profile, 0).dataset
    assert _seen(once) == _seen(twice)


def _seen(ds: Dataset) -> list[tuple[int, str, object]]:
    return [
        (int(e.tag), e.VR, [_seen(item) for item in e.value] if e.VR == "SQ" else str(e.value))
        for e in ds
        if e.VR != "UI" or str(e.value).startswith("1.2.840.10008.")
    ]
