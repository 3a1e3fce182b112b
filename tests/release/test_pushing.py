"""A published release is pushed to real peers: Orthanc by STOW-RS, SeaweedFS by S3. What stopped
goes on where it was, and the credentials lie nowhere in clear."""

from __future__ import annotations

import io
import json
import shutil
import ssl
import threading
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.urls import reverse

from apps.access.actor import Actor
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.audit.models import Event
from apps.intake.pacs.client import PeerError
from apps.jobs.models import Job
from apps.jobs.work import StoppedError
from apps.release import destinations, outside, sending, services
from apps.release.models import Destination, Sending
from clinical_annot.verify.release import check_release
from tests.intake import pacs_peers, peers
from tests.intake.test_tls import Authority
from tests.release.test_sending import done, released
from tests.vault.servers import STORE_CREDENTIALS, Store, s3_store

pytestmark = pytest.mark.django_db
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PASSWORD = "of-the-pacs-alone"
ACCESS, SECRET = STORE_CREDENTIALS.values()


class Orthanc:
    """One that asks for a user name and password."""

    def __init__(self, http: int) -> None:
        self.root = f"http://127.0.0.1:{http}"
        self.url = f"{self.root}/dicom-web"

    def raw(self, path: str, method: str = "GET") -> bytes:
        pair = b64encode(f"pusher:{PASSWORD}".encode()).decode()
        asked = urllib.request.Request(self.root + path, method=method)
        asked.add_header("Authorization", f"Basic {pair}")
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return bytes(answer.read())

    def held(self) -> dict[str, pydicom.Dataset]:
        ids = json.loads(self.raw("/instances"))
        found = [pydicom.dcmread(io.BytesIO(self.raw(f"/instances/{i}/file"))) for i in ids]
        return {str(ds.SOPInstanceUID): ds for ds in found}


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    if not PLUGIN.exists():
        pytest.skip("apt-get install orthanc-dicomweb")
    more = {
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"pusher": PASSWORD},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True},
    }
    with pacs_peers.orthanc(tmp_path, **more) as (_, http):
        yield Orthanc(http)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STORE_CREDENTIALS.items():
            patch.setenv(name, value)
        with s3_store(tmp_path) as found:
            yield found


@pytest.fixture
def keeper(person: Any) -> Actor:
    return person(system=("pacs_administrator",))


def stow_at(keeper: Actor, url: str, **more: str) -> Destination:
    values = {"name": "archive", "kind": "stow", "url": url, "account": "pusher",
              "secret": PASSWORD, **more}  # fmt: skip
    return destinations.add_destination(keeper, None, **values)


def test_orthanc_takes_every_instance_by_stow_as_the_release_holds_it(
    project, person, published, keeper, orthanc, client
):
    lead = person("project_lead")
    client.force_login(keeper.user)
    form = {"name": "archive", "kind": "stow", "url": orthanc.url, "account": "pusher"}
    page = client.post(reverse("destination-add"), {**form, "secret": PASSWORD}, follow=True)
    place = Destination.objects.get()
    assert "archive" in page.content.decode() and PASSWORD not in page.content.decode()
    page = client.post(reverse("destination-check", args=[place.pk]), follow=True)
    assert "answered" in page.content.decode()
    wrong = stow_at(keeper, orthanc.url, name="wrong", secret="guessed")
    assert destinations.ask(wrong) == "not_authorised"
    assert destinations.ask(stow_at(keeper, orthanc.root + "/none", name="n")) == "wrong_address"

    row = done(sending.send(lead, published, to=wrong))
    assert (row.state, row.reason, row.n_taken) == ("failed", "not_authorised", 0)
    assert orthanc.held() == {}
    client.force_login(lead.user)
    address = reverse("release", args=[published.pk])
    assert "archive · DICOMweb" in client.get(address).content.decode()
    client.post(reverse("release-send", args=[published.pk]), {"node": str(place.pk)})
    row = Sending.objects.get(destination=place)
    # Stopped within the second file: the first is kept, and is not sent again.
    steps: list[float] = []

    def until_the_second(share: float, step: str) -> None:
        steps.append(share)
        if share > 1 / 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        sending.store_files(row, until_the_second, lambda: None)
    assert steps == sorted(steps)
    row.refresh_from_db()
    assert (row.n_tried, row.n_taken) == (1, 1)
    (first,) = orthanc.held()
    page = client.post(reverse("sending-cancel", args=[row.pk]), follow=True)
    assert "Cancelled" in page.content.decode()
    assert Job.objects.get(object_id=str(row.pk)).state == Job.State.CANCELLED
    (kept,) = json.loads(orthanc.raw("/instances"))
    orthanc.raw(f"/instances/{kept}", "DELETE")
    client.post(reverse("sending-resume", args=[row.pk]))
    assert done(row).state == "done", row.reason
    wanted = released(published)
    held = orthanc.held()
    assert set(held) == set(wanted) - {first} and (row.n_taken, row.n_instances) == (3, 3)
    for uid, ds in held.items():
        assert ds == wanted[uid]
        assert ds.file_meta.TransferSyntaxUID == wanted[uid].file_meta.TransferSyntaxUID
    page = client.get(address).content.decode()
    assert "3 / 3" in page and "STOW-RS" in page
    # What failed is tried anew with what is right by now.
    wrong.sealed_secret = place.sealed_secret
    wrong.save()
    sending.resume_sending(lead, Sending.objects.get(destination=wrong))
    again = done(Sending.objects.get(destination=wrong))
    assert (again.state, again.n_taken, again.not_taken) == ("done", 3, [])
    assert set(orthanc.held()) == set(wanted)
    actions = set(Event.objects.filter(outcome="done").values_list("action", flat=True))
    assert {"destination.add", "destination.check", "release.send", "release.cancel_sending",
            "release.resume_sending", "release.sent"} <= actions  # fmt: skip
    secret = PASSWORD.encode()
    assert secret not in bytes(place.sealed_secret) and outside.secret_of(place) == PASSWORD
    assert not any(secret in bytes(each.entry) for each in Event.objects.all())


