"""The header facts from the first bytes of a plain, well-formed file, without building a data set.

Whatever is out of the ordinary (another character set, a value beyond ASCII, big endian, deflated,
tags out of order, a header longer than what is held) gives None, and ``read_facts`` decides with
pydicom; where this gives facts, they are the same (a property test holds both to it).
"""

from __future__ import annotations

import struct

from apps.intake.domain.corrections import KEY_OBJECT_SELECTION
from apps.intake.domain.header_facts import HeaderFacts, code

HEAD_BYTES = 1 << 16
_WANTED = {
    0x00080005: b"CS",
    0x00080016: b"UI",
    0x00080018: b"UI",
    0x00080060: b"CS",
    0x00081040: b"LO",
    0x00100020: b"LO",
    0x00100021: b"LO",
    0x0020000D: b"UI",
    0x00280008: b"IS",
}
# Not decoded, as ``read_facts`` has them.
_DEMOGRAPHICS = {0x00100010: b"PN", 0x00100030: b"DA", 0x00100040: b"CS"}
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_IMPLICIT, _EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
_COMPRESSED = b"1.2.840.10008.1.2.4."
# Its data set is deflated as a whole.
_DEFLATED = frozenset({b"1.2.840.10008.1.2.4.95", b"1.2.840.10008.1.2.4.205"})
_SAME_AS_ASCII = frozenset({b"", b"ISO_IR 6", b"ISO_IR 100", b"ISO_IR 192"})
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_MAX_DEPTH = 12


class _UnsureError(Exception):
    """pydicom must decide."""


def quick_facts(head: bytes) -> HeaderFacts | None:
    """The facts of the file that begins with ``head``, or None when a full reading is needed."""
    try:
        start, syntax = _meta(head)
        is_implicit = syntax == _IMPLICIT
        found = _walk(head, start, is_implicit)
        if found.get(0x00080005, b"") not in _SAME_AS_ASCII:
            return None
        frames = found.get(0x00280008, b"").strip()
        if frames and not frames.isdigit():
            return None
        demographics = tuple(found.pop(tag, b"") for tag in _DEMOGRAPHICS)
        text = {tag: value.decode("ascii") for tag, value in found.items()}
    except (_UnsureError, struct.error, IndexError):
        return None
    facts = HeaderFacts(
        sop_class_uid=text.get(0x00080016, ""),
        sop_instance_uid=text.get(0x00080018, ""),
        study_instance_uid=text.get(0x0020000D, ""),
        patient_id=text.get(0x00100020, ""),
        issuer=text.get(0x00100021, ""),
        transfer_syntax_uid=syntax.decode("ascii"),
        modality=code(text.get(0x00080060, "")),
        n_frames=(int(frames) or None) if frames and int(frames) < 1 << 31 else None,
        dataset_offset=start,
        demographics=demographics,
        department=text.get(0x00081040, ""),
    )
    if facts.sop_class_uid == KEY_OBJECT_SELECTION:
        # It may be a rejection note, which is read whole.
        return None
    return facts if facts.sop_class_uid and facts.sop_instance_uid else None


def _meta(head: bytes) -> tuple[int, bytes]:
    """Where the data set begins, and the transfer syntax."""
    if head[128:140] != b"DICM\x02\0\0\0UL\x04\0":
        raise _UnsureError
    start = 144 + int.from_bytes(head[140:144], "little")
    at, syntax = 144, b""
    while at < start:
        tag, _, value_at, length = _explicit(head, at)
        if tag >> 16 != 2 or length == _UNDEFINED:
            raise _UnsureError
        if tag == 0x00020010:
            syntax = _text(head[value_at : value_at + length])
        at = value_at + length
    if at != start or head[start : start + 2] == b"\x02\0":
        raise _UnsureError
    if syntax not in (_IMPLICIT, _EXPLICIT) and (
        not syntax.startswith(_COMPRESSED) or syntax in _DEFLATED
    ):
        raise _UnsureError
    return start, syntax


def _walk(head: bytes, at: int, is_implicit: bool) -> dict[int, bytes]:
    """The wanted values, up to the pixel data."""
    read = _implicit if is_implicit else _explicit
    found: dict[int, bytes] = {}
    last = 0
    while True:
        tag, vr, value_at, length = read(head, at)
        if tag in _PIXELS:
            return found
        if tag <= last or tag >> 16 < 8:
            raise _UnsureError
        last = tag
        if length == _UNDEFINED:
            if vr not in (b"SQ", b"") or tag in _WANTED or tag in _DEMOGRAPHICS:
                raise _UnsureError
            at = _after_items(head, value_at, is_implicit, 0)
            continue
        at = value_at + length
        if at > len(head):
            raise _UnsureError
        if tag in _WANTED:
            if vr not in (b"", _WANTED[tag]):
                raise _UnsureError
            found[tag] = _text(head[value_at:at])
        elif tag in _DEMOGRAPHICS:
            if vr not in (b"", _DEMOGRAPHICS[tag]):
                raise _UnsureError
            found[tag] = head[value_at:at].strip(b" \0")


def _text(value: bytes) -> bytes:
    """A single printable ASCII value without its padding."""
    value = value.rstrip(b" \0")
    if value[:1] == b" " or b"\\" in value or not all(0x20 <= byte <= 0x7E for byte in value):
        raise _UnsureError
    return value


def _explicit(head: bytes, at: int) -> tuple[int, bytes, int, int]:
    """Tag, VR, where the value begins, its length."""
    group, element, vr, length = struct.unpack_from("<HH2sH", head, at)
    if vr in _SHORT:
        return group << 16 | element, vr, at + 8, length
    if vr not in _LONG or length:
        raise _UnsureError
    return group << 16 | element, vr, at + 12, struct.unpack_from("<L", head, at + 8)[0]


def _implicit(head: bytes, at: int) -> tuple[int, bytes, int, int]:
    group, element, length = struct.unpack_from("<HHL", head, at)
    return group << 16 | element, b"", at + 8, length


def _after_items(head: bytes, at: int, is_implicit: bool, depth: int) -> int:
    """The place after a sequence of undefined length whose first item begins at ``at``."""
    if depth > _MAX_DEPTH:
        raise _UnsureError
    while True:
        tag, _, at, length = _implicit(head, at)
        if tag == _SEQUENCE_END and length == 0:
            return at
        if tag != _ITEM:
            raise _UnsureError
        if length != _UNDEFINED:
            at += length
        else:
            at = _after_item(head, at, is_implicit, depth)


def _after_item(head: bytes, at: int, is_implicit: bool, depth: int) -> int:
    while head[at : at + 8] != b"\xfe\xff\x0d\xe0\0\0\0\0":
        tag, vr, at, length = (_implicit if is_implicit else _explicit)(head, at)
        if length != _UNDEFINED:
            at += length
        elif vr in (b"SQ", b"") and tag >> 16 != 0xFFFE:
            at = _after_items(head, at, is_implicit, depth + 1)
        else:
            raise _UnsureError
    return at + 8
