"""From a frozen release to a download: approve, publish, withdraw."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

from apps.access.actor import service
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.audit.models import Event
from apps.jobs import work
from apps.projects.services import create_project
from apps.release import services
from apps.release.domain.proofs import check_clips_and_approval
from apps.release.domain.verify import verify_tree
from apps.release.models import Release
from apps.release.tasks import KIND
from tests import builders
from tests.release.releasing import (
    build,
    command,
    files_of,
    make_archive,
)

pytestmark = pytest.mark.django_db


def test_who_froze_a_release_does_not_approve_it(project, person, command, signed):
    both = person("project_lead", "compliance_officer")
    release = services.freeze(both, project, version="1", formats=["mot"])
    with pytest.raises(Forbidden, match="own work"):
        services.approve(both, release)
    with pytest.raises(Forbidden):
        services.approve(person("project_lead"), release)
    done = services.approve(person(system=("compliance_officer",)), release)
    assert done.state == Release.State.APPROVED
    with pytest.raises(Conflict):
        services.approve(person("compliance_officer"), release)


def test_approval_goes_into_the_manifest_with_its_proof(project, person, frozen, tmp_path):
    build(project, tmp_path / "before")
    officer = person("compliance_officer")
    services.approve(officer, frozen)
    assert build(project, tmp_path / "after")[0] == 0
    before, after = files_of(tmp_path / "before"), files_of(tmp_path / "after")
    assert {name for name in after if after[name] != before[name]} == {
        "manifest.json", "manifest.sig", "SHA256SUMS"
    }  # fmt: skip
    manifest = json.loads(after["manifest.json"])
    assert manifest["approved"] is True
    assert manifest["approval"]["approver_pseudonym"] == officer.user.pseudonym
    entry = json.loads(manifest["approval"]["proof"]["entry"])
    assert entry["public"]["freeze_digest"] == manifest["freeze_digest"] == frozen.freeze_digest
    code, told = command("verify_release", str(tmp_path / "after"))
    assert code == 0 and "approved: true" in told
    manifest["freeze_digest"] = "0" * 64
    assert check_clips_and_approval(manifest, {})[0][-1].endswith("approves another release")
    assert verify_tree(tmp_path / "after", recompute_frames=False, check_proofs=True) == []


def test_nothing_is_downloaded_before_approval_and_publication(project, person, frozen, client):
    lead, researcher = person("project_lead"), person("researcher")
    make_archive(frozen)
    with pytest.raises(NotFound):
        services.download(researcher, frozen)
    with pytest.raises(Conflict):
        services.publish(lead, frozen)
    client.force_login(frozen.frozen_by)
    refused = client.get(f"/api/v1/releases/{frozen.pk}/download")
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "wrong_state"
    services.approve(person("compliance_officer"), frozen)
    make_archive(frozen)
    assert client.get(f"/api/v1/releases/{frozen.pk}/download").status_code == 409
    client.force_login(researcher.user)
    assert client.get(f"/api/v1/releases/{frozen.pk}/").status_code == 404


def test_the_archive_is_the_release_in_ranges_and_leaves_no_folder(
    project, person, frozen, client, tmp_path
):
    researcher = person("researcher")
    services.approve(person("compliance_officer"), frozen)
    release = services.publish(person("project_lead"), make_archive(frozen))
    assert not list((Path(settings.CLINICAL_ANNOT_DATA_DIR) / "releases").iterdir())
    client.force_login(researcher.user)
    url = f"/api/v1/releases/{release.pk}/download"
    answer = client.get(url)
    body = b"".join(answer.streaming_content)
    assert answer.status_code == 200 and answer["Content-Length"] == str(len(body))
    part = client.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and b"".join(part.streaming_content) == body[100:200]
    assert part["Content-Range"] == f"bytes 100-199/{len(body)}"
    past = client.get(url, headers={"Range": f"bytes={len(body)}-"})
    assert past.status_code == 416 and not past.content
    stale = client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert stale.status_code == 200
    assert client.head(url)["Content-Length"] == str(len(body))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    assert build(project, tmp_path / "written")[0] == 0
    assert files_of(tmp_path / "unpacked" / "demo-1.0.0") == files_of(tmp_path / "written")
    assert Event.objects.filter(action="release.download", outcome="done").count() == 5


def test_the_same_release_gives_the_same_archive(frozen):
    from apps.release.archive import make_archive as make

    first, second = make(frozen), make(frozen)
    assert first.sha256 == second.sha256


def test_others_see_nothing_of_a_release(project, person, published, client):

    other = create_project(service("command"), None, slug="other", name="Other", ae_title="OTHER")
    urls = [f"/api/v1/releases/{published.pk}/{end}" for end in ("", "download")]
    for actor in (person("annotator"), person("researcher", where=other), person("researcher"),
                  person(system=("administrator",))):  # fmt: skip
        client.force_login(actor.user)
        assert [client.get(url).status_code for url in urls] == [404, 404]
        assert client.get("/api/v1/releases/").json() == {"releases": [], "recalls": []}
        assert client.get(f"/releases/{published.pk}/").status_code == 404
    client.logout()
    assert client.get(urls[1]).status_code == 401


def test_a_later_researcher_is_let_in_by_the_lead(project, person, published):
    late, lead = person("researcher"), person("project_lead")
    with pytest.raises(NotFound):
        services.download(late, published)
    services.grant_download(lead, published, person=late.user)
    assert services.download(late, published) == published.archive
    with pytest.raises(Refused):
        services.grant_download(lead, published, person=person("annotator").user)


def test_a_withdrawn_release_is_not_handed_out_or_written_again(
    project, person, published, tmp_path
):
    lead = person("project_lead")
    for reason in ("  ", "A" * 401):
        with pytest.raises(Refused):
            services.withdraw(lead, published, reason=reason)
    services.withdraw(lead, published, reason="A patient took consent back.")
    with pytest.raises(Conflict):
        services.download(builders.Actor(published.frozen_by), published)
    assert build(project, tmp_path / "a")[0] == 1


def test_an_archive_that_cannot_be_made_is_parked_with_its_reason(frozen, signed):
    from apps.jobs.models import Job
    from apps.release.tasks import find_releases

    subject = signed.clip.instance.source.subject
    subject.wrapped_key = None
    subject.save()
    find_releases()
    while handle := work.claim("test"):
        work.run(handle)
    row = Job.objects.get(kind=KIND)
    assert row.state == Job.State.PARKED
    assert find_releases() == 0


def test_the_pages_lead_from_a_frozen_release_to_publication(
    project, person, signed, frozen, client
):
    lead, officer, release = builders.Actor(frozen.frozen_by), person("compliance_officer"), frozen
    client.force_login(lead.user)
    page = client.get(f"/releases/{release.pk}/").content.decode()
    assert signed.clip.name in page and 'data-testid="approve"' not in page
    assert client.post(f"/releases/{release.pk}/approve/").status_code == 403
    client.force_login(officer.user)
    assert 'data-testid="approve"' in client.get(f"/releases/{release.pk}/").content.decode()
    assert client.post(f"/releases/{release.pk}/approve/").status_code == 302
    make_archive(release)
    client.force_login(lead.user)
    assert client.post(f"/releases/{release.pk}/publish/").status_code == 302
    assert 'data-testid="download"' in client.get(f"/releases/{release.pk}/").content.decode()
    listed = client.get("/api/v1/releases/").json()["releases"][0]
    assert listed["state"] == "published" and listed["approved"] is True
    assert client.post(f"/releases/{release.pk}/withdraw/", {"reason": "Wrong."}).status_code == 302
    assert "Wrong." in client.get(f"/releases/{release.pk}/").content.decode()
