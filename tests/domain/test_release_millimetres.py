"""Millimetres in the exports: measured where the picture is calibrated, told to the column."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from apps.annotation.domain.measures import measures
from apps.library.domain.calibration import Region
from apps.release.domain.freeze import dump_freeze, load_freeze
from apps.release.domain.millimetres import COLUMNS as MM
from apps.release.domain.parquet import read_table
from tests.domain.format_label_sets import COLUMNS, ROWS, _class
from tests.domain.format_samples import freeze_of, read_back, written
from tests.domain.release_samples import VIDEO, sample

ONTOLOGY = {
    "slug": "ultrasound", "version": 1, "title": "Ultrasound",
    "schemes": [{"designator": "99CLINANNOT", "name": "ClinicalAnnot", "uid": "2.25.77"}],
    "classes": [_class(name, name) for name in ("box", "polyline", "polygon", "tip")],
}  # fmt: skip
SHAPES = {
    "box": {"type": "box", "box": [1.0, 2.0, 4.0, 3.0]},
    "polyline": {"type": "polyline", "points": [[1, 1], [4, 5], [4, 8]]},
    "polygon": {"type": "polygon", "points": [[1, 1], [8, 1], [8, 7]]},
    "tip": {"type": "tip", "point": [3.0, 3.0]},
}
REGION = Region(0, 0, COLUMNS, ROWS, 0.5, 0.25)
OUTSIDE = {"type": "box", "box": [8.0, 1.0, 2.0, 2.0]}


def freeze(*regions: Region):
    """A clip with one keyframe of each shape on frame 2; the box moves on to the right until 4."""
    tracks = {
        f"00000000-0000-4000-8000-00000000000{k}": {
            "clip": VIDEO, "class_id": name, "number": 1, "attributes": {},
            "keyframes": {"2": {"state": "visible", "shape": shape, "attributes": {}},
                          "4": {"state": "visible" if name == "box" else "absent",
                                "shape": OUTSIDE if name == "box" else None, "attributes": {}}},
        }
        for k, (name, shape) in enumerate(SHAPES.items())
    }  # fmt: skip
    made = freeze_of({"clips": [VIDEO], "tracks": tracks, "intervals": {}}, ONTOLOGY)
    rows = [vars(region) for region in regions] or None
    return replace(made, clips=[replace(made.clips[0], regions=rows)])


def wanted(name: str, region: Region = REGION) -> dict[str, tuple[float, float]]:
    return {f"{m.kind}_{m.unit}": (m.value, m.uncertainty)
            for m in measures(SHAPES[name], [region])}  # fmt: skip


def table(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["objects.csv"].decode())))


def told(row) -> dict[str, tuple[float, float]]:
    """What a row says in millimetres; values with their uncertainty."""
    return {
        name: (float(row[name]), float(row[f"{name}_uncertainty"]))
        for name in MM
        if not name.endswith("_uncertainty") and row[name] not in ("", None)
    }


def test_csv_and_parquet_tell_what_is_measured_and_are_read_back_all_the_same():
    plain, calibrated = freeze(), freeze(REGION)
    assert not set(MM) & set(table(written("csv", plain))[0])
    files = written("csv", calibrated)
    rows = [row for row in table(files) if row["frame_index"] == "2"]
    assert {row["class_id"]: told(row) for row in rows} == {name: wanted(name) for name in SHAPES}
    names, values = read_table(written("parquet", calibrated)["objects.parquet"])
    found = [dict(zip(names, row, strict=True)) for row in values]
    assert [told(row) for row in found if row["frame_index"] == 2] == [told(row) for row in rows]
    for name in ("csv", "parquet", "coco-video"):
        labels, report = read_back(name, written(name, calibrated), calibrated)
        assert report.problems == []
        assert labels == read_back(name, written(name, plain), plain)[0]


def test_nothing_is_measured_outside_a_region():
    left = replace(REGION, x1_px=6.0)
    rows = [row for row in table(written("csv", freeze(left))) if row["class_id"] == "box"]
    assert [bool(told(row)) for row in rows] == [True, False, False]


def test_coco_video_carries_measurements_in_both_layouts():
    files = written("coco-video", freeze(REGION))
    whole = json.loads(files["annotations.json"])
    names = {c["id"]: c["class_id"] for c in whole["categories"]}
    rows = {names[a["category_id"]]: a for a in whole["annotations"] if a["frame_index"] == 2}
    for name in SHAPES:
        said = [m.as_json() for m in measures(SHAPES[name], [REGION])]
        assert rows[name].get("measurements", []) == said
    box = next(a for a in json.loads(files["ytvis.json"])["annotations"] if a["class_id"] == "box")
    assert box["measurements"][2] == rows["box"]["measurements"] and box["measurements"][0] is None


def test_a_smaller_picture_measures_the_same_millimetres():
    # Twice as many rows and columns: each pixel is half as large, and so is what it leaves open.
    rows = table(written("csv", freeze(REGION), height_px=2 * ROWS))
    for row in rows:
        if row["frame_index"] == "2" and row["class_id"] != "tip":
            for name, (value, off) in told(row).items():
                assert value == pytest.approx(wanted(row["class_id"])[name][0])
                assert off == pytest.approx(wanted(row["class_id"])[name][1] / 2)


def test_a_freeze_keeps_its_regions_and_one_of_before_keeps_its_bytes():
    before = sample().freeze
    assert b'"regions"' not in dump_freeze(before)
    now = replace(before, clips=[replace(before.clips[0], regions=[vars(REGION)])])
    assert load_freeze(dump_freeze(now)).clips[0].regions == [vars(REGION)]


def test_an_sr_of_a_calibrated_clip_comes_back_with_its_lines_and_outlines():
    labels, report = read_back("dicom-sr", written("dicom-sr", freeze(REGION)), freeze(REGION))
    assert report.problems == []
    held = {t["class_id"]: t["keyframes"]["2"]["shape"] for t in labels["tracks"].values()}
    assert held == SHAPES
    labels, _report = read_back("dicom-sr", written("dicom-sr", freeze()), freeze())
    assert {t["class_id"] for t in labels["tracks"].values()} == {"box", "tip"}
