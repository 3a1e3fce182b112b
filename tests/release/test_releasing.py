"""From a signed adjudication to a download: freeze, build, approve, publish, withdraw."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from apps.access.actor import service
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.adjudication.models import Adjudication
from apps.adjudication.services import amend
from apps.annotation.models import KeyframeChunk
from apps.audit import triggers
from apps.audit.models import Event
from apps.jobs import work
from apps.keys.keyring import open_vault_file
from apps.projects.models import Project
from apps.projects.services import create_project
from apps.release import services
from apps.release.collecting import read_freeze, select
from apps.release.domain.proofs import check_clips_and_approval
from apps.release.domain.verify import verify_tree
from apps.release.models import Release
from apps.release.tasks import KIND
from tests import builders

pytestmark = pytest.mark.django_db
FORMATS = "dicom-seg,dicom-sr,coco-video,mot"


def command(name: str, *arguments: str) -> tuple[int, str]:
    """Exit code and what the command printed on standard output."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue() + err.getvalue()
    return 0, out.getvalue()


def build(project, out: Path, version: str = "1.0.0", *more: str) -> tuple[int, str]:
    return command(
        "build_release", "--project", project.slug, "--version", version,
        "--formats", FORMATS, "--out", str(out), *more,
    )  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def make_archive(release: Release) -> Release:
    """Do the background work for this release alone."""
    from apps.release.tasks import find_releases

    find_releases()
    while handle := work.claim("test"):
        work.run(handle)
        handle.job.refresh_from_db()
        assert handle.job.state == "done", (handle.job.kind, handle.job.reason)
    release.refresh_from_db()
    return release


def _signed(project, person) -> Adjudication:
    return builders.signed_adjudication(project, person, builders.ready_clip(project))


@pytest.fixture(scope="module")
def kept_signed(kept) -> Adjudication:
    return kept.make(_signed, kept.person)


@pytest.fixture
def project(kept, db) -> Project:
    return Project.objects.get(pk=kept.project.pk)


@pytest.fixture
def signed(kept_signed, db) -> Adjudication:
    return Adjudication.objects.get(pk=kept_signed.pk)


@pytest.fixture
def frozen(project, person, signed) -> Release:
    return services.freeze(
        person("project_lead"), project, version="1.0.0", formats=FORMATS.split(",")
    )


@pytest.fixture
def published(project, person, frozen) -> Release:
    services.approve(person("compliance_officer"), frozen)
    return services.publish(person("project_lead"), make_archive(frozen))


def test_a_release_is_built_verified_and_built_again_byte_for_byte(project, signed, tmp_path):
    code, told = build(project, tmp_path / "a")
    assert code == 0 and "1 clips, 0 left out" in told and "approved: false" in told
    code, told = command("verify_release", str(tmp_path / "a"))
    assert code == 0 and told.startswith("HOLDS demo 1.0.0: 1 clips") and "approved: false" in told
    assert "signed by this server's key" in told
    assert build(project, tmp_path / "b")[0] == 0
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert Release.objects.count() == 1


