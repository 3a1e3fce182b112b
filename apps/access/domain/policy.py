"""The access table's rule: one row, who asks, in which relation, in which state; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ANYONE = "anyone"

# Roles that nobody holds together in one project: a steward never annotates, and who annotates
# must not read in the trail what the other annotators do.
PARTED_ROLES = (
    frozenset({"annotator", "data_steward"}),
    frozenset({"adjudicator", "data_steward"}),
    frozenset({"annotator", "compliance_officer"}),
)


@dataclass(frozen=True)
class Apart:
    """Whom a verb names by ``argument`` must not have had another part in the object: the part that
    bars, by the value of the argument ``by`` ("" for any). ``parts`` says which a person had."""

    argument: str
    barred: Mapping[str, str]
    parts: Callable[[Any, Any], Set[str]]
    by: str = ""

    def bar(self, given: Mapping[str, Any], target: Any) -> str | None:
        """The part that bars who is named in a verb's arguments, if any does."""
        part = self.barred.get(str(given[self.by]) if self.by else "")
        return part if part and part in self.parts(given[self.argument], target) else None

    def words(self) -> str:
        """For the table: who may not be named."""
        rules = [
            f"{part} it" + (f" ({value})" if value else "") for value, part in self.barred.items()
        ]
        return f"a {self.argument} who {' or '.join(rules)}"


def parted_from(role: str, held: Set[str]) -> str | None:
    """The role among ``held`` that must not be held together with ``role``."""
    for pair in PARTED_ROLES:
        if role in pair and (found := (pair - {role}) & held):
            return min(found)
    return None


@dataclass(frozen=True)
class PolicyRow:
    """One line of the access table, rendered into docs/access.md."""

    action: str
    roles: frozenset[str]
    states: frozenset[str] | None
    relation: str | None
    not_relation: str | None
    summary: str
    function: str
    apart: Apart | None = None


class Verdict(StrEnum):
    ALLOWED = "allowed"
    # To who asks, the object does not exist.
    ABSENT = "absent"
    WRONG_ROLE = "wrong_role"
    # A conflict of interest: another person must do it.
    OWN_WORK = "own_work"
    WRONG_STATE = "wrong_state"


def verdict(
    row: PolicyRow,
    held: Set[str],
    related: Set[str],
    *,
    state: str | None = None,
    has_object: bool = True,
    is_service: bool = False,
) -> Verdict:
    """What the row says to somebody with the roles ``held`` and the relations ``related`` towards
    an object in ``state``. A machine needs no relation: nobody assigns it anything."""
    if not held & row.roles and ANYONE not in row.roles:
        return Verdict.WRONG_ROLE if held or related or not has_object else Verdict.ABSENT
    if row.relation is not None and not is_service and row.relation not in related:
        return Verdict.ABSENT
    if row.not_relation is not None and row.not_relation in related:
        return Verdict.OWN_WORK
    if row.states is not None and state not in row.states:
        return Verdict.WRONG_STATE
    return Verdict.ALLOWED
