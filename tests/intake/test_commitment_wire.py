"""Storage commitment PDU by PDU: long reports, requests that are none, reports between messages."""

from __future__ import annotations

import io
import struct
import threading
import time

import pytest
from pydicom.dataset import Dataset
from pynetdicom import dsutils
from pynetdicom.sop_class import StorageCommitmentPushModelInstance

from apps.audit.models import Event
from apps.intake.models import CommitmentRequest, ReceivedInstance
from apps.intake.pacs import committing
from tests.intake import peers, streams
from tests.intake.committing_peers import Raw, Scu, until, wire_information

pytestmark = pytest.mark.django_db(transaction=True)
# 200,000 items of nothing.
ITEMS = b"\x08\0\x99\x11SQ\0\0" + struct.pack("<L", 1_600_000) + b"\xfe\xff\0\xe0\0\0\0\0" * 200_000


def test_nonsense_is_answered_by_its_status(node, committing_project):
    assert Scu().ask(node.port, [], wait_s=0) == 0x0115
    assert not CommitmentRequest.objects.exists()


def test_a_long_report_keeps_to_the_peers_pdus_and_its_answer_is_heard(node, committing_project):
    with Raw(node.port, max_pdu=200) as raw:
        raw.ask(wire_information(300), message_id=77)
        said, _ = raw.message(200)
        assert (said.CommandField, said.MessageIDBeingRespondedTo, said.Status) == (0x8130, 77, 0)
        assert said.AffectedSOPInstanceUID == StorageCommitmentPushModelInstance
        report, body = raw.message(200)
        assert (report.CommandField, report.EventTypeID) == (0x0100, 2)
        information = dsutils.decode(io.BytesIO(body), False, True)
        assert len(information.FailedSOPSequence) == 300
        # Another message before the answer.
        raw.send({"CommandField": 0x30, "MessageID": 78, "AffectedSOPClassUID": "1.2"}, context=3)
        assert raw.message()[0].CommandField == 0x8030
        raw.reply(report)
        assert until(lambda: CommitmentRequest.objects.filter(state="delivered").first())
        raw.line.sendall(streams.RELEASE)
        assert streams.received(raw.line)[0] == 6
    assert until(lambda: Event.objects.filter(action="intake.association", outcome="done").exists())


def test_no_report_is_sent_into_an_instance_that_is_on_its_way(
    node, committing_project, monkeypatch
):
    content = peers.instance(size_bytes=100_000)
    body = streams.data_set(content)
    go, real = threading.Event(), committing.report_of
    monkeypatch.setattr(committing, "report_of", lambda *a: (go.wait(60), real(*a))[1])
    with Raw(node.port) as raw:
        raw.ask(wire_information(1))
        assert raw.message()[0].Status == 0
        command = streams.command_set(peers.ULTRASOUND, peers.uid_of(content))
        pieces = [(3, command), (0, body[:50_000]), (2, body[50_000:])]
        for control, piece in pieces:
            item = struct.pack(">LBB", len(piece) + 2, 3, control) + piece
            raw.line.sendall(struct.pack(">BxL", 4, len(item)) + item)
            go.set()
            time.sleep(0.3)
        assert raw.message()[0].CommandField == 0x8001
        report, _ = raw.message()
        assert report.CommandField == 0x0100
        raw.reply(report, 0x0110)
        raw.line.sendall(streams.RELEASE)
        assert streams.received(raw.line)[0] == 6
    request = CommitmentRequest.objects.get()
    assert (request.state, request.tries) == ("pending", 0), "left to the worker"


def test_what_the_node_cannot_take_has_a_status_and_the_association_goes_on(
    node, committing_project
):
    with Raw(node.port) as raw:
        for body, more, status in (
            (bytes(3 << 20), {}, 0x0213),
            (wire_information(10_001), {}, 0x0213),
            (ITEMS, {}, 0x0213),
            (b"\xff" * 40, {}, 0x0115),
            (b"", {}, 0x0115),
            (wire_information(1), {"ActionTypeID": 2}, 0x0123),
            (wire_information(1), {"RequestedSOPInstanceUID": "1.2.3"}, 0x0112),
        ):
            raw.ask(body, **more)
            said, _ = raw.message()
            assert (said.CommandField, said.Status) == (0x8130, status)
        store = {
            "AffectedSOPClassUID": peers.ULTRASOUND, "AffectedSOPInstanceUID": "1.2.3",
            "CommandField": 1, "MessageID": 9, "Priority": 0,
        }  # fmt: skip
        raw.send(store, b"1234")
        assert raw.message()[0].Status == 0x0122
        action = {"CommandField": 0x0130, "MessageID": 9, "ActionTypeID": 1}
        raw.send(action, wire_information(1), context=3)
        assert raw.message()[0].Status == 0x0211
    assert not CommitmentRequest.objects.exists() and not ReceivedInstance.objects.exists()


def test_an_answer_to_no_report_is_broken_traffic(node, committing_project):
    with Raw(node.port) as raw:
        asked = Dataset()
        asked.MessageID, asked.EventTypeID = 1, 1
        raw.reply(asked)
        assert streams.received(raw.line) == (7, bytes([0, 0, 2, 6]))
