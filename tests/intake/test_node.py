"""The node, with dcmtk as the peer: what is taken, what is refused and how it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE

from apps.audit.models import Event
from apps.intake.models import ReceivedInstance
from apps.intake.queries import instance_by_uid, uids_of
from apps.intake.receiving import Incoming
from apps.keys.keyring import open_vault_file
from apps.projects.models import Project
from apps.vault.models import VaultFile
from clinical_annot.templatetags.reasons import reason_sentence
from tests.intake import peers
from tests.intake.peers import SUCCESS
from tests.intake.streams import command_set, data_set, pdu


def events(action: str, outcome: str | None = None) -> list[dict]:
    rows = Event.objects.filter(action=action).order_by("recorded_at")
    if outcome:
        rows = rows.filter(outcome=outcome)
    return [
        {**json.loads(bytes(row.entry))["public"], **json.loads(bytes(row.private))} for row in rows
    ]


def eventually(check, seconds: float = 8.0):
    end = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def stored_files(settings) -> list[Path]:
    root = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault"
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def kept(settings, tmp_path):
    """The files of a vault of this test's own: two workers of the suite share the common one."""
    settings.CLINICAL_ANNOT_DATA_DIR = tmp_path / "own"
    return lambda: set(stored_files(settings))


def written(tmp_path: Path, *contents: bytes) -> list[Path]:
    paths = [tmp_path / f"{number}.dcm" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def test_the_node_answers_an_echo(node):
    done = peers.echoscu(node.port)
    assert done.returncode == 0 and "Received Echo Response (Success)" in done.stdout
    assert eventually(lambda: events("intake.association", "done"))


def test_an_accepted_study_is_kept_as_it_was_sent(node, project, tmp_path):
    sent = [peers.instance(size_bytes=3_000_000 + 2 * n) for n in range(3)]
    assert peers.storescu(node.port, *written(tmp_path, *sent)).stdout.count(SUCCESS) == 3
    for content in sent:
        row = instance_by_uid(project, peers.uid_of(content))
        assert row.state == "received" and row.sha256 == peers.digest_of_data_set(content)
        assert row.calling_ae == "TOWER1" and row.door == "node" and row.reason == ""
        with open_vault_file(row.original) as source:
            back = source.read()
        assert peers.digest_of_data_set(back) == row.sha256 and len(back) == row.size_bytes
        assert uids_of(row)["sop_instance_uid"] == peers.uid_of(content)
    ended = eventually(lambda: events("intake.association", "done"))
    assert ended[0]["stored"] == 3 and ended[0]["refused"] == 0


def test_the_same_instance_again_is_one_instance(node, tmp_path, kept):
    (path,) = written(tmp_path, peers.instance())
    for _ in range(2):
        assert SUCCESS in peers.storescu(node.port, path).stdout
    assert ReceivedInstance.objects.count() == VaultFile.objects.count() == len(kept()) == 1
    assert len(events("intake.receive", "done")) == len(events("intake.receive", "repeated")) == 1


def test_the_same_uid_with_other_bytes_is_held_apart_and_shown(
    node, project, tmp_path, person, client
):
    uid = "1.2.3.4.5.6"
    first, second = (peers.instance(uid=uid, pixels=bytes([n]) * 64) for n in (1, 2))
    for path in written(tmp_path, first, second, second):
        assert SUCCESS in peers.storescu(node.port, path).stdout
    kept_first = ReceivedInstance.objects.get(clash_with=None)
    held = ReceivedInstance.objects.exclude(clash_with=None).get()
    assert (kept_first.state, held.state, held.reason) == ("received", "held", "uid_clash")
    assert held.clash_with == kept_first and held.sha256 == peers.digest_of_data_set(second)
    client.force_login(person("data_steward").user)
    page = client.get("/quarantine/").content.decode()
    assert str(held.pk) in page and reason_sentence("uid_clash") in page and uid not in page


def test_two_instances_that_race_for_one_uid_are_told_apart(project, command, monkeypatch):
    from apps.intake.receiving import take

    def arriving(byte: int) -> Incoming:
        incoming = Incoming()
        incoming.write(peers.instance(uid="1.2.3.9", pixels=bytes([byte]) * 8))
        return incoming

    import django.db

    from apps.intake import services

    real, calls = services._held, []

    def late(*args):
        # The other process commits between our look and our insert.
        calls.append(args)
        return [] if len(calls) == 1 else real(*args)

    assert take(command, project, arriving(1)).state == "received"
    monkeypatch.setattr(services, "_held", late)
    second = take(command, project, arriving(2))
    assert (second.state, second.reason) == ("held", "uid_clash") and len(calls) >= 2
    with open_vault_file(second.original) as source:
        assert source.read(132)[128:] == b"DICM"
    assert django.db.connection.is_usable()


def test_an_unknown_called_title_is_rejected_with_an_event(node, tmp_path):
    (path,) = written(tmp_path, peers.instance())
    refused = peers.storescu(node.port, path, called="NOBODY")
    assert refused.returncode and "Called AE Title Not Recognized" in refused.stdout
    (said,) = eventually(lambda: events("intake.association", "refused"))
    assert said["reason"] == "unknown_called_ae" and said["called_ae"] == "NOBODY"
    assert not ReceivedInstance.objects.exists()


def test_a_calling_title_that_is_not_listed_is_rejected_with_an_event(node, project, tmp_path):
    Project.objects.filter(pk=project.pk).update(calling_ae_titles=["TOWER1"])
    (path,) = written(tmp_path, peers.instance())
    refused = peers.storescu(node.port, path, calling="STRANGER")
    assert refused.returncode and "Calling AE Title Not Recognized" in refused.stdout
    (said,) = eventually(lambda: events("intake.association", "refused"))
    assert said["reason"] == "unknown_calling_ae" and said["calling_ae"] == "STRANGER"
    assert SUCCESS in peers.storescu(node.port, path, calling="TOWER1").stdout


def send_raw(port: int, sop_class: str, uid: str, payload: bytes) -> int:
    """C-STORE whose command names ``uid`` over a data set of any bytes; the answer's status."""
    ae = AE("RAW")
    ae.add_requested_context(sop_class, peers.EXPLICIT)
    association = ae.associate("127.0.0.1", port, ae_title="CLINANNOT")
    assert association.is_established
    import io

    from pynetdicom.dimse_primitives import C_STORE

    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, uid
    request.DataSet = io.BytesIO(payload)
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.01)
    association.dimse.send_msg(request, 1)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    return int(answer.Status)


