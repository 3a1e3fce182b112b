"""A steward queries a PACS, picks a study and pulls it: against dcmqrscp and Orthanc."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from apps.access import roles
from apps.access.actor import service
from apps.audit.models import Event
from apps.intake.models import ReceivedInstance
from apps.intake.pacs import asking, pulling
from apps.intake.pacs.client import PeerError
from apps.intake.pacs.models import Pull, RemoteNode
from apps.jobs import work
from apps.jobs.models import Job
from apps.keys import keyring
from apps.keys.services import destroy_subject_key
from tests.intake import pacs_peers, peers, spy
from tests.intake.test_plaintext import watched

pytestmark = pytest.mark.django_db(transaction=True)
SIZE_BYTES = 10 << 20
H264 = "1.2.840.10008.1.2.4.102"


@pytest.fixture(autouse=True)
def _room(settings):
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0


def study(n: int = 3, patient: str = "PULL-77", **more: str) -> list[bytes]:
    """Ultrasound instances of one study, in two series."""
    uid, series = generate_uid(None), (generate_uid(None), generate_uid(None))
    more = {"StudyDate": "20260110", "AccessionNumber": "ACC-1", **more}
    return [
        peers.instance(
            patient=patient, name="Müller^Änne", study=uid, series=series[i % 2],
            SpecificCharacterSet="ISO_IR 192", StudyID="1", SeriesNumber="1",
            pixels=bytes([i, 1]) * 200, **more,
        )
        for i in range(n)
    ]  # fmt: skip


def node_of(port: int, ae_title: str, **more) -> RemoteNode:
    return RemoteNode.objects.create(
        name=f"{ae_title} {port}", host="127.0.0.1", port=port, ae_title=ae_title, **more
    )


def work_off(kind: str = "pacs.pull") -> None:
    """Do the queued work of one kind alone, as the worker does."""
    while Job.objects.filter(kind=kind, state="queued").exists():
        handle = work.claim("test")
        assert handle is not None and handle.job.kind == kind
        work.run(handle)


def ask(client, node: RemoteNode, **criteria: str):
    return client.post("/pacs/query/", {"node": str(node.pk), "project": "demo", **criteria})


def pick(client, answer, number: int = 0) -> Pull:
    picks = re.findall(r'name="pick" value="([^"]+)"', answer.content.decode())
    assert client.post("/pacs/pull/", {"project": "demo", "pick": picks[number]}).status_code == 302
    return Pull.objects.latest("created_at")


def everything_stored() -> str:
    """All that the rows say of pulls, jobs and events, as text."""
    rows = [*Pull.objects.values(), *Job.objects.values(), *Event.objects.values()]
    return repr(
        [{k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()} for row in rows]
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """One Orthanc for all who need no settings of their own: DICOM and HTTP port."""
    with pacs_peers.orthanc(tmp_path_factory.mktemp("orthanc")) as ports:
        yield ports


@pytest.fixture(scope="module")
def central(tmp_path_factory):
    """One dcmqrscp, moving to a port of its own choice: its port and ours."""
    ours = pacs_peers.free_port()
    with pacs_peers.dcmqrscp(tmp_path_factory.mktemp("dcmqrscp"), ours) as port:
        yield port, ours


@pytest.fixture
def steward(client, person):
    client.force_login(person("data_steward").user)
    return client


@pytest.mark.parametrize("kind", ["dcmqrscp", "orthanc"])
@pytest.mark.parametrize("way", ["get", "move"])
def test_a_picked_study_comes_whole_and_once(
    kind, way, steward, project, tmp_path, archive, central
):
    patient = f"PULL-{kind}-{way}"
    sent = study(patient=patient)
    port, title = (central[0], "QRSCP") if kind == "dcmqrscp" else (archive[0], "ORTHANC")
    pacs_peers.fill(port, title, [*sent, *study(1, "OTHER-1", AccessionNumber="ACC-2")], tmp_path)
    with our_node(kind, way, archive, central):
        remote = node_of(port, title, retrieval=way)
        answer = ask(steward, remote, patient_id=patient, date_from="2026-01-10", modality="us")
        page = answer.content.decode()
        assert answer.status_code == 200 and page.count("data-answer") == 1
        assert "Müller^Änne" in page and patient in page and "OTHER-1" not in page
        assert "no-store" in answer["Cache-Control"]
        pull = pick(steward, answer)
        work_off()
        pull.refresh_from_db()
        assert (pull.state, pull.reason, pull.method) == ("done", "", way)
        assert (pull.n_expected, pull.n_here, pull.n_here_before) == (3, 3, 0)
        assert pull.sealed_study_uid is None
        arrived = ReceivedInstance.objects.all()
        assert {row.sha256 for row in arrived} == {peers.digest_of_data_set(one) for one in sent}
        assert {row.door for row in arrived} == {"pull" if way == "get" else "node"}
        # Again: nothing is sent twice.
        pull = pick(steward, ask(steward, remote, patient_id=patient, name="Mül"))
        work_off()
        pull.refresh_from_db()
        assert (pull.state, pull.n_here_before) == ("done", 3) and arrived.count() == 3
        shown = steward.get("/pacs/").content.decode()
    assert "Müller" not in shown and patient not in shown
    stored = everything_stored()
    uids = [str(dcmread(io.BytesIO(one)).StudyInstanceUID) for one in sent]
    for identifier in ("Müller", "M\\xc3\\xbc", patient, "ACC-1", uids[0]):
        assert identifier not in stored
    asked = Event.objects.filter(action="pacs.query").first()
    digest = keyring.lookup_digest("patient", "", patient).hex()
    assert asked is not None and digest in bytes(asked.private).decode() and not asked.sealed
    told = {row.action for row in Event.objects.filter(action__startswith="pacs.")}
    assert told >= {
        "pacs.query", "pacs.show_answers", "pacs.pull", "pacs.pull_began", "pacs.pull_ended",
    }  # fmt: skip


@contextlib.contextmanager
def our_node(kind, way, archive, central):
    """Our node where that peer moves to; none is needed for C-GET."""
    from apps.intake.node.server import Node

    if way == "get":
        yield
        return
    node = Node()
    node.start("127.0.0.1", central[1] if kind == "dcmqrscp" else 0)
    try:
        pacs_peers.introduce(archive[1], node.port)
        yield
    finally:
        node.stop()


def test_compressed_video_comes_by_c_get_as_the_pacs_holds_it(steward, project, tmp_path, archive):
    video = peers.instance(
        sop_class=peers.ENDOSCOPIC_VIDEO, syntax=H264, patient="PULL-V", pixels=b"\0\0\1\x67" * 64
    )
    pacs_peers.fill(archive[0], "ORTHANC", [video], tmp_path, "-xn")
    pull = pick(steward, ask(steward, node_of(archive[0], "ORTHANC"), patient_id="PULL-V"))
    work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.method) == ("done", "get")
    assert ReceivedInstance.objects.get().transfer_syntax_uid == H264


def test_what_is_pulled_keeps_to_the_sites_limit_and_a_withdrawn_subject_stays_out(
    steward, project, tmp_path, archive, settings
):
    settings.CLINICAL_ANNOT_DESTROYED_FILE = tmp_path / "destroyed.jsonl"
    small, large = study(2, "PULL-L")
    padded = dcmread(io.BytesIO(large))
    padded.add_new(0x00420011, "OB", bytes(60_000))
    written = io.BytesIO()
    padded.save_as(written)
    pacs_peers.fill(archive[0], "ORTHANC", [small, written.getvalue()], tmp_path)
    settings.CLINICAL_ANNOT_NODE_INSTANCE_BYTES = 50_000
    node = node_of(archive[0], "ORTHANC", retrieval="get")
    pull = pick(steward, ask(steward, node, patient_id="PULL-L"))
    work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.n_here, pull.reason) == ("incomplete", 1, "not_all_came")
    assert refusals() == ["instance_too_large"]
    settings.CLINICAL_ANNOT_NODE_INSTANCE_BYTES = 1 << 30
    assert steward.post(f"/pacs/pulls/{pull.pk}/resume/").status_code == 302
    real = pulling.list_instances

    def list_then_withdraw(*args):
        found = real(*args)
        destroy_subject_key(service("command"), pull.subject, reason="withdrawn")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulling, "list_instances", list_then_withdraw)
        work_off()
    assert refusals() == ["instance_too_large", "subject_destroyed"]


def refusals() -> list[str]:
    rows = Event.objects.filter(action="intake.refuse").order_by("recorded_at")
    return [json.loads(bytes(row.entry))["public"]["reason"] for row in rows]


def test_a_peer_without_c_get_is_asked_to_move(steward, project, node, tmp_path):
    with pacs_peers.dcmqrscp(tmp_path, node.port, ("--disable-get",)) as port:
        pacs_peers.fill(port, "QRSCP", study(1), tmp_path)
        pull = pick(steward, ask(steward, node_of(port, "QRSCP"), patient_id="PULL-77"))
        work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.method) == ("done", "move")


def test_what_is_cancelled_stops_and_goes_on_where_it_stopped(
    steward, project, tmp_path, monkeypatch, archive
):
    pacs_peers.fill(archive[0], "ORTHANC", study(6, "PULL-C"), tmp_path)
    pull = pick(steward, ask(steward, node_of(archive[0], "ORTHANC"), patient_id="PULL-C"))
    handle, taken, real = work.claim("test"), [], pulling.take
    assert handle is not None

    def take_and_cancel(*args, **kwargs):
        taken.append(real(*args, **kwargs))
        if len(taken) == 2:
            assert steward.post(f"/pacs/pulls/{pull.pk}/cancel/").status_code == 302
            # As the heartbeat does within seconds.
            assert not handle.beat()
        return taken[-1]

    monkeypatch.setattr(pulling, "take", take_and_cancel)
    work.run(handle)
    pull.refresh_from_db()
    assert pull.state == "cancelled" and ReceivedInstance.objects.count() == 2
    assert steward.post(f"/pacs/pulls/{pull.pk}/resume/").status_code == 302
    del taken[:]
    monkeypatch.setattr(pulling, "take", lambda *a, **k: taken.append(1) or real(*a, **k))
    work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.n_here, pull.n_here_before, len(taken)) == ("done", 6, 2, 4)


def test_a_pull_that_a_dead_pacs_broke_says_so_and_can_be_resumed(
    steward, project, tmp_path, archive
):
    pacs_peers.fill(archive[0], "ORTHANC", study(2, "PULL-D"), tmp_path)
    remote = node_of(archive[0], "ORTHANC")
    pull = pick(steward, ask(steward, remote, patient_id="PULL-D"))
    RemoteNode.objects.update(port=pacs_peers.free_port())
    for _ in range(work.ATTEMPTS):
        Job.objects.update(not_before=None)
        handle = work.claim("test")
        assert handle is not None
        work.run(handle)
    pull.refresh_from_db()
    assert (pull.state, pull.reason) == ("failed", "unreachable")
    page = steward.get("/pacs/").content.decode()
    assert "Nothing answered at this host and port." in page
    assert f"/pacs/pulls/{pull.pk}/resume/" in page


def test_no_plain_byte_of_what_is_pulled_is_found_meanwhile(
    steward, project, tmp_path, settings, central
):
    """Held by the same watcher as the other ways in (test_plaintext.py)."""
    known = [
        peers.instance(
            pixels=spy.content(SIZE_BYTES), uid=f"1.2.3.78.{n}", name=spy.NAME, patient="PULL-S",
            study="1.2.3.78", series="1.2.3.78.1", StudyID="1", SeriesNumber="1",
        )
        for n in range(2)
    ]  # fmt: skip
    apart = tmp_path / "apart"
    apart.mkdir()
    with pacs_peers.dcmqrscp(apart) as port:
        pacs_peers.fill(port, "QRSCP", known, apart)
        pull = pick(steward, ask(steward, node_of(port, "QRSCP"), patient_id="PULL-S"))
        with watched(tmp_path, settings.CLINICAL_ANNOT_DATA_DIR) as saw:
            work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.method, pull.n_here) == ("done", "get", 2)
    assert saw["where"] == "" and saw["looks"] > 1 and saw["largest"] >= SIZE_BYTES


def test_dcmtks_own_clients_see_the_same_study_and_can_send_it_to_us(
    project, tmp_path, archive, central
):
    sent = study(3, "PULL-T")
    pacs_peers.fill(central[0], "QRSCP", sent, tmp_path)
    remote = node_of(central[0], "QRSCP")
    [found], _ = asking.find_studies(remote, {"PatientID": "PULL-T"})
    keys = ["-k", "0008,0052=STUDY", "-k", "PatientID=PULL-T", "-k", "StudyInstanceUID"]
    at = ["-aec", "QRSCP", "127.0.0.1", str(central[0])]
    listed = pacs_peers.dcmtk("findscu", "-S", *keys, *at)
    assert f"[{found.study_instance_uid}" in listed
    uids = {one.sop_uid for one in asking.list_instances(remote, found.study_instance_uid)}
    assert uids == {peers.uid_of(one) for one in sent}
    with our_node("dcmqrscp", "move", archive, central):
        keys[-1] = f"StudyInstanceUID={found.study_instance_uid}"
        pacs_peers.dcmtk("movescu", "-S", "-aem", "CLINANNOT", *keys, *at)
    assert {row.sha256 for row in ReceivedInstance.objects.all()} == {
        peers.digest_of_data_set(one) for one in sent
    }


def test_echo_and_test_store_tell_what_the_peer_answered(client, person, archive):
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    port, http = archive
    before = pacs_peers.held(http)
    form = {"name": "Archive", "host": "127.0.0.1", "port": port, "ae_title": "ORTHANC"}
    assert client.post("/node/peers/add/", form).status_code == 302
    remote = RemoteNode.objects.get()
    for button in ("echo", "test-store"):
        page = client.post(f"/node/peers/{remote.pk}/{button}/", follow=True).content.decode()
        assert "answered with success" in page
    assert len(pacs_peers.held(http)) == len(before) + 1
    form["port"] = pacs_peers.free_port()
    assert client.post(f"/node/peers/{remote.pk}/", form).status_code == 302
    page = client.post(f"/node/peers/{remote.pk}/echo/", follow=True).content.decode()
    assert "Nothing answered at this host and port." in page and "Check host" in page
    remote.refresh_from_db()
    assert (remote.checked, remote.check_reason) == ("echo", "unreachable")
    outcomes = Event.objects.filter(action="pacs.check_node").values_list("outcome", flat=True)
    assert sorted(outcomes) == ["done", "done", "failed"]
    assert client.post(f"/node/peers/{remote.pk}/remove/").status_code == 302
    assert "Archive" not in client.get("/node/peers/").content.decode()
    assert client.post(f"/node/peers/{remote.pk}/echo/").status_code == 404


def test_a_peer_that_does_not_know_us_is_told_apart(central):
    with pytest.raises(PeerError) as unknown:
        asking.echo(node_of(central[0], "NOBODY"))
    asking.echo(node_of(central[0], "QRSCP"))
    assert unknown.value.reason == "called_ae_unknown"


def test_a_pacs_is_queried_by_tls_and_both_show_certificates(tmp_path, settings):
    key, certificate = self_signed(tmp_path, "127.0.0.1")
    tls = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(certificate),
        "DicomTlsPrivateKey": str(key),
        "DicomTlsTrustedCertificates": str(certificate),
        "DicomTlsRemoteCertificateRequired": True,
    }
    with pacs_peers.orthanc(tmp_path, **tls) as (port, _):
        trusted = node_of(port, "ORTHANC", uses_tls=True, ca_certificate=certificate.read_text())
        assert asking.timed(asking.echo, trusted)[0] in ("tls_failed", "no_answer")
        settings.CLINICAL_ANNOT_DICOM_TLS_CERT = str(certificate)
        settings.CLINICAL_ANNOT_DICOM_TLS_KEY = str(key)
        asking.echo(trusted)
        asking.test_store(trusted)
        found, _ = asking.find_studies(trusted, {"PatientID": "CLINICALANNOT-TEST"})
        assert [one.patient_name for one in found] == ["TEST^CLINICALANNOT"]
        trusted.ca_certificate = ""
        assert asking.timed(asking.echo, trusted)[0] == "tls_failed"


def self_signed(folder: Path, host: str) -> tuple[Path, Path]:
    import subprocess

    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=peer", "-addext", f"subjectAltName=IP:{host}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


def test_a_pick_is_bound_to_its_person_and_cannot_be_made_up(
    client, person, steward, project, tmp_path, central
):
    pacs_peers.fill(central[0], "QRSCP", study(1, "PULL-P"), tmp_path)
    answer = ask(steward, node_of(central[0], "QRSCP"), patient_id="PULL-P")
    found = re.findall(r'name="pick" value="([^"]+)"', answer.content.decode())[0]
    client.force_login(person("data_steward").user)
    for pick in (found, found[:-8] + "AAAAAAA=", "x", ""):
        assert client.post("/pacs/pull/", {"project": "demo", "pick": pick}).status_code == 400
    assert not Pull.objects.exists()
