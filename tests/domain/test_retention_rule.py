"""A project's rule on originals: when each may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.projects.domain.retention import NOTICE, Kind, Rule, due_at, problem, rule_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_project_without_a_rule_does_as_its_making_said():
    assert rule_of({"keep_originals": True}) == Rule(Kind.KEEP)
    assert rule_of({}) == rule_of({"keep_originals": False}) == Rule(Kind.DELETE)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_rule_is_read_as_it_was_kept(kind):
    rule = Rule(kind, 30, AT)
    assert rule_of({"originals": rule.as_option(), "keep_originals": True}) == rule


def test_what_is_kept_is_never_due_and_what_is_deleted_is_due_at_once():
    assert due_at(Rule(Kind.KEEP), AT, AT) is None
    assert due_at(Rule(Kind.DELETE), AT, None) == AT
    assert due_at(Rule(Kind.DAYS, 30), AT, None) == AT + 30 * DAY


def test_after_a_release_nothing_is_due_before_one_is_published():
    rule = Rule(Kind.AFTER_RELEASE, 10)
    assert due_at(rule, AT, None) is None
    assert due_at(rule, AT, AT + DAY) == AT + 11 * DAY


@pytest.mark.parametrize("kind", [Kind.DELETE, Kind.DAYS, Kind.AFTER_RELEASE])
def test_what_a_new_rule_finds_there_already_waits_a_week_for_all_to_see(kind):
    since = AT + 400 * DAY
    rule = Rule(kind, 1, since)
    assert due_at(rule, AT, AT) == since + NOTICE
    later = since + DAY
    assert due_at(rule, later, later) == (later if kind == Kind.DELETE else later + DAY)


def test_a_rule_that_is_none_is_named():
    assert problem("burn", 1) and problem("days", 0) and problem("days", 99_999)
    assert problem("after_release", -1)
    assert not problem("days", 1) and not problem("after_release", 0) and not problem("keep", 0)
