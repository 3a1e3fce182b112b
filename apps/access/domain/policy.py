"""The access table's rule: one row, who asks, in which relation, in which state; pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

ANYONE = "anyone"


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
