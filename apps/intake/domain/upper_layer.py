"""What the node reads and writes on the wire once an association stands: PDUs, PDVs, commands.

PS3.8 section 9.3 (PDUs) and annex E (message fragments), PS3.7 sections 9.3 and 6.3.1 (commands are
Implicit VR Little Endian). Associations are negotiated with pynetdicom's own classes; instances are
many and pass here, where no byte of a data set is copied or held.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ASSOCIATE_RQ, P_DATA, RELEASE_RQ, ABORT = 0x01, 0x04, 0x05, 0x07
KNOWN_PDUS = frozenset(range(0x01, 0x08))
RELEASE_RP = b"\x06\x00\x00\x00\x00\x04\x00\x00\x00\x00"

C_STORE_RQ, C_ECHO_RQ, C_CANCEL_RQ, N_ACTION_RQ = 0x0001, 0x0030, 0x0FFF, 0x0130
N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP = 0x0100, 0x8100
_NO_DATA_SET, _DATA_SET = 0x0101, 0x0001
MAX_COMMAND_BYTES = 1 << 14
MAX_UID_CHARACTERS = 64
_OUR_PDU_BYTES = 1 << 16


class BrokenMessageError(ValueError):
    """What came is no PDU, fragment or command of the standard; the association cannot go on.
    ``reason``: that of the A-ABORT (PS3.8 table 9-26)."""

    reason = 6


class UnexpectedPduError(BrokenMessageError):
    """A PDU that has no place in this state."""

    reason = 2


def abort_pdu(source: int, reason: int) -> bytes:
    """A-ABORT (PS3.8 section 9.3.8): source 0 the user, 2 the provider with a reason."""
    return bytes([ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason])


# What our own health check and the node's page say when they look whether the node answers.
LOOK = abort_pdu(0, 0)


def reject_pdu(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 section 9.3.4)."""
    return bytes([0x03, 0, 0, 0, 0, 4, 0, result, source, reason])


def fragments(payload: memoryview) -> Iterator[tuple[int, bool, bool, memoryview]]:
    """Of a P-DATA-TF's payload each fragment: context ID, is it of the command, is it the last one,
    its bytes. Raises BrokenMessageError."""
    at, size = 0, len(payload)
    if size == 0:
        raise BrokenMessageError("a P-DATA without a fragment")
    while at < size:
        if size - at < 6:
            raise BrokenMessageError("a fragment shorter than its header")
        length, context, control = struct.unpack_from(">LBB", payload, at)
        if length < 2 or at + 4 + length > size:
            raise BrokenMessageError("a fragment longer than its PDU")
        yield context, bool(control & 1), bool(control & 2), payload[at + 6 : at + 4 + length]
        at += 4 + length


@dataclass(frozen=True)
class Command:
    """A request, or the answer to an N-EVENT-REPORT. UIDs are as sent ("" where there is none);
    the message ID of an answer is that of its request. ``kind``: Action Type ID of an N-ACTION,
    status of an answer."""

    field: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    has_data_set: bool
    kind: int = 0


