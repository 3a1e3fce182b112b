"""What a profile would change in a data set, value beside value: shown to who may see the original,
kept nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydicom.datadict import dictionary_description, dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from apps.deid.domain.elements import raw_items, read_element, tag_text, texts_of

MOST_ROWS = 3000
_MOST_TEXT = 160
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


@dataclass(frozen=True)
class Change:
    """One element: ``what`` is kept, replaced, removed or added. ``before`` and ``after`` may name
    a person: show them, store them nowhere."""

    place: str
    name: str
    what: str
    before: str = field(repr=False)
    after: str = field(repr=False)


def changes(before: Dataset, after: Dataset) -> list[Change]:
    """Every element of both data sets, in order of their tags and items; at most ``MOST_ROWS``.

    Pixel data and group lengths are left out. Items are told by their place in the sequence: where
    one was removed, those behind it stand beside another.
    """
    found: list[Change] = []
    for change in _changes(before, after, ""):
        if len(found) == MOST_ROWS:
            break
        found.append(change)
    return found


CHANGED = ("removed", "replaced")
_TOPICS = (
    ("Patient", (0x0010, 0x0012)),
    ("Study, people and places", (0x0008,)),
    ("Acquisition and device", (0x0018, 0x0050, 0x0054)),
    ("Relation and time", (0x0020, 0x0032, 0x0038, 0x0040)),
    ("Picture", (0x0028, 0x0048, 0x0052, 0x0062, 0x0070)),
)
_OTHER, _PRIVATE = "Other", "Private"


@dataclass(frozen=True)
class Topic:
    """What of the original changes about one thing, what is added, and what stays."""

    name: str
    changed: list[Change] = field(default_factory=list, repr=False)
    added: list[Change] = field(default_factory=list, repr=False)
    kept: list[Change] = field(default_factory=list, repr=False)


def by_topic(found: Iterable[Change]) -> list[Topic]:
    """The same changes by what they are about, an item's by the sequence that holds it; topics
    without any are left out."""
    names = (*(name for name, _ in _TOPICS), _OTHER, _PRIVATE)
    topics = {name: Topic(name) for name in names}
    for change in found:
        topic = topics[_topic_of(int(change.place[1:5], 16))]
        if change.what in CHANGED:
            topic.changed.append(change)
        else:
            (topic.added if change.what == "added" else topic.kept).append(change)
    return [one for one in topics.values() if one.changed or one.added or one.kept]


def _topic_of(group: int) -> str:
    if group & 1:
        return _PRIVATE
    return next((name for name, groups in _TOPICS if group in groups), _OTHER)


def _changes(before: Dataset, after: Dataset, path: str) -> Iterator[Change]:
    tags = sorted(
        {*(int(tag) for tag, _ in raw_items(before)), *(int(t) for t, _ in raw_items(after))}
    )
    for tag in tags:
        if tag >> 16 == 0x7FE0 or tag & 0xFFFF == 0:
            continue
        old, new = read_element(before, tag), after.get(tag) if tag in after else None
        place = path + tag_text(tag)
        if _is_sequence(old) or _is_sequence(new):
            yield from _items(old, new, place)
            continue
        texts = _text(old), _text(new)
        if new is None:
            what = "removed"
        elif tag not in before:
            what = "added"
        else:
            what = "kept" if texts[0] == texts[1] else "replaced"
        yield Change(place, _name(tag), what, *texts)


def _items(old: DataElement | None, new: DataElement | None, place: str) -> Iterator[Change]:
    olds = list(old.value or []) if old is not None and _is_sequence(old) else []
    news = list(new.value or []) if new is not None and _is_sequence(new) else []
    tag = int((old if old is not None else new).tag)  # type: ignore[union-attr]
    what = "removed" if new is None else ("added" if old is None else "kept")
    if what == "kept" and len(olds) != len(news):
        what = "replaced"
    yield Change(place, _name(tag), what, f"{len(olds)} items", f"{len(news)} items" if new else "")
    for number in range(max(len(olds), len(news))):
        yield from _changes(
            olds[number] if number < len(olds) else Dataset(),
            news[number] if number < len(news) else Dataset(),
            f"{place}[{number + 1}].",
        )


def _is_sequence(element: DataElement | None) -> bool:
    return element is not None and element.VR == "SQ"


def _name(tag: int) -> str:
    if tag >> 16 & 1:
        return "private"
    return dictionary_description(tag) if dictionary_has_tag(tag) else "unknown"


def _text(element: DataElement | None) -> str:
    if element is None:
        return ""
    if element.VR in _BINARY or isinstance(element.value, bytes):
        return f"{len(element.value or b'')} bytes"
    text = " \\ ".join(texts_of(element))
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
