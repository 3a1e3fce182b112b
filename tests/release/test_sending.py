"""A published release's instances in a PACS: dcmtk's storescp takes them."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from django.conf import settings
from django.urls import reverse

from apps.access.errors import Conflict, Forbidden
from apps.audit.models import Event
from apps.intake.pacs.models import RemoteNode
from apps.jobs import work
from apps.keys.keyring import open_vault_file
from apps.release import queries, sending, services
from apps.release.models import Sending

pytestmark = pytest.mark.django_db


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """A running storescp; gives its port."""
    program = shutil.which("storescp")
    assert program, "storescp is missing: apt-get install dcmtk"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peer = subprocess.Popen(
        [program, *options, "-od", str(folder), str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        peer.terminate()
        peer.wait(30)


def node_at(port: int, name: str = "archive") -> RemoteNode:
    return RemoteNode.objects.create(name=name, host="127.0.0.1", port=port, ae_title="ARCHIVE")


def done(row: Sending) -> Sending:
    while handle := work.claim("test"):
        work.run(handle)
    row.refresh_from_db()
    return row


def released(release) -> dict[str, pydicom.Dataset]:
    """SOP Instance UID → the instance, as the release's archive holds it."""
    with open_vault_file(release.archive) as source, zipfile.ZipFile(source) as archive:
        names = [n for n in archive.namelist() if "/dicom/" in n]
        found = [pydicom.dcmread(io.BytesIO(archive.read(n))) for n in names]
    return {ds.SOPInstanceUID: ds for ds in found}


def test_a_pacs_takes_every_instance_as_the_release_holds_it(
    project, person, published, client, tmp_path
):
    lead = person("project_lead")
    client.force_login(lead.user)
    address = reverse("release", args=[published.pk])
    with storescp(tmp_path / "taken", "+xa") as port:
        node = node_at(port)
        assert 'data-testid="send"' in client.get(address).content.decode()
        sent = client.post(reverse("release-send", args=[published.pk]), {"node": str(node.pk)})
        assert sent.status_code == 302
        row = Sending.objects.get()
        with pytest.raises(Conflict):
            sending.send(lead, published, to=node)
        assert done(row).state == Sending.State.DONE, row.reason
    wanted = released(published)
    taken = [pydicom.dcmread(path) for path in (tmp_path / "taken").iterdir()]
    assert {ds.SOPInstanceUID for ds in taken} == set(wanted) and len(wanted) == 3
    for ds in taken:
        same = wanted[ds.SOPInstanceUID]
        assert ds.file_meta.TransferSyntaxUID == same.file_meta.TransferSyntaxUID
        assert ds == same
    assert (row.n_taken, row.n_instances, row.sha256) == (3, 3, published.archive.sha256)
    page = client.get(address).content.decode()
    assert "archive" in page and "3 / 3" in page
    events = Event.objects.filter(action__in=["release.send", "release.sent"], outcome="done")
    assert events.count() == 2
    assert not list((Path(settings.CLINICAL_ANNOT_DATA_DIR) / "releases").iterdir())
    # Who asks where a release has gone to is told of the PACS as well.
    assert queries.handed_out(lead.user, published)["sendings"][0]["node"] == "archive"


def test_what_a_pacs_does_not_take_is_said_and_the_rest_is_sent(
    project, person, published, tmp_path
):
    lead = person("project_lead")
    with storescp(tmp_path / "taken") as port:  # without video
        row = done(sending.send(lead, published, to=node_at(port)))
    assert (row.state, row.reason) == (Sending.State.FAILED, "not_supported")
    assert (row.n_taken, row.n_instances) == (2, 3)
    gone = done(sending.send(lead, published, to=node_at(port, "gone")))
    assert (gone.state, gone.reason, gone.n_taken) == (Sending.State.FAILED, "unreachable", 0)
    assert Event.objects.filter(action="release.sent", outcome="failed").count() == 2


def test_only_a_lead_sends_and_only_what_is_published(project, person, published, client):
    node = node_at(1)
    for actor in (person("researcher"), person("compliance_officer")):
        client.force_login(actor.user)
        answer = client.post(reverse("release-send", args=[published.pk]), {"node": str(node.pk)})
        assert answer.status_code == 404
    with pytest.raises(Forbidden):
        sending.send(person("compliance_officer"), published, to=node)
    lead = person("project_lead")
    row = sending.send(lead, published, to=node)
    services.withdraw(lead, published, reason="A slip.")
    with pytest.raises(Conflict):
        sending.send(lead, published, to=node)
    assert done(row).reason == "cancelled"
