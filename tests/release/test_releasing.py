"""From a signed adjudication to a folder: freeze, build, build again."""

from __future__ import annotations

import io
import json
import os
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from apps.access.actor import service
from apps.access.errors import Forbidden, NotFound, Refused
from apps.adjudication.services import amend
from apps.annotation.models import KeyframeChunk
from apps.audit import triggers
from apps.audit.models import Event
from apps.keys.keyring import intake_key, open_vault_file
from apps.projects.services import create_project
from apps.release import services
from apps.release.collecting import Draft, read_freeze
from apps.release.domain.build import build_release
from apps.release.domain.freeze import dump_freeze
from apps.release.models import Release
from apps.release.selecting import select
from apps.release.signing import release_key
from apps.release.writing import freeze_file, write_folder
from apps.vault.files import create_file
from tests import builders
from tests.domain.keys import KEY
from tests.domain.release_samples import sample
from tests.release.releasing import (
    FORMATS,
    build,
    command,
    files_of,
)

pytestmark = pytest.mark.django_db


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


def test_the_command_says_how_much_each_format_does_not_carry(project, signed, tmp_path):
    code, told = command(
        "build_release", "--project", project.slug, "--version", "1.0.0", "--formats",
        "mot,csv", "--out", str(tmp_path / "a"),
    )  # fmt: skip
    assert code == 0 and "mot does not carry: 3 phases and events" in told
    assert "csv does not carry" not in told


def test_show_keys_prints_the_public_keys_and_what_a_witness_is_given():
    code, told = command("show_keys")
    assert code == 0
    assert [line.split()[0] for line in told.splitlines()] == [
        "release", "checkpoint", "electronic_signature", "log"
    ]  # fmt: skip


def test_what_the_command_writes_comes_from_the_freeze_and_the_media_alone(
    project, signed, tmp_path
):
    """So the same freeze gives the same bytes on either database, and without any."""
    assert build(project, tmp_path / "command")[0] == 0
    release, key = Release.objects.get(), release_key()
    with freeze_file(release) as path:
        content = path.read_bytes()
    (tmp_path / "freeze.json").write_bytes(content)
    with open_vault_file(signed.clip.instance.file) as source:
        instance = source.read()
    build_release(
        tmp_path / "freeze.json", FORMATS.split(","), tmp_path / "alone",
        lambda clip_id: io.BytesIO(instance), key.sign, key.public_key().public_bytes_raw(),
    )  # fmt: skip
    assert files_of(tmp_path / "alone") == files_of(tmp_path / "command")
    assert not list((Path(settings.CLINICAL_ANNOT_DATA_DIR) / "releases").glob("freeze-*"))


def test_one_freeze_file_gives_the_same_bytes_out_of_either_database_and_without_any(
    project, tmp_path, monkeypatch
):
    """The sample's freeze is the same in every run, so what SQLite and PostgreSQL gave can be
    compared (``make bars``: each run notes its tree's digest in the folder ``BAR_TREES``)."""
    whole, formats = sample(), FORMATS.split(",")
    content = dump_freeze(whole.freeze)
    whole.build(tmp_path / "alone", formats)
    with create_file("freeze", intake_key()) as out:
        out.write(content)
        file = out.finish()
    draft = Draft(content, sha256(content).hexdigest(), len(whole.freeze.clips), [], {})
    release = services.store_freeze(
        service("command"), project, version="1.0.0", formats=formats, draft=draft, file=file,
        refusal=None,
    )  # fmt: skip
    monkeypatch.setattr("apps.release.writing.release_key", lambda: KEY)
    monkeypatch.setattr("apps.release.writing._open_instance", whole.open_instance)
    write_folder(Release.objects.get(pk=release.pk), tmp_path / "stored", formats)
    files = files_of(tmp_path / "stored")
    assert files == files_of(tmp_path / "alone")
    if folder := os.environ.get("BAR_TREES"):
        digest = sha256(repr(sorted(files.items())).encode()).hexdigest()
        (Path(folder) / connection.vendor).write_text(digest)


def test_a_build_that_was_stopped_goes_on_in_its_folder(project, signed, tmp_path):
    out = tmp_path / "a"
    assert build(project, tmp_path / "whole")[0] == 0
    (out / ".building").mkdir(parents=True)
    (out / "mot").mkdir()
    (out / "mot" / "half.txt").write_text("half")
    assert build(project, out)[0] == 0
    assert files_of(out) == files_of(tmp_path / "whole")
    assert build(project, out)[0] == 2


def test_what_is_stated_when_freezing_stands_in_the_datasheet(project, signed, tmp_path):
    given = ("--licence", "CC BY-NC 4.0", "--consent", "broad consent", "--authors", "The group")
    assert build(project, tmp_path / "a", "1.0.0", *given)[0] == 0
    sheet = (tmp_path / "a" / "DATASHEET.md").read_text()
    assert "Basis of consent: broad consent" in sheet and "Terms: CC BY-NC 4.0" in sheet
    assert "The group" in (tmp_path / "a" / "CITATION.cff").read_text()
    listed = json.loads((tmp_path / "a" / "sbom.cdx.json").read_bytes())
    assert "pydicom" in {component["name"] for component in listed["components"]}
    assert build(project, tmp_path / "b", "2", "--licence", "x" * 2001)[0] == 1
