"""The node's own upper layer, as PS3.8 has it: fragments in any mixture, PDUs out of place, what is
negotiated; and no success before the bytes and their row are on the disk."""

from __future__ import annotations

import io
import os
import random
import socket
import struct
import subprocess

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import build_context, build_role

from apps.intake.models import ReceivedInstance
from apps.intake.node import guard
from apps.vault import storage
from tests.intake import peers
from tests.intake.streams import RELEASE, command_set, data_set, pdu, received, request_pdu
from tests.intake.test_node import SUCCESS, events, eventually, kept, written

__all__ = ["kept"]
pytestmark = pytest.mark.django_db(transaction=True)
ECHO = "1.2.840.10008.1.1"
ABSTRACT = {1: peers.ULTRASOUND, 3: peers.ENDOSCOPIC_VIDEO, 5: ECHO}


def association_request(*, calling_length: int = 16384) -> bytes:
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import (
        A_ASSOCIATE,
        ImplementationClassUIDNotification,
        MaximumLengthNotification,
    )

    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "WIRE", "CLINANNOT"
    contexts = []
    for number, abstract in ABSTRACT.items():
        contexts.append(build_context(abstract, peers.EXPLICIT))
        contexts[-1].context_id = number
    request.presentation_context_definition_list = contexts
    length, name = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received, name.implementation_class_uid = calling_length, "1.2.3.4"
    request.user_information = [length, name]
    made = A_ASSOCIATE_RQ()
    made.from_primitive(request)
    return made.encode()


def opened(port: int, **how: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), 10)
    line.settimeout(20)
    line.sendall(association_request(**how))
    assert received(line)[0] == 2
    return line


def command(field: int, message_id: int, sop_class: str, uid: str = "", *, body: bool) -> bytes:
    ds = Dataset()
    ds.AffectedSOPClassUID = sop_class
    if uid:
        ds.AffectedSOPInstanceUID = uid
    if field == 0x0FFF:
        ds.MessageIDBeingRespondedTo = message_id
    else:
        ds.MessageID = message_id
    ds.CommandField, ds.CommandDataSetType = field, 1 if body else 0x0101
    ds.CommandGroupLength = len(encode(ds, True, True))
    return encode(ds, True, True)


def pdv(context: int, control: int, piece: bytes) -> bytes:
    return struct.pack(">LBB", len(piece) + 2, context, control) + piece


def fragments(context: int, kind: int, data: bytes, chance: random.Random) -> list[bytes]:
    """``data`` in fragments of any length, odd and none at all among them."""
    pieces, at = [], 0
    while at < len(data):
        size = chance.choice([0, 1, 2, 7, 64, 333, 4096, 70_001])
        pieces.append(data[at : at + size])
        at += size
    if chance.random() < 0.3:
        pieces.append(b"")
    return [
        pdv(context, kind | (2 if place == len(pieces) - 1 else 0), piece)
        for place, piece in enumerate(pieces)
    ]


def answers(line: socket.socket, count: int) -> list[Dataset]:
    """Command sets of so many answers; each may take several PDUs."""
    found, held = [], b""
    while len(found) < count:
        kind, payload = received(line)
        assert kind == 4
        assert payload[5] & 1
        held += payload[6:]
        if payload[5] & 2:
            found.append(decode(io.BytesIO(held), True, True))
            held = b""
    return found


@pytest.mark.parametrize("seed", range(4))
def test_any_mixture_of_fragments_contexts_and_messages_is_answered_in_order(node, seed):
    chance = random.Random(seed)
    sent, wanted, pieces = [], [], []
    for number in range(8):
        message_id = chance.choice([0, 1, 255, 65535, number + 2])
        kind = chance.choice(["store", "store", "echo", "cancel", "video"])
        if kind == "cancel":
            text = command(0x0FFF, 1, peers.ULTRASOUND, body=False)
            pieces += fragments(1, 1, text, chance)
            continue
        if kind == "echo":
            context = chance.choice([1, 5])
            text = command(0x0030, message_id, ECHO, body=False)
            pieces += fragments(context, 1, text, chance)
        else:
            context = 1 if kind == "store" else 3
            content = peers.instance(
                size_bytes=chance.choice([2, 5000, 150_000]), sop_class=ABSTRACT[context]
            )
            sent.append(content)
            uid = peers.uid_of(content)
            text = command(0x0001, message_id, ABSTRACT[context], uid, body=True)
            pieces += fragments(context, 1, text, chance)
            pieces += fragments(context, 0, data_set(content), chance)
        wanted.append(message_id)
    stream = b""
    while pieces:
        # Several fragments in one PDU, also of a command and its data set.
        together, size = [], 0
        while pieces and (not together or (size < 100_000 and chance.random() < 0.7)):
            together.append(pieces.pop(0))
            size += len(together[-1])
        payload = b"".join(together)
        stream += struct.pack(">BxL", 4, len(payload)) + payload
    with opened(node.port) as line:
        at = 0
        while at < len(stream):
            step = chance.choice([1, 5, 6, 1000, 65_536])
            line.sendall(stream[at : at + step])
            at += step
        found = answers(line, len(wanted))
        line.sendall(RELEASE)
        assert received(line)[0] == 6
    assert [one.MessageIDBeingRespondedTo for one in found] == wanted
    assert {one.Status for one in found} == {0}
    digests = sorted(row.sha256 for row in ReceivedInstance.objects.all())
    assert digests == sorted(peers.digest_of_data_set(content) for content in sent)


