"""Places in a header, at every depth and in every form."""

from __future__ import annotations

import base64
import gzip
import random
import zlib
from functools import lru_cache

from pydicom.datadict import DicomDictionary

from .identities import Person, Planter
from .wire import El, number, text

WORD_VRS = ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "CS", "AE", "UR")
ALL_VRS = (*WORD_VRS, "UI", "DA", "DT", "IS", "DS", "OB", "UN")
_LEFT_OUT_GROUPS = {0x0000, 0x0002, 0x0004, 0x0006, 0x0028, 0x7FE0, 0xFFFE, 0xFFFA, 0x0042, 0x0400}
# What says how the rest is read, or what the instance is; and content trees, planted in documents.
_LEFT_OUT = {
    0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00080060, 0x0040A040, 0x0040A730,
    0x0040A043, 0x00400555, 0x00080201, 0x00200013, 0x00280008, 0x0040DB73, 0x00480100, 0x00080008,
    0x00080102, 0x00080100, 0x00080119, 0x00080120, 0x00080104,
}  # fmt: skip
CONTAINERS = tuple(tag for tag in (
    0x00081140, 0x00082112, 0x0008114A, 0x00081032, 0x00089124, 0x00400260, 0x00400275, 0x00081111,
    0x00081110, 0x00081200, 0x00180026, 0x00181061, 0x0020930E, 0x00209222, 0x00220015, 0x00480200,
    0x52009229, 0x00660002, 0x00700084, 0x00089092, 0x00101002, 0x00080051, 0x0040A370, 0x00880904,
    0x0018A001, 0x00401012, 0x00189346, 0x00120084,
) if DicomDictionary[tag][0] == "SQ")  # fmt: skip


@lru_cache(32)
def public_tags(vr: str) -> tuple[int, ...]:
    """Tags of the standard's dictionary of one VR, where an identifier may stand."""
    return tuple(
        tag
        for tag, row in sorted(DicomDictionary.items())
        if row[0] == vr and tag >> 16 not in _LEFT_OUT_GROUPS and tag not in _LEFT_OUT
    )


def value(p: Planter, person: Person, vr: str, kind: str) -> str:
    """A value of this VR that holds an identifier, which is noted."""
    if vr in ("LO", "SH", "ST", "LT", "UT", "UC", "UR"):
        word = p.a_word(kind)
        return word if vr in ("SH", "UR") or p.rng.random() < 0.4 else f"Stomach of {word} left"
    if vr == "PN":
        return f"{p.a_word(kind)}^{p.rng.choice(('Anna', 'Jan', ''))}"
    if vr in ("CS", "AE"):
        word = p.word()[:14].upper()
        return p.note(kind, word)
    if vr == "UI":
        return p.a_uid(kind) + ".7"
    if vr in ("DA", "DT"):
        date = p.note(kind, p.date(1962, 1999), "date")
        return date if vr == "DA" else f"{date}101112.250000+0100"
    if vr in ("IS", "DS"):
        return p.note(kind, person.patient_id[3:], "number")
    return p.a_word(kind)


def some_public(p: Planter, person: Person, where: str, each: int) -> list[El]:
    """`each` elements of every VR, out of the standard's dictionary."""
    found: dict[int, El] = {}
    for vr in ALL_VRS:
        tags = [t for t in public_tags("LO" if vr == "UN" else vr) if t not in p.avoided]
        for tag in p.rng.sample(tags, min(each, len(tags))):
            kind = f"public {vr}, {where}"
            found[tag] = text(tag, vr, value(p, person, vr, kind))
    return list(found.values())


def nested(p: Planter, person: Person, depth: int, each: int) -> list[El]:
    """Sequences in sequences, in every form of length and VR, each level with identifiers."""
    found: list[El] = []
    for form in ("", "undefined", "un", "un_undefined"):
        inner: list[El] = []
        for level in range(depth, 0, -1):
            said = f"{form or 'defined'} sequence, " + ("depth 1" if level == 1 else "deeper")
            here = [
                e for e in some_public(p, person, said, each) if e.tag not in {i.tag for i in inner}
            ]
            here += private(p, person, f"item of {said}", 0x0019 + 2 * level)
            items = [here + inner]
            if p.rng.random() < 0.5:
                items.append([text(0x00081155, "UI", p.a_uid(f"second item, {said}"))])
            tag = p.rng.choice(CONTAINERS)
            inner = [El(tag, "SQ", items, form if level in (1, depth) or "un" not in form else "")]
        if inner[0].tag not in {e.tag for e in found}:
            found += inner
    return found


