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

from apps.deid.domain import inflating
from apps.deid.domain.elements import raw_items, raw_key, read_element
from apps.deid.domain.encode import encode_elements
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.inflating import InflatingReader
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.pattern_search import PatternSearch, prepare, search_of
from apps.deid.domain.quick_read import same_tag
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
    assert len(caseless.keys) == len(caseless.beside) == len(caseless.entries) == 1
    for size in (6, 7, 64, 131_071, 262_143, 262_144, 262_152, 524_300):
        for pattern in (b"Muster", b"19610427", b"4711-8852-x"):
            for place in {0, 1, 2, 3, size - 13, size - len(pattern), chance.randrange(size),
                          262_137, 262_138, 262_141, 262_142}:  # fmt: skip
                if not 0 <= place <= size - len(pattern):
                    continue
                data = bytearray(b"\x30\x31" * (size // 2 + 1))[:size]
                data[place : place + len(pattern)] = pattern
                assert place in {at for at, _, _ in search.matches(bytes(data))}


@pytest.mark.parametrize("n_bytes", [6, 7, 8, 9, 40])
def test_a_pattern_of_any_length_is_found_once_wherever_it_stands(n_bytes: int) -> None:
    word = bytes(range(0x61, 0x61 + min(n_bytes, 26))).ljust(n_bytes, b"7")
    search = PatternSearch([(prepare([word], [word.upper()]), "id")])
    for size in range(n_bytes, n_bytes + 14):
        for place in range(size - n_bytes + 1):
            for there in (word, word.upper()):
                data = bytearray(b"~" * size)
                data[place : place + n_bytes] = there
                found = sorted(search.matches(bytes(data)))
                both = [(place, "id", word.upper()), (place, "id", word)]
                assert found == (both if there == word.upper() else both[1:])


def test_a_member_may_begin_with_each_pair_of_bytes_that_one_begins_with() -> None:
    chance = random.Random(7)
    pairs = [b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"\x1f\x8b", b"PK"]
    for letters in (bytes(range(256)), b"".join(pairs)):
        for size in (0, 1, 2, 9, 5000):
            data = bytes(chance.choices(letters, k=size))
            # So that each of zlib's is one: a block of deflate with fixed codes.
            data = b"".join(one + b"\x03" for one in (data, *pairs))
            found = inflating._begins(data)
            expected = [at for at in range(len(data) - 1) if data[at : at + 2] in pairs]
            assert set(found) <= set(expected) and found == sorted(found)
            assert {at for at in expected if at > size} <= set(found)
            others = [at for at in expected if data[at : at + 2] in pairs[4:]]
            assert set(others) <= set(found)


def test_a_private_elements_bytes_stand_for_it_only_beside_the_same_creator() -> None:
    def key_of(creator: str, value: bytes = b"SURGEON^ANNE", charset: str = "ISO_IR 100") -> object:
        ds = corpus.ultrasound_cine()
        ds.SpecificCharacterSet = charset
        ds.add_new(0x00190010, "LO", creator)
        ds.add_new(0x00191001, "UN", value)
        read = parse_instance(BytesIO(corpus.as_file(ds).getvalue())).dataset
        key = raw_key(read, read._dict[same_tag(0x00191001)])
        assert key is not None
        # Asked for again, also once it was converted, it is the same.
        read_element(read, 0x00191001)
        assert raw_key(read, read._dict[same_tag(0x00191001)]) in (key, None)
        return key

    assert key_of("ACME 1.0") is key_of("ACME 1.0")
    others = {key_of("ACME 1.1"), key_of("ACME 1.0", b"SURGEON^ANNA"),
              key_of("ACME 1.0", charset="ISO_IR 192")}  # fmt: skip
    assert len(others | {key_of("ACME 1.0")}) == 4


def test_no_element_is_told_anothers_key() -> None:
    read = parse_instance(BytesIO(corpus.as_file(corpus.ultrasound_cine()).getvalue())).dataset
    one, other = (read._dict[same_tag(tag)] for tag in (0x00100010, 0x00100020))
    keys = raw_key(read, one), raw_key(read, other)
    assert None not in keys and keys[0] is not keys[1]
    # What a number of an object says after the object went: another stands there now.
    told = read.__dict__["raw_keys"]
    told[id(one)] = told[id(other)]
    assert raw_key(read, one) is keys[0]


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
