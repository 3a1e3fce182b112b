"""The quick reading of a header says what pydicom says, or leaves it to pydicom."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from apps.intake.domain.header_facts import UnreadableHeader, read_facts
from apps.intake.domain.quick_header import HEAD_BYTES, quick_facts

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
SYNTAXES = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.102",
]
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F), max_size=20)
uids = st.from_regex(r"1\.2\.[1-9][0-9]{0,8}", fullmatch=True)


@st.composite
def files(draw) -> bytes:
    ds = Dataset()
    if draw(st.booleans()):
        ds.SpecificCharacterSet = draw(
            st.sampled_from(["ISO_IR 192", "ISO_IR 100", "ISO_IR 6", "ISO_IR 13"])
        )
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", draw(uids)
    if draw(st.booleans()):
        ds.PatientBirthDate = draw(st.sampled_from(["19700101", "", "1970.01.01"]))
    if draw(st.booleans()):
        ds.PatientSex = draw(st.sampled_from(["F", "M ", "", "OTHER"]))
    texts = ("PatientName", "PatientID", "IssuerOfPatientID", "Modality")
    for keyword in (*texts, "InstitutionalDepartmentName"):
        if draw(st.booleans()):
            value = draw(printable)
            if keyword == "Modality" or ds.get("SpecificCharacterSet", "") != "ISO_IR 192":
                value = value.encode("ascii", "ignore").decode()
            setattr(ds, keyword, value)
    if draw(st.booleans()):
        ds.StudyInstanceUID = draw(uids)
    if draw(st.booleans()):
        ds.NumberOfFrames = draw(st.integers(0, 1 << 33))
    if draw(st.booleans()):
        inner, outer = Dataset(), Dataset()
        inner.PatientID, inner.StudyInstanceUID = "OTHER", "9.9.9"
        outer.ReferencedSOPInstanceUID = "1.9"
        outer.PurposeOfReferenceCodeSequence = Sequence([inner, inner])
        ds.ReferencedStudySequence = Sequence([outer])
        ds.OtherPatientIDsSequence = Sequence([inner])
        for name in ("ReferencedStudySequence", "OtherPatientIDsSequence"):
            ds[name].is_undefined_length = draw(st.booleans())
        outer["PurposeOfReferenceCodeSequence"].is_undefined_length = draw(st.booleans())
        outer.is_undefined_length_sequence_item = draw(st.booleans())
    if draw(st.booleans()):
        ds.add_new(0x00111001, "UN", b"\x01\x02\x03\x04")
    syntax = UID(draw(st.sampled_from(SYNTAXES)))
    if draw(st.booleans()):
        pixels = b"\xfe\xff\x00\xe0\0\0\0\0" if syntax.is_compressed else bytes(64)
        ds.add_new(0x7FE00010, "OB", pixels)
        ds["PixelData"].is_undefined_length = syntax.is_encapsulated
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


@settings(max_examples=40, deadline=None)
@given(files())
def test_it_says_what_pydicom_says_or_nothing(content):
    quick = quick_facts(content[:HEAD_BYTES])
    if quick is not None:
        assert quick == read_facts(io.BytesIO(content))


@settings(max_examples=40, deadline=None)
@given(files(), st.data())
def test_of_a_damaged_header_it_says_what_pydicom_says_or_nothing(content, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(128, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    quick = quick_facts(bytes(damaged))
    if quick is not None:
        try:
            said = read_facts(io.BytesIO(damaged))
        except UnreadableHeader:
            return
        assert quick == said


@pytest.mark.parametrize("syntax", SYNTAXES[:2] + SYNTAXES[4:])
def test_an_ordinary_instance_is_read_quickly(syntax):
    from tests.intake import peers

    content = peers.instance(syntax=syntax, size_bytes=4096)
    quick = quick_facts(content[:HEAD_BYTES])
    assert quick is not None and quick == read_facts(io.BytesIO(content))
    assert quick.patient_id == "PAT-4711" and quick.sop_instance_uid == peers.uid_of(content)


@pytest.mark.parametrize("value", [b"A\\B ", b" A", b"\xc4A", b"A\x1b$B", b"A\x00B "], ids=repr)
def test_a_value_that_is_not_plain_is_left_to_pydicom(value):
    from tests.intake import peers

    content = peers.instance(patient="XXXX"[: len(value)] if len(value) < 4 else "XXXX")
    plain = content.replace(b"XXXX"[: max(2, len(value))], value.ljust(4)[:4])
    assert quick_facts(content) is not None
    assert quick_facts(plain) is None


def test_a_name_beyond_ascii_is_compared_as_it_stands_and_a_note_is_left_to_pydicom():
    from apps.intake.domain.corrections import KEY_OBJECT_SELECTION
    from tests.intake import peers

    name = {"name": "Müller^Jürgen", "SpecificCharacterSet": "ISO_IR 100"}
    content = peers.instance(PatientBirthDate="19700101", PatientSex="F", **name)
    quick = quick_facts(content[:HEAD_BYTES])
    assert quick is not None and quick == read_facts(io.BytesIO(content))
    assert quick.demographics == ("Müller^Jürgen".encode("latin-1"), b"19700101", b"F")
    assert quick_facts(peers.instance(sop_class=KEY_OBJECT_SELECTION)) is None


def test_a_deflated_data_set_that_would_fill_the_memory_is_not_read():
    """Of 300 KB."""
    import zlib

    from apps.intake.domain import header_facts
    from apps.intake.domain.upper_layer import file_start
    from tests.intake import peers

    ordinary = peers.instance(syntax="1.2.840.10008.1.2.1.99", size_bytes=100_000)
    assert read_facts(io.BytesIO(ordinary)).patient_id == "PAT-4711"
    packed = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packed.compress(b"\x08\0\x16\0UI\x04\x001.2\0\x08\0\x18\0UI\x04\x001.3\0")
    size_bytes = header_facts.MAX_INFLATED_BYTES + (1 << 20)
    body += packed.compress(b"\xe0\x7f\x10\0OB\0\0" + size_bytes.to_bytes(4, "little"))
    for _ in range(size_bytes >> 20):
        body += packed.compress(bytes(1 << 20))
    start = file_start("1.2", "1.3", "1.2.840.10008.1.2.1.99", "1.2.9", "TEST")
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableHeader):
            read_facts(io.BytesIO(start + body + packed.flush()))
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
