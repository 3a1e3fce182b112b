"""Routing rules and queries to a PACS, as rules without a database."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.intake.domain.routing import Condition, Rule, attributes_of, first
from apps.intake.domain.study_query import UnfitCriterion, criteria

HEADER = {"Modality": ("US",), "StationName": ("OR3-Tower",), "StudyDescription": ("Herz", "Echo")}


@pytest.mark.parametrize(
    ("rule", "is_taken"),
    [
        (Rule(called_ae="A"), True),
        (Rule(called_ae="B"), False),
        (Rule(calling_ae="TOW*"), True),
        (Rule(calling_ae="TOW"), False),
        (Rule("A", "TOWER", (Condition("Modality", "is", "us"),)), True),
        (Rule("A", "TOWER", (Condition("Modality", "is", "u"),)), False),
        (Rule(conditions=(Condition("StationName", "begins", "or3"),)), True),
        (Rule(conditions=(Condition("StudyDescription", "contains", "CHO"),)), True),
        (Rule(conditions=(Condition("Manufacturer", "contains", ""),)), False),
        (
            Rule(
                conditions=(
                    Condition("Modality", "is", "US"),
                    Condition("StationName", "is", "OR4"),
                )
            ),
            False,
        ),
    ],
)
def test_a_rule_takes_what_meets_all_that_it_names(rule, is_taken):
    assert (first([(rule, "x")], "A", "TOWER", lambda: HEADER) == "x") == is_taken


def test_the_first_rule_that_fits_decides_and_the_header_is_read_once_and_only_when_asked_for():
    reads = []

    def read():
        reads.append(1)
        return HEADER

    us = (Condition("Modality", "is", "US"),)
    rules = [
        (Rule("OTHER", "", us), 1),
        (Rule("A", "", (Condition("Modality", "is", "CT"),)), 2),
        (Rule("A", "", us), 3),
        (Rule("A"), 4),
    ]
    assert first(rules, "A", "T", read) == 3 and reads == [1]
    assert first(rules, "B", "T", read) is None and reads == [1]
    # Before there is an instance, rules by attributes are passed over.
    assert first(rules, "A", "T", None) == 4


@given(st.binary(max_size=600))
def test_nothing_in_a_header_can_break_the_routing(content):
    assert isinstance(attributes_of(io.BytesIO(content)), dict)


def test_what_is_asked_becomes_matching_keys():
    assert criteria({"patient_id": " 12 ", "name": "Mül", "modality": "us"}) == {
        "PatientID": "12", "PatientName": "Mül*", "ModalitiesInStudy": "US",
    }  # fmt: skip
    assert criteria({"date_from": "2026-01-01", "date_to": "2026-01-31"}) == {
        "StudyDate": "20260101-20260131"
    }
    assert criteria({"accession": "A", "date_to": "2026-01-31"}) == {
        "AccessionNumber": "A", "StudyDate": "20260131",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "patient_id"),
        ({"modality": "US"}, "patient_id"),
        ({"patient_id": "1*"}, "patient_id"),
        ({"accession": "?"}, "accession"),
        ({"name": "A*"}, "name"),
        ({"name": "a\\b"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"patient_id": "1", "modality": "U S"}, "modality"),
        ({"date_from": "2026-02-30"}, "date_from"),
        ({"date_from": "2026-01-01", "date_to": "2026-03-01"}, "date_to"),
        ({"date_from": "2026-01-02", "date_to": "2026-01-01"}, "date_to"),
    ],
)
def test_a_query_that_would_bring_too_much_is_refused_without_its_value(form, field):
    with pytest.raises(UnfitCriterion) as unfit:
        criteria(form)
    assert unfit.value.field == field
    assert all(not value or value not in str(unfit.value) for value in form.values())