def test_answers_keep_to_the_length_that_the_peer_takes(node):
    content = peers.instance()
    text = command(0x0001, 7, peers.ULTRASOUND, peers.uid_of(content), body=True)
    with opened(node.port, calling_length=60) as line:
        line.sendall(pdu(text, 3) + pdu(data_set(content), 2))
        pieces = []
        while not pieces or not pieces[-1][5] & 2:
            kind, payload = received(line)
            assert kind == 4 and len(payload) <= 60
            pieces.append(payload)
    answer = decode(io.BytesIO(b"".join(one[6:] for one in pieces)), True, True)
    assert len(pieces) > 1 and (answer.MessageIDBeingRespondedTo, answer.Status) == (7, 0)


@pytest.mark.parametrize(
    ("version", "answer"),
    [(0, b"\0\1\2\2"), (2, b"\0\1\2\2"), (1, None), (3, None), (0x8001, None)],
)
def test_only_the_first_bit_of_the_protocol_version_is_looked_at(node, version, answer):
    asked = bytearray(association_request())
    asked[6:8] = struct.pack(">H", version)
    with socket.create_connection(("127.0.0.1", node.port), 10) as line:
        line.sendall(asked)
        kind, payload = received(line)
        assert (kind, payload) == (3, answer) if answer else kind == 2
    if answer:
        (said,) = eventually(lambda: events("intake.association", "refused"))
        assert said["reason"] == "unknown_protocol_version"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"\x03\0\0\0\0\4\0\1\1\1", 2),
        (b"\x06\0\0\0\0\4\0\0\0\0", 2),
        (request_pdu(), 2),
        (b"\x09\0\0\0\0\4\0\0\0\0", 1),
        (b"\x04\0\0\0\0\0", 6),
        (pdu(b"x" * 10, 2), 6),
        (b"\x04\0\0\0\0\x08" + pdv(9, 3, b"ab"), 6),
        (pdu(command_set(peers.ULTRASOUND, "1.2.3"), 3) * 2, 6),
    ],
)  # fmt: skip
def test_what_has_no_place_is_answered_by_an_abort_with_its_reason(node, wrong, reason):
    with opened(node.port) as line:
        line.sendall(wrong)
        assert received(line) == (7, bytes([0, 0, 2, reason]))
        assert line.recv(1) == b""
    (said,) = eventually(lambda: events("intake.association", "aborted"))
    assert said["reason"] == "broken_traffic" and not ReceivedInstance.objects.exists()


@pytest.mark.parametrize("ending", ["release", "abort", "close", "next message"])
def test_a_data_set_without_its_last_fragment_is_not_kept(node, kept, ending):
    content = peers.instance()
    text = command(0x0001, 7, peers.ULTRASOUND, peers.uid_of(content), body=True)
    with opened(node.port) as line:
        line.sendall(pdu(text, 3) + pdu(data_set(content), 0))
        if ending == "release":
            line.sendall(RELEASE)
            assert received(line)[0] == 6
        elif ending == "abort":
            line.sendall(b"\x07\0\0\0\0\4\0\0\0\0")
        elif ending == "next message":
            line.sendall(pdu(command(0x0030, 8, ECHO, body=False), 3))
            assert received(line)[0] == 7
    assert eventually(lambda: events("intake.association"))
    assert not ReceivedInstance.objects.exists() and not kept()


