"""Other people's readers, and a checker of YOLO's published rules, over a release's formats."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from apps.annotation.domain import rle
from apps.release.domain.objects import clip_labels
from tests.domain.release_samples import sample

FORMATS = ("coco-video", "mots", "yolo", "kitti", "cholec80", "cholect50", "endovis", "cvat",
           "datumaro", "csv")  # fmt: skip
RUN = """
import json, sys
from datumaro import Dataset
found = []
data = Dataset.import_from(sys.argv[1], "datumaro")
names = [l.name for l in data.categories()[next(iter(data.categories()))].items]
for item in data:
    for each in item.annotations:
        row = {"id": item.id, "split": item.subset, "type": each.type.name,
               "label": names[each.label], "attributes": dict(each.attributes)}
        if each.type.name == "mask":
            row["area"] = int(each.image.sum())
            row["pixels"] = each.image.astype(int).tolist()
        elif each.type.name == "points":
            row["points"] = list(map(float, each.points))
            row["visibility"] = [int(v.value) for v in each.visibility]
        elif each.type.name == "bbox":
            row["bbox"] = list(map(float, each.get_bbox()))
        found.append(row)
print("RESULT", json.dumps(found))
"""


# CVAT itself is a server and no package; datumaro brings its own reader of CVAT's XML. Of a track's
# mask it asks for the size of an <image>, which a video has none of: it is told the task's.
RUN_CVAT = """
import json, sys
from datumaro import Dataset
from datumaro.plugins.data_formats.cvat.base import CvatBase
size = {"width": sys.argv[2], "height": sys.argv[3]}
parse = CvatBase._parse_shape_ann.__func__
CvatBase._parse_shape_ann = classmethod(
    lambda cls, ann, categories, image: parse(cls, ann, categories, image or size))
found = []
data = Dataset.import_from(sys.argv[1], "cvat")
names = [l.name for l in data.categories()[next(iter(data.categories()))].items]
for item in data:
    for each in item.annotations:
        row = {"frame": int(item.attributes["frame"]), "label": names[each.label],
               "type": each.type.name, "attributes": dict(each.attributes)}
        if each.type.name == "mask":
            row["pixels"] = each.image.astype(int).tolist()
        elif each.type.name == "points":
            row["points"] = list(map(float, each.points))
        elif each.type.name == "bbox":
            row["bbox"] = list(map(float, each.get_bbox()))
        found.append(row)
print("RESULT", json.dumps(found))
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("formats") / "release"
    sample().build(folder, FORMATS)
    return folder


@pytest.fixture(scope="module")
def placed():
    """(clip, class, number, frame) → what was labelled there."""
    freeze = sample().freeze
    return {
        (clip.name, track.class_id, track.number, each.frame_index): each
        for clip in freeze.clips
        for track in clip_labels(freeze, clip).tracks
        for each in track.frames
    }


@pytest.fixture(scope="module")
def datumaro_python(tmp_path_factory) -> str:
    """A Python that has datumaro: this one, or an environment of its own."""
    if importlib.util.find_spec("datumaro"):
        return sys.executable
    if named := os.environ.get("DATUMARO_PYTHON"):
        return named
    folder = tmp_path_factory.mktemp("datumaro")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = str(folder / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
         "datumaro==1.13.12"],
        check=True, timeout=280,
    )  # fmt: skip
    return python


