from __future__ import annotations

import base64
import gzip
import io
import os
import zipfile
import zlib
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from apps.deid.domain.codes import is_public_code, verhoeff_holds
from apps.deid.domain.dates import (
    cap_age,
    shift_date,
    shift_date_and_time,
    shift_datetime,
    shift_time,
)
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.pattern_search import search_of
from apps.deid.domain.scan import Finding, LeakScanner
from apps.deid.domain.spellings import date_spellings
from apps.deid.domain.uids import derive_subkey, is_registered, map_uid

MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1))
NOISE = os.urandom(300_000)
SECRET = "Wolkenstein^Adelgunde"


def harvest() -> Harvest:
    found = Harvest()
    found.add("name", SECRET)
    found.add("name", "Müller^Jörg")
    found.add("name", "Long^Li")
    found.add("id", "MRN-4711-8852")
    found.add("date", "19570312")
    found.add("uid", "1.2.826.0.1.3680043.99.4711.3")
    return found


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", data)
    return out.getvalue()


PLAIN = SECRET.encode()
FORMS = {
    "utf-8": PLAIN,
    "upper case": PLAIN.upper(),
    "given name first": b"adelgunde wolkenstein",
    "utf-16-le": SECRET.encode("utf-16-le"),
    "utf-16-be": SECRET.upper().encode("utf-16-be"),
    "hex": PLAIN.hex().upper().encode(),
    **{f"base64 at {n}": base64.b64encode(b"?" * n + PLAIN + b"!") for n in range(3)},
    "zlib": zlib.compress(b"some text " + PLAIN),
    "gzip": gzip.compress(PLAIN),
    "zip": zipped(PLAIN),
    "gzip in zlib": zlib.compress(NOISE[:900] + gzip.compress(PLAIN)),
    "latin-1 umlaut": "MÜLLER, JÖRG".encode("latin-1"),
    "without accents": b"Muller^Jorg",
    "id without separators": b"MRN47118852",
    "date": b"12.03.1957",
    "month by name": b"March 12, 1957",
    "uid": b"1.2.826.0.1.3680043.99.4711.3",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", [0, 1, 5, 11])
def test_a_planted_value_is_found_in_every_form_and_across_chunks(form: str, cut: int) -> None:
    data = NOISE[:5000] + FORMS[form] + NOISE[5000:9000]
    scanner = LeakScanner(harvest())
    scanner.feed("video", data[: 5000 + cut])
    scanner.feed("video", data[5000 + cut :])
    scanner.finish("video")
    assert scanner.findings
    assert all(SECRET[:6].lower() not in str(finding).lower() for finding in scanner.findings)


def test_random_bytes_give_no_finding() -> None:
    scanner = LeakScanner(harvest())
    scanner.scan_stream("video", io.BytesIO(NOISE * 5))
    assert scanner.findings == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(min_size=6, max_size=12), min_size=1, max_size=20, unique=True),
    st.binary(max_size=300),
    st.data(),
)
def test_pattern_search_finds_exactly_what_bytes_find_does(patterns, noise, data) -> None:
    at = data.draw(st.integers(0, len(noise)))
    buffer = noise[:at] + data.draw(st.sampled_from(patterns)) + noise[at:]
    found = set(search_of({p: str(n) for n, p in enumerate(patterns)}).find(buffer))
    expected = {
        (i, str(n)) for n, p in enumerate(patterns) for i in range(len(buffer))
        if buffer.startswith(p, i)
    }  # fmt: skip
    assert found == expected


def test_short_and_hidden_values_are_found_where_a_value_was_parsed() -> None:
    for text in ("seen by Jörg", base64.b64encode(b"to Adelgunde W").decode(), "a%20Wolkenstein",
                 "Wol\u200bkenstein".replace("\u200b", ""), b"Wolkenstein".hex()):  # fmt: skip
        scanner = LeakScanner(harvest())
        ds = Dataset()
        ds.SeriesDescription = text
        scanner.scan_dataset("header", ds)
        assert scanner.findings == [Finding("header (0008,103E)", "name")], text
    scanner = LeakScanner(harvest())
    scanner.scan_text("log", "colonoscopy, long segment")
    assert scanner.findings == []


def test_mp4_box_texts_are_searched() -> None:
    def box(name: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + name + body

    data = box(b"ftyp", b"isom") + box(b"moov", box(b"udta", box(b"\xa9nam", b"\0\4\0\0Jorg")))
    scanner = LeakScanner(harvest())
    scanner.scan_mp4("mp4", io.BytesIO(data))
    assert [finding.kind for finding in scanner.findings] == ["name"]


def test_a_harvest_survives_being_stored() -> None:
    stored = Harvest.from_bytes(harvest().to_bytes())
    assert stored.values == harvest().values and "Wolken" not in repr(stored)


@given(
    st.binary(min_size=32, max_size=32),
    st.from_regex(r"[0-2](\.[1-9][0-9]{0,9}){2,9}", fullmatch=True),
)
def test_a_mapped_uid_is_valid_stateless_and_another(key: bytes, uid: str) -> None:
    new = map_uid(key, uid)
    if is_registered(uid):
        assert new == uid
        return
    assert new == map_uid(key, uid) != map_uid(derive_subkey(key, "uid", b"s"), uid)
    value = int(new.removeprefix("2.25."))
    assert len(new) <= 44 and value >> 76 & 0xF == 8 and value >> 62 & 3 == 2


@given(MOMENTS, MOMENTS, st.integers(-3650 * 86400, -1))
def test_intervals_stay_exact(one, two, offset_s: int) -> None:

    def moved(moment):
        da, tm = shift_date_and_time(f"{moment:%Y%m%d}", f"{moment:%H%M%S}", offset_s)
        dt = shift_datetime(f"{moment:%Y%m%d%H%M%S}", offset_s)
        assert dt == f"{da}{tm}"
        return datetime.strptime(dt, "%Y%m%d%H%M%S")

    one, two = one.replace(microsecond=0), two.replace(microsecond=0)
    assert moved(one) - moved(two) == one - two


def test_partial_and_impossible_dates_and_ages() -> None:
    assert shift_date("20240231", -86400) is None and shift_date("text", 0) is None
    assert shift_date("2024.03.01", -86400) == "20240229"
    assert shift_date("202403", -86400) == "202402"
    assert shift_time("1230", -3600) == "1130" and shift_time("99", 0) is None
    assert shift_time("003000.25", -3600) == "233000.25"
    assert shift_datetime("2024", -86400) == "2023"
    assert shift_datetime("20240101003000+0000", 0, "+0100") == "20240101013000"
    assert (cap_age("093Y"), cap_age("089Y"), cap_age("abc")) == ("090Y", "089Y", None)
    assert {"12 Mar 1957", "3/12/1957", "1957年03月12日"} <= date_spellings("19570312")


def test_registered_uids_pass_and_lookalikes_do_not() -> None:
    assert is_registered("1.2.840.10008.5.1.4.1.1.7")
    assert not is_registered("1.2.840.10008.5.1.4.1.1.7.47118852")


def test_only_public_codes_may_stay() -> None:
    assert is_public_code("SCT", "71854001") and verhoeff_holds("71854001")
    assert not is_public_code("SCT", "47118852") and not is_public_code("99LOCAL", "A1")
    assert is_public_code("UCUM", "cm/s") and not is_public_code("UCUM", "{Wolkenstein}")
