"""Storage commitment: what the node vouches for, and how its word reaches the sender."""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import time
import urllib.request

import pytest
from django.utils import timezone
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
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

from apps.access import roles
from apps.audit.models import Event
from apps.intake.models import CommitmentRequest, ReceivedInstance
from apps.intake.pacs import committing
from apps.intake.pacs.models import RemoteNode
from apps.jobs import work
from apps.vault.files import storage
from tests.intake import pacs_peers, peers, streams

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _room(settings):
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0


@pytest.fixture
def committing_project(project, person):
    return committing.switch(person(system=(roles.PACS_ADMINISTRATOR,)), project, is_wanted=True)


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
        made.release()
        return int(status.Status)


def sent(tmp_path, node, n: int = 1, **more) -> list[str]:
    files = [peers.instance(pixels=bytes([i, 9]) * 300, **more) for i in range(n)]
    pacs_peers.fill(node.port, "CLINANNOT", files, tmp_path)
    return [peers.uid_of(one) for one in files]


def test_it_is_off_until_it_is_switched_on(tmp_path, node, project):
    uids = sent(tmp_path, node)
    assert Scu().ask(node.port, [(peers.ULTRASOUND, uids[0])]) is None
    assert not CommitmentRequest.objects.exists()


def test_a_project_that_deletes_originals_cannot_commit(client, node, project, person):
    project.options = {**project.options, "keep_originals": False}
    project.save()
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    answer = client.post("/node/commitment/", {"project": "demo", "on": "1"})
    assert answer.status_code == 400 and b"deletes originals" in answer.content
    # Nor does one that keeps the switch but no longer the originals.
    project.options["storage_commitment"] = True
    project.save()
    assert Scu().ask(node.port, [(peers.ULTRASOUND, "1.2.3")]) is None


def test_the_association_that_asked_hears_what_is_held_and_what_is_not(
    tmp_path, node, committing_project
):
    good, broken, rejected = sent(tmp_path, node, 3)
    row = list(ReceivedInstance.objects.all())
    by_uid = {uid: next(r for r in row if _is(r, uid)) for uid in (good, broken, rejected)}
    path = storage()._path(by_uid[broken].original.storage_name)
    held = bytearray(path.read_bytes())
    held[-40] ^= 1
    path.write_bytes(held)
    ReceivedInstance.objects.filter(pk=by_uid[rejected].pk).update(state="rejected")
    scu = Scu()
    us = peers.ULTRASOUND
    never = generate_uid(None)
    asked = [(us, good), (us, broken), (us, rejected), (us, never), (peers.ENDOSCOPIC_VIDEO, good)]
    assert scu.ask(node.port, asked) == 0x0000
    [(kind, information)] = scu.heard
    assert kind == 2
    assert [one.ReferencedSOPInstanceUID for one in information.ReferencedSOPSequence] == [good]
    failed = [
        (one.ReferencedSOPInstanceUID, one.FailureReason) for one in information.FailedSOPSequence
    ]
    assert failed == [(broken, 0x0110), (rejected, 0x0112), (never, 0x0112), (good, 0x0119)]
    request = until(lambda: CommitmentRequest.objects.filter(state="delivered").first())
    assert (request.n_referenced, request.n_committed, request.sealed) == (5, 1, None)
    stored = repr([*CommitmentRequest.objects.values(), *Event.objects.values()])
    assert good not in stored and never not in stored
    outcomes = Event.objects.filter(action__startswith="commitment.").values_list(
        "action", "outcome"
    )
    assert set(outcomes) == {
        ("commitment.switch", "done"),
        ("commitment.request", "done"),
        ("commitment.report", "done"),
    }  # fmt: skip


def _is(row: ReceivedInstance, uid: str) -> bool:
    from apps.intake.queries import uids_of

    return uids_of(row)["sop_instance_uid"] == uid


def test_all_held_is_answered_with_all_committed(tmp_path, node, committing_project):
    uids = sent(tmp_path, node, 3)
    scu = Scu()
    assert scu.ask(node.port, [(peers.ULTRASOUND, uid) for uid in uids]) == 0
    [(kind, information)] = scu.heard
    assert kind == 1 and len(information.ReferencedSOPSequence) == 3
    assert "FailedSOPSequence" not in information


