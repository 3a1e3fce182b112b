"""A steward queries a PACS, picks a study and pulls it: against dcmqrscp and Orthanc."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from apps.access import roles
from apps.audit.models import Event
from apps.intake.models import ReceivedInstance
from apps.intake.pacs import asking, pulling
from apps.intake.pacs.client import PeerError
from apps.intake.pacs.models import Pull, RemoteNode
from apps.jobs import work
from apps.jobs.models import Job
from tests.intake import pacs_peers, peers

pytestmark = pytest.mark.django_db(transaction=True)
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


def everything_stored(pull: Pull) -> str:
    """All that the rows say of a pull and its events, as text."""
    rows = [*Pull.objects.values(), *Job.objects.values(), *Event.objects.values()]
    return repr(
        [{k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()} for row in rows]
    )


@pytest.fixture
def steward(client, person):
    client.force_login(person("data_steward").user)
    return client


@pytest.mark.parametrize("kind", ["dcmqrscp", "orthanc"])
@pytest.mark.parametrize("way", ["get", "move"])
def test_a_picked_study_comes_whole_and_once(kind, way, steward, project, node, tmp_path):
    sent = study()
    start = pacs_peers.dcmqrscp if kind == "dcmqrscp" else pacs_peers.orthanc
    with start(tmp_path, node.port) as at:
        port = at if isinstance(at, int) else at[0]
        title = "QRSCP" if kind == "dcmqrscp" else "ORTHANC"
        pacs_peers.fill(
            port, title, [*sent, *study(1, "OTHER-1", AccessionNumber="ACC-2")], tmp_path
        )
        remote = node_of(port, title, retrieval=way)
        answer = ask(steward, remote, patient_id="PULL-77", date_from="2026-01-10", modality="us")
        page = answer.content.decode()
        assert answer.status_code == 200 and page.count("data-answer") == 1
        assert "Müller^Änne" in page and "PULL-77" in page and "OTHER-1" not in page
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
        pull = pick(steward, ask(steward, remote, patient_id="PULL-77", name="Mül"))
        work_off()
        pull.refresh_from_db()
        assert (pull.state, pull.n_here_before) == ("done", 3) and arrived.count() == 3
        shown = steward.get("/pacs/").content.decode()
    assert "Müller" not in shown and "PULL-77" not in shown
    stored = everything_stored(pull)
    uids = [str(dcmread(io.BytesIO(one)).StudyInstanceUID) for one in sent]
    for identifier in ("Müller", "M\\xc3\\xbc", "PULL-77", "ACC-1", uids[0]):
        assert identifier not in stored
    told = [row.action for row in Event.objects.filter(action__startswith="pacs.")]
    assert {
        "pacs.query",
        "pacs.show_answers",
        "pacs.pull",
        "pacs.pull_began",
        "pacs.pull_ended",
    } <= set(told)


def test_compressed_video_comes_by_c_get_as_the_pacs_holds_it(steward, project, tmp_path):
    video = peers.instance(
        sop_class=peers.ENDOSCOPIC_VIDEO, syntax=H264, patient="PULL-77", pixels=b"\0\0\1\x67" * 64
    )
    with pacs_peers.orthanc(tmp_path) as (port, _):
        pacs_peers.fill(port, "ORTHANC", [video], tmp_path, "-xn")
        pull = pick(steward, ask(steward, node_of(port, "ORTHANC"), patient_id="PULL-77"))
        work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.method) == ("done", "get")
    assert ReceivedInstance.objects.get().transfer_syntax_uid == H264


def test_a_peer_without_c_get_is_asked_to_move(steward, project, node, tmp_path):
    sent = study(1)
    with pacs_peers.dcmqrscp(tmp_path, node.port, ("--disable-get",)) as port:
        pacs_peers.fill(port, "QRSCP", sent, tmp_path)
        pull = pick(steward, ask(steward, node_of(port, "QRSCP"), patient_id="PULL-77"))
        work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.method) == ("done", "move")


def test_what_is_cancelled_stops_and_goes_on_where_it_stopped(
    steward, project, tmp_path, monkeypatch
):
    sent = study(6)
    taken: list[str] = []
    real = pulling.take

    def take_then_cancel(*args, **kwargs):
        row = real(*args, **kwargs)
        taken.append(row.sha256)
        if len(taken) == 2:
            answer = steward.post(f"/pacs/pulls/{Pull.objects.get().pk}/cancel/")
            assert answer.status_code == 302
            args[2]._handle.beat()  # as the heartbeat does within seconds
        return row

    with pacs_peers.orthanc(tmp_path) as (port, _):
        pacs_peers.fill(port, "ORTHANC", sent, tmp_path)
        pull = pick(steward, ask(steward, node_of(port, "ORTHANC"), patient_id="PULL-77"))
        with monkeypatch.context() as patch:
            handles = []
            claim = work.claim

            def claim_and_keep(owner):
                handles.append(claim(owner))
                return handles[-1]

            patch.setattr(work, "claim", claim_and_keep)

            def cancelling(actor, where, incoming, **kwargs):
                incoming._handle = handles[-1]
                return take_then_cancel(actor, where, incoming, **kwargs)

            patch.setattr(pulling, "take", cancelling)
            work_off()
        pull.refresh_from_db()
        assert pull.state == "cancelled" and 2 <= ReceivedInstance.objects.count() < 6
        before = ReceivedInstance.objects.count()
        monkeypatch.setattr(pulling, "take", lambda *a, **k: taken.append("") or real(*a, **k))
        del taken[:]
        assert steward.post(f"/pacs/pulls/{pull.pk}/resume/").status_code == 302
        work_off()
    pull.refresh_from_db()
    assert (pull.state, pull.n_here, pull.n_here_before) == ("done", 6, before)
    assert len(taken) == 6 - before


def test_a_pull_that_a_dead_pacs_broke_says_so_and_can_be_resumed(
    steward, project, tmp_path, settings, monkeypatch
):
    sent = study(2)
    with pacs_peers.orthanc(tmp_path) as (port, _):
        pacs_peers.fill(port, "ORTHANC", sent, tmp_path)
        remote = node_of(port, "ORTHANC")
        pull = pick(steward, ask(steward, remote, patient_id="PULL-77"))
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


def test_echo_and_test_store_tell_what_the_peer_answered(client, person, tmp_path):
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    with pacs_peers.orthanc(tmp_path) as (port, http):
        form = {"name": "Archive", "host": "127.0.0.1", "port": port, "ae_title": "ORTHANC"}
        assert client.post("/node/peers/add/", form).status_code == 302
        remote = RemoteNode.objects.get()
        for button in ("echo", "test-store"):
            page = client.post(f"/node/peers/{remote.pk}/{button}/", follow=True).content.decode()
            assert "answered with success" in page
        import urllib.request

        held = urllib.request.urlopen(f"http://127.0.0.1:{http}/instances").read()
        assert held.count(b'"') == 2
        # The wrong port, and a peer that does not take pictures.
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


def test_a_peer_that_does_not_know_us_is_told_apart(tmp_path):
    with pacs_peers.dcmqrscp(tmp_path) as port:
        with pytest.raises(PeerError) as unknown:
            asking.echo(node_of(port, "NOBODY"))
        asking.echo(node_of(port, "QRSCP"))
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
        trusted.uses_tls = False
        assert asking.timed(asking.echo, trusted)[0] == "no_answer"


def self_signed(folder: Path, host: str) -> tuple[Path, Path]:
    import subprocess

    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=peer", "-addext", f"subjectAltName=IP:{host}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


def test_what_a_form_lacks_is_said_beside_it(client, person):
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    good = {"name": "A", "host": "pacs.example", "port": "104", "ae_title": "PACS"}
    for field, bad in (
        ("host", "no host"), ("port", "70000"), ("port", "²"), ("ae_title", "A\\B"),
        ("ca_certificate", "nonsense"), ("name", ""), ("retrieval", "post"),
    ):  # fmt: skip
        answer = client.post("/node/peers/add/", {**good, field: bad})
        assert answer.status_code == 400 and b'role="alert"' in answer.content, field
    assert not RemoteNode.objects.exists()
    assert client.post("/node/peers/add/", good).status_code == 302
    assert client.post("/node/peers/add/", good).status_code == 400


def test_only_a_steward_queries_and_only_what_may_be_queried(client, person, project):
    hidden = node_of(1, "TOWER", may_be_queried=False)
    admin = person(system=(roles.PACS_ADMINISTRATOR,)).user
    client.force_login(admin)
    assert client.get("/pacs/").status_code == 404
    assert ask(client, hidden, patient_id="X").status_code == 404
    client.force_login(person("data_steward").user)
    assert ask(client, hidden, patient_id="X").status_code == 404
    assert client.get("/node/peers/").status_code == 404


def test_a_query_for_everything_is_refused_before_anything_is_sent(steward, project):
    remote = node_of(1, "PACS")
    for criteria in ({}, {"modality": "US"}, {"name": "*"}, {"patient_id": "*"},
                     {"date_from": "2020-01-01", "date_to": "2026-01-01"}):  # fmt: skip
        answer = ask(steward, remote, **criteria)
        assert answer.status_code == 400 and b'role="alert"' in answer.content
    assert not Event.objects.filter(action="pacs.query").exists()


def test_a_pick_is_bound_to_its_person_and_cannot_be_made_up(
    client, person, steward, project, tmp_path
):
    with pacs_peers.orthanc(tmp_path) as (port, _):
        pacs_peers.fill(port, "ORTHANC", study(1), tmp_path)
        answer = ask(steward, node_of(port, "ORTHANC"), patient_id="PULL-77")
    found = re.findall(r'name="pick" value="([^"]+)"', answer.content.decode())[0]
    client.force_login(person("data_steward").user)
    for pick in (found, found[:-8] + "AAAAAAA=", "x", ""):
        assert client.post("/pacs/pull/", {"project": "demo", "pick": pick}).status_code == 400
    assert not Pull.objects.exists()