def test_the_manifest_proves_who_signed_by_pseudonym_alone(project, person, signed, tmp_path):
    build(project, tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    clip = manifest["clips"][0]
    entry = json.loads(clip["audit_proof"]["entry"])
    assert entry["action"] == "adjudication.signature"
    assert entry["public"]["digest"] == clip["label_set"]["expanded_digest"]
    assert clip["signature"]["signer_pseudonym"] == signed.adjudicator.pseudonym
    everything = b"".join(files_of(tmp_path / "a").values())
    for user in (signed.adjudicator, signed.set_a.author, signed.set_b.author):
        assert user.printed_name.encode() not in everything
        assert str(user.pk).encode() not in everything
    assert clip["label_set"]["annotators"] == [
        signed.set_a.author.pseudonym, signed.set_b.author.pseudonym
    ]  # fmt: skip


def test_a_project_with_nothing_signed_is_refused_and_nothing_is_written(command, tmp_path):
    project = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    builders.ready_clip(project)
    code, told = build(project, tmp_path / "a")
    assert code == 1 and "adjudicated and signed" in told
    assert not (tmp_path / "a").exists() and not Release.objects.exists()
    assert Event.objects.filter(action="release.freeze", outcome="refused").count() == 1


def test_an_unsigned_clip_that_is_named_is_refused(project, person, signed, tmp_path):
    other = builders.ready_clip(project)
    code, told = build(project, tmp_path / "a", "1.0.0", "--clip", str(other.pk))
    assert code == 1 and other.name in told and "not assigned" in told
    code, told = build(project, tmp_path / "b", "1.0.0", "--clip", str(signed.clip_id))
    assert code == 0 and f"left out {other.name}: not assigned" in told
    code, told = build(project, tmp_path / "c", "1.0.0", "--clip", str(other.pk))
    assert code == 1 and "other clips" in told


def test_what_is_left_out_says_why(project, person, signed):
    nobody, begun, handed_in, judged = (builders.ready_clip(project) for _ in range(4))
    author = person("annotator")
    builders.label_set(project, author, begun)
    builders.submitted_set(project, author, handed_in, builders.sample_steps(handed_in))
    builders.open_adjudication(project, person, judged)
    reasons = {row["clip"]: row["reason"] for row in select(project).left_out}
    assert reasons == {
        nobody.name: "not assigned",
        begun.name: "assigned, not annotated",
        handed_in.name: "submitted, not adjudicated",
        judged.name: "being adjudicated, not signed",
    }


def test_labels_changed_behind_a_signature_are_not_released(project, signed, tmp_path):
    chunk = KeyframeChunk.objects.filter(object__label_set=signed.consensus).first()
    assert chunk is not None
    chunk.delete()
    code, told = build(project, tmp_path / "a", "1.0.0", "--clip", str(signed.clip_id))
    assert code == 1 and "not those that were signed" in told
    assert build(project, tmp_path / "b")[0] == 1


def test_a_signature_that_does_not_hold_is_not_released(project, signed):
    signed.signature.released_statement = b"{}" + bytes(signed.signature.released_statement)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        signed.signature.save()
    triggers.remove(("access_signature",))
    signed.signature.save()
    triggers.install(("access_signature",))
    rows = select(project).left_out
    assert [row["reason"] for row in rows] == ["its electronic signature does not hold"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"--formats": "mot:stride=0"}, 2), ({"--formats": "tiff"}, 2), ({"--project": "none"}, 2),
     ({"--version": "a/b"}, 1), ({"--version": "1" * 41}, 1), ({"--clip": "nothing"}, 1)],
)  # fmt: skip
def test_wrong_arguments_are_refused_before_anything_is_written(
    project, signed, tmp_path, change, code
):
    given = {"--project": "demo", "--version": "1", "--formats": "mot", "--out": tmp_path / "a"}
    arguments = [str(part) for pair in {**given, **change}.items() for part in pair]
    assert command("build_release", *arguments)[0] == code
    assert not (tmp_path / "a").exists() and not Release.objects.exists()


