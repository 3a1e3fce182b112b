"""How sure the consensus is travels with it, also where nobody's own labels are released."""

from __future__ import annotations

import csv
import json

import pytest

from apps.adjudication.services import decisions_of
from apps.release import services
from apps.release.collecting import read_freeze
from apps.release.domain.parquet import read_table
from apps.release.writing import write_folder

pytestmark = pytest.mark.django_db


def test_votes_and_boundary_intervals_stand_in_freeze_tables_and_coco(
    project, person, signed, tmp_path
):
    lead = person("project_lead")
    formats = ["csv", "parquet", "coco-video"]
    release = services.freeze(lead, project, version="1.0.0", formats=formats)
    (clip,) = read_freeze(release).clips
    told = clip.label_set.uncertainty
    assert clip.label_set.raters is None and told["raters"] == 2
    n = len(signed.findings["disagreements"])
    assert n and len(told["decisions"]) == n
    assert {row["choice"] for row in told["decisions"]} == set(decisions_of(signed).values())
    folder = tmp_path / "release"
    write_folder(release, folder, release.formats)
    assert not (folder / "raters").exists()

    with (folder / "csv/uncertainty.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by_class = {row["class_id"]: row for row in rows}
    half, shifted = clip.n_frames // 2, clip.n_frames // 2 + 14
    phase = by_class["preparation"]
    assert phase["raters"] == phase["votes"] == "2"
    assert [phase[name] for name in ("start_first", "start_last")] == ["0", "0"]
    assert [phase[name] for name in ("end_first", "end_last")] == [str(half), str(shifted)]
    after = by_class["calot_triangle_dissection"]
    assert [after["start_first"], after["start_last"]] == [str(half), str(shifted)]
    with (folder / "csv/tracks.csv").open(newline="") as file:
        tracks = {row["tracking_uid"] for row in csv.DictReader(file)}
    assert tracks < {row["tracking_uid"] for row in rows} == set(told["objects"])
    with (folder / "csv/decisions.csv").open(newline="") as file:
        decisions = list(csv.DictReader(file))
    assert [row["choice"] for row in decisions] == [row["choice"] for row in told["decisions"]]

    names, typed = read_table((folder / "parquet/uncertainty.parquet").read_bytes())
    in_parquet = [dict(zip(names, row, strict=True)) for row in typed]
    assert [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in in_parquet
    ] == rows
    assert all(isinstance(row["votes"], int) for row in in_parquet)

    coco = json.loads((folder / "coco_video/annotations.json").read_bytes())
    spans = {row["class_id"]: row["uncertainty"] for row in coco["intervals"]}
    assert spans["preparation"] == {
        "raters": 2, "votes": 2, "start_first": 0, "start_last": 0,
        "end_first": half, "end_last": shifted,
    }  # fmt: skip
    assert {row["tracking_uid"]: row["uncertainty"]["votes"] for row in coco["tracks"]} == {
        uid: told["objects"][uid]["votes"] for uid in tracks
    }
    ytvis = json.loads((folder / "coco_video/ytvis.json").read_bytes())
    assert all("uncertainty" in row for row in ytvis["annotations"])
