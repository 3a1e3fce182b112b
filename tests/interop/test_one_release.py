"""One release in every format, read by other people's readers or as plain text: each labelled frame
has the same mask, point, box and phase in all of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import highdicom
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from apps.annotation.domain import rle
from apps.release.domain.objects import clip_labels
from tests.domain.release_samples import COLUMNS, N_FRAMES, ROWS, sample
from tests.interop.test_seg_readers import masks_of
from tests.interop.test_sr_readers import frame_number

CLIP = "subject-a-01"
FORMATS = ("dicom-seg", "dicom-sr", "coco-video", "mot", "mots", "yolo", "kitti", "cholec80",
           "endovis", "csv")  # fmt: skip


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("one") / "release"
    sample().build(folder, FORMATS)
    return folder


@pytest.fixture(scope="module")
def signed():
    """(class, number, frame) → the shape that was signed there, of the video."""
    freeze = sample().freeze
    return {
        (track.class_id, track.number, placed.frame_index): placed.shape
        for track in clip_labels(freeze, freeze.clips[0]).tracks
        for placed in track.frames
    }


@pytest.fixture(scope="module")
def coco(release) -> dict:
    """(class, number, frame) → annotation, as pycocotools has them."""
    found = COCO(str(release / "coco_video" / "annotations.json"))
    tracks = {t["id"]: t for t in found.dataset["tracks"]}
    return {
        (tracks[a["track_id"]]["class_id"], tracks[a["track_id"]]["number"],
         found.imgs[a["image_id"]]["frame_index"]): {**a, "pixels": found.annToMask(a)
                                                     if "segmentation" in a else None}
        for a in found.loadAnns(found.getAnnIds(imgIds=[
            i for i, image in found.imgs.items() if image["video_id"] == 1]))
    }  # fmt: skip


def of(found, class_id):
    return {key: value for key, value in found.items() if key[0] == class_id}


def lines_of(folder: Path, pattern: str, separator: str | None = None):
    """(frame number in the file's name, columns) of each line of the clip's files."""
    for path in sorted(folder.rglob(pattern)):
        for line in path.read_text().splitlines():
            yield path.stem.rpartition("_")[2], line.split(separator)


def filled(polygon: np.ndarray) -> np.ndarray:
    """Pixels whose centre the polygon holds by the even-odd rule, bool (ROWS, COLUMNS)."""
    x, y = np.meshgrid(np.arange(COLUMNS) + 0.5, np.arange(ROWS) + 0.5)
    inside = np.zeros((ROWS, COLUMNS), bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 != y2:
            crosses = (y < max(y1, y2)) & (y >= min(y1, y2))
            inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside


def test_each_mask_is_the_same_pixels_in_seg_coco_and_as_yolo_s_polygon(release, signed, coco):
    wanted = of(signed, "lesion")
    seg = masks_of(release / "dicom" / CLIP / "seg.dcm")
    assert {(f, s) for f, s in zip(*np.nonzero(seg.any(axis=(1, 2))), strict=True)} == {
        (frame, number - 1) for _, number, frame in wanted
    }
    size = np.array([COLUMNS, ROWS])
    polygons = {
        ("lesion", int(row[-1]) % 1000, int(number) - 1): np.array(row[1:-1], float).reshape(-1, 2)
        for number, row in lines_of(release / "yolo" / "segment" / "tracks", f"{CLIP}_*.txt")
    }
    assert set(polygons) == set(of(coco, "lesion")) == set(wanted)
    for key, shape in wanted.items():
        pixels = rle.decode(shape["rle"])
        assert (seg[key[2], ..., key[1] - 1] == pixels).all(), key
        assert (coco[key]["pixels"] == pixels).all(), key
        assert (filled(polygons[key] * size) == pixels).all(), key


def test_where_no_masks_overlap_mots_and_endovis_have_the_same_pixels(release, signed):
    wanted = of(signed, "lesion")
    frames = [frame for _, _, frame in wanted]
    alone = {key: shape for key, shape in wanted.items() if frames.count(key[2]) == 1}
    assert len(alone) == 2
    runs = {
        (int(row[1]) % 1000, int(row[0])): row
        for _, row in lines_of(release / "mots", f"instances_txt/{CLIP}.txt")
    }
    for (_, number, frame), shape in alone.items():
        pixels = rle.decode(shape["rle"])
        row = runs[number, frame]
        size = [int(row[3]), int(row[4])]
        assert (coco_mask.decode({"size": size, "counts": row[5].encode()}) == pixels).all()
        (path,) = (release / "mots").rglob(f"instances/{CLIP}/{frame:06d}.png")
        assert ((cv2.imread(str(path), cv2.IMREAD_UNCHANGED) == int(row[1])) == pixels).all()
        (path,) = (release / "endovis").rglob(f"{CLIP}/{frame + 1:06d}.png")
        assert ((cv2.imread(str(path), cv2.IMREAD_UNCHANGED) != 0) == pixels).all()


def test_each_tip_is_the_same_point_in_sr_coco_and_yolo_pose(release, signed, coco):
    wanted = of(signed, "grasper")
    content = highdicom.sr.srread(release / "dicom" / CLIP / "sr.dcm").content
    points = {
        ("grasper", 1, frame_number(group) - 1): group.roi.value[0]
        for group in content.get_planar_roi_measurement_groups()
        if group.tracking_identifier == "Grasper 1"
    }
    pose = {
        ("grasper", 1, int(number) - 1): np.array(row[5:7], float) * [COLUMNS, ROWS]
        for number, row in lines_of(release / "yolo" / "pose" / "labels", f"{CLIP}_*.txt")
    }
    assert set(points) == set(pose) == set(of(coco, "grasper")) == set(wanted)
    for key, shape in wanted.items():
        assert coco[key]["keypoints"][:2] == shape["point"]
        assert np.allclose(points[key], shape["point"], rtol=1e-6, atol=0)
        assert np.allclose(pose[key], shape["point"], rtol=0, atol=1e-6)


def test_each_box_is_the_same_in_mot_kitti_and_coco(release, signed, coco):
    wanted = of(signed, "bag")
    mot = {
        ("bag", int(row[1]), int(row[0]) - 1): np.array(row[2:6], float) - [1, 1, 0, 0]
        for path in (release / "mot").glob(f"bag-*/{CLIP}/gt/gt.txt")
        for row in csv.reader(path.open())
    }
    kitti = {}
    for _, row in lines_of(release / "kitti", f"label_02/{CLIP}.txt"):
        if row[2] == "bag":
            left, top, right, bottom = map(float, row[6:10])
            kitti["bag", int(row[1]) % 1000, int(row[0])] = [left, top, right - left, bottom - top]
    assert set(mot) == set(kitti) == set(of(coco, "bag")) == set(wanted)
    for key, shape in wanted.items():
        assert coco[key]["bbox"] == shape["box"]
        assert np.allclose(mot[key], shape["box"], rtol=0, atol=1e-4)
        assert np.allclose(kitti[key], shape["box"], rtol=0, atol=2e-6)


def test_each_frame_has_the_same_phase_in_sr_cholec80_csv_and_coco(release):
    content = highdicom.sr.srread(release / "dicom" / CLIP / "sr.dcm").content
    by_report: dict[int, str] = {}
    for group in content.get_image_measurement_groups():
        (image,) = (i for i in group[0].ContentSequence if i.ValueType == "IMAGE")
        first, last = map(int, image.ReferencedSOPSequence[0].ReferencedFrameNumber)
        if group.finding_type.meaning != "Bleeding":
            by_report.update(dict.fromkeys(range(first - 1, last), group.finding_type.meaning))
    path = release / "cholec80" / "phase_annotations" / f"{CLIP}-phase.txt"
    by_line = {int(r["Frame"]): r["Phase"] for r in csv.DictReader(path.open(), delimiter="\t")}
    by_table: dict[int, str] = {}
    for row in csv.DictReader((release / "csv" / "intervals.csv").open()):
        if row["kind"] == "phase" and row["clip"] == CLIP:
            frames = range(int(row["start_frame"]), int(row["end_frame"]))
            by_table.update(dict.fromkeys(frames, row["class_id"].capitalize()))
    document = json.loads((release / "coco_video" / "annotations.json").read_text())
    by_document: dict[int, str] = {}
    for row in document["intervals"]:
        if row["kind"] == "phase" and row["video_id"] == 1:
            by_document.update(
                dict.fromkeys(range(row["start_frame"], row["end_frame"]), row["name"])
            )
    assert by_report == by_line == by_table == by_document
    assert set(by_line) == set(range(N_FRAMES)) and len(set(by_line.values())) == 2
