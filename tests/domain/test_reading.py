"""What is read in pictures is told apart: what must go, what a person may keep."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.deid.domain.harvest import Harvest
from apps.deid.domain.reading import classify, holds_within_one, identifier_matcher, within_one

HARVEST = Harvest(
    {
        "name": {"Morgan-Levy^Ana", "Stein^Bo"},
        "id": {"ZX-7731-0042", "90210455"},
        "phone": {"+44 20 7946 0958"},
        "date": {"19610304"},
        "time": {"124510"},
    }
)
match = identifier_matcher(HARVEST)
SIGNS = string.ascii_lowercase + string.digits


@pytest.mark.parametrize(
    "text",
    [
        "MORGAN", "MORGAM", "M0RGAN", "MORGAN-LEVVY", "MORGANLEVYANA", "STE1N", "Pat: MORGN A",
        "ZX-7731-0042", "ZX77310042", "ZX-773I-OO42", "ZX-7731-042", "ID:90210455", "9021O455",
        "90210455 M", "90210655", "+44 20 7946 0938", "04.03.1961",
    ],
)  # fmt: skip
def test_a_harvested_value_is_known_with_one_slip_of_reading(text):
    assert match(text) and classify(text, match) == "identifier"


@pytest.mark.parametrize(
    "text",
    [
        "ORGAN",
        "STENT",
        "GAIN 50%",
        "12:45:10",
        "12:45:11",
        "ZX-7700-0099",
        "90213377",
        "MI 0.8",
        "",
    ],
)
def test_what_is_two_slips_away_or_a_common_word_or_the_running_clock_is_not(text):
    assert not match(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("04.03.1961", "identifier"),
        ("2024-09-17 08:41:07", "identifier"),
        ("4 MAR 1961", "identifier"),
        ("04-Mrz-61", "identifier"),
        ("17. September 2024", "identifier"),
        ("Sep 17, 2024", "identifier"),
        ("2024/SEP/17", "identifier"),
        ("19610304", "identifier"),
        ("1961年3月4日", "identifier"),
        ("08:41:07", "clock"),
        ("00:14:07.240", "clock"),
        ("12.5 mm", "clock"),
        ("Depth 16.0 cm", "clock"),
        ("MI: 0.8", "clock"),
        ("25 Hz", "clock"),
        ("-12", "clock"),
        ("4711042", "unknown"),
        ("ST. ALDHELM", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_line_is_told_by_what_it_reads(text, kind):
    assert classify(text) == kind


def edited(draw: st.DataObject, text: str) -> str:
    at = draw.draw(st.integers(0, len(text) - 1))
    sign = draw.draw(st.sampled_from(SIGNS))
    kept = draw.draw(st.sampled_from((text[at + 1 :], text[at:])))
    return text[:at] + draw.draw(st.sampled_from(("", sign))) + kept


@given(st.text(SIGNS, min_size=6, max_size=14), st.text(SIGNS, max_size=9), st.data())
def test_a_part_with_one_edit_is_found_in_any_line(key, around, data):
    slip = edited(data, key)
    assert within_one(slip, key) and within_one(key, slip)
    assert holds_within_one(around + slip + around, key)


def distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (left != right))
    return row[-1]


@given(st.text("ab1", max_size=7), st.text("ab1", max_size=7))
def test_the_quick_answer_is_the_edit_distance(a, b):
    assert within_one(a, b) == (distance(a, b) <= 1)
