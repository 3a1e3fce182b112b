"""What goes over the wire, PDU by PDU, whole and with something wrong."""

from __future__ import annotations

import contextlib
import random
import socket
import struct

from tests.intake import peers

RELEASE = struct.pack(">BBLL", 5, 0, 4, 0)


def request_pdu(abstract_syntax: str = "1.2.840.10008.1.1") -> bytes:
    """A well-formed A-ASSOCIATE-RQ, as pynetdicom would send it."""
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import (
        A_ASSOCIATE,
        ImplementationClassUIDNotification,
        MaximumLengthNotification,
    )
    from pynetdicom.presentation import build_context

    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "DRIBBLE", "CLINANNOT"
    context = build_context(abstract_syntax, "1.2.840.10008.1.2.1")
    context.context_id = 1
    request.presentation_context_definition_list = [context]
    length, name = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received, name.implementation_class_uid = 16384, "1.2.3.4"
    request.user_information = [length, name]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return pdu.encode()


def whole_stream(uid: str) -> list[bytes]:
    """An association with one small instance, PDU by PDU."""
    content = data_set(peers.instance(uid=uid, size_bytes=400))
    return [
        request_pdu(peers.ULTRASOUND),
        pdu(command_set(peers.ULTRASOUND, uid), 3),
        pdu(content[:300], 0),
        pdu(content[300:], 2),
        RELEASE,
    ]


def mutated(pdus: list[bytes], chance: random.Random) -> bytes:
    """The stream with one to four things wrong: bytes, lengths, order, repetition, its end."""
    pdus = list(pdus)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(pdus))
        pdu = bytearray(pdus[place])
        kind = chance.randrange(7)
        if kind == 0 and pdu:
            for _ in range(chance.randint(1, 8)):
                pdu[chance.randrange(len(pdu))] = chance.randrange(256)
        elif kind == 1 and len(pdu) >= 6:
            pdu[2:6] = struct.pack(">L", chance.choice([0, 1, 5, 1 << 16, 1 << 28, 0xFFFFFFFF]))
        elif kind == 2:
            del pdu[chance.randrange(len(pdu) + 1) :]
        elif kind == 3:
            at = chance.randrange(len(pdu) + 1)
            pdu[at:at] = chance.randbytes(chance.randint(1, 64))
        elif kind == 4 and pdu:
            pdu[0] = chance.randrange(256)
        elif kind == 5:
            pdus.insert(chance.randrange(len(pdus)), bytes(pdu))
        else:
            pdus[chance.randrange(len(pdus))] = bytes(pdu)
        pdus[place] = bytes(pdu)
    # At least a byte: what opens and closes is a look at the port, and no event.
    return b"".join(pdus) or b"\x00"


def pour(port: int, stream: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.settimeout(20)
        with contextlib.suppress(ConnectionError):
            line.sendall(stream)
            line.shutdown(socket.SHUT_WR)
            while line.recv(1 << 16):
                pass


def received(line: socket.socket) -> tuple[int, bytes]:
    """The next PDU: its type and payload."""
    header = exactly(line, 6)
    return header[0], exactly(line, int.from_bytes(header[2:], "big"))


def established(port: int) -> socket.socket:
    """A raw association for ultrasound."""
    line = socket.create_connection(("127.0.0.1", port), 10)
    line.settimeout(60)
    line.sendall(request_pdu(peers.ULTRASOUND))
    assert received(line)[0] == 2
    return line


def status(line: socket.socket) -> int:
    """Of the C-STORE answer that comes next."""
    kind, answer = received(line)
    assert kind == 4
    at = answer.index(b"\0\0\0\x09\x02\0\0\0")
    return int.from_bytes(answer[at + 8 : at + 10], "little")


def store(line: socket.socket, part10: bytes) -> int:
    """C-STORE in PDUs of 100 KB; the status."""
    line.sendall(pdu(command_set(peers.ULTRASOUND, peers.uid_of(part10)), 3))
    content = data_set(part10)
    for at in range(0, len(content), 100_000):
        is_last = at + 100_000 >= len(content)
        line.sendall(pdu(content[at : at + 100_000], 2 if is_last else 0))
    return status(line)


def exactly(line: socket.socket, size_bytes: int) -> bytes:
    held = b""
    while len(held) < size_bytes:
        piece = line.recv(size_bytes - len(held))
        assert piece, "the node closed the connection"
        held += piece
    return held


def data_set(part10: bytes) -> bytes:
    return part10[144 + int.from_bytes(part10[140:144], "little") :]


def command_set(sop_class: str, uid: str) -> bytes:
    from pydicom.dataset import Dataset
    from pynetdicom.dsutils import encode

    ds = Dataset()
    ds.AffectedSOPClassUID, ds.AffectedSOPInstanceUID = sop_class, uid
    ds.CommandField, ds.MessageID, ds.Priority, ds.CommandDataSetType = 1, 1, 2, 0
    ds.CommandGroupLength = len(encode(ds, True, True))
    return encode(ds, True, True)


def pdu(data: bytes, control: int) -> bytes:
    item = struct.pack(">LBB", len(data) + 2, 1, control) + data
    return struct.pack(">BBL", 4, 0, len(item)) + item
