"""Storage commitment: what the node vouches for, and how its word reaches the sender."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest
from django.utils import timezone
from pydicom.uid import generate_uid

from apps.access import roles
from apps.audit.models import Event
from apps.intake.models import CommitmentRequest, ReceivedInstance
from apps.intake.pacs import committing
from apps.intake.pacs.models import RemoteNode
from apps.jobs import work
from apps.vault.files import storage
from tests.intake import pacs_peers, peers
from tests.intake.committing_peers import Scu, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _room(settings):
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0


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