def test_a_data_set_that_is_not_its_command_is_answered_a900(node, kept):
    content = data_set(peers.instance(uid="1.2.3.1"))
    assert send_raw(node.port, peers.ULTRASOUND, "1.2.3.2", content) == 0xA900
    assert not ReceivedInstance.objects.exists() and not kept()
    assert events("intake.refuse", "refused")[0]["reason"] == "does_not_match_its_command"


@pytest.mark.parametrize("payload", [b"\x13" * 700, b"\x08\x00", data_set(peers.instance())[:40]])
def test_an_unreadable_data_set_is_answered_c000_and_not_kept(node, kept, payload):
    assert send_raw(node.port, peers.ULTRASOUND, "1.2.3.2", payload) == 0xC000
    assert not ReceivedInstance.objects.exists() and not kept()


def test_when_space_is_short_the_peer_is_told_a700(node, settings, tmp_path, kept):
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 1 << 60
    (path,) = written(tmp_path, peers.instance())
    told = peers.storescu(node.port, path)
    assert "Received Store Response (Refused: OutOfResources)" in told.stdout
    assert send_raw(node.port, peers.ULTRASOUND, "1.2.3.2", data_set(peers.instance())) == 0xA700
    assert not ReceivedInstance.objects.exists() and not kept()
    assert events("intake.refuse", "refused")[0]["reason"] == "disk_reserve_reached"
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    assert SUCCESS in peers.storescu(node.port, path).stdout


