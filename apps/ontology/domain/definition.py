"""An ontology definition: what makes one valid, its digest, and how two versions differ."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .codes import Problem, code_problems
from .geometries import GEOMETRIES, INTERPOLATIONS, SHAPES
from .tolerances import tolerance_changes, tolerance_problems

ATTRIBUTE_TYPES = ("choice", "boolean", "number")
TOOL_KEYS = frozenset("BEPTRKOXMNZ?[]JKL") | {"Space"}

_ID = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_COLOR = re.compile(r"#[0-9a-f]{6}\Z")
_SHORTCUT = re.compile(r"(Shift\+|Alt\+)?[0-9A-Z]\Z")
_DESIGNATOR = re.compile(r"99[A-Z0-9_]{1,14}\Z")
_LINK = re.compile(r"https://[^\s\"'<>\\]{1,500}\Z")
_UID = re.compile(r"(?=.{1,64}\Z)[0-2](\.(0|[1-9][0-9]*))+\Z")

_TOP = {"slug", "version", "title", "schemes", "classes"}
_TOP_OPTIONAL = {"relations", "tolerances"}
_RELATION = {"id", "name", "subjects", "targets"}
_CLASS = {"id", "name", "geometry", "color", "shortcut", "code", "guideline", "attributes"}
_CLASS_OPTIONAL = {
    "category", "mot_box_px", "max_keyframe_gap_frames", "interpolation", "skeleton",
    "guideline_link", "tolerances",
}  # fmt: skip
_ATTRIBUTE = {
    "choice": {"id", "name", "type", "values"},
    "boolean": {"id", "name", "type"},
    "number": {"id", "name", "type", "unit", "minimum", "maximum"},
}


class InvalidDefinition(ValueError):
    """The definition cannot be stored; ``problems`` lists every reason."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems[:5]))
        self.problems = problems


def validate(definition: Any) -> None:
    """Raise InvalidDefinition naming every problem; return None for a definition that holds."""
    problems = list(find_problems(definition))
    if problems:
        raise InvalidDefinition(problems)


def find_problems(definition: Any) -> Iterator[Problem]:
    """Every reason against the definition, in the order of its fields."""
    if not isinstance(definition, dict):
        yield Problem("definition", "is not an object", "send a JSON object")
        return
    yield from _fields("definition", definition, _TOP, _TOP_OPTIONAL)
    if not _matches(_SLUG, definition.get("slug")):
        yield Problem("slug", "is not a slug", "use lower-case letters, digits and hyphens")
    version = definition.get("version")
    if type(version) is not int or version < 1:
        yield Problem("version", "is not a whole number above 0", "count versions from 1")
    yield from _text("title", definition.get("title"), 200)
    schemes = definition.get("schemes")
    own: set[str] = set()
    if not isinstance(schemes, list):
        yield Problem("schemes", "is not a list", "send [] when no own scheme is used")
    else:
        for place, scheme in enumerate(schemes):
            yield from _scheme_problems(f"schemes[{place}]", scheme, own)
    classes = definition.get("classes")
    if not isinstance(classes, list) or not 1 <= len(classes) <= 500:
        yield Problem("classes", "is not a list of 1 to 500 classes", "define at least one class")
        return
    taken: dict[tuple[str, Any], str] = {}
    for place, cls in enumerate(classes):
        path = f"classes[{place}]"
        if not isinstance(cls, dict):
            yield Problem(path, "is not an object", "send a JSON object for each class")
            continue
        yield from _class_problems(path, cls, own)
        yield from _repeats(path, cls, taken)
    if "relations" in definition:
        yield from relation_problems(definition["relations"], classes)
    if "tolerances" in definition:
        yield from tolerance_problems("tolerances", definition["tolerances"])


