"""Senders that ask for storage commitment: by pynetdicom, and by hand."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, dsutils, evt
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from tests.intake import peers, streams


def until(look, within_s: float = 20):
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class Scu:
    """A sender by pynetdicom: stores, asks for commitment, and hears the answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, Dataset]] = []
        self.answer = 0x0000

    def hear(self, event):
        self.heard.append((event.event_type, event.event_information))
        return self.answer, None

    def ask(
        self, port: int, references: list[tuple[str, str]], wait_s: float = 10, tls_args=None
    ) -> int | None:
        """Status of N-ACTION (None when the class was not accepted); stays for the answer."""
        ae = AE("TOWER1")
        ae.acse_timeout = ae.dimse_timeout = 10
        ae.add_requested_context(StorageCommitmentPushModel, ExplicitVRLittleEndian)
        made = ae.associate(
            "127.0.0.1", port, ae_title="CLINANNOT", tls_args=tls_args,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self.hear)],
        )  # fmt: skip
        if not made.is_established:
            return None
        information = Dataset()
        information.TransactionUID = generate_uid(None)
        information.ReferencedSOPSequence = []
        for sop_class, uid in references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
            information.ReferencedSOPSequence.append(item)
        status, _ = made.send_n_action(
            information, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        deadline = time.monotonic() + wait_s
        while not self.heard and time.monotonic() < deadline:
            time.sleep(0.02)
        # pynetdicom's release has been seen to wait for its own reactor for ever.
        released = threading.Thread(target=made.release, daemon=True)
        released.start()
        released.join(20)
        if released.is_alive():
            made.abort()
        return int(status.Status)


def wire_information(n: int, syntax: str = ExplicitVRLittleEndian) -> bytes:
    information = Dataset()
    information.TransactionUID = "1.2.3.4"
    information.ReferencedSOPSequence = []
    for number in range(n):
        item = Dataset()
        item.ReferencedSOPClassUID = peers.ULTRASOUND
        item.ReferencedSOPInstanceUID = f"1.2.3.404.{number}"
        information.ReferencedSOPSequence.append(item)
    made = dsutils.encode(information, UID(syntax).is_implicit_VR, True)
    assert made is not None
    return made


class Raw:
    """An association by hand: storage commitment in context 1, ultrasound in context 3."""

    def __init__(self, port: int, max_pdu: int = 16384) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), 10)
        self.line.settimeout(20)
        self.line.sendall(_request(max_pdu))
        assert streams.received(self.line)[0] == 2

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def send(self, command: dict, body: bytes = b"", context: int = 1) -> None:
        ds = Dataset()
        for keyword, value in command.items():
            setattr(ds, keyword, value)
        ds.CommandDataSetType = 1 if body else 0x0101
        ds.CommandGroupLength = len(dsutils.encode(ds, True, True))
        text = dsutils.encode(ds, True, True)
        stream = [(3, text)]
        stream += [(0, body[at : at + 60_000]) for at in range(0, len(body), 60_000)]
        if body:
            stream[-1] = (2, stream[-1][1])
        for control, piece in stream:
            item = struct.pack(">LBB", len(piece) + 2, context, control) + piece
            self.line.sendall(struct.pack(">BxL", 4, len(item)) + item)

    def ask(self, body: bytes, message_id: int = 5, **more) -> None:
        command = {
            "RequestedSOPClassUID": StorageCommitmentPushModel,
            "RequestedSOPInstanceUID": StorageCommitmentPushModelInstance,
            "CommandField": 0x0130, "MessageID": message_id, "ActionTypeID": 1, **more,
        }  # fmt: skip
        self.send(command, body)

    def message(self, max_pdu: int = 1 << 20) -> tuple[Dataset, bytes]:
        """The next message: its command and data set."""
        command, body = b"", b""
        while True:
            kind, payload = streams.received(self.line)
            assert kind == 4 and len(payload) <= max_pdu
            if payload[5] & 1:
                command += payload[6:]
            else:
                body += payload[6:]
            if payload[5] & 2:
                said = dsutils.decode(io.BytesIO(command), True, True)
                if said.CommandDataSetType == 0x0101 or not payload[5] & 1:
                    return said, body

    def reply(self, said: Dataset, status: int = 0) -> None:
        self.send({
            "AffectedSOPClassUID": StorageCommitmentPushModel, "CommandField": 0x8100,
            "MessageIDBeingRespondedTo": said.MessageID, "Status": status,
            "AffectedSOPInstanceUID": StorageCommitmentPushModelInstance,
            "EventTypeID": said.EventTypeID,
        })  # fmt: skip


def _request(max_pdu: int) -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "RAW", "CLINANNOT"
    contexts = []
    for number, abstract in ((1, StorageCommitmentPushModel), (3, peers.ULTRASOUND)):
        contexts.append(build_context(abstract, ExplicitVRLittleEndian))
        contexts[-1].context_id = number
    request.presentation_context_definition_list = contexts
    length, name = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received, name.implementation_class_uid = max_pdu, "1.2.3.4"
    request.user_information = [length, name]
    made = A_ASSOCIATE_RQ()
    made.from_primitive(request)
    return made.encode()
