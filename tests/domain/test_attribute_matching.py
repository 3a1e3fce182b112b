"""Attribute matching as PS3.4 section C.2.2.2 says it, and the choice of a representation."""

from __future__ import annotations

import pytest

from apps.library.domain.attribute_matching import InvalidQuery, is_match, parse, result
from apps.library.domain.media_types import Offer, choose, stored_type

HEADER = {
    "00080020": {"vr": "DA", "Value": ["20200102"]},
    "00080030": {"vr": "TM", "Value": ["101500"]},
    "00080050": {"vr": "SH"},
    "00080060": {"vr": "CS", "Value": ["ES"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "S-1A2B"}]},
    "00100020": {"vr": "LO", "Value": ["S-1A2B"]},
    "0020000D": {"vr": "UI", "Value": ["2.25.1"]},
    "0020000E": {"vr": "UI", "Value": ["2.25.2"]},
    "00200013": {"vr": "IS", "Value": [7]},
    "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["2.25.9"]}}]},
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("StudyDate", "20200102", True),
        ("00080020", "20200101-20200103", True),
        ("StudyDate", "20200102-", True),
        ("StudyDate", "-20200101", False),
        ("StudyDate", "20200103-", False),
        ("StudyTime", "1015", True),
        ("StudyTime", "1000-1100", True),
        ("StudyTime", "1100-", False),
        ("PatientName", "s-1a*", True),
        ("PatientName", "S-?A2B", True),
        ("PatientName", "S-", False),
        ("PatientID", "s-1a2b", False),
        ("PatientID", "", True),
        ("PatientID", "[S]*", False),
        ("AccessionNumber", "*", True),
        ("AccessionNumber", "A?", False),
        ("StudyInstanceUID", "1.2,2.25.1", True),
        ("StudyInstanceUID", "1.2\\2.25.1", True),
        ("StudyInstanceUID", "2.25.*", False),
        ("InstanceNumber", "07", True),
        ("InstanceNumber", "8", False),
        ("ReferencedImageSequence.ReferencedSOPInstanceUID", "2.25.9", True),
        ("00081140.00081155", "2.25.8", False),
    ],
)
def test_a_key_matches_as_the_standard_says(name, value, expected):
    assert is_match(HEADER, parse([(name, value)], "instance")) is expected


def test_all_keys_must_match():
    both = [("PatientID", "S-*"), ("Modality", "US")]
    assert not is_match(HEADER, parse(both, "instance"))


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [
        ("NoSuchThing", "x", "study"),
        ("limit", "-1", "study"),
        ("offset", "many", "study"),
        ("includefield", "NoSuchThing", "study"),
        ("InstanceNumber", "1", "series"),
        ("Modality", "ES", "study"),
    ],
)
def test_what_is_no_key_of_the_level_is_refused_without_its_value(name, value, level):
    with pytest.raises(InvalidQuery) as refused:
        parse([(name, value)], level)
    assert value not in str(refused.value)


def test_a_result_has_what_its_levels_return_and_what_was_asked_for():
    plain = result(HEADER, parse([], "series"), ("series",))
    assert {"0020000D", "0020000E", "00080060", "00200011"} <= set(plain)
    assert plain["00200011"] == {"vr": "IS"} and "00100020" not in plain
    asked = result(HEADER, parse([("includefield", "PatientID")], "series"), ("series",))
    assert asked["00100020"]["Value"] == ["S-1A2B"]
    everything = result(HEADER, parse([("includefield", "all")], "instance"), ("instance",))
    assert set(HEADER) <= set(everything) and list(everything) == sorted(everything)


H264, RAW = "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.1"
MULTI = Offer("application/octet-stream", RAW, True)
VIDEO, SINGLE = Offer("video/mp4", H264, True), Offer("video/mp4", H264, False)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", MULTI),
        ("*/*", MULTI),
        ("multipart/related", MULTI),
        ('multipart/related; type="video/mp4"', VIDEO),
        ("multipart/related; type=video/mp4; transfer-syntax=" + H264, VIDEO),
        ('multipart/related; type="video/*"; transfer-syntax=*', VIDEO),
        ('multipart/related; type="video/mp4"; transfer-syntax=1.2.840.10008.1.2.4.107', None),
        ("video/mp4", SINGLE),
        ("image/png, video/mp4;q=0.5", SINGLE),
        ('video/mp4;q=0.5, multipart/related; type="application/octet-stream"', MULTI),
        ("video/mp4;q=0", None),
        ("text/html", None),
    ],
)
def test_the_dearest_representation_that_is_there_is_chosen(accept, expected):
    assert choose(accept, [MULTI, VIDEO, SINGLE]) == expected


def test_stored_syntaxes_have_the_media_types_of_the_standard():
    base = "1.2.840.10008.1.2"
    assert stored_type(f"{base}.4.102") == stored_type(f"{base}.4.102.1") == "video/mp4"
    assert stored_type(f"{base}.4.101") == "video/mpeg2"
    assert stored_type(f"{base}.4.50") == "image/jpeg"
    assert stored_type(f"{base}.5") == "image/dicom-rle"
    assert stored_type(f"{base}.1") == "application/octet-stream"