@pytest.mark.parametrize(
    ("sop_class", "syntax"),
    [
        ("1.2.826.0.1.3680043.2.1.9", peers.EXPLICIT),
        ("1.2.840.10008.5.1.4.1.1.9999.7", peers.EXPLICIT),
        (peers.ENDOSCOPIC_VIDEO, "1.2.840.10008.1.2.4.100"),
        (peers.ENDOSCOPIC_VIDEO, "1.2.840.10008.1.2.4.102"),
        (peers.ENDOSCOPIC_VIDEO, "1.2.840.10008.1.2.4.102.1"),
        (peers.ENDOSCOPIC_VIDEO, "1.2.840.10008.1.2.4.106"),
        (peers.ENDOSCOPIC_VIDEO, "1.2.840.10008.1.2.4.108"),
        (peers.ULTRASOUND, "1.2.840.10008.1.2.5"),
        (peers.ULTRASOUND, "1.2.840.10008.1.2"),
    ],
)
def test_every_storage_class_is_taken_in_every_transfer_syntax(node, sop_class, syntax):
    import io

    made = peers.instance(sop_class=sop_class, syntax=syntax)
    content = dcmread(io.BytesIO(made))
    ae = AE("SENDER")
    ae.add_requested_context(sop_class, syntax)
    association = ae.associate("127.0.0.1", node.port, ae_title="CLINANNOT")
    assert association.is_established and association.accepted_contexts
    answer = association.send_c_store(content)
    association.release()
    assert answer.Status == 0
    row = ReceivedInstance.objects.get()
    assert (row.sop_class_uid, row.transfer_syntax_uid) == (sop_class, syntax)


def test_an_association_with_all_contexts_in_all_syntaxes_is_accepted(node):
    from pynetdicom import ALL_TRANSFER_SYNTAXES, StoragePresentationContexts

    ae = AE("GREEDY")
    for context in StoragePresentationContexts:
        ae.add_requested_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    association = ae.associate("127.0.0.1", node.port, ae_title="CLINANNOT")
    assert association.is_established
    assert len(association.accepted_contexts) == len(StoragePresentationContexts)
    association.release()


@pytest.mark.parametrize("ending", ["abort", "cut"])
def test_an_instance_that_breaks_off_leaves_nothing(node, kept, ending):
    ae = AE("BREAKS")
    ae.add_requested_context(peers.ULTRASOUND, peers.EXPLICIT)
    association = ae.associate("127.0.0.1", node.port, ae_title="CLINANNOT")
    command = command_set(peers.ULTRASOUND, "1.2.3.2")
    line = association.dul.socket.socket
    line.sendall(pdu(command, 3))
    for _ in range(8):
        line.sendall(pdu(bytes(200_000), 0))
    assert eventually(kept), "the instance is on its way"
    if ending == "abort":
        association.abort()
    else:
        line.shutdown(socket.SHUT_RDWR)
    assert eventually(lambda: events("intake.association", "aborted"))
    assert not kept() and not ReceivedInstance.objects.exists() and not node.busy()


def test_a_peer_has_so_many_associations_and_the_next_is_told(node, settings):
    settings.CLINICAL_ANNOT_NODE_ASSOCIATIONS_A_PEER = 2
    ae = AE("MANY")
    ae.add_requested_context("1.2.840.10008.1.1")
    held, said = peers.associate_and_hear(ae, node.port, 3)
    assert [item.is_established for item in held] == [True, True, False]
    assert said == [(2, 3)]
    for item in held[:2]:
        item.release()
    assert eventually(lambda: not node.busy())
    assert peers.echoscu(node.port).returncode == 0
    assert events("intake.association", "refused")[0]["reason"] == "too_many_associations"


def test_a_stopped_node_leaves_no_thread_and_frees_its_port(transactional_db, project):
    from apps.intake.node.server import Node

    before = threading.active_count()
    made = Node()
    made.start("127.0.0.1", 0)
    port = made.port
    assert peers.echoscu(port).returncode == 0
    made.stop()
    assert eventually(lambda: threading.active_count() <= before)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