def test_a_folder_that_cannot_be_written_is_refused_before_freezing(project, signed, tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert build(project, tmp_path / "file" / "a")[0] == 2
    assert not Release.objects.exists()


def test_a_version_that_is_no_plain_word_is_refused_before_anything_is_read(
    project, signed, tmp_path
):
    code, told = build(project, tmp_path / "a", "../1")
    assert code == 1 and "1 to 40 letters" in told
    assert not (tmp_path / "a").exists() and not Release.objects.exists()


def test_a_folder_that_holds_something_is_refused_before_freezing(project, signed, tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    assert build(project, tmp_path)[0] == 2
    assert not Release.objects.exists()


def test_verify_release_names_what_was_changed(project, signed, tmp_path):
    build(project, tmp_path / "a")
    table = next((tmp_path / "a" / "media").glob("*.frames.csv"))
    table.write_bytes(table.read_bytes().replace(b"\n5,6,", b"\n5,7,"))
    code, told = command("verify_release", str(tmp_path / "a"))
    assert code == 1 and f"WRONG media/{table.name}: " in told
    assert command("verify_release", str(tmp_path / "none"))[0] == 2
    assert Event.objects.filter(action="release.verify", outcome="failed").count() == 1


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
    from apps.projects.services import create_project

    other = create_project(service("command"), None, slug="other", name="Other", ae_title="OTHER")
    urls = [f"/api/v1/releases/{published.pk}/{end}" for end in ("", "download")]
    for actor in (person("annotator"), person("researcher", where=other), person("researcher"),
                  person(system=("administrator",))):  # fmt: skip
        client.force_login(actor.user)
        assert [client.get(url).status_code for url in urls] == [404, 404]
        assert client.get("/api/v1/releases/").json() == {"releases": []}
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
    with pytest.raises(Refused):
        services.withdraw(lead, published, reason="  ")
    services.withdraw(lead, published, reason="A patient took consent back.")
    with pytest.raises(Conflict):
        services.download(builders.Actor(published.frozen_by), published)
    assert build(project, tmp_path / "a")[0] == 1


def test_a_correction_goes_into_the_next_version_and_the_old_one_stays(
    project, person, signed, tmp_path
):
    build(project, tmp_path / "one")
    judge = builders.Actor(signed.adjudicator)
    amended = amend(judge, signed, reason="The bleeding began earlier.")
    step = builders.interval(signed.clip, "bleeding", 20, 25)
    builders.save_operations(
        judge, amended.consensus, client_id="7d5b2a5e-7c0f-4d3e-9d44-0d3a52a7c0aa",
        base_revision=amended.consensus.revision, operations=builders.numbered(step),
    )  # fmt: skip
    amended.consensus.refresh_from_db()
    builders.adjudicating.sign(
        judge, amended, password=builders.PASSWORD, revision=amended.consensus.revision
    )
    assert build(project, tmp_path / "two", "2.0.0")[0] == 0
    assert build(project, tmp_path / "again")[0] == 0
    assert files_of(tmp_path / "again") == files_of(tmp_path / "one")
    two = (tmp_path / "two" / "coco_video" / "annotations.json").read_text()
    assert two.count('"bleeding"') > (
        tmp_path / "one" / "coco_video" / "annotations.json"
    ).read_text().count('"bleeding"')


def test_a_patient_keeps_the_split_of_earlier_versions(project, person, signed, monkeypatch):
    one = services.freeze(service("command"), project, version="1", formats=["mot"])
    drawn = {signed.clip.pseudonym: "test"}
    monkeypatch.setattr("apps.release.collecting.split_by_patient", lambda freeze: drawn)
    two = services.freeze(service("command"), project, version="2", formats=["mot"])
    assert read_freeze(two).splits == drawn
    assert read_freeze(one).seed == read_freeze(two).seed


def test_a_version_is_frozen_once(project, person, frozen):
    with pytest.raises(Refused) as refusal:
        services.freeze(person("project_lead"), project, version="1.0.0", formats=["mot"])
    assert refusal.value.field == "version"
    with pytest.raises(Forbidden):
        services.freeze(person("researcher"), project, version="2", formats=["mot"])
    with pytest.raises(NotFound):
        services.freeze(person(), project, version="2", formats=["mot"])


def test_the_freeze_is_stored_encrypted_and_held_to_its_digest(frozen):
    stored = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault"
    name = frozen.freeze_file.storage_name
    raw = (stored / name[:2] / name).read_bytes()
    assert b"clinicalannot-freeze" not in raw
    with open_vault_file(frozen.freeze_file) as source:
        assert b"clinicalannot-freeze/1" in source.read()
    frozen.freeze_digest = "0" * 64
    with pytest.raises(Refused, match="not the one that was frozen"):
        read_freeze(frozen)


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


def test_the_pages_lead_from_preview_to_publication(project, person, signed, client):
    lead, officer = person("project_lead"), person("compliance_officer")
    other = builders.ready_clip(project)
    client.force_login(lead.user)
    page = client.get("/releases/").content.decode()
    assert signed.clip.name in page and other.name in page and "not assigned" in page
    form = {"project": "demo", "version": "1.0.0", "formats": ["mot", "coco-video"],
            "clip": [str(signed.clip_id)]}  # fmt: skip
    answer = client.post("/releases/freeze/", form)
    release = Release.objects.get()
    assert answer.status_code == 302 and release.formats == ["coco-video", "mot"]
    page = client.get(f"/releases/{release.pk}/").content.decode()
    assert signed.clip.name in page and 'data-testid="approve"' not in page
    assert client.post(f"/releases/{release.pk}/approve/").status_code == 403
    assert client.post("/releases/freeze/", form).status_code == 302
    assert Release.objects.count() == 1
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


def test_the_form_s_stride_and_height_go_with_the_formats_that_take_them(
    project, person, signed, client
):
    client.force_login(person("project_lead").user)
    page = client.get(reverse("releases")).content.decode()
    for name in ("yolo", "mots", "kitti", "cholec80", "cholect50", "endovis", "cvat", "csv"):
        assert f'name="formats" value="{name}"' in page
    form = {"project": project.slug, "version": "2.0.0", "formats": ["dicom-seg", "yolo", "csv"],
            "stride": "5", "height": "120"}  # fmt: skip
    assert client.post(reverse("release-freeze"), form).status_code == 302
    wanted = ["dicom-seg", "yolo:stride=5:height=120", "csv:stride=5:height=120"]
    assert Release.objects.get(version="2.0.0").formats == wanted
    refused = {**form, "version": "3.0.0", "stride": "0"}
    client.post(reverse("release-freeze"), refused)
    assert not Release.objects.filter(version="3.0.0").exists()


def test_the_command_says_how_much_each_format_does_not_carry(project, signed, tmp_path):
    code, told = command(
        "build_release", "--project", project.slug, "--version", "1.0.0", "--formats",
        "mot,csv", "--out", str(tmp_path / "a"),
    )  # fmt: skip
    assert code == 0 and "mot does not carry: 3 phases and events" in told
    assert "csv does not carry" not in told


def test_show_keys_prints_the_three_public_keys():
    code, told = command("show_keys")
    assert code == 0
    assert [line.split()[0] for line in told.splitlines()] == [
        "release", "checkpoint", "electronic_signature"
    ]  # fmt: skip