def read_command(data: bytes) -> Command:
    """A command set that is whole. Raises BrokenMessageError; any answer but to an N-EVENT-REPORT
    is one too, for the node sends no other request."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise BrokenMessageError("a command element shorter than its header")
        group, element, length = struct.unpack_from("<HHL", data, at)
        if group != 0 or at + 8 + length > len(data):
            raise BrokenMessageError("a command element that does not belong or fit")
        found[element] = data[at + 8 : at + 8 + length]
        at += 8 + length
    field = _number(found, 0x0100)
    has_data_set = _number(found, 0x0800) != _NO_DATA_SET
    if field == N_EVENT_REPORT_RSP:
        return Command(field, _number(found, 0x0120), "", "", has_data_set, _number(found, 0x0900))
    if field & 0x8000:
        raise BrokenMessageError("an answer to nothing")
    is_action = field == N_ACTION_RQ
    return Command(
        field,
        _number(found, 0x0110) if field != C_CANCEL_RQ else 0,
        _uid(found.get(0x0003 if is_action else 0x0002, b"")),
        _uid(found.get(0x1001 if is_action else 0x1000, b"")),
        has_data_set,
        _number(found, 0x1008) if is_action else 0,
    )


def _number(found: dict[int, bytes], element: int) -> int:
    value = found.get(element, b"")
    if len(value) != 2:
        raise BrokenMessageError("a command without what every command has")
    return int.from_bytes(value, "little")


def _uid(value: bytes) -> str:
    try:
        return value.decode("ascii").rstrip("\0 ")
    except UnicodeDecodeError:
        raise BrokenMessageError("a UID that is not ASCII") from None


def answer_pdu(context: int, command: Command, status: int, max_pdu_bytes: int = 0) -> bytes:
    """The answer to ``command`` (PS3.7 sections 9.3.1.2, 9.3.5.2, 10.3.4.2) as one P-DATA-TF, or
    as many as the peer's ``max_pdu_bytes`` (0: any) makes of it."""
    elements = b""
    if command.sop_class_uid:
        elements += _element(0x0002, _padded(command.sop_class_uid))
    elements += _element(0x0100, struct.pack("<H", command.field | 0x8000))
    elements += _element(0x0120, struct.pack("<H", command.message_id))
    elements += _element(0x0800, struct.pack("<H", _NO_DATA_SET))
    elements += _element(0x0900, struct.pack("<H", status))
    if command.sop_instance_uid:
        elements += _element(0x1000, _padded(command.sop_instance_uid))
    if command.field == N_ACTION_RQ:
        elements += _element(0x1008, struct.pack("<H", command.kind))
    return b"".join(_data_pdus(context, 0x01, _with_length(elements), max_pdu_bytes))


def event_report(
    context: int,
    message_id: int,
    sop_class_uid: str,
    sop_instance_uid: str,
    event_type: int,
    data_set: bytes,
    max_pdu_bytes: int,
) -> Iterator[bytes]:
    """An N-EVENT-REPORT-RQ (PS3.7 section 10.3.1.1) as P-DATA-TFs that the peer takes;
    ``max_pdu_bytes`` is what it announced (0: any)."""
    elements = _element(0x0002, _padded(sop_class_uid))
    elements += _element(0x0100, struct.pack("<H", N_EVENT_REPORT_RQ))
    elements += _element(0x0110, struct.pack("<H", message_id))
    elements += _element(0x0800, struct.pack("<H", _DATA_SET))
    elements += _element(0x1000, _padded(sop_instance_uid))
    elements += _element(0x1002, struct.pack("<H", event_type))
    yield from _data_pdus(context, 0x01, _with_length(elements), max_pdu_bytes)
    yield from _data_pdus(context, 0x00, data_set, max_pdu_bytes)


def _with_length(elements: bytes) -> bytes:
    return _element(0x0000, struct.pack("<L", len(elements))) + elements


def _data_pdus(context: int, kind: int, data: bytes, max_pdu_bytes: int) -> Iterator[bytes]:
    # A fragment's header is six bytes, and its length even (PS3.8 annexes D.1 and E.2).
    most = max(2, (min(max_pdu_bytes or _OUR_PDU_BYTES, _OUR_PDU_BYTES) - 6) & ~1)
    for at in range(0, len(data), most):
        piece = data[at : at + most]
        control = kind | (0x02 if at + most >= len(data) else 0)
        head = struct.pack(">BxLLBB", P_DATA, len(piece) + 6, len(piece) + 2, context, control)
        yield head + piece


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, element, len(value)) + value


def _padded(uid: str) -> bytes:
    raw = uid.encode("ascii")
    return raw + b"\0" * (len(raw) % 2)


def file_start(
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    implementation_uid: str,
    implementation_version: str,
) -> bytes:
    """Preamble, prefix and file meta group of a Part 10 file (PS3.10 section 7.1), to which a data
    set may be appended as it was sent."""
    version = implementation_version.encode("ascii")
    meta = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01"
    for element, vr, value in (
        (0x0002, b"UI", _padded(sop_class_uid)),
        (0x0003, b"UI", _padded(sop_instance_uid)),
        (0x0010, b"UI", _padded(transfer_syntax_uid)),
        (0x0012, b"UI", _padded(implementation_uid)),
        (0x0013, b"SH", version + b" " * (len(version) % 2)),
    ):
        meta += struct.pack("<HH2sH", 2, element, vr, len(value)) + value
    return bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + struct.pack("<L", len(meta)) + meta
