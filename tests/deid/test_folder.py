"""``deidentify``: folder to folder, every input with a verdict, refused ones leave nothing."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pydicom import dcmread

from apps.audit.models import Event
from apps.deid.domain.write import write_instance
from apps.vault.files import storage
from fixtures import broken
from tests import shared
from tests.domain import deid_corpus as corpus

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ultrasound cine, a repeated one, a text and a broken video, in two folders."""
    folder = tmp_path_factory.mktemp("Morgan_Levyana")
    shared.make_one("ultrasound", folder / "b", 4)
    shutil.copy(folder / "b/ultrasound.dcm", folder / "b/zzz.dcm")
    broken.not_dicom(folder / "a")
    broken.hevc_as_h264(folder / "c")
    return folder


def run(*args: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("deidentify", *map(str, args), stdout=out, stderr=err)
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def verdicts(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (one["input"], one["verdict"], one.get("reason", one.get("same_as", "")))
        for one in report["inputs"]
    ]


def test_each_input_gets_a_verdict_and_accepted_ones_one_clean_file(
    project: Any, src: Path, tmp_path: Path
) -> None:
    report_file = tmp_path / "report.json"
    stored = set(storage().names())
    code, said, told = run(
        src,
        tmp_path / "out",
        "--project",
        "demo",
        "--accept-proposed-boxes",
        "--report",
        report_file,
    )
    report = json.loads(report_file.read_text())
    assert code == 0
    assert verdicts(report) == [
        ("#1", "refused", "not_dicom"),
        ("#2", "accepted", ""),
        ("#3", "refused", "not_dicom"),
        ("#4", "repeated", "#2"),
        ("#5", "refused", "transfer_syntax_mismatch"),
    ]
    made = list((tmp_path / "out").iterdir())
    assert [file.name for file in made] == [report["inputs"][1]["output"]]
    ds = dcmread(made[0])
    before = dcmread(src / "b/ultrasound.dcm")
    assert made[0].name == f"{ds.SOPInstanceUID}.dcm" and ds.SOPInstanceUID != before.SOPInstanceUID
    assert ds.InstanceNumber == before.InstanceNumber
    one = report["inputs"][1]
    assert one["scan"]["clean"] and one["actions"]["remove"] > 10 and len(one["boxes"]) == 2
    truth = json.loads((src / "b/ultrasound.truth.json").read_text())
    strong = [v["value"] for v in truth["identifiers"] if v["strong"]]
    everything = said + told + report_file.read_text() + made[0].read_bytes().decode("latin-1")
    assert strong and not [place for place, v in enumerate(strong) if v in everything]
    assert "Morgan" not in said + told + report_file.read_text()
    assert {name for name, _ in storage().names()} == {name for name, _ in stored}
    assert list(Event.objects.filter(action="deid.folder").values_list("outcome", flat=True)) == [
        "begun",
        "done",
    ]


def test_without_the_flag_what_shows_pictures_needs_review_and_is_not_written(
    project: Any, src: Path, tmp_path: Path
) -> None:
    code, said, _ = run(src / "b", tmp_path / "out", "--project", "demo")
    report = json.loads(said)
    assert code == 0
    assert [one["verdict"] for one in report["inputs"]] == ["needs_review", "refused", "repeated"]
    assert report["counts"] == {"inputs": 3, "needs_review": 1, "refused": 1, "repeated": 1}
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder with one structured report, which shows no picture."""
    folder = tmp_path / "in"
    folder.mkdir()
    with open(folder / "a.dcm", "wb") as out:
        write_instance(out, corpus.report(), "1.2.840.10008.1.2.1")
    return folder


def test_what_shows_no_picture_needs_no_person_and_keeps_its_pseudonym_over_runs(
    project: Any, reports: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        _, said, _ = run(reports, tmp_path / name, "--project", "demo")
        assert verdicts(json.loads(said)) == [("#1", "accepted", "")]
    first, second = (next((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert first.name == second.name
    assert dcmread(first).PatientID == dcmread(second).PatientID
    content = first.read_bytes()
    assert [place for place, v in enumerate(corpus.PLANTED) if v.encode() in content] == []


def test_the_same_uid_with_other_bytes_is_refused(
    project: Any, reports: Path, tmp_path: Path
) -> None:
    ds = dcmread(reports / "a.dcm")
    ds.SeriesNumber = 99
    ds.save_as(reports / "b.dcm")
    _, said, _ = run(reports, tmp_path / "out", "--project", "demo")
    assert verdicts(json.loads(said))[1] == ("#2", "refused", "uid_clash")


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (["--project", "nowhere"], 2, "--project"),
        (["--project", "demo", "--profile", "lax"], 2, "profile"),
    ],
)
def test_wrong_use_ends_with_2_and_names_the_argument(
    project: Any, src: Path, tmp_path: Path, args: list[str], code: int, word: str
) -> None:
    ended, _, told = run(src, tmp_path / "out", *args)
    assert ended == code and word in told


def test_a_folder_that_is_not_empty_is_not_written_to(
    project: Any, src: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    code, _, told = run(src, tmp_path, "--project", "demo")
    assert code == 2 and "DST" in told


def test_a_project_that_asks_for_a_person_refuses_to_go_without(
    project: Any, src: Path, tmp_path: Path
) -> None:
    project.options = {}
    project.save()
    code, _, told = run(src, tmp_path / "out", "--project", "demo", "--accept-proposed-boxes")
    assert code == 1 and "person" in told
