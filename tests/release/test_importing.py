"""Labels of other tools: whole into a label set of origin imported, or a report by line."""

from __future__ import annotations

import io
import json
import os
import zipfile

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from apps.access.actor import service
from apps.access.errors import Forbidden, Refused
from apps.annotation import store
from apps.annotation.domain import ops
from apps.annotation.domain.expand import expanded_digest
from apps.annotation.models import KeyframeChunk, LabelObject, LabelSet, Operation
from apps.audit.models import Event
from apps.library.models import Clip
from apps.release.domain.registry import FORMATS
from apps.release.importing import import_labels, read_paths, unpack
from tests import builders
from tests.domain.mutations import mutated
from tests.intake.figures import note

pytestmark = pytest.mark.django_db
N_MUTATIONS = int(os.environ.get("BAR_IMPORT_MUTATIONS", "1"))
BOX = "{frame} 1 specimen_bag 0 0 -10 20.5 30 70.5 {bottom} -1 -1 -1 -1000 -1000 -1000 -10\n"


def boxes(n: int = 3) -> bytes:
    return "".join(BOX.format(frame=i, bottom=60 + i) for i in range(n)).encode()


@pytest.fixture
def clip(project):
    builders.published_ontology(project)
    return builders.ready_clip(project)


def imported() -> int:
    return LabelSet.objects.filter(origin="imported").count()


