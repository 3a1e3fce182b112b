"""PS3.15 Annex E as rules: Table E.1-1 by tag, E.3.4-1 by content item, E.3.10-1 by creator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from apps.deid.domain.profile import DATA_DIR, Profile


@dataclass(frozen=True)
class Rule:
    """One row: the Basic Profile's action and the options' actions, as the table writes them."""

    basic: str
    options: dict[str, str]

    def action(self, columns: frozenset[str]) -> str:
        """The action with these option columns in force: C before K before the basic one.

        C is the stricter where two options disagree (device identity against modified dates).
        """
        chosen = {self.options[column] for column in columns if column in self.options}
        if "C" in chosen:
            return "C"
        return "K" if "K" in chosen else self.basic


@lru_cache(1)
def _rules() -> dict[int, Rule]:
    rows = json.loads((DATA_DIR / "ps3.15-table-e1-1.json").read_text("utf-8"))["rows"]
    return {
        int(row["tag"][1:5] + row["tag"][6:10], 16): Rule(row["basic"], row["options"])
        for row in rows
        if "x" not in row["tag"] and "g" not in row["tag"]
    }


def rule_for(tag: int) -> Rule | None:
    """The row of Table E.1-1 for a tag of an even group; None when the table has none.

    The patterns (odd groups, 50xx, 60xx) are no rows here: the header rules remove them wholly.
    """
    return _rules().get(tag)


def table_tags() -> frozenset[int]:
    """All single tags of the table."""
    return frozenset(_rules())


@lru_cache(1)
def _content_rules() -> dict[tuple[str, str, str], Rule]:
    rows = json.loads((DATA_DIR / "ps3.15-table-e3-4-1.json").read_text("utf-8"))["rows"]
    return {
        (row["scheme"], row["code"], row["valueType"]): Rule(row["basic"], row["options"])
        for row in rows
    }


def content_rule(scheme: str, code: str, value_type: str) -> Rule | None:
    """The row of Table E.3.4-1 for one SR content item."""
    return _content_rules().get((scheme, code, value_type))


@lru_cache(1)
def _safe_private() -> frozenset[tuple[str, int, int, str]]:
    rows = json.loads((DATA_DIR / "ps3.15-table-e3-10-1-2020.json").read_text("utf-8"))["rows"]
    return frozenset(
        (row["creator"], int(row["tag"][1:5], 16), int(row["tag"][8:10], 16), row["vr"])
        for row in rows
    )


def is_safe_private(creator: str, group: int, element_low_byte: int, vr: str) -> bool:
    """Whether Table E.3.10-1 lists this private attribute with this VR."""
    return (creator, group, element_low_byte, vr) in _safe_private()


@lru_cache(1)
def _safe_private_vrs() -> dict[tuple[str, int, int], str]:
    return {row[:3]: row[3] for row in sorted(_safe_private()) if row[3]}


def safe_private_vr(creator: str, group: int, element_low_byte: int) -> str | None:
    """The VR that Table E.3.10-1 gives a private attribute; None where it has none of it."""
    return _safe_private_vrs().get((creator, group, element_low_byte))


@lru_cache(1)
def _safe_creators() -> frozenset[tuple[str, int]]:
    return frozenset((creator, group) for creator, group, _, _ in _safe_private())


def is_safe_creator(creator: str, group: int) -> bool:
    """Whether Table E.3.10-1 has attributes of this private creator in this group."""
    return (creator, group) in _safe_creators()


def retains(profile: Profile, tag: int) -> bool:
    """Whether the profile's options keep or clean this tag instead of the basic action."""
    rule = rule_for(tag)
    return rule is not None and rule.action(profile.table_columns) in ("K", "C")
