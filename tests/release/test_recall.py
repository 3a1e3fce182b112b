"""A newer version says what it changed; a recalled one is followed to everybody who has it."""

from __future__ import annotations

import pytest

from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.adjudication.services import amend
from apps.audit.models import Event
from apps.release import queries, recalls, services
from apps.release.collecting import read_freeze
from apps.release.models import Release
from tests import builders
from tests.release.releasing import (
    build,
    make_archive,
)

pytestmark = pytest.mark.django_db


def corrected(signed):
    """The clip with a bleeding more, signed anew."""
    judge = builders.Actor(signed.adjudicator)
    amended = amend(judge, signed, reason="The bleeding began earlier.")
    builders.save_operations(
        judge, amended.consensus, client_id="7d5b2a5e-7c0f-4d3e-9d44-0d3a52a7c0aa",
        base_revision=amended.consensus.revision,
        operations=builders.numbered(builders.interval(signed.clip, "bleeding", 20, 25)),
    )  # fmt: skip
    amended.consensus.refresh_from_db()
    return builders.adjudicating.sign(
        judge, amended, password=builders.PASSWORD, revision=amended.consensus.revision
    )


def test_a_version_that_supersedes_another_says_what_changed(
    project, person, published, signed, client, tmp_path
):  # fmt: skip
    corrected(signed)
    lead = person("project_lead")
    two = services.freeze(lead, project, version="2.0.0", formats=["mot"])
    assert two.supersedes == published and published.superseded_by is None
    told = read_freeze(two).supersedes
    assert told["version"] == "1.0.0" and told["freeze_digest"] == published.freeze_digest
    (clip,) = told["difference"]["clips"]
    assert clip["change"] == "changed" and clip["tracks"] == [] and not clip["pictures"]
    (interval,) = clip["intervals"]
    assert (interval["change"], interval["after"]) == ("added", [20, 25])
    assert build(project, tmp_path / "two", "2.0.0")[0] == 0
    assert "- bleeding added, frames 20 to 24\n" in (tmp_path / "two" / "CHANGES.md").read_text()
    services.approve(person("compliance_officer"), two)
    services.publish(lead, make_archive(two))
    assert published.superseded_by == two
    client.force_login(lead.user)
    answer = client.get(f"/api/v1/releases/{two.pk}/difference").json()
    assert answer["difference"] == told["difference"]
    assert client.get(f"/api/v1/releases/{published.pk}/difference").status_code == 404
    rows = {row["version"]: row for row in client.get("/api/v1/releases/").json()["releases"]}
    assert rows["1.0.0"]["superseded_by"] == "2.0.0" and rows["2.0.0"]["supersedes"] == "1.0.0"
    assert "frames 20 to 24" in client.get(f"/releases/{two.pk}/").content.decode()
    page = client.get(f"/releases/{published.pk}/").content.decode()
    assert 'data-testid="superseded"' in page


def test_a_recall_lists_every_download_and_writes_to_each_person_once(
    project, person, frozen, client
):  # fmt: skip
    one, two, idle = (person("researcher") for _ in range(3))
    officer = person("compliance_officer")
    services.approve(officer, frozen)
    lead = person("project_lead")
    release = services.publish(lead, make_archive(frozen))
    digest = release.archive.sha256
    for actor in (one, one, two):
        services.download(actor, release)
    for reason in (" ", "A" * 401):
        with pytest.raises(Refused):
            recalls.recall(officer, release, reason=reason)
    with pytest.raises(Forbidden):
        recalls.recall(one, release, reason="A name is burned in.")
    recalls.recall(officer, release, reason="A name is burned into frame 3 of a clip.")
    release.refresh_from_db()
    assert release.state == Release.State.RECALLED
    for actor in (one, lead):
        with pytest.raises(Conflict):
            services.download(actor, release)
    handed = queries.handed_out(officer.user, release)
    assert [row["pseudonym"] for row in handed["downloads"]] == [
        one.user.pseudonym, one.user.pseudonym, two.user.pseudonym
    ]  # fmt: skip
    assert {row["sha256"] for row in handed["downloads"]} == {digest}
    notices = {n.person_id: n for n in release.notices.all()}
    assert {pk: n.n_downloads for pk, n in notices.items()} == {one.user.pk: 2, two.user.pk: 1}
    assert all(n.digests == [digest] for n in notices.values())
    written = Event.objects.get(action="release.recall", outcome="done")
    assert b'"downloads":3' in bytes(written.entry) and b'"people":2' in bytes(written.entry)
    with pytest.raises(NotFound):
        queries.handed_out(two.user, release)
    client.force_login(idle.user)
    assert client.get("/api/v1/releases/").json()["recalls"] == []


def test_who_is_written_to_answers_once_and_the_lead_reads_it(
    project, person, frozen, client
):  # fmt: skip
    researcher, other = person("researcher"), person("researcher")
    lead, officer = person("project_lead"), person("compliance_officer")
    services.approve(officer, frozen)
    release = services.publish(lead, make_archive(frozen))
    services.download(researcher, release)
    client.force_login(lead.user)
    asked = {"reason": "A face is in one clip."}
    assert client.post(f"/releases/{release.pk}/recall/", asked).status_code == 302
    client.force_login(researcher.user)
    (notice,) = client.get("/api/v1/releases/").json()["recalls"]
    assert notice["version"] == "1.0.0" and notice["reason"] == asked["reason"]
    assert 'data-testid="answer-recall"' in client.get("/releases/").content.decode()
    url = f"/api/v1/releases/recalls/{notice['id']}/answer"
    client.force_login(other.user)
    assert client.post(url, {"answer": "Gone."}, "application/json").status_code == 404
    client.force_login(researcher.user)
    for answer in (" ", "A" * 401):
        assert client.post(url, {"answer": answer}, "application/json").status_code == 400
    page = f"/releases/recalls/{notice['id']}/"
    assert client.post(page, {"answer": "Destroyed, with the models."}).status_code == 302
    assert client.post(url, {"answer": "Again."}, "application/json").status_code == 409
    assert "Destroyed, with the models." in client.get("/releases/").content.decode()
    client.force_login(lead.user)
    told = client.get(f"/api/v1/releases/{release.pk}/recall").json()
    assert told["notices"][0]["answer"] == "Destroyed, with the models."
    assert "Destroyed, with the models." in client.get(f"/releases/{release.pk}/").content.decode()
    assert (
        client.post(f"/api/v1/releases/{release.pk}/recall", asked, "application/json").status_code
        == 409
    )


def test_what_was_never_published_is_withdrawn_and_not_recalled(project, person, frozen):
    lead = person("project_lead")
    services.withdraw(lead, frozen, reason="Frozen by mistake.")
    with pytest.raises(Conflict, match="never handed out"):
        recalls.recall(lead, frozen, reason="A leak.")