def command(*arguments: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_labels", *arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue() + err.getvalue()
    return 0, out.getvalue()


def test_a_release_s_own_files_come_back_as_the_labels_that_were_signed(project, person, tmp_path):
    made = builders.signed_adjudication(project, person, builders.ready_clip(project))
    everything = ["coco-video", "datumaro", "csv"]
    call_command(
        "build_release", "--project", project.slug, "--version", "1", "--formats",
        ",".join(everything), "--out", str(tmp_path / "out"), stdout=io.StringIO(),
        stderr=io.StringIO(),
    )  # fmt: skip
    signed = store.load(made.consensus)
    ontology = made.consensus.ontology.definition
    sizes = store.clip_sizes(made.consensus)
    for name in everything:
        folder = tmp_path / "out" / name.replace("-", "_")
        code, told = command(str(folder), "--clip", str(made.clip_id), "--format", name, "--json")
        assert code == 0, told
        found = LabelSet.objects.get(pk=json.loads(told)["label_set"])
        assert (found.origin, found.state) == ("imported", "locked")
        labels = store.load(found)
        assert set(labels["tracks"]) == set(signed["tracks"])
        assert {k: v["number"] for k, v in labels["tracks"].items()} == {
            k: v["number"] for k, v in signed["tracks"].items()
        }
        assert expanded_digest(labels, ontology, sizes) == made.signature.digest


def _formats_written(project, person, folder):
    """A signed clip, and where a release of it in every format lies."""
    made = builders.signed_adjudication(project, person, builders.ready_clip(project))
    call_command(
        "build_release", "--project", project.slug, "--version", "1", "--formats",
        ",".join(FORMATS), "--out", str(folder), stdout=io.StringIO(), stderr=io.StringIO(),
    )  # fmt: skip
    return made.clip_id


@pytest.fixture(scope="module")
def written(kept, tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats") / "release"
    return kept.make(_formats_written, kept.person, folder), folder


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_mutated_file_is_imported_whole_or_leaves_nothing_but_its_refusal(written, person, name):
    clip = Clip.objects.get(pk=written[0])
    folder = written[1] / FORMATS[name].folder
    held = dict(read_paths([folder / clip.name if name.startswith("dicom-") else folder]))
    lead, random = person("project_lead"), np.random.default_rng(len(name))
    tables = (LabelSet, LabelObject, KeyframeChunk, Operation)
    n_taken = 0
    for _ in range(N_MUTATIONS):
        spoiled, before = mutated(held, random), [t.objects.count() for t in tables]
        n_refusals = Event.objects.filter(action="label_set.import", outcome="refused").count()
        try:
            made, _ = import_labels(lead, clip, format_name=name, files=spoiled.items())
        except Refused as refusal:
            assert [t.objects.count() for t in tables] == before
            refused = Event.objects.filter(action="label_set.import", outcome="refused")
            assert refused.count() == n_refusals + 1
            assert refusal.code != "labels_not_taken" or refusal.details["report"]["problems"]
        else:
            n_taken += 1
            assert LabelSet.objects.count() == before[0] + 1
            labels, sizes = store.load(made), store.clip_sizes(made)
            assert expanded_digest(labels, made.ontology.definition, sizes)
    note(f"{name}: {N_MUTATIONS - n_taken} of {N_MUTATIONS} mutated files refused whole")


def test_an_import_is_one_event_by_its_importer_and_appears_beside_people_s_work(person, clip):
    lead = person("project_lead")
    label_set, report = import_labels(lead, clip, format_name="kitti", files=[("a.txt", boxes())])
    assert (report.n_tracks, report.n_keyframes) == (1, 3)
    assert label_set.author == lead.user and label_set.revision == 1
    written = Event.objects.filter(action="label_set.import").latest("recorded_at")
    assert written.outcome == "done" and written.actor == lead.id
    said = json.loads(bytes(written.entry))["public"]
    assert said["format"] == "kitti" and len(said["digest"]) == 64


def test_a_wrong_line_keeps_nothing_and_says_where(person, clip):
    lines = boxes(3).replace(b"1 1 specimen_bag", b"1 1 sheep")
    before = (LabelObject.objects.count(), Operation.objects.count())
    with pytest.raises(Refused) as refusal:
        import_labels(person("project_lead"), clip, format_name="kitti", files=[("a.txt", lines)])
    assert refusal.value.status == 422
    problems = refusal.value.details["report"]["problems"]
    assert [(p["file"], p["line"]) for p in problems] == [("a.txt", 2)]
    assert "sheep" not in json.dumps(refusal.value.as_json())
    assert imported() == 0
    assert (LabelObject.objects.count(), Operation.objects.count()) == before
    assert Event.objects.filter(action="label_set.import", outcome="refused").count() == 1


def test_a_large_import_is_kept_whole_in_several_revisions(person, clip, monkeypatch):
    monkeypatch.setattr(ops, "MAX_OPERATIONS", 4)
    label_set, _ = import_labels(
        person("project_lead"), clip, format_name="kitti", files=[("a.txt", boxes(10))]
    )
    assert label_set.revision == 3
    (track,) = store.load(label_set)["tracks"].values()
    assert sorted(map(int, track["keyframes"])) == list(range(10))
    assert track["keyframes"]["9"]["shape"]["box"] == [20.5, 30.0, 50.0, 39.0]


@pytest.mark.parametrize("role", ["annotator", "adjudicator", "researcher", "data_steward"])
def test_only_a_project_lead_imports(role, person, clip):
    with pytest.raises(Forbidden):
        import_labels(person(role), clip, format_name="kitti", files=[("a.txt", boxes())])
    assert imported() == 0


def test_the_command_reads_folders_and_names_what_is_wrong_by_line(clip, tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_bytes(boxes() + b"oops\n")
    asked = (str(tmp_path / "labels"), "--clip", str(clip.pk), "--format", "kitti")
    code, told = command(*asked)
    assert code == 1 and "labels/a.txt:4: not 17 columns" in told and imported() == 0
    (tmp_path / "labels" / "a.txt").write_bytes(boxes())
    code, told = command(*asked)
    assert code == 0 and "1 tracks, 3 keyframes" in told and imported() == 1
    assert command(*asked[:1], "--clip", "nonsense", "--format", "kitti")[0] == 2


def test_a_lead_sends_files_by_the_screen_and_reads_the_report_by_line(client, person, clip):
    lead = person("project_lead")
    client.force_login(lead.user)
    address = reverse("labels-import")
    assert clip.name in client.get(address).content.decode()

    def send(data: bytes):
        form = {"clip": str(clip.pk), "format": "kitti", "stride": "1",
                "files": SimpleUploadedFile("a.txt", data)}  # fmt: skip
        return client.post(address, form)

    page = send(boxes() + b"oops\n")
    assert page.status_code == 422 and imported() == 0
    text = page.content.decode()
    assert "Nothing was imported: 1 problems" in text and '<td class="number">4</td>' in text
    page = send(boxes())
    assert page.status_code == 200 and 'data-testid="imported"' in page.content.decode()
    assert imported() == 1
    client.force_login(person("annotator").user)
    assert client.get(address).status_code == 404


def test_programs_send_a_zip_and_large_forms_are_taken_at_this_door_only(client, person, clip):
    client.force_login(person("project_lead").user)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("label_02/a.txt", boxes())
        archive.writestr("filler.bin", bytes(5 << 20))
    form = {"format": "kitti", "files": SimpleUploadedFile("a.zip", packed.getvalue())}
    answer = client.post(reverse("api-labels-import", args=[clip.pk]), form)
    assert answer.status_code == 201, answer.content
    assert answer.json()["report"]["keyframes"] == 3
    form["files"] = SimpleUploadedFile("a.zip", packed.getvalue())
    assert client.post(reverse("release-draft"), form).status_code == 413
    broken = {"format": "kitti", "files": SimpleUploadedFile("a.zip", packed.getvalue()[:900])}
    answer = client.post(reverse("api-labels-import", args=[clip.pk]), broken)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "bad_archive"
    assert imported() == 1


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr("apps.release.importing.MAX_UNPACKED_BYTES", 1 << 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", bytes(1 << 21))
    with pytest.raises(Refused, match="too large"):
        unpack([("a.zip", packed.getvalue())])


def test_imported_labels_never_become_a_rater_of_their_own(project, person, clip):
    from apps.release.selecting import select

    import_labels(service("command"), clip, format_name="kitti", files=[("a.txt", boxes())])
    reasons = {row["reason"] for row in select(project).left_out}
    assert reasons == {"imported labels only, not adjudicated"}
