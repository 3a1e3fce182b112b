"""The Safe Private option (PS3.15 Table E.3.10-1), and coded strings that stay."""

from __future__ import annotations

import io
import json
import random

import pydicom
import pytest
from pydicom import Dataset

from apps.deid.domain import pipeline
from apps.deid.domain.header import DeidContext
from apps.deid.domain.profile import DATA_DIR, PROFILES_DIR, load_builtin, load_profile
from apps.deid.domain.text import is_coded_term
from tests.afresh.headers import EBE, ELE, ILE, Planter, identity, part10, pixels

_VALUES = {
    "DS": "1.5", "IS": "7", "FL": 2.5, "FD": 3.5, "SS": -3, "US": 5, "SL": 9, "UL": 11,
    "CS": "DIRECTIONAL", "SH": "1.375:1", "LO": "2.0", "UI": "1.2.840.113619.4.5",
}  # fmt: skip


def _cleaned(ds: Dataset, syntax: str, *, safe: bool) -> Dataset:
    profile = load_builtin("research")
    if safe:
        text = (PROFILES_DIR / "research.yaml").read_text()
        text = text.replace("name: research", "name: safe").replace("list: false", "list: true")
        text = text.replace("options:", "options:\n  - retain_safe_private")
        profile = load_profile(text)
    data = part10(ds, syntax)
    examined = pipeline.examine(io.BytesIO(data), with_proposals=False)
    context = DeidContext(
        profile=profile, uid_key=b"k" * 32, pseudonym="P", date_offset_s=-99_999,
        harvest=examined.harvest, pixels_confirmed=True, visual_features_confirmed=True,
    )  # fmt: skip
    out, decision = io.BytesIO(), {"boxes": [], "spans": []}
    made = pipeline.produce(io.BytesIO(data), out, context, decision)
    checked = pipeline.check(
        io.BytesIO(out.getvalue()), examined.harvest, profile, made.header, decision, None,
        look_for_text=False,
    )  # fmt: skip
    assert checked.findings == ()
    return pydicom.dcmread(io.BytesIO(out.getvalue()))


def _plain() -> tuple[Dataset, Planter]:
    ds, planter = Dataset(), Planter(random.Random(3), "", True)
    identity(ds, planter, "1.2.840.10008.5.1.4.1.1.4")
    ds.Modality = "MR"
    pixels(ds, random.Random(3))
    return ds, planter


@pytest.mark.parametrize("syntax", [ELE, ILE, EBE])
def test_what_the_table_lists_stays_by_the_option_alone_whatever_the_syntax(syntax: str) -> None:
    ds, planter = _plain()
    listed = []
    rows = json.loads((DATA_DIR / "ps3.15-table-e3-10-1-2020.json").read_text())["rows"]
    for row in rows:
        if row["vr"] not in _VALUES:
            continue
        group, element = int(row["tag"][1:5], 16), int(row["tag"][8:10], 16)
        ds.private_block(group, row["creator"], create=True).add_new(
            element, row["vr"], _VALUES[row["vr"]]
        )
        listed.append((group, row["creator"], element))
    siemens = ds.private_block(0x0019, "SIEMENS MR HEADER")
    siemens.add_new(0x99, "LO", planter.patient.family)
    new = _cleaned(ds, syntax, safe=True)

    def is_there(group: int, creator: str, element: int) -> bool:
        try:
            return element in new.private_block(group, creator)
        except KeyError:
            return False

    lost = [one for one in listed if not is_there(*one)]
    # pydicom's own table has another VR for these two.
    assert {creator for _, creator, _ in lost} <= {"ELSCINT1", "HOLOGIC, Inc."}
    assert len(listed) > 100 and len(lost) <= 2
    assert new.private_block(0x0019, "SIEMENS MR HEADER")[0x0D].value == "DIRECTIONAL"
    assert not is_there(0x0019, "SIEMENS MR HEADER", 0x99)
    assert not any(one.tag.is_private for one in _cleaned(ds, syntax, safe=False))


def test_a_patient_in_a_listed_attribute_goes_all_the_same() -> None:
    ds, planter = _plain()
    block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0D, "CS", planter.patient.family.upper()[:16])
    block.add_new(0x0C, "IS", planter.patient.number)
    new = _cleaned(ds, ELE, safe=True)
    block = new.private_block(0x0019, "SIEMENS MR HEADER")
    assert 0x0D not in block and 0x0C not in block


def test_terms_of_the_standard_stay() -> None:
    parts = ("HAND", "HIP", "LSPINE", "TSPINE", "FOOT", "FEMUR", "TESTIS", "SSPINE", "EYE")
    assert all(is_coded_term(part) for part in (*parts, "PARANASALSINUS", "DIRECTIONAL", "MPR"))
    terms = {
        "BodyPartExamined": "LSPINE", "InPlanePhaseEncodingDirection": "ROW",
        "DiffusionDirectionality": "DIRECTIONAL", "ViewPosition": "LLO",
        "AcquisitionContrast": "VELOCITY", "DecayCorrection": "NARROW_BAND",
    }  # fmt: skip
    ds, _ = _plain()
    for keyword, term in terms.items():
        setattr(ds, keyword, term)
    new = _cleaned(ds, ELE, safe=False)
    assert {keyword: new.get(keyword) for keyword in terms} == terms


def test_a_patient_called_as_a_word_of_descriptions_is_in_no_coded_string() -> None:
    ds, _ = _plain()
    ds.PatientName, ds.BodyPartExamined, ds.AcquisitionContrast = "Wolf^Ann", "WOLF", "LONG_WOLF"
    new = _cleaned(ds, ELE, safe=False)
    assert not new.get("BodyPartExamined") and not new.get("AcquisitionContrast")


def test_a_makers_name_that_is_a_persons_stays_as_the_maker_alone() -> None:
    ds, _ = _plain()
    ds.Manufacturer = "KARL STORZ"
    ds.SeriesDescription, ds.AcquisitionContrast = "colonoscopy Braun", "WOLF"
    ds.StudyDescription, ds.ProtocolName = "colonoscopy right colon", "Karl"
    new = _cleaned(ds, ELE, safe=False)
    assert new.Manufacturer == "KARL STORZ" and new.StudyDescription == "colonoscopy right colon"
    assert not new.get("SeriesDescription") and not new.get("ProtocolName")
    assert not new.get("AcquisitionContrast")
