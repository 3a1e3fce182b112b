"""The two hand-written pages, read: who has which right, and what each address asks for."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.access.world import Someone, Thing, World

HERE = Path(__file__).parent
OPEN, SIGNED_IN, AGAIN = "(open)", "(signed in)", "(again)"


@dataclass(frozen=True)
class Rights:
    """``held[role][right]`` says how much; ``never[role]`` are patterns."""

    held: dict[str, dict[str, str]]
    never: dict[str, list[str]]


@dataclass(frozen=True)
class Door:
    name: str
    method: str
    asks: str
    thing: str
    sent: str

    def body(self, world: World) -> tuple[Any, str]:
        """What is sent and its media type, with the world's ids in it."""
        text = self.sent
        for name in sorted(world.sent, key=len, reverse=True):
            text = text.replace(f"${name}", world.sent[name])
        is_json = text.startswith("{")
        return text, "application/json" if is_json else "application/x-www-form-urlencoded"


def rights() -> Rights:
    held: dict[str, dict[str, str]] = {}
    never: dict[str, list[str]] = {}
    role = ""
    for line in (HERE / "rights.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            role = line[3:].strip()
            held[role], never[role] = {}, []
        elif line.startswith("- "):
            how_much, _, listed = line[2:].partition(": ")
            if how_much == "never":
                never[role] = listed.split()
            else:
                for right in listed.split(", "):
                    assert right not in held[role], f"{role}: {right} stands twice"
                    held[role][right] = how_much
    return Rights(held, never)


def doors() -> list[Door]:
    rows = []
    for line in (HERE / "doors.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] not in ("address", "---"):
            rows.append(Door(*cells))
    return rows


def is_never(rights: Rights, role: str, action: str) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in rights.never[role])


def may(rights: Rights, door: Door, someone: Someone, thing: Thing | None) -> bool:
    """Whether the pages say that this person's request is let in. ``thing`` is None where an
    address names no object, or where each answers with what is their own (``any project``)."""
    if door.asks == OPEN:
        return True
    if not someone.is_signed_in:
        return False
    if door.asks in (SIGNED_IN, AGAIN):
        return True
    if rights.held["anyone"].get(door.asks):
        return thing is None or someone.name in thing.own
    return any(
        _may(rights.held[role].get(door.asks, ""), door, someone, thing) for role in someone.roles
    )


def _may(how_much: str, door: Door, someone: Someone, thing: Thing | None) -> bool:
    if how_much in ("anywhere", "project", "another's") and someone.is_system:
        return how_much != "another's" or thing is None or someone.name not in thing.made_by
    if how_much == "" or how_much == "anywhere":
        return False
    if thing is None:
        return True
    if someone.is_elsewhere and not thing.is_shared:
        return False
    if how_much == "project":
        return True
    if how_much == "another's":
        return someone.name not in thing.made_by
    return someone.name in getattr(thing, how_much)