def test_orthanc_asks_closes_and_is_called_back(tmp_path, node, committing_project):
    """Orthanc leaves after its N-ACTION: the worker calls it back, and again when it was away."""
    ours = {"DicomModalities": {"us": {
        "AET": "CLINANNOT", "Host": "127.0.0.1", "Port": node.port, "AllowStorageCommitment": True,
    }}}  # fmt: skip
    with pacs_peers.orthanc(tmp_path, node.port, **ours) as (port, http):
        content = peers.instance(pixels=b"\5\6" * 100)
        pacs_peers.fill(port, "ORTHANC", [content], tmp_path)
        base = f"http://127.0.0.1:{http}"
        [identifier] = json.loads(urllib.request.urlopen(f"{base}/instances").read())
        post(f"{base}/modalities/us/store", identifier)
        elsewhere = RemoteNode.objects.create(
            name="Orthanc", host="127.0.0.1", port=pacs_peers.free_port(), ae_title="ORTHANC"
        )
        asked = {"DicomInstances": [
            {"SOPClassUID": peers.ULTRASOUND, "SOPInstanceUID": peers.uid_of(content)},
            {"SOPClassUID": peers.ULTRASOUND, "SOPInstanceUID": "1.2.3.404"},
        ]}  # fmt: skip
        made = post(f"{base}/modalities/us/storage-commitment", asked)
        request = until(lambda: CommitmentRequest.objects.first())
        time.sleep(0.5)
        due(request)
        request.refresh_from_db()
        assert (request.state, request.reason, request.tries) == ("pending", "unreachable", 1)
        RemoteNode.objects.filter(pk=elsewhere.pk).update(port=port)
        due(request)
        request.refresh_from_db()
        assert (request.state, request.reason, request.n_committed) == ("delivered", "", 1)
        report = json.loads(urllib.request.urlopen(f"{base}{made['Path']}").read())
    assert report["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in report["Success"]] == [peers.uid_of(content)]
    assert [one["SOPInstanceUID"] for one in report["Failures"]] == ["1.2.3.404"]


def post(url: str, body) -> dict:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return json.loads(urllib.request.urlopen(urllib.request.Request(url, data=data)).read())


def due(request: CommitmentRequest) -> None:
    """The time of the next try has come."""
    CommitmentRequest.objects.filter(pk=request.pk).update(next_try_at=timezone.now())
    assert committing.due() == 1
    handle = work.claim("test")
    assert handle is not None and handle.job.kind == committing.JOB
    work.run(handle)


def test_a_sender_without_an_address_is_given_up_after_the_last_try(project, command):
    project.options["storage_commitment"] = True
    project.save()
    asked = committing.Asked("1.2.9", ((peers.ULTRASOUND, "1.2.8"),))
    request = committing.note_request(
        command, project, asked, calling_ae="GONE", called_ae="CLINANNOT", peer="10.0.0.1"
    )
    for _ in range(len(committing.RETRIES_S) + 1):
        due(request)
    request.refresh_from_db()
    assert (request.state, request.reason, request.sealed) == ("undelivered", "no_address", None)


def test_nonsense_is_answered_by_its_status(node, committing_project):
    assert Scu().ask(node.port, [], wait_s=0) == 0x0115
    assert not CommitmentRequest.objects.exists()


def wire_information(n: int, syntax: str = ExplicitVRLittleEndian) -> bytes:
    from pydicom.uid import UID
    from pynetdicom.dsutils import encode

    information = Dataset()
    information.TransactionUID = "1.2.3.4"
    information.ReferencedSOPSequence = []
    for number in range(n):
        item = Dataset()
        item.ReferencedSOPClassUID = peers.ULTRASOUND
        item.ReferencedSOPInstanceUID = f"1.2.3.404.{number}"
        information.ReferencedSOPSequence.append(item)
    made = encode(information, UID(syntax).is_implicit_VR, True)
    assert made is not None
    return made


# 200,000 items of nothing.
ITEMS = b"\x08\0\x99\x11SQ\0\0" + struct.pack("<L", 1_600_000) + b"\xfe\xff\0\xe0\0\0\0\0" * 200_000


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
    monkeypatch.setattr(committing, "report_of", lambda *a: (go.wait(10), real(*a))[1])
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
