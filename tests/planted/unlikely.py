"""Places that few senders use: identifiers in numbers, over several of them and in the bytes that
they are stored in; colour profiles and waveforms; and numbers that only look like an identifier."""

from __future__ import annotations

import struct

from .identities import Person, Planter
from .wire import El, number, text


def in_numbers(p: Planter, person: Person) -> list[El]:
    """The patient's values as numbers, in pieces, and in numbers' bytes."""
    born, studied, digits = person.birth, person.studied, person.patient_id[3:]
    name = person.family.ljust(16).encode()
    note = p.note
    note("birth date as IS year, month, day", born, "date")
    note("study date as DS day, month, year", studied, "date")
    note("birth date as three US values", born, "date")
    note("ID over IS values with leading zeros", digits, "number")
    note("ID as FD value", digits, "number")
    for vr in ("FD", "FL", "AT", "UL", "SL", "US"):
        note(f"name in the bytes of {vr} values", person.family)
    day, month, year = int(born[6:]), int(born[4:6]), int(born[:4])
    pieces = f"0{digits[:3]}\\{digits[3:6]}\\{digits[6:]}"
    return [
        text(0x00182001, "IS", f"{born[:4]}\\{born[4:6]}\\{born[6:]}"),
        text(0x00082130, "DS", f"{studied[6:]}\\{studied[4:6]}\\{studied[:4]}"),
        number(0x00209518, "US", year, month, day), text(0x00540210, "IS", pieces),
        number(0x00189073, "FD", float(digits)),
        El(0x00189322, "FD", name), El(0x0018605A, "FL", name), El(0x0028000A, "AT", name),
        El(0x00186058, "UL", name), El(0x0040A162, "SL", name), El(0x00189376, "US", name),
    ]  # fmt: skip


def in_profiles(p: Planter, person: Person) -> list[El]:
    """A colour profile with texts in known and unknown entries and between them; a waveform."""
    word = p.a_word
    entries = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 12) + word("ICC description").encode(),
        b"cprt": b"text" + bytes(4) + word("ICC copyright").encode() + b"\0",
        b"dmnd": b"mluc" + struct.pack(">3I4s2I", 0, 1, 12, b"enUS", 40, 28)
        + word("ICC localized text").encode("utf-16-be"),
        b"priv": b"data" + bytes(8) + word("ICC private entry").encode(),
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
    }  # fmt: skip
    table, body, at = b"", b"", 128 + 4 + 12 * len(entries)
    for name, data in entries.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + word("ICC between entries").encode().ljust(16)[:16]
    head = bytearray(128)
    head[8:24] = bytes.fromhex("02100000") + b"mntrRGB XYZ "
    head[36:40], head[80:84] = b"acsp", word("ICC creator").encode()[:4]
    profile = bytes(head) + struct.pack(">I", len(entries)) + table + body
    profile = struct.pack(">I", len(profile)) + profile[4:]
    channel = [text(0x003A0203, "SH", word("waveform channel label")[:15]),
               text(0x003A0209, "LO", word("waveform channel source"))]  # fmt: skip
    wave = [number(0x003A0005, "US", 1), text(0x003A0020, "SH", word("multiplex group")[:15]),
            El(0x003A0200, "SQ", [channel]), text(0x54001006, "CS", "UB"),
            El(0x54001010, "OB", word("waveform samples").encode())]  # fmt: skip
    return [
        El(0x00282000, "OB", profile), El(0x54000100, "SQ", [wave]),
        El(0x0040B020, "SQ", [[text(0x00700006, "ST", word("waveform annotation"))]]),
        El(0x00660016, "OF", p.note("name in OF coordinates", person.family).encode().ljust(24)),
        El(0x00189809, "OF", word("text in OF of another kind").encode().ljust(24)),
    ]  # fmt: skip


# Digits of a clock's fraction, and of no identifier.
NEEDED = {
    "ImagerPixelSpacing": (0x00181164, "DS", "0.250000\\0.250000"),
    "EstimatedRadiographicMagnificationFactor": (0x00181114, "DS", "2.50000"),
    "NominalScannedPixelSpacing": (0x00182010, "DS", "0.19\\0.19"),
}