def private(p: Planter, person: Person, where: str, group: int = 0x0009) -> list[El]:
    """A private block with every VR, and one without a creator."""
    found = [text(group << 16 | 0x10, "LO", p.a_word(f"private creator, {where}") + " IMG")]
    for place, vr in enumerate(ALL_VRS, 0x1001):
        if p.rng.random() < 0.35:
            kind = f"private {vr}, {where}"
            found.append(text(group << 16 | place, vr, value(p, person, vr, kind)))
    codes = [code("1", "99LOC", p.a_word(f"private sequence, {where}"))]
    found.append(El(group << 16 | 0x1081, "SQ", codes, p.rng.choice(("", "un", "undefined"))))
    found.append(text(group << 16 | 0x7701, "LT", p.a_word(f"private without creator, {where}")))
    return found


def code(value: str, scheme: str, meaning: str, *more: El) -> list[El]:
    return [
        text(0x00080100, "SH", value), text(0x00080102, "SH", scheme),
        text(0x00080104, "LO", meaning), *more,
    ]  # fmt: skip


def codes(p: Planter, person: Person) -> list[El]:
    """Identifiers in the Code Sequence Macro."""
    urn = [text(0x00080120, "UR", "urn:lex:" + p.a_word("URN code value")),
           text(0x00080104, "LO", "x")]  # fmt: skip
    long = [text(0x00080119, "UC", p.a_word("long code value") + " of a very long kind"),
            text(0x00080102, "SH", "99LOC"), text(0x00080104, "LO", "x")]  # fmt: skip
    equivalent = El(0x00080121, "SQ", [code("7", "99Z", p.a_word("equivalent code"))])
    return [
        El(0x00082218, "SQ", [code(
            "69695003", "SCT", p.a_word("code meaning of a public code"), equivalent,
            text(0x00080103, "SH", p.a_word("coding scheme version")[:15]),
            text(0x0008010D, "UI", p.a_uid("context group extension creator")),
        )]),
        El(0x00082228, "SQ", [code(p.a_word("private code value"), "99LOC", "Structure")]),
        El(0x00082229, "SQ", [code("T-A0100", p.a_word("private scheme")[:15], "Structure")]),
        El(0x00540220, "SQ", [urn]), El(0x00540222, "SQ", [long]),
        El(0x00080110, "SQ", [[
            text(0x00080102, "SH", "99LOC"), text(0x00080115, "ST", p.a_word("scheme name")),
            text(0x00080116, "ST", p.a_word("scheme responsible organization")),
        ]]),
        El(0x00101081, "SQ", [code(person.patient_id[3:], "SCT", "Branch")])
        if p.rng.random() < 0.5 else
        El(0x00101081, "SQ", [code(p.a_number("SNOMED look-alike", 8), "SCT", "Branch")]),
    ]  # fmt: skip


def retired(p: Planter, person: Person) -> list[El]:
    """Retired, repeating, unknown and illegal-looking places."""
    n = p.rng.randrange(0, 15) * 2
    word = p.a_word
    private_raw = zlib.compress(word("zlib in a private OB").encode() * 3)
    return [
        text(0x50003000 + (n << 16), "OW", word("curve data")),
        text(0x50000022 + (n << 16), "LO", word("curve description")),
        text(0x50002500 + (n << 16), "LO", word("curve label")),
        text(0x60003000 + (n << 16), "OW", word("overlay data")),
        text(0x60000022 + (n << 16), "LO", word("overlay description")),
        text(0x60001500 + (n << 16), "LO", word("overlay label")),
        text(0x60004000 + (n << 16), "LT", word("overlay comments")),
        text(0x00080010, "SH", word("recognition code")[:15]),
        text(0x00084000, "LT", word("identifying comments")),
        text(0x00203101, "CS", p.note("source image IDs", p.word()[:15].upper())),
        text(0x10000010, "LT", word("escape triplet group")),
        text(0x10100004, "LO", word("zonal map group")),
        text(0x40004000, "LT", word("text group 4000")),
        text(0x40080042, "LO", word("results ID issuer")),
        text(0x4008010B, "ST", word("interpretation text")),
        text(0x40080119, "PN", word("interpretation author")),
        text(0x00189ABC, "LO", word("unknown even tag")),
        text(0x7F000010, "OW", word("variable pixel data")),
        text(0x0020000F, "LO", word("unregistered in group 0020")),
        text(0x300A9FFE, "UN", word("unregistered UN")),
        text(0x00280A02, "CS", p.note("unregistered in group 0028", p.word()[:15].upper())),
        text(0xFFFCFFFC, "OB", word("trailing padding")),
        text(0x00110010, "LO", "PLAIN VENDOR"), El(0x00111001, "OB", private_raw),
        text(0x00111002, "OB", base64.b64encode(word("base64 in OB").encode()).decode()),
        El(0x00111003, "OB", gzip.compress(word("gzip in OB").encode())),
        El(0x00111004, "UN", word("UTF-16 in UN").encode("utf-16-le")),
        number(0x00100000, "UL", int(p.note("group length", person.patient_id[3:], "number"))),
        number(0x00080000, "UL", 4711),
        _modified(p, person),
        _signature(p), _icon(p), *codes(p, person),
    ]  # fmt: skip


