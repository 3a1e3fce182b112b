"""The quick ways of reading, converting and writing give what pydicom gives."""

from __future__ import annotations

import random
import zlib
from io import BytesIO

import pydicom
import pytest
from pydicom.data import get_testdata_files
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from apps.deid.domain.elements import raw_items, read_element
from apps.deid.domain.encode import encode_elements
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.inflating import InflatingReader
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.pattern_search import prepare, search_of
from apps.deid.domain.reasons import Refused
from apps.deid.domain.scan import Finding, LeakScanner
from tests.domain import deid_corpus as corpus


def _files() -> list[bytes]:
    own = [corpus.as_file(ds).getvalue() for ds in corpus.all_instances()]
    for path in get_testdata_files("*.dcm"):
        with open(path, "rb") as file:
            data = file.read()
        if len(data) < 400_000:
            own.append(data)
    return own


def _same(mine: Dataset, theirs: Dataset) -> None:
    for (tag, _), (other, raw) in zip(raw_items(mine), raw_items(theirs), strict=True):
        assert tag == other
        element = read_element(mine, tag)
        try:
            expected = theirs[tag]
        except Exception:
            assert element is None
            continue
        assert element is not None
        assert element.VR == expected.VR
        if element.VR == "SQ":
            for item, its in zip(element.value, expected.value, strict=True):
                _same(item, its)
        else:
            assert type(element.value) is type(expected.value)
            assert repr(element.value) == repr(expected.value), raw.VR


def test_every_element_of_pydicoms_and_our_files_reads_as_pydicom_reads_it() -> None:
    n_read = 0
    for data in _files():
        try:
            parsed = parse_instance(BytesIO(data))
        except Refused:
            continue
        theirs = pydicom.dcmread(BytesIO(data), force=True)
        for ds in (parsed.dataset, theirs):
            for tag in [tag for tag in ds._dict if tag >> 16 == 0x7FE0]:
                del ds._dict[tag]
        _same(parsed.dataset, theirs)
        _same(parsed.file_meta, theirs.file_meta)
        n_read += 1
    assert n_read > 60


def _by_pydicom(ds: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, ds, parent_encoding="utf8")
    return bytes(buffer.getvalue())


def test_every_data_set_is_written_byte_for_byte_as_pydicom_writes_it() -> None:
    n_written = 0
    for data in _files():
        try:
            ds = parse_instance(BytesIO(data)).dataset
        except Refused:
            continue
        new = Dataset()
        for tag, _ in raw_items(ds):
            element = read_element(ds, tag)
            if element is not None and tag >> 16 != 0x7FE0 and tag & 0xFFFF:
                new[tag] = element
        new.SpecificCharacterSet = "ISO_IR 192"
        try:
            expected = _by_pydicom(new)
        except Exception:
            continue
        assert encode_elements(new, [tag for tag, _ in raw_items(new)]) == expected
        n_written += 1
    assert n_written > 50


@pytest.mark.parametrize("vr", ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH",
                                "ST", "TM", "UC", "UI", "UR", "UT", "AT", "FD", "FL", "SL", "SS",
                                "UL", "US", "SV", "UV", "OB", "OW", "UN", "SQ"])  # fmt: skip
def test_bytes_of_any_kind_convert_as_pydicom_converts_them(vr: str) -> None:
    chance = random.Random(vr)
    parts = [b"", b" ", b"\x00", b"\\", b"12", b"-1.5e3", b"20240229", b"M\xfcller^J", b"\xc3\xa4",
             b"A=B=C", b"\x1b$B", b"1.2.840", b"\r\n", b"\x01\x02\x03\x04", b"x" * 7]  # fmt: skip
    for _ in range(150):
        value = b"".join(chance.choices(parts, k=chance.randint(0, 5)))
        charset = chance.choice(["iso8859", ["UTF8"], ["latin_1"], ["GB18030"], ["shift_jis"]])
        tag = pydicom.tag.BaseTag(chance.choice([0x00091001, 0x00081030]))
        read = []
        for _ in range(2):
            ds = Dataset()
            ds._dict[tag] = RawDataElement(tag, vr, len(value), value or None, 0, False, True)
            ds.set_original_encoding(False, True, charset)
            read.append(ds)
        mine, theirs = read
        try:
            expected: DataElement | None = theirs[tag]
        except Exception:
            expected = None
        element = read_element(mine, tag)
        if expected is None or element is None:
            assert element is expected
        else:
            assert element.VR == expected.VR
            assert repr(element.value) == repr(expected.value)


def test_a_pattern_is_found_at_every_position_and_beside_every_border() -> None:
    chance = random.Random(5)
    search = search_of({b"Muster": "name", b"19610427": "date", b"4711-8852-x": "id"})
    caseless = prepare([b"muster"])
    assert len(caseless.keys) == len(caseless.fifths) == len(caseless.entries)
    for size in (6, 7, 64, 131_071, 262_143, 262_144, 262_152, 524_300):
        for pattern in (b"Muster", b"19610427", b"4711-8852-x"):
            for place in {0, 1, 2, 3, size - 13, size - len(pattern), chance.randrange(size),
                          262_137, 262_138, 262_141, 262_142}:  # fmt: skip
                if not 0 <= place <= size - len(pattern):
                    continue
                data = bytearray(b"\x30\x31" * (size // 2 + 1))[:size]
                data[place : place + len(pattern)] = pattern
                assert place in {at for at, _, _ in search.matches(bytes(data))}


def test_what_no_inflater_would_take_is_all_that_is_passed_over() -> None:
    chance = random.Random(6)
    for _ in range(40):
        before = bytes(chance.randrange(256) for _ in range(chance.randrange(600)))
        value = b"MUSTERMANN^ERIKA " * chance.randint(1, 40)
        packed = zlib.compress(value, chance.choice([0, 1, 6, 9]))
        reader = InflatingReader()
        found = [out for _, out in reader.feed(before + packed + bytes(chance.randrange(900)))]
        found += [out for _, out in reader.feed(b"", is_last=True)]
        assert any(value in out for out in found)


def test_what_was_clean_for_one_instance_is_searched_anew_where_it_may_be_a_leak() -> None:
    known = Harvest({"date": {"19610427"}, "name": {"Musterfrau^Erika"}})
    ds = Dataset()
    ds.StudyDate, ds.SeriesDescription, ds.StudyID = "19610427", "Abdomen", "7"
    data = corpus.as_file(_complete(ds)).getvalue()

    def findings(harvest: Harvest, written: set[str]) -> list[Finding]:
        scanner = LeakScanner(harvest, written=written)
        scanner.scan_dataset("header", parse_instance(BytesIO(data)).dataset)
        return scanner.findings

    for _ in range(2):
        assert findings(known, {"19610427"}) == []
        assert findings(known, set()) == [Finding("header (0008,0020)", "date")]
    known.add("name", "Abdomen^Otto")
    assert findings(known, {"19610427"}) == [Finding("header (0008,103E)", "name")]


def _complete(ds: Dataset) -> Dataset:
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    return ds
