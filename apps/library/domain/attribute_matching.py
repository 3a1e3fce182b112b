"""Attribute matching on the DICOM JSON model (PS3.18 section 8.3.4, PS3.4 section C.2.2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

Header = dict[str, Any]
MAX_RESULTS = 1000

STUDY_RETURNED = (
    "00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00081190", "00100010",
    "00100020", "00100030", "00100040", "0020000D", "00200010", "00201206", "00201208",
)  # fmt: skip
SERIES_RETURNED = (
    "00080060", "0008103E", "00081190", "0020000E", "00200011", "00201209", "00400244", "00400245",
)  # fmt: skip
INSTANCE_RETURNED = (
    "00080016", "00080018", "00080056", "00081190", "00083002", "00200013", "00280008", "00280010",
    "00280011", "00280100",
)  # fmt: skip
# What is said only where the instance says it.
_IF_PRESENT = ("00080005", "00080201")
_STUDY_KEYS = {*STUDY_RETURNED, "00081030", "00101010", "00101020", "00104000", "00120062"}
_SERIES_KEYS = {*SERIES_RETURNED, "00180015", "00200060", "00080070", "00081090", "00400275"}
_NUMBERS = {"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"}
_NO_WILDCARD = {"DA", "TM", "DT", "UI", "AS", *_NUMBERS}


class InvalidQuery(ValueError):
    """The query is not as the standard says; the message names what, never a value."""


@dataclass(frozen=True)
class Key:
    """One attribute to match: ``path`` of tags (through sequences), ``vr`` of the last."""

    path: tuple[str, ...]
    vr: str
    value: str


@dataclass(frozen=True)
class Query:
    """``include`` are further attributes to return; ``include_all`` every one. ``ignored`` says
    that something asked for is not done (fuzzy matching)."""

    keys: tuple[Key, ...]
    include: frozenset[str]
    include_all: bool
    limit: int
    offset: int
    ignored: bool


def tag_of(name: str) -> str:
    """Eight upper-case hexadecimal digits, from them or a keyword. Raises InvalidQuery."""
    if re.fullmatch(r"[0-9a-fA-F]{8}", name):
        return name.upper()
    tag = tag_for_keyword(name)
    if tag is None:
        raise InvalidQuery("a query parameter is no attribute of DICOM")
    return f"{tag:08X}"


def parse(parameters: list[tuple[str, str]], level: str) -> Query:
    """A search's parameters at ``level`` (study, series, instance). Raises InvalidQuery."""
    keys, include, numbers = [], set(), {"limit": MAX_RESULTS, "offset": 0}
    include_all = ignored = False
    for name, value in parameters:
        if name in numbers:
            if not re.fullmatch(r"[0-9]{1,9}", value):
                raise InvalidQuery(f"{name} is not a whole number")
            numbers[name] = int(value)
        elif name == "includefield":
            for field in value.split(","):
                include_all |= field.lower() == "all"
                if field.lower() != "all":
                    include.add(tag_of(field.split(".")[0]))
        elif name == "fuzzymatching":
            ignored |= value.lower() == "true"
        else:
            keys.append(_key(name, value, level))
    limit = min(numbers["limit"], MAX_RESULTS)
    return Query(
        tuple(keys), frozenset(include), include_all, limit, numbers["offset"], bool(ignored)
    )


def _key(name: str, value: str, level: str) -> Key:
    path = tuple(tag_of(part) for part in name.split("."))
    allowed = {"study": _STUDY_KEYS, "series": _STUDY_KEYS | _SERIES_KEYS, "instance": None}[level]
    if allowed is not None and path[0] not in allowed:
        raise InvalidQuery("a query parameter is no attribute of this level")
    try:
        vr = dictionary_VR(int(path[-1], 16))
    except KeyError:
        vr = "LO"
    return Key(path, vr.split(" ")[0], value)


def is_match(header: Header, query: Query) -> bool:
    """Whether every key of the query holds."""
    return all(_holds(header, key.path, key) for key in query.keys)


def _holds(header: Header, path: tuple[str, ...], key: Key) -> bool:
    values = header.get(path[0], {}).get("Value") or []
    if len(path) > 1:
        return any(_holds(item, path[1:], key) for item in values)
    if not key.value or key.value == "*":
        return True
    return any(_equal(key.vr, text, key.value) for text in map(_text, values) if text)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "=".join(str(part) for part in value.values())
    return "" if value is None else str(value).strip()


def _equal(vr: str, held: str, asked: str) -> bool:
    if vr == "UI":
        return held in re.split(r"[,\\]", asked)
    if vr in ("DA", "TM", "DT") and "-" in asked:
        start, _, end = asked.partition("-")
        length = 8 if vr == "DA" else 14 if vr == "DT" else 6
        start, end = start.strip().ljust(length, "0"), end.strip()
        held = held.ljust(length, "0")
        return start <= held and (not end or held[: len(end)] <= end)
    if vr in _NUMBERS:
        try:
            return float(held) == float(asked)
        except ValueError:
            return False
    if vr == "TM":
        return held.ljust(6, "0")[:6] == asked.ljust(6, "0")[:6]
    if vr == "PN":
        held, asked = held.casefold(), asked.casefold()
    if vr not in _NO_WILDCARD and re.search(r"[*?]", asked):
        pattern = re.escape(asked).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(pattern, held, re.DOTALL) is not None
    return held == asked


def result(header: Header, query: Query, levels: tuple[str, ...]) -> Header:
    """What a search returns of one match: the attributes of ``levels`` and those asked for, by tag
    (PS3.18 section 10.6.3.3). An attribute that the instance lacks is there without value."""
    wanted = {*query.include, "0020000D"}
    if levels[-1] != "study":
        wanted.add("0020000E")
    for level in levels:
        wanted |= {
            "study": set(STUDY_RETURNED),
            "series": set(SERIES_RETURNED),
            "instance": set(INSTANCE_RETURNED),
        }[level]
    found = {tag: header.get(tag) or {"vr": _vr(tag)} for tag in wanted}
    found |= {tag: header[tag] for tag in _IF_PRESENT if tag in header}
    if query.include_all:
        found = {**header, **found}
    return dict(sorted(found.items()))


def _vr(tag: str) -> str:
    try:
        return dictionary_VR(int(tag, 16)).split(" ")[0]
    except KeyError:
        return "UN"