@pytest.mark.bars  # datumaro brings pandas and pyarrow: an environment of its own takes minutes
def test_datumaro_reads_every_annotation_as_it_was_labelled(release, placed, datumaro_python):
    done = subprocess.run(
        [datumaro_python, "-c", RUN, str(release / "datumaro")],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
    found = json.loads(line.removeprefix("RESULT "))
    seen = set()
    for row in found:
        if row["type"] == "label":
            continue
        clip, _, number = row["id"].rpartition("/")
        key = (clip, row["label"], row["attributes"]["number"], int(number) - 1)
        each = placed[key]
        seen.add(key)
        if row["type"] == "mask":
            assert (np.array(row["pixels"], bool) == rle.decode(each.shape["rle"])).all()
        elif row["type"] == "points":
            assert np.allclose(row["points"], each.shape["point"], atol=0.01)  # it keeps 2 decimals
            assert row["visibility"] == [2 if each.state == "visible" else 1]
        else:
            assert np.allclose(row["bbox"], each.shape["box"], atol=0.01)
        assert row["attributes"]["occluded"] == (each.state == "occluded")
    assert seen == set(placed)
    phases = {}
    for row in found:
        if row["type"] == "label":
            phases.setdefault(row["label"], set()).add(int(row["id"][-6:]) - 1)
    assert phases == {"preparation": set(range(15)), "dissection": set(range(15, 40)),
                      "bleeding": {17}}  # fmt: skip


@pytest.mark.bars
def test_datumaro_reads_every_shape_of_cvat_s_video_xml(release, placed, datumaro_python, tmp_path):
    for clip, columns, rows in (("subject-a-01", 90, 70), ("subject-b-01", 40, 30)):
        folder = tmp_path / clip
        folder.mkdir()
        shutil.copy(release / "cvat" / f"{clip}.xml", folder / "annotations.xml")
        done = subprocess.run(
            [datumaro_python, "-c", RUN_CVAT, str(folder), str(columns), str(rows)],
            capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
        seen = set()
        for row in json.loads(line.removeprefix("RESULT ")):
            if row["attributes"].get("outside"):
                continue
            key = (clip, row["label"], int(row["attributes"]["number"]), row["frame"])
            each = placed[key]
            seen.add(key)
            if row["type"] == "mask":
                assert (np.array(row["pixels"], bool) == rle.decode(each.shape["rle"])).all()
            elif row["type"] == "points":
                assert np.allclose(row["points"], each.shape["point"], atol=0.01)
            else:
                assert np.allclose(row["bbox"], each.shape["box"], atol=0.01)
            assert row["attributes"]["occluded"] == (each.state == "occluded")
        assert seen == {key for key in placed if key[0] == clip}


def yolo_problems(folder: Path) -> list[str]:
    """What Ultralytics' published rules find wrong with a task's folder; empty when it holds."""
    described = yaml.safe_load((folder / "data.yaml").read_text())
    names = described["names"]
    problems = [] if list(names) == list(range(len(names))) else ["names are not 0, 1, 2, …"]
    if "kpt_shape" in described:
        points, values = described["kpt_shape"]
        width = 5 + points * values
    else:
        width = 5 if folder.name == "detect" else None
    for split in ("train", "val"):
        if described.get(split) != f"images/{split}":
            problems.append(f"{split} is missing")
    for path in sorted((folder / "labels").rglob("*.txt")):
        rows = [line.split(" ") for line in path.read_text().splitlines()]
        if len({tuple(r) for r in rows}) != len(rows):
            problems.append(f"{path.name}: a line stands twice")
        for row in rows:
            values = np.array(row[1:], float)
            if width and len(row) != width:
                problems.append(f"{path.name}: {len(row)} columns instead of {width}")
            if not width and (len(row) < 7 or len(row) % 2 == 0):
                problems.append(f"{path.name}: a polygon needs three corners or more")
            if not row[0].isdigit() or int(row[0]) >= len(names):
                problems.append(f"{path.name}: class {row[0]} is not in names")
            coordinates = values[: 4 + 2] if "kpt_shape" in described else values
            if (coordinates < 0).any() or (coordinates > 1).any():
                problems.append(f"{path.name}: coordinates outside 0 to 1")
    return problems


@pytest.mark.parametrize("task", ["detect", "segment", "pose"])
def test_yolo_s_published_rules_hold_for_every_label_file(release, task):
    folder = release / "yolo" / task
    assert yolo_problems(folder) == []
    assert len(list((folder / "labels").rglob("*.txt"))) > 2
    spoiled = next((folder / "labels").rglob("*.txt"))
    held = spoiled.read_text()
    spoiled.write_text(held.replace(" 0.", " 1.", 1))
    assert yolo_problems(folder) != []
    spoiled.write_text(held)


def test_opencv_reads_mots_and_endovis_pictures_and_pycocotools_the_mots_runs(release, placed):
    from pycocotools import mask as coco_mask

    text = next((release / "mots").rglob("instances_txt/subject-a-01.txt")).read_text()
    lines = [line.split(" ") for line in text.splitlines()]
    assert len(lines) == 6
    for frame, value, class_number, height, width, counts in lines:
        pixels = coco_mask.decode({"size": [int(height), int(width)], "counts": counts.encode()})
        picture = cv2.imread(
            str(next((release / "mots").rglob(f"subject-a-01/{int(frame):06d}.png"))),
            cv2.IMREAD_UNCHANGED,
        )
        assert picture.dtype == np.uint16 and int(value) // 1000 == int(class_number) == 1
        assert ((picture == int(value)) == pixels.astype(bool)).all()
    for path in (release / "endovis").rglob("*.png"):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        frame = int(path.stem) - 1
        there = [
            e for (clip, _, _, f), e in placed.items() if (clip, f) == (path.parent.name, frame)
        ]
        pixels = [rle.decode(e.shape["rle"]) for e in there if e.shape["type"] == "mask"]
        union = np.any(pixels, axis=0)
        assert picture.dtype == np.uint8 and ((picture == 1) == union).all()
