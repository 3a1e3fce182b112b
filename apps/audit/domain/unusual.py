"""Accesses that a compliance officer should look at, by rules that can be said in a sentence; pure.

None of them says that something is wrong: each names what to ask about.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class Access:
    """One event of a person: ``subject`` the patient's pseudonym ("" for none), ``is_given``
    whether it was that person's own work, ``at`` in the zone in which nights are counted."""

    person: str
    at: datetime
    subject: str
    is_given: bool
    is_refused: bool = False
    # Known to be of another department than the person's.
    is_elsewhere: bool = False


@dataclass(frozen=True)
class Limits:
    """``patients_an_hour`` and ``refusals_an_hour``: from how many on; the night lasts from
    ``night_from`` to before ``night_to``, hours of the day."""

    patients_an_hour: int = 10
    refusals_an_hour: int = 5
    night_from: int = 22
    night_to: int = 6


@dataclass(frozen=True)
class Finding:
    """``rule``: bulk, night, elsewhere, not_given or refused; ``count`` accesses from ``start`` to
    ``end``."""

    rule: str
    person: str
    start: datetime
    end: datetime
    count: int


def findings(accesses: Iterable[Access], limits: Limits | None = None) -> list[Finding]:
    """What the rules find, newest first; one finding a person, rule and stretch."""
    held = limits or Limits()
    by_person: dict[str, list[Access]] = {}
    for access in sorted(accesses, key=lambda a: a.at):
        by_person.setdefault(access.person, []).append(access)
    out: list[Finding] = []
    for person, rows in by_person.items():
        seen = [row for row in rows if row.subject and not row.is_refused]
        out += _stretches("night", person, [r for r in seen if _is_night(r.at, held)])
        out += _stretches("elsewhere", person, [r for r in seen if r.is_elsewhere])
        out += _stretches("not_given", person, [r for r in seen if not r.is_given])
        out += _crowds("bulk", person, [(r.at, r.subject) for r in seen], held.patients_an_hour)
        refused = [(r.at, str(n)) for n, r in enumerate(rows) if r.is_refused]
        out += _crowds("refused", person, refused, held.refusals_an_hour)
    return sorted(out, key=lambda f: (f.start, f.person, f.rule), reverse=True)


def _is_night(at: datetime, limits: Limits) -> bool:
    if limits.night_from <= limits.night_to:
        return limits.night_from <= at.hour < limits.night_to
    return at.hour >= limits.night_from or at.hour < limits.night_to


def _stretches(rule: str, person: str, rows: list[Access]) -> list[Finding]:
    """Rows less than an hour apart are one finding."""
    out: list[Finding] = []
    for row in rows:
        if out and row.at - out[-1].end < WITHIN:
            out[-1] = Finding(rule, person, out[-1].start, row.at, out[-1].count + 1)
        else:
            out.append(Finding(rule, person, row.at, row.at, 1))
    return out


def _crowds(rule: str, person: str, rows: list[tuple[datetime, str]], least: int) -> list[Finding]:
    """Stretches in which at least ``least`` different things lie within an hour."""
    out: list[Finding] = []
    window: deque[tuple[datetime, str]] = deque()
    for at, thing in rows:
        window.append((at, thing))
        while at - window[0][0] >= WITHIN:
            window.popleft()
        count = len({name for _, name in window})
        if count < least:
            continue
        start = window[0][0]
        if out and start <= out[-1].end:
            out[-1] = Finding(rule, person, out[-1].start, at, max(out[-1].count, count))
        else:
            out.append(Finding(rule, person, start, at, count))
    return out