def test_a_bucket_takes_the_whole_release_which_then_verifies(
    project, person, published, keeper, store, tmp_path
):
    lead = person("project_lead")
    values = {
        "name": "bucket", "kind": "bucket", "url": store.endpoint, "bucket": store.bucket,
        "prefix": "sets/open", "account": ACCESS, "secret": SECRET,
    }  # fmt: skip
    place = destinations.add_destination(keeper, None, **values)
    assert destinations.ask(place) == ""
    other = destinations.add_destination(
        keeper, None, **{**values, "name": "other", "bucket": "nobodys"}
    )
    assert destinations.ask(other) in ("wrong_address", "not_authorised")
    gone = destinations.add_destination(
        keeper, None, **{**values, "name": "gone", "url": "http://127.0.0.1:1"}
    )
    assert destinations.ask(gone) == "unreachable"
    row = sending.send(lead, published, to=place)
    with pytest.raises(Conflict):
        sending.send(lead, published, to=place)
    with pytest.raises(Conflict):
        destinations.remove_destination(keeper, place)
    seen: list[int] = []

    def after_three() -> None:
        seen.append(1)
        if len(seen) == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        sending.store_files(row, lambda share, step: None, after_three)
    client = _client(store)

    def objects() -> list[str]:
        asked = {"Bucket": store.bucket, "Prefix": "sets/"}
        return [each["Key"] for each in client.list_objects_v2(**asked).get("Contents", [])]

    before = objects()
    # The manifest is not there, so nobody takes what is there for a release.
    assert len(before) == 3 and not any("manifest" in key for key in before)
    first = {"Bucket": store.bucket, "Key": before[0]}
    sent = client.get_object(**first)["Body"].read()
    client.put_object(**first, Body=b"marked")
    row = done(row)
    assert (row.state, row.n_taken) == ("done", row.n_instances), row.reason
    after = objects()
    assert client.get_object(**first)["Body"].read() == b"marked"  # it was not sent again
    client.put_object(**first, Body=sent)
    under = f"sets/open/{project.slug}-1.0.0/"
    folder = tmp_path / "taken"
    for key in after:
        assert key.startswith(under)
        path = folder / key.removeprefix(under)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(client.get_object(Bucket=store.bucket, Key=key)["Body"].read())
    assert len(after) == row.n_instances
    assert check_release(folder, None, [])[0].startswith("release demo 1.0.0")
    destinations.remove_destination(keeper, place)
    place.refresh_from_db()
    assert place.sealed_secret is None
    with pytest.raises(Conflict):
        sending.send(lead, published, to=place)
    # Nothing more goes out of a release that was withdrawn.
    late = sending.send(lead, published, to=other)
    services.withdraw(lead, published, reason="A slip.")
    assert done(late).reason == "cancelled"
    with pytest.raises(Conflict):
        sending.resume_sending(lead, late)
    shutil.rmtree(folder)