def test_no_success_is_sent_before_the_file_is_synced_and_its_row_committed(node, monkeypatch):
    seen: list[str] = []
    real_sync, real_send, real_commit = os.fsync, guard.Line.send, BaseDatabaseWrapper._commit

    def sync(handle):
        real_sync(handle)
        seen.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")

    def commit(self):
        real_commit(self)
        seen.append("commit")

    def send(self, content):
        seen.append("answer")
        real_send(self, content)

    with opened(node.port) as line:
        monkeypatch.setattr(storage.os, "fsync", sync)
        monkeypatch.setattr(BaseDatabaseWrapper, "_commit", commit)
        monkeypatch.setattr(guard.Line, "send", send)
        for _ in range(2):
            content = peers.instance(size_bytes=200_000)
            line.sendall(pdu(command_set(peers.ULTRASOUND, peers.uid_of(content)), 3))
            line.sendall(pdu(data_set(content), 2))
            assert answers(line, 1)[0].Status == 0
        monkeypatch.undo()
    first = seen[: seen.index("answer") + 1]
    assert first[-3:] == ["folder", "commit", "answer"] and "file" in first
    second = seen[len(first) :]
    assert second[-4:] == ["file", "folder", "commit", "answer"]


def test_what_cannot_be_synced_is_told_and_not_kept(node, kept, monkeypatch):
    def broken(handle):
        raise OSError(5, "Input/output error")

    content = peers.instance()
    with opened(node.port) as line:
        monkeypatch.setattr(storage.os, "fsync", broken)
        line.sendall(pdu(command_set(peers.ULTRASOUND, peers.uid_of(content)), 3))
        line.sendall(pdu(data_set(content), 2))
        assert answers(line, 1)[0].Status == 0xA700
        monkeypatch.undo()
    assert not kept() and not ReceivedInstance.objects.exists()


@pytest.mark.parametrize(
    "options", [("-pdu", "4096"), ("-pdu", "131072"), ("--max-send-pdu", "4096")]
)
def test_dcmtk_stores_with_small_and_large_pdus(node, tmp_path, options):
    sent = [peers.instance(size_bytes=300_000), peers.instance(size_bytes=70_001 * 2)]
    done = peers.storescu(node.port, *written(tmp_path, *sent), options=("-xe", *options))
    assert done.stdout.count(SUCCESS) == 2, done.stdout
    held = sorted(row.sha256 for row in ReceivedInstance.objects.all())
    assert held == sorted(peers.digest_of_data_set(content) for content in sent)


def test_who_asks_for_nothing_that_is_offered_is_shown_as_refused(node):
    ran = subprocess.run(
        ["findscu", "-S", "-aec", "CLINANNOT", "-k", "PatientID=1", "127.0.0.1", str(node.port)],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert b"No Acceptable Presentation Contexts" in ran.stdout + ran.stderr
    (said,) = eventually(lambda: events("intake.association", "refused"))
    assert said["reason"] == "no_service_accepted"
    assert not events("intake.association", "aborted")


def test_dcmsend_stores_instances_of_several_classes_in_one_association(node, tmp_path):
    sent = [
        peers.instance(size_bytes=9000, sop_class=sop_class, syntax=syntax)
        for sop_class in (peers.ULTRASOUND, peers.ENDOSCOPIC_VIDEO)
        for syntax in (peers.EXPLICIT, "1.2.840.10008.1.2.4.50")
    ]
    done = subprocess.run(
        ["/usr/bin/dcmsend", "-v", "-aet", "TOWER1", "-aec", "CLINANNOT", "127.0.0.1",
         str(node.port), *map(str, written(tmp_path, *sent))],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "SUCCESS  : 4" in done.stdout, done.stdout
    held = sorted(row.sha256 for row in ReceivedInstance.objects.all())
    assert held == sorted(peers.digest_of_data_set(content) for content in sent)
    assert eventually(lambda: events("intake.association", "done"))[0]["stored"] == 4


def test_roles_identity_and_a_window_are_asked_for_and_the_association_goes_on_without(node):
    identity, window = UserIdentityNegotiation(), AsynchronousOperationsWindowNegotiation()
    identity.user_identity_type, identity.primary_field = 2, b"somebody"
    identity.secondary_field, identity.positive_response_requested = b"secret", False
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 8
    ae = AE("TOWER1")
    ae.add_requested_context(peers.ULTRASOUND, peers.EXPLICIT)
    ae.add_requested_context(ECHO)
    role = build_role(peers.ULTRASOUND, scu_role=True, scp_role=True)
    made = ae.associate(
        "127.0.0.1", node.port, ae_title="CLINANNOT", ext_neg=[role, identity, window]
    )
    assert made.is_established
    assert made.acceptor.implementation_class_uid and not made.acceptor.user_identity
    assert made.acceptor.asynchronous_operations == (1, 1)
    content = dcmread(io.BytesIO(peers.instance()))
    assert made.send_c_echo().Status == 0
    assert made.send_c_store(content).Status == 0
    assert made.send_c_echo(msg_id=65_000).Status == 0
    made.release()
    assert eventually(lambda: events("intake.association", "done"))