def _modified(p: Planter, person: Person) -> El:
    old = [text(0x00100010, "PN", p.a_word("original attributes: name") + "^X"),
           text(0x00100020, "LO", p.a_number("original attributes: ID"))]  # fmt: skip
    item = [text(0x04000563, "LO", p.a_word("modifying system")),
            text(0x04000564, "LO", p.a_word("source of previous values")),
            El(0x04000550, "SQ", [old])]  # fmt: skip
    return El(0x04000561, "SQ", [item])


def _signature(p: Planter) -> El:
    item = [El(0x04000115, "OB", p.a_word("certificate of signer").encode()),
            text(0x04000105, "DT", p.note("digital signature time", p.date(1962, 1999),
                "date") + "1200"),
            text(0x04000100, "UI", p.a_uid("digital signature UID"))]  # fmt: skip
    return El(0xFFFAFFFA, "SQ", [item])


def _icon(p: Planter) -> El:
    word = p.a_word("icon image pixels").encode()
    item = [number(0x00280002, "US", 1), text(0x00280004, "CS", "MONOCHROME2"),
            number(0x00280010, "US", 1), number(0x00280011, "US", len(word)),
            number(0x00280100, "US", 8), number(0x00280101, "US", 8), number(0x00280102, "US", 7),
            number(0x00280103, "US", 0), El(0x7FE00010, "OB", word)]  # fmt: skip
    return El(0x00880200, "SQ", [item])


def spellings(p: Planter, person: Person) -> list[El]:
    """The patient's own values, written otherwise, where free text may be kept."""
    family, given = person.family, person.given
    y, m, d = person.birth[:4], person.birth[4:6], person.birth[6:]
    ways = {
        "reversed name in description": (f"{given} {family}", "word", family),
        "upper case in description": (family.upper(), "word", family),
        "hex in description": (family.encode().hex(), "word", family),
        "base64 in description": (base64.b64encode(f"x{family}".encode()).decode(), "word", family),
        "percent escapes in description": (f"%{ord(family[0]):02X}{family[1:]}", "word", family),
        "spaced letters in description": (" ".join(family), "word", family),
        "letters with points in description": (".".join(family), "word", family),
        "German date in description": (f"born {d}.{m}.{y}", "date", person.birth),
        "ISO date in description": (f"{y}-{m}-{d}", "date",
            person.birth),
        "grouped ID in description": (" ".join(person.patient_id[3:]), "number",
            person.patient_id[3:]),
        "UID in description": (f"see {person.uid_root}.3", "uid", person.uid_root),
        "name within a word": (f"pre{family}post", "word", family),
    }  # fmt: skip
    tags = (0x0008103E, 0x00081030, 0x00204000, 0x00181030, 0x00321060, 0x00400254, 0x00080104,
            0x00102110, 0x001021B0, 0x00700081, 0x0018A003, 0x00221093)  # fmt: skip
    found = []
    for tag, (kind, (said, form, needle)) in zip(tags, ways.items(), strict=True):
        p.note(kind, needle, form)
        found.append(text(tag, "LT" if tag in (0x00204000, 0x001021B0) else "LO", said[:64]))
    return found


def split_numbers(p: Planter, person: Person) -> El:
    """The ID in pieces, in a multi-valued CS of short numbers."""
    digits = p.note("ID split over CS values", person.patient_id[3:], "number")
    return text(0x00080008, "CS", f"ORIGINAL\\PRIMARY\\{digits[:4]}\\{digits[4:]}")


def as_numbers(p: Planter, person: Person) -> list[El]:
    """The ID and a name as numbers, and the ID below the standard's own root."""
    digits = person.patient_id[3:]
    for kind in ("ID with a decimal point", "ID in a registered-looking UID"):
        p.note(kind, digits, "number")
    for kind in ("name as US values", "name in UTF-16 in LUT Data"):
        p.note(kind, person.family)
    table = [number(0x00283002, "US", 16, 0, 16),
             El(0x00283006, "OW", person.family.encode("utf-16-le"))]  # fmt: skip
    return [
        text(0x00180088, "DS", f"{digits}.0"),
        text(0x00081195, "UI", f"1.2.840.10008.5.1.{digits[:4]}.{digits[4:]}"),
        number(0x0040A0B0, "US", *(ord(letter) for letter in person.family)),
        El(0x00283010, "SQ", [table]),
    ]


def shuffled(rng: random.Random, elements: list[El]) -> list[El]:
    """The last one of each tag, in any order."""
    by_tag = {e.tag: e for e in elements}
    found = list(by_tag.values())
    rng.shuffle(found)
    return found