def digest(definition: Mapping[str, Any]) -> str:
    """Lower-case hex SHA-256 of the definition as canonical JSON (sorted keys, UTF-8)."""
    text = json.dumps(
        definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two valid versions, a sentence each, in reading order.

    Sentences on removed classes and changed geometry begin with ``Breaking:`` because labels made
    with the old version do not fit the new one.
    """
    lines = []
    if old["title"] != new["title"]:
        lines.append(f"Title: “{old['title']}” became “{new['title']}”")
    if old["schemes"] != new["schemes"]:
        lines.append("Own coding schemes changed")
    lines += _relation_changes(old.get("relations", []), new.get("relations", []))
    lines += tolerance_changes("Tolerance", old.get("tolerances", {}), new.get("tolerances", {}))
    before = {c["id"]: c for c in old["classes"]}
    after = {c["id"]: c for c in new["classes"]}
    lines += [f"Breaking: class {i} was removed" for i in before if i not in after]
    lines += [f"Class {i} ({c['geometry']}) was added" for i, c in after.items() if i not in before]
    for name in (i for i in after if i in before):
        lines += _class_changes(name, before[name], after[name])
    if [i for i in before if i in after] != [i for i in after if i in before]:
        lines.append("The order of classes changed")
    return lines


def _relation_changes(old: list[Mapping[str, Any]], new: list[Mapping[str, Any]]) -> Iterator[str]:
    before, after = ({each["id"]: each for each in side} for side in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"Breaking: relation {name} was removed"
        elif name not in before:
            yield f"Relation {name} was added"
        elif before[name] != after[name]:
            lost = any(set(before[name][k]) - set(after[name][k]) for k in ("subjects", "targets"))
            yield f"{'Breaking: relation' if lost else 'Relation'} {name} changed"


def _class_changes(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, after = (side.get("tolerances", {}) for side in (old, new))
    lines = [*tolerance_changes(f"Class {name}: tolerance", before, after)]
    for key in sorted((old.keys() | new.keys()) - {"attributes", "id", "tolerances"}):
        if old.get(key) == new.get(key):
            continue
        if key in ("code", "category"):
            was, now = (_code_text(c.get(key)) for c in (old, new))
        elif key == "guideline":
            lines.append(f"Class {name}: the guideline text changed")
            continue
        else:
            was, now = str(old.get(key, "unset")), str(new.get(key, "unset"))
        prefix = "Breaking: class" if key == "geometry" else "Class"
        lines.append(f"{prefix} {name}: {key} {was} became {now}")
    before = {a["id"]: a for a in old["attributes"]}
    after = {a["id"]: a for a in new["attributes"]}
    lines += [
        f"Breaking: class {name}: attribute {a} was removed" for a in sorted(before.keys() - after)
    ]
    lines += [f"Class {name}: attribute {a} was added" for a in sorted(after.keys() - before)]
    for attribute in sorted(before.keys() & after):
        if before[attribute] != after[attribute]:
            lines.append(f"Class {name}: attribute {attribute} changed")
    return lines


def _code_text(code: Mapping[str, Any] | None) -> str:
    return "unset" if code is None else f"{code['scheme']} {code['value']} “{code['meaning']}”"


def _fields(
    path: str, value: Mapping[str, Any], required: set[str], optional: set[str]
) -> Iterator[Problem]:
    for name in sorted(required - value.keys()):
        yield Problem(f"{path}.{name}", "is missing", f"add {name}")
    if value.keys() - required - optional:
        yield Problem(path, "has a field that is not known", "leave it out")


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _text(path: str, value: Any, limit: int) -> Iterator[Problem]:
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        yield Problem(path, f"is not a text of 1 to {limit} characters", "write it out")


def _scheme_problems(path: str, scheme: Any, own: set[str]) -> Iterator[Problem]:
    if not isinstance(scheme, dict):
        yield Problem(path, "is not an object", "send designator, name and uid")
        return
    yield from _fields(path, scheme, {"designator", "name", "uid"}, set())
    if not _matches(_DESIGNATOR, scheme.get("designator")):
        yield Problem(
            f"{path}.designator", "is no private designator", "begin with 99 (PS3.16 section 8.2)"
        )
    elif scheme["designator"] in own:
        yield Problem(f"{path}.designator", "is defined twice", "define each scheme once")
    else:
        own.add(scheme["designator"])
    yield from _text(f"{path}.name", scheme.get("name"), 64)
    if not _matches(_UID, scheme.get("uid")):
        yield Problem(f"{path}.uid", "is not a UID", "use a UID of your own root, or 2.25.…")


def _class_problems(path: str, cls: Mapping[str, Any], own: set[str]) -> Iterator[Problem]:
    yield from _fields(path, cls, _CLASS, _CLASS_OPTIONAL)
    if not _matches(_ID, cls.get("id")):
        yield Problem(f"{path}.id", "is not an id", "use lower-case letters, digits, underscores")
    yield from _text(f"{path}.name", cls.get("name"), 64)
    yield from _text(f"{path}.guideline", cls.get("guideline"), 4000)
    link = cls.get("guideline_link")
    if link is not None and not _matches(_LINK, link):
        yield Problem(f"{path}.guideline_link", "is no address", "begin with https://")
    if cls.get("geometry") not in GEOMETRIES:
        yield Problem(f"{path}.geometry", "is not known", f"use one of {', '.join(GEOMETRIES)}")
    if not _matches(_COLOR, cls.get("color")):
        yield Problem(f"{path}.color", "is not a colour", "write #rrggbb in lower case")
    shortcut = cls.get("shortcut")
    if shortcut is not None:
        if not _matches(_SHORTCUT, shortcut):
            yield Problem(f"{path}.shortcut", "is not a key", "use 1, A, Shift+1 or Alt+1, or null")
        elif shortcut in TOOL_KEYS:
            yield Problem(f"{path}.shortcut", "is a key of a tool", "choose another key")
    yield from code_problems(f"{path}.code", cls.get("code"), own)
    if cls.get("category") is not None:
        yield from code_problems(f"{path}.category", cls["category"], own)
    for name, top in (("mot_box_px", 4096), ("max_keyframe_gap_frames", 1_000_000)):
        value = cls.get(name)
        if value is not None and (type(value) is not int or not 1 <= value <= top):
            yield Problem(f"{path}.{name}", f"is not a whole number 1 to {top}", "correct it")
    yield from _interpolation_problems(path, cls)
    if "tolerances" in cls:
        yield from tolerance_problems(
            f"{path}.tolerances", cls["tolerances"], str(cls.get("geometry"))
        )
    yield from _skeleton_problems(f"{path}.skeleton", cls)
    attributes = cls.get("attributes")
    if not isinstance(attributes, list):
        yield Problem(f"{path}.attributes", "is not a list", "send [] when there is none")
        return
    seen: set[str] = set()
    for place, attribute in enumerate(attributes):
        yield from _attribute_problems(f"{path}.attributes[{place}]", attribute, seen)


def _interpolation_problems(path: str, cls: Mapping[str, Any]) -> Iterator[Problem]:
    allowed = INTERPOLATIONS.get(str(cls.get("geometry")), ())
    if "interpolation" in cls and cls["interpolation"] not in allowed:
        words = f"use one of {', '.join(allowed)}" if allowed else "leave it out"
        yield Problem(f"{path}.interpolation", "is not one of this geometry", words)


def _skeleton_problems(path: str, cls: Mapping[str, Any]) -> Iterator[Problem]:
    """Points of a class drawn as keypoints, and the pairs of them that a line joins."""
    skeleton = cls.get("skeleton")
    if cls.get("geometry") != "keypoints":
        if skeleton is not None:
            yield Problem(path, "is given for a class that has none", "leave it out")
        return
    if not isinstance(skeleton, dict):
        yield Problem(path, "is missing", "name its points and edges")
        return
    points = skeleton.get("points")
    if not isinstance(points, list) or not 1 <= len(points) <= 200:
        yield Problem(f"{path}.points", "is not a list of 1 to 200 points", "name each point")
        return
    yield from _fields(path, skeleton, {"points", "edges"}, set())
    seen: set[str] = set()
    for place, point in enumerate(points):
        where = f"{path}.points[{place}]"
        if not isinstance(point, dict):
            yield Problem(where, "is not an object", "send id and name")
            continue
        yield from _fields(where, point, {"id", "name"}, set())
        yield from _id_and_name(where, point, seen)
    edges = skeleton.get("edges")
    whole = range(len(points))
    if not isinstance(edges, list) or not all(
        isinstance(e, list) and len(e) == 2 and all(type(n) is int and n in whole for n in e)
        for e in edges
    ):
        yield Problem(f"{path}.edges", "is not a list of pairs of places", "count from 0; or []")


def relation_problems(relations: Any, classes: list[Any]) -> Iterator[Problem]:
    """Reasons against the ``relations`` of a definition: each joins tracks of named classes."""
    if not isinstance(relations, list) or len(relations) > 50:
        yield Problem("relations", "is not a list of up to 50", "leave it out when there is none")
        return
    drawn = {c.get("id") for c in classes if isinstance(c, dict) and c.get("geometry") in SHAPES}
    seen: set[str] = set()
    for place, relation in enumerate(relations):
        path = f"relations[{place}]"
        if not isinstance(relation, dict):
            yield Problem(path, "is not an object", "send id, name, subjects and targets")
            continue
        yield from _fields(path, relation, _RELATION, set())
        yield from _id_and_name(path, relation, seen)
        for side in ("subjects", "targets"):
            ids = relation.get(side)
            if not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
                yield Problem(f"{path}.{side}", "is not a list of classes", "name at least one")
            elif set(ids) - drawn or len(set(ids)) != len(ids):
                yield Problem(
                    f"{path}.{side}", "names no class that is drawn, or one twice",
                    "use ids of classes with a shape, each once",
                )  # fmt: skip


def _attribute_problems(path: str, attribute: Any, seen: set[str]) -> Iterator[Problem]:
    kind = attribute.get("type") if isinstance(attribute, dict) else None
    if kind not in ATTRIBUTE_TYPES:
        yield Problem(
            f"{path}.type",
            "is not known",
            f"use one of {', '.join(ATTRIBUTE_TYPES)}; free text may carry identifiers",
        )
        return
    optional = {"unit", "minimum", "maximum"} if kind == "number" else set()
    yield from _fields(path, attribute, _ATTRIBUTE[kind] - optional, optional)
    yield from _id_and_name(path, attribute, seen)
    if kind == "number":
        low, high = attribute.get("minimum"), attribute.get("maximum")
        if any(v is not None and type(v) not in (int, float) for v in (low, high)):
            yield Problem(path, "has a limit that is no number", "send a number or leave it out")
        elif low is not None and high is not None and not low <= high:
            yield Problem(path, "has a minimum above its maximum", "swap them")
    if kind == "choice":
        values = attribute.get("values")
        if not isinstance(values, list) or not values:
            yield Problem(f"{path}.values", "is not a list of values", "give at least one value")
            return
        ids: set[str] = set()
        for place, value in enumerate(values):
            if not isinstance(value, dict):
                yield Problem(f"{path}.values[{place}]", "is not an object", "send id and name")
                continue
            yield from _fields(f"{path}.values[{place}]", value, {"id", "name"}, set())
            yield from _id_and_name(f"{path}.values[{place}]", value, ids)


def _id_and_name(path: str, value: Mapping[str, Any], seen: set[str]) -> Iterator[Problem]:
    name = value.get("id")
    if not isinstance(name, str) or not _ID.match(name):
        yield Problem(f"{path}.id", "is not an id", "use lower-case letters, digits, underscores")
    elif name in seen:
        yield Problem(f"{path}.id", "is used twice", "give each its own id")
    else:
        seen.add(name)
    yield from _text(f"{path}.name", value.get("name"), 64)


def _repeats(
    path: str, cls: Mapping[str, Any], taken: dict[tuple[str, Any], str]
) -> Iterator[Problem]:
    code = cls.get("code")
    coded = (str(code.get("scheme")), str(code.get("value"))) if isinstance(code, dict) else None
    keys: list[tuple[str, Any]] = [
        ("id", str(cls.get("id"))),
        ("name", str(cls.get("name"))),
        ("shortcut", cls.get("shortcut") if isinstance(cls.get("shortcut"), str) else None),
        ("code", coded),
    ]
    if cls.get("geometry") in SHAPES:
        keys.append(("color", str(cls.get("color"))))
    for key in keys:
        if key[1] is None:
            continue
        if key in taken:
            yield Problem(
                f"{path}.{key[0]}", f"is that of {taken[key]} too", "give each class its own"
            )
        taken.setdefault(key, path)
