"""What a compliance officer should look at: many patients, nights, no assignment, refusals."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from apps.audit.domain.unusual import Access, Limits, findings

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def seen(minutes, subject="P1", person="anna", is_given=True, is_refused=False):
    at = NOON + timedelta(minutes=minutes)
    return Access(person, at, "" if is_refused else subject, is_given, is_refused)


def told(accesses, **limits):
    return [(f.rule, f.person, f.count) for f in findings(accesses, Limits(**limits))]


def test_ordinary_work_by_day_is_not_unusual():
    assert told([seen(5 * n, f"P{n % 3}") for n in range(60)]) == []


def test_many_patients_within_an_hour_are_one_finding_and_the_same_number_over_a_day_is_none():
    crowd = [seen(5 * n, f"P{n}") for n in range(12)]
    assert told(crowd) == [("bulk", "anna", 12)]
    assert told(crowd, patients_an_hour=13) == []
    assert told([seen(40 * n, f"P{n}", "boris") for n in range(10)]) == []
    mixed = [seen(5 * n, f"P{n}", ("anna", "boris")[n % 2]) for n in range(12)]
    assert told(mixed) == []


def test_patients_of_another_department_are_told_by_stretches_and_unknown_ones_not_at_all():
    elsewhere = [replace(seen(30 * n), is_elsewhere=True) for n in (0, 1, 5)]
    assert told([*elsewhere, seen(10)]) == [("elsewhere", "anna", 1), ("elsewhere", "anna", 2)]


def test_the_night_goes_over_midnight_and_is_told_by_stretches():
    night = [seen(10 * 60 - 1), seen(10 * 60), seen(10 * 60 + 30), seen(16 * 60), seen(18 * 60)]
    assert [(f.start - NOON, f.count) for f in findings(night) if f.rule == "night"] == [
        (timedelta(hours=16), 1),
        (timedelta(hours=10), 2),
    ]
    assert told(night, night_from=0, night_to=0) == []


def test_what_was_not_given_and_repeated_refusals_are_told():
    assert told([seen(0, is_given=False), seen(3)]) == [("not_given", "anna", 1)]
    refused = [seen(n, is_refused=True) for n in range(4)]
    assert told(refused) == []
    assert told([*refused, seen(59, is_refused=True)]) == [("refused", "anna", 5)]
    assert told([*refused, seen(60, is_refused=True)]) == []