@contextmanager
def peer(authority: Authority, answers: list[tuple[int, bytes]]) -> Iterator[tuple[str, list]]:
    """An HTTPS peer that gives these answers in turn; its address, and what it was asked with."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, self.headers.get("Authorization")))
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *said: Any) -> None:
            pass

    key, certificate = authority.sign("pacs")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/dicom-web", asked
    finally:
        server.shutdown()
        server.server_close()


def test_over_tls_only_a_known_peer_is_spoken_to_and_only_what_it_names_is_taken(keeper, tmp_path):
    authority = Authority(tmp_path, "authority")
    path = tmp_path / "instance.dcm"
    path.write_bytes(peers.instance())
    uid = peers.uid_of(path.read_bytes())
    taken = {"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid]}}]}}
    failed = {"00081198": taken["00081199"]}
    answers = [
        (200, b"[]"), (200, json.dumps(taken).encode()), (202, json.dumps([taken]).encode()),
        (200, json.dumps(failed).encode()), (200, b"<html>"), (202, b"{}"), (401, b""), (404, b""),
        (409, json.dumps(failed).encode()), (413, b""), (302, b""), (503, b""),
    ]  # fmt: skip
    with peer(authority, answers) as (url, asked):
        values = {"url": url, "account": "", "secret": "a-token"}
        trusting = stow_at(keeper, ca_certificate=authority.file.read_text(), **values)
        assert destinations.ask(stow_at(keeper, name="doubting", **values)) == "tls_failed"
        assert destinations.ask(trusting) == ""
        way = outside.way_to(trusting, "")
        told: list[int] = []
        for _ in range(2):
            way.put("instance.dcm", path, told.append)
        assert sum(told) == 2 * path.stat().st_size
        reasons = []
        for _ in range(len(answers)):
            with pytest.raises(PeerError) as refusal:
                way.put("instance.dcm", path, told.append)
            reasons.append((refusal.value.reason, refusal.value.is_transient))
    assert reasons == [
        ("failure_status", False), ("failure_status", False), ("failure_status", False),
        ("not_authorised", False), ("wrong_address", False), ("failure_status", False),
        ("no_room", False), ("failure_status", False), ("no_answer", True),
    ]  # fmt: skip
    assert {each[2] for each in asked} == {"Bearer a-token"}
    assert {each[1] for each in asked[1:]} == {"/dicom-web/studies"}  # no redirect is followed


def _client(store: Store) -> Any:
    import boto3

    return boto3.client(
        "s3", endpoint_url=store.endpoint, region_name="us-east-1",
        aws_access_key_id=ACCESS, aws_secret_access_key=SECRET,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"kind": "ftp"}, "kind"),
        ({"url": ""}, "url"),
        ({"url": "http://pacs.example/dicom-web"}, "url"),
        ({"url": "https://user:word@pacs.example/"}, "url"),
        ({"url": "https://pacs.example/?a=b"}, "url"),
        ({"url": "https://pacs.example:x/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"account": "a:b"}, "account"),
        ({"secret": "two\nlines"}, "account"),
        ({"ca_certificate": "no certificate"}, "ca_certificate"),
        ({"kind": "bucket", "bucket": "Not A Bucket"}, "bucket"),
        ({"kind": "bucket", "bucket": "fine", "prefix": "../up"}, "prefix"),
        ({"kind": "bucket", "bucket": "fine", "prefix": "/a"}, "prefix"),
        ({"kind": "bucket", "bucket": "fine", "account": ""}, "account"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused_with_its_field(keeper, wrong, field):
    values = {"name": "place", "kind": "stow", "url": "https://pacs.example/dicom-web",
              "account": "me", "secret": "mine", **wrong}  # fmt: skip
    with pytest.raises(Refused) as refusal:
        destinations.add_destination(keeper, None, **values)
    assert refusal.value.field == field


def test_only_a_pacs_administrator_enters_places_and_only_a_lead_pushes(
    project, person, published, keeper, client
):
    place = stow_at(keeper, "http://127.0.0.1:1/dicom-web")
    lead, officer = person("project_lead"), person("compliance_officer")
    for actor in (lead, officer):
        client.force_login(actor.user)
        assert client.get(reverse("destinations")).status_code == 404
        with pytest.raises(NotFound):
            destinations.remove_destination(actor, place)
    with pytest.raises(Forbidden):
        sending.send(officer, published, to=place)
    row = done(sending.send(lead, published, to=place))
    assert (row.state, row.reason) == ("failed", "unreachable")
    with pytest.raises(Forbidden):
        sending.resume_sending(officer, row)
    client.force_login(keeper.user)
    page = client.post(reverse("destination-add"), {"name": "x", "kind": "stow", "url": "x"})
    assert page.status_code == 400 and 'aria-invalid="true"' in page.content.decode()
    page = client.post(reverse("destination-remove", args=[place.pk]), follow=True)
    assert "Removed" in page.content.decode() and not Destination.objects.filter(removed_at=None)
