"""Reports, key object notes, presentation states, segmentations."""

from __future__ import annotations

from .headers import code, value
from .identities import Person, Planter
from .wire import El, number, text


def content(relation: str, kind: str, name: list[El], *more: El) -> list[El]:
    return [
        text(0x0040A010, "CS", relation), text(0x0040A040, "CS", kind),
        El(0x0040A043, "SQ", [name]), *more,
    ]  # fmt: skip


def _reference(p: Planter, kind: str) -> El:
    return El(0x00081199, "SQ", [[
        text(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.77.1.1"),
        text(0x00081155, "UI", p.a_uid(kind) + ".1"),
    ]])  # fmt: skip


def _measured(p: Planter, person: Person) -> list[list[El]]:
    """The ID as a measurement of a public concept, and dates in a coordinate's time."""
    digits = person.patient_id[3:]
    length, millimetre = code("410668003", "SCT", "Length"), code("mm", "UCUM", "mm")
    for kind in ("whole", "in two values", "as floating point", "as a fraction"):
        p.note(f"SR NUM value, ID {kind}", digits, "number")
    values = [
        [text(0x0040A30A, "DS", digits)],
        [text(0x0040A30A, "DS", f"{digits[:4]}\\{digits[4:]}")],
        [text(0x0040A30A, "DS", "1"), number(0x0040A161, "FD", float(digits))],
        [text(0x0040A30A, "DS", "1"), number(0x0040A162, "SL", int(digits)),
         number(0x0040A163, "UL", 1)],
    ]  # fmt: skip
    found = [
        content("CONTAINS", "NUM", length,
                El(0x0040A300, "SQ", [[*one, El(0x004008EA, "SQ", [millimetre])]]))
        for one in values
    ]  # fmt: skip
    dated = p.note("SR TCOORD date and time", p.date(1962, 1999), "date")
    found.append(
        content("CONTAINS", "TCOORD", code("111030", "DCM", "Image Region"),
                text(0x0040A130, "CS", "POINT"), text(0x0040A13A, "DT", dated + "1015"))
    )  # fmt: skip
    return found


def report(p: Planter, person: Person) -> list[El]:
    """A measurement report with an identifier in each value type and relationship."""
    word = p.a_word
    dated = p.note("SR DATETIME", p.date(1962, 1999), "date")
    items = [
        content("HAS OBS CONTEXT", "PNAME", code("121008", "DCM", "Person Observer Name"),
                text(0x0040A123, "PN", word("SR PNAME") + "^Dr")),
        content("HAS OBS CONTEXT", "TEXT", code("121009", "DCM", "Organization"),
                text(0x0040A160, "UT", word("SR observer organization"))),
        content("HAS OBS CONTEXT", "UIDREF", code("121012", "DCM", "Device Observer UID"),
                text(0x0040A124, "UI", p.a_uid("SR UIDREF"))),
        content("HAS OBS CONTEXT", "PNAME", code("121029", "DCM", "Subject Name"),
                text(0x0040A123, "PN", word("SR subject name"))),
        content("HAS OBS CONTEXT", "TEXT", code("121030", "DCM", "Subject ID"),
                text(0x0040A160, "UT", p.a_number("SR subject ID"))),
        content("HAS OBS CONTEXT", "DATE", code("121031", "DCM", "Subject Birth Date"),
                text(0x0040A121, "DA", p.note("SR DATE", p.date(), "date"))),
        content("CONTAINS", "TEXT", code("121106", "DCM", "Comment"),
                text(0x0040A160, "UT", f"Polyp seen by {word('SR TEXT')} in the colon")),
        content("CONTAINS", "DATETIME", code("111526", "DCM", "DateTime Started"),
                text(0x0040A120, "DT", dated + "101500")),
        content("CONTAINS", "CODE", code("121071", "DCM", "Finding"),
                El(0x0040A168, "SQ", [code("68496003", "SCT", word("SR CODE meaning"))])),
        content("CONTAINS", "CODE", code("121071", "DCM", "Finding"),
                El(0x0040A168, "SQ", [code("X9", "99LOC", word("SR private CODE"))])),
        content("CONTAINS", "NUM", code("410668003", "SCT", "Length"),
                El(0x0040A300, "SQ", [[
                    text(0x0040A30A, "DS", "12.5"),
                    El(0x004008EA, "SQ", [code("mm", "UCUM", word("SR unit meaning"))]),
                ]]),
                El(0x0040A730, "SQ", [
                    content("INFERRED FROM", "SCOORD", code("111030", "DCM", "Image Region"),
                            number(0x00700022, "FL", 10, 20, 30, 44.5),
                            text(0x00700023, "CS", "POLYLINE"),
                            text(0x0070031A, "UI", p.a_uid("SR fiducial UID")),
                            El(0x0040A730, "SQ", [
                                content("SELECTED FROM", "IMAGE", code("121112", "DCM",
                                    word("SR image purpose")),
                                        _reference(p, "SR IMAGE reference"))])),
                    content("HAS CONCEPT MOD", "TEXT", code("G-C0E3", "SRT", "Site"),
                            text(0x0040A160, "UT", word("SR modifier TEXT"))),
                ])),
        content("CONTAINS", "NUM", code("33", "99PRIV", word("SR private concept name")),
                El(0x0040A300, "SQ",
                    [[
                    text(0x0040A30A, "DS", p.note("SR private NUM", person.patient_id[3:],
                        "number")),
                    El(0x004008EA, "SQ", [code("1", "UCUM", "no units")])]])),
        content("CONTAINS", "COMPOSITE", code("121322", "DCM", "Source"), _reference(p,
            "SR COMPOSITE")),
        content("CONTAINS", "TIME", code("111527", "DCM", "DateTime Ended"),
                text(0x0040A122, "TM", "101500")),
        content("CONTAINS", "CONTAINER", code("121070", "DCM", word("SR heading meaning")),
                text(0x0040A050, "CS", "SEPARATE"),
                El(0x0040A730, "SQ", [content(
                    "CONTAINS", "TEXT", code("121071", "DCM", "Finding"),
                    text(0x0040A160, "UT", word("SR TEXT in a container"))
                )])),
    ]  # fmt: skip
    items += _measured(p, person)
    if person.age != "063Y":
        years = p.note("SR subject age over 89", f"{int(person.age[:3])}.0000", "number")
        items.append(
            content(
                "HAS OBS CONTEXT",
                "NUM",
                code("121033", "DCM", "Subject Age"),
                El(0x0040A300, "SQ", [[
                    text(0x0040A30A, "DS", years),
                    El(0x004008EA, "SQ", [code("a", "UCUM", "year")]),
                ]]),
            )
        )  # fmt: skip
    verifying = [text(0x0040A075, "PN", word("SR verifying observer")),
                 text(0x0040A027, "LO", word("SR verifying organization")),
                 text(0x0040A030, "DT", p.note("SR verification time", p.date(1962, 1999),
                     "date"))]  # fmt: skip
    return [
        text(0x0040A040, "CS", "CONTAINER"), text(0x0040A050, "CS", "SEPARATE"),
        El(0x0040A043, "SQ", [code("126000", "DCM", word("SR title meaning"))]),
        text(0x0040A491, "CS", "COMPLETE"), text(0x0040A493, "CS", "VERIFIED"),
        El(0x0040A073, "SQ", [verifying], "undefined"), El(0x0040A730, "SQ", items),
        El(0x0040A372, "SQ", []), El(0x00081111, "SQ", []),
        El(0x0040A078, "SQ", [[text(0x0040A123, "PN", word("SR author observer")),
                               text(0x00080080, "LO", word("SR author institution"))]]),
    ]  # fmt: skip


def key_objects(p: Planter, person: Person) -> list[El]:
    same = [text(0x0020000D, "UI", p.a_uid("KOS identical document study"))]
    evidence = [
        text(0x0020000D, "UI", f"{person.uid_root}.1"),
        El(0x00081115, "SQ", [[
            text(0x0020000E, "UI", f"{person.uid_root}.2"),
            text(0x00080054, "AE", p.note("KOS retrieve AE title", p.word()[:15].upper())),
            El(0x00081199, "SQ", [[text(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.6.1"),
                                   text(0x00081155, "UI", f"{person.uid_root}.77")]]),
        ]]),
    ]  # fmt: skip
    return [
        text(0x0040A040, "CS", "CONTAINER"), text(0x0040A050, "CS", "SEPARATE"),
        El(0x0040A043, "SQ", [code("113000", "DCM", p.a_word("KOS title meaning"))]),
        El(0x00081111, "SQ", []), El(0x0040A525, "SQ", [same]), El(0x0040A375, "SQ", [evidence]),
        El(0x0040A730, "SQ", [
            content("CONTAINS", "TEXT", code("113012", "DCM", "Key Object Description"),
                    text(0x0040A160, "UT", f"Please show {p.a_word('KOS description')}")),
            [text(0x0040A010, "CS", "CONTAINS"), text(0x0040A040, "CS", "IMAGE"),
             _reference(p, "KOS image reference")],
        ]),
    ]  # fmt: skip


def presentation_state(p: Planter, person: Person) -> list[El]:
    words = [text(0x00700006, "ST", p.a_word("GSPS text object")), number(0x00700014, "FL", 5,
        5),
             text(0x00700004, "CS", "PIXEL"), text(0x00700015, "CS", "Y")]  # fmt: skip
    annotation = [text(0x00700002, "CS", "LAYER1"), El(0x00700008, "SQ", [words]),
                  El(0x00700209, "SQ", [[text(0x00700006, "ST", p.a_word(
                      "GSPS compound graphic text"))]])]  # fmt: skip
    layer = [text(0x00700002, "CS", "LAYER1"), text(0x00700062, "IS", "1"),
             text(0x00700068, "LO", p.a_word("GSPS layer description"))]  # fmt: skip
    area = [number(0x00700052, "SL", 1, 1), number(0x00700053, "SL", 64, 48),
            text(0x00700100, "CS", "SCALE TO FIT"), text(0x00700101, "DS", "1\\1")]  # fmt: skip
    series = [text(0x0020000E, "UI", f"{person.uid_root}.2"),
              El(0x00081140, "SQ", [[text(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.6.1"),
                                     text(0x00081155, "UI", f"{person.uid_root}.5")]])]  # fmt: skip
    return [
        text(0x00700080, "CS", p.note("GSPS content label", p.word()[:15].upper())),
        text(0x00700081, "LO", p.a_word("GSPS content description")),
        text(0x00700084, "PN", p.a_word("GSPS content creator")),
        text(0x00700082, "DA", person.studied), text(0x00700083, "TM", "120000"),
        El(0x00700001, "SQ", [annotation]), El(0x00700060, "SQ", [layer]),
        El(0x0070005A, "SQ", [area]), El(0x00081115, "SQ", [series]),
        text(0x20500020, "CS", "IDENTITY"),
        El(0x00700087, "SQ", [[text(0x00700081, "LO", p.a_word("GSPS alternate description"))]]),
    ]  # fmt: skip


def segmentation(p: Planter, person: Person, rows: int, columns: int, frames: int) -> list[El]:
    segment = [
        number(0x00620004, "US", 1), text(0x00620005, "LO", p.a_word("segment label")),
        text(0x00620006, "ST", p.a_word("segment description")), text(0x00620008, "CS", "MANUAL"),
        text(0x00620009, "LO", p.a_word("segment algorithm name")),
        text(0x00620020, "UT", p.a_word("tracking ID")),
        text(0x00620021, "UI", p.a_uid("tracking UID")),
        El(0x00620003, "SQ", [code("85756007", "SCT", p.a_word("segment category meaning"))]),
        El(0x0062000F, "SQ", [code("85756007", "SCT", "Tissue")]),
    ]  # fmt: skip
    per_frame = [[
        El(0x00209111, "SQ", [[number(0x00209157, "UL", 1, n + 1),
                               text(0x00209056, "SH", p.a_word("stack ID")[:15])]]),
        El(0x0062000A, "SQ", [[number(0x0062000B, "US", 1)]]),
    ] for n in range(frames)]  # fmt: skip
    dimension = p.a_uid("dimension organization UID")
    return [
        El(0x00620002, "SQ", [segment]), text(0x00620001, "CS", "BINARY"),
        El(0x52009230, "SQ", per_frame), text(0x00280008, "IS", str(frames)),
        El(0x52009229, "SQ", [[El(0x00289110, "SQ", [[
            text(0x00280030, "DS", "0.25\\0.25"), text(0x00180050, "DS", "1.5"),
        ]])]]),
        El(0x00209221, "SQ", [[text(0x00209164, "UI", dimension)]]),
        text(0x00700080, "CS", "SEG"), text(0x00700081, "LO", p.a_word("SEG content description")),
        text(0x00700084, "PN", value(p, person, "PN", "SEG content creator")),
        text(0x00200052, "UI", p.a_uid("frame of reference UID")),
        number(0x00280010, "US", rows), number(0x00280011, "US", columns),
        text(0x00080008, "CS", "DERIVED\\PRIMARY"),
    ]  # fmt: skip
