"""De-identification of a data set: an allow-list below PS3.15 Annex E, Table E.1-1, at any depth.

What no rule keeps is removed: unknown tags, private and odd groups, curves, overlays, group
lengths, padding, VR UN and unknown binary never pass. Nothing is copied; each kept element is
made anew from a value that was looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.sequence import Sequence
from pydicom.uid import UID
from pydicom.valuerep import PersonName

from apps.deid.domain import structured
from apps.deid.domain.acceptance import check_acceptable, element_text
from apps.deid.domain.cleaning import DUMMIES, Cleaning, PixelChange, clean_value, move_dates
from apps.deid.domain.codes import (
    NEUTRAL_MEANING,
    code_of,
    is_code_item,
    is_public_code,
    make_code_item,
    public_meaning,
    unknown_code_item,
)
from apps.deid.domain.deid_context import DeidContext, HeaderResult
from apps.deid.domain.disguised import TABLES, table_as_described
from apps.deid.domain.elements import (
    RawKey,
    check_character_sets,
    keyword_of,
    put,
    put_text,
    raw_items,
    raw_key,
    read_element,
    tag_text,
    values_of,
)
from apps.deid.domain.harvest import Harvest, harvest_identifiers
from apps.deid.domain.header_parts import (
    PIXEL_TAGS,
    decided_actions,
    drop_ambiguous,
    is_ambiguous_element,
    known_attribute,
    made_element,
    vr_fits,
)
from apps.deid.domain.iod_types import (
    EMPTY_ALLOWED,
    OPTIONAL,
    REQUIRED,
    attribute_type,
    iod_of,
    missing_empties,
)
from apps.deid.domain.markers import write_markers
from apps.deid.domain.quick_read import new_dataset
from apps.deid.domain.reasons import Reason, Refused
from apps.deid.domain.safe_private import safe_private
from apps.deid.domain.shared_elements import AsWritten, Done, SharedElements, bytes_of
from apps.deid.domain.table import rule_for
from apps.deid.domain.uids import map_uid

__all__ = ["DeidContext", "HeaderResult", "PixelChange", "deidentify_dataset"]

_DEVICE_TEXTS = frozenset({0x00080070, 0x00081090, 0x00181020})
_CONTENT_SEQUENCES = frozenset({0x0040A730, 0x00400555, 0x00400612, 0x0040B020, 0x00400610})


def deidentify_dataset(ds: Dataset, context: DeidContext) -> HeaderResult:
    """A de-identified data set, made anew; the input is left as it is.

    `ds` may be with or without pixel data (never looked at, never in the result). Raises Refused
    for private or unsupported SOP classes, encapsulated documents, encrypted attributes, illegal
    groups and text that its character set cannot hold.
    """
    sop_class = check_acceptable(ds, context.profile.removed_tags)
    check_character_sets(ds)
    harvest = harvest_identifiers(ds)
    if context.harvest is not None:
        harvest = harvest.merge(context.harvest)
    cleaner = _Cleaner(context, harvest, str(iod_of(sop_class)), ds)
    try:
        new = cleaner.clean(ds, ())
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        # The chained traceback would quote the value that could not be handled.
        raise Refused(Reason.UNPARSABLE, "a value of an impossible kind") from None
    old_uid = element_text(ds, 0x00080018)
    new_uid = old_uid if context.profile.has("retain_uids") else map_uid(context.uid_key, old_uid)
    put_text(new, 0x00080016, "UI", UID(sop_class))
    put_text(new, 0x00080018, "UI", UID(new_uid))
    for keyword in missing_empties(cleaner.iod, new):
        setattr(new, keyword, None)
    put_text(new, 0x00100010, "PN", PersonName(context.pseudonym))
    put_text(new, 0x00100020, "LO", context.pseudonym)
    write_markers(
        new,
        context.profile,
        product=context.product,
        has_pixels="Rows" in new,
        pixels_confirmed=context.pixels_confirmed,
        visual_features_confirmed=context.visual_features_confirmed,
        pixel_change=context.pixel_change,
        as_written=cleaner.as_written,
    )
    known = cleaner.as_written.of
    if any(known(one) is None and is_ambiguous_element(one) for one in new._dict.values()):
        correct_ambiguous_vr(new, ds.original_encoding[1] is not False)
        drop_ambiguous(new)
    kept = tuple(keyword_of(tag) for tag, _ in raw_items(new))
    return HeaderResult(
        dataset=new,
        sop_instance_uid=str(new_uid),
        actions=dict(cleaner.actions),
        kept=kept,
        removed=tuple(cleaner.removed),
        harvest=harvest,
        written=frozenset(cleaner.cleaning.written | {context.pseudonym}),
        as_written=cleaner.as_written,
    )


class _Cleaner:
    def __init__(self, context: DeidContext, harvest: Harvest, iod: str, root: Dataset) -> None:
        self.profile = context.profile
        self.columns = context.profile.table_columns
        self.decided, decided_no = decided_actions(self.profile)
        self.iod = iod
        self.actions: Counter[str] = Counter()
        self.removed: list[str] = []
        self.cleaning = Cleaning(
            profile=context.profile,
            uid_key=context.uid_key,
            offset_s=context.date_offset_s or 0,
            local_zone=element_text(root, 0x00080201) or None,
            harvest=harvest,
            big_endian=root.original_encoding[1] is False,
        )
        self.keep_positions = structured.has_references_by_position(root)
        # All that decides what comes of an element of the root, but for its bytes.
        c = self.cleaning
        given = (decided_no, iod, c.uid_key, c.offset_s, c.local_zone, c.big_endian)
        self.shared: SharedElements = harvest.view((*given, self.keep_positions), SharedElements)
        self.as_written = AsWritten({})

    def clean(self, ds: Dataset, path: tuple[str, ...]) -> Dataset:
        """A new data set with what may stay of one data set or item."""
        new = new_dataset()
        moved = move_dates(ds, self.cleaning) if self.profile.dates == "shift" else {}
        for tag, raw in raw_items(ds):
            if not path and tag in PIXEL_TAGS:
                continue
            # A private element's creator, a table's descriptor stand beside it; where a date
            # goes, in `moved`.
            alone = not path and not tag >> 16 & 1 and tag not in TABLES
            key = raw_key(ds, raw) if alone else None
            if key is not None:
                made = self._as_before(ds, tag, key, moved)
            else:
                made = self._element(ds, tag, path, moved)
            if made is None:
                self.removed.append("".join(f"{part}." for part in path) + tag_text(tag))
            elif key is not None:
                new._dict[made.tag] = made
            else:
                put(new, made)
        return new

    def _as_before(
        self, ds: Dataset, tag: int, raw: RawKey, moved: dict[int, list[str]]
    ) -> DataElement | None:
        """An element of the root as it was made for another instance, or made now and kept."""
        key: Hashable = (raw, *moved[tag]) if tag in moved else raw
        done = self.shared.get(key)
        if done is None:
            before = self.actions, self.removed, self.cleaning.written
            self.actions, self.removed, self.cleaning.written = Counter(), [], set()
            try:
                made = self._element(ds, tag, (), moved)
                done = Done(
                    made,
                    bytes_of(made),
                    tuple(self.actions.items()),
                    tuple(self.removed),
                    frozenset(self.cleaning.written),
                )
            finally:
                self.actions, self.removed, self.cleaning.written = before
            self.shared.keep(key, done)
        for action, count in done.actions:
            self.actions[action] += count
        if done.removed:
            self.removed += done.removed
        if done.written:
            self.cleaning.written |= done.written
        copied = done.copy()
        if copied is not None and done.as_written is not None:
            self.as_written.note(copied, done.as_written)
        return copied

    def _count(self, action: str) -> None:
        self.actions[action] += 1

    def _element(
        self, ds: Dataset, tag: int, path: tuple[str, ...], moved: dict[int, list[str]]
    ) -> DataElement | None:
        if tag >> 16 & 1:
            return self._private(ds, tag)
        known = known_attribute(tag)
        if known is None:
            self._count("remove")
            return None
        keyword, vrs = known
        kind = attribute_type(self.iod, path, keyword)
        action = self._action(tag, kind)
        if action == "remove":
            self._count("remove")
            return None
        element = read_element(ds, tag)
        if element is None or not vr_fits(element.VR, vrs):
            return self._fallback(tag, vrs[0], kind, path)
        if vrs[0] == "SQ":
            return self._sequence(element, action, kind, (*path, keyword))
        if action == "empty":
            return self._emptied(tag, vrs[0], kind)
        if action == "dummy":
            self._count("dummy")
            return DataElement(tag, vrs[0], DUMMIES.get(vrs[0], ""))
        if tag in moved and action in ("clean", "allow"):
            self._count("shift")
            values = moved[tag]
            if not values:
                return self._fallback(tag, vrs[0], kind, path)
            return made_element(tag, vrs[0], values)
        if tag in TABLES:
            table = table_as_described(ds, element)
            if table is None:
                return self._fallback(tag, vrs[0], kind, path)
            element = DataElement(tag, element.VR, table)
        vr = vrs[0] if len(vrs) == 1 else element.VR
        if not values_of(element):
            self._count("keep")
            return DataElement(tag, vrs[0], None)
        value = clean_value(element, vr, action, self.cleaning)
        if value is None:
            return self._fallback(tag, vrs[0], kind, path)
        self._count({"uid": "uid", "clean": "clean"}.get(action, "keep"))
        return made_element(tag, vr, value)

    def _action(self, tag: int, kind: int) -> str:
        key = int(tag), kind
        if key not in self.decided:
            self.decided[key] = self._decide(tag, kind)
        return self.decided[key]

    def _decide(self, tag: int, kind: int) -> str:
        """remove, empty, dummy, uid, clean, keep, or allow (no row: the VR's allow-list)."""
        override = self.profile.overrides.get(tag)
        if override is not None:
            return override
        rule = rule_for(tag)
        if rule is None:
            is_device = tag in _DEVICE_TEXTS and self.profile.has("retain_device_identity")
            return "keep" if is_device else "allow"
        code = rule.action(self.columns)
        if code == "C" and not self._can_clean(tag):
            code = rule.basic
        if code in ("K", "C"):
            return {"K": "keep", "C": "clean"}[code]
        for step in code.split("/"):
            if step == "X" and (kind == OPTIONAL or code == "X"):
                return "remove"
            if step == "Z" and (kind >= EMPTY_ALLOWED or code[-1] == "Z"):
                return "empty"
            if step == "D":
                return "dummy"
            if step.startswith("U"):
                return "uid"
        return "remove"

    def _can_clean(self, tag: int) -> bool:
        return dictionary_has_tag(tag) and dictionary_VR(tag) not in ("AE", "OB", "UI", "UR", "PN")

    def _emptied(self, tag: int, vr: str, kind: int) -> DataElement:
        """Z: empty, or a dummy where the IOD wants a value."""
        self._count("empty")
        if kind == REQUIRED and vr != "SQ":
            return DataElement(tag, vr, DUMMIES.get(vr, ""))
        return DataElement(tag, vr, Sequence() if vr == "SQ" else None)

    def _fallback(self, tag: int, vr: str, kind: int, path: tuple[str, ...]) -> DataElement | None:
        """What stands for a value that may not stay: nothing, empty, or a dummy, by its type.

        A code of the table that keeps the object valid is not needed where its own row says X.
        """
        rule = rule_for(tag)
        if kind == OPTIONAL or (rule is not None and rule.basic == "X"):
            self._count("remove")
            return None
        if kind == EMPTY_ALLOWED or vr not in DUMMIES:
            self._count("empty")
            return DataElement(tag, vr, Sequence() if vr == "SQ" else None)
        self._count("dummy")
        return DataElement(tag, vr, DUMMIES[vr])

    def _private(self, ds: Dataset, tag: int) -> DataElement | None:
        """Private attributes go, but for Table E.3.10-1 where the profile keeps it."""
        made = None
        if self.profile.has("retain_safe_private") and tag & 0xFFFF > 0xF:
            made = safe_private(ds, tag, self.cleaning)
        self._count("keep" if made is not None else "remove")
        return made

    def _sequence(
        self, element: DataElement, action: str, kind: int, path: tuple[str, ...]
    ) -> DataElement | None:
        tag = element.tag
        items = list(element.value or [])
        if action == "empty":
            items = items[:1] if kind == REQUIRED else []
        elif action == "dummy":
            items = items[:1]
        if tag in _CONTENT_SEQUENCES and items:
            made = [self._content_item(item, path) for item in items]
            new_items = [item for item in made if item is not None]
        elif any(is_code_item(item) for item in items):
            made = [self._code_item(item, path) for item in items]
            new_items = [item for item in made if item is not None]
            if not new_items and kind == REQUIRED:
                new_items = [unknown_code_item()]
        else:
            new_items = [self.clean(item, path) for item in items]
        if not new_items and (items or kind == OPTIONAL) and kind != EMPTY_ALLOWED:
            self._count("remove")
            return None
        self._count("sequence")
        return DataElement(tag, "SQ", Sequence(new_items))

    def _code_item(self, item: Dataset, path: tuple[str, ...]) -> Dataset | None:
        """A public code anew, with its nested modifiers; None for a private one."""
        scheme, code = code_of(item)
        is_known = public_meaning(scheme, code) is not None
        harvest = self.cleaning.harvest
        if not is_public_code(scheme, code) or (
            harvest.find_in_number(code) if is_known else harvest.find_in_text(code)
        ):
            self._count("code_removed")
            return None
        new = make_code_item(scheme, code)
        if harvest.find_in_text(str(new.CodeMeaning)):
            # Somebody is called as the eponym is.
            new.CodeMeaning = NEUTRAL_MEANING
        nested = Dataset()
        for tag, _ in raw_items(item):
            if tag != 0x00080121 and dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ":
                nested[tag] = item[tag]
        new.update(self.clean(nested, path))
        self._count("code")
        return new

    def _content_item(self, item: Dataset, path: tuple[str, ...]) -> Dataset | None:
        """One SR content item by Table E.3.4-1; None when it goes."""
        new = self.clean(item, path)
        verdict = structured.content_verdict(item, new, self.profile)
        if verdict == "drop" and not self.keep_positions:
            self._count("content_removed")
            return None
        if verdict in ("drop", "dummy"):
            structured.make_dummy(new)
            self._count("content_dummy")
        elif structured.cap_measured_age(new, self.profile.age_cap_years):
            self._count("age_capped")
        return new
