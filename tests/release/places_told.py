"""Where each format says a label lies, read by the field's own readers or as plain text.

Each reader gives (class, frame index, x) of every label: x is the left edge of a mask's or box's
pixels, or the place of a tip; of a ``phase`` it is its name, and of ``tools`` who is there.
"""

from __future__ import annotations

import configparser
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import highdicom
import numpy as np
import pyarrow.parquet
import pydicom
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

# COCO has the classes' names where the others have their ids.
IDS = {"Lesion": "lesion", "Grasper": "grasper", "Specimen bag": "specimen_bag"}
Told = Iterator[tuple[str, int, Any]]


def left(pixels: np.ndarray) -> int:
    return int(np.nonzero(pixels.any(axis=0))[0][0])


def _decoded(run: dict[str, Any]) -> np.ndarray:
    counts = run["counts"]
    counts = counts.encode() if isinstance(counts, str) else counts
    return np.asarray(coco_mask.decode({"size": run["size"], "counts": counts}))


def seg(folder: Path, clip: str) -> Told:
    found = highdicom.seg.segread(str(folder / f"dicom/{clip}/seg.dcm"))
    source = found.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    numbers = [
        int(
            group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        )
        for group in found.PerFrameFunctionalGroupsSequence
    ]  # fmt: skip
    pixels = found.get_pixels_by_source_frame(
        source.ReferencedSOPInstanceUID, numbers, combine_segments=False,
        ignore_spatial_locations=True, assert_missing_frames_are_empty=True,
    )  # fmt: skip
    for number, frame in zip(numbers, pixels, strict=True):
        yield "lesion", number - 1, left(frame.any(axis=-1))


def labelmap(folder: Path, clip: str) -> Told:
    found = pydicom.dcmread(folder / f"dicom/{clip}/labelmap.dcm")
    groups = found.PerFrameFunctionalGroupsSequence
    for group, pixels in zip(groups, found.pixel_array, strict=True):
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        yield "lesion", int(source.ReferencedFrameNumber) - 1, left(pixels > 0)


def sr(folder: Path, clip: str) -> Told:
    pending = [pydicom.dcmread(folder / f"dicom/{clip}/sr.dcm")]
    while pending:
        item = pending.pop()
        pending += item.get("ContentSequence", [])
        if item.get("ValueType") != "SCOORD":
            continue
        number = item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber
        place = np.reshape(item.GraphicData, (-1, 2))[:, 0].min()
        class_id = "grasper" if item.GraphicType == "POINT" else "specimen_bag"
        yield class_id, int(number) - 1, float(place)


def coco_images(folder: Path, clip: str) -> Told:
    found = COCO(str(folder / "coco_video/annotations.json"))
    for row in found.loadAnns(found.getAnnIds()):
        frame = found.imgs[row["image_id"]]["frame_index"]
        name = IDS[found.cats[row["category_id"]]["name"]]
        if "segmentation" in row:
            yield name, frame, left(found.annToMask(row))
        else:
            yield name, frame, (row.get("keypoints") or row["bbox"])[0]


def coco_tracks(folder: Path, clip: str) -> Told:
    found = json.loads((folder / "coco_video/ytvis.json").read_text())
    (video,) = found["videos"]
    names = {row["id"]: IDS[row["name"]] for row in found["categories"] if row["name"] in IDS}
    for row in found["annotations"]:
        for place, frame in enumerate(video["frames"]):
            run, points = row["segmentations"][place], (row.get("keypoints") or {})
            box = row["bboxes"][place]
            at = points[place] if isinstance(points, list) else None
            if run or at or box:
                x = left(_decoded(run)) if run else (at or box)[0]
                yield names[row["category_id"]], frame["frame_index"], x


def mot(folder: Path, clip: str) -> Told:
    for path in (folder / "mot").glob(f"*/{clip}/gt/gt.txt"):
        class_id = path.parents[2].name.rpartition("-")[0]
        information = configparser.ConfigParser()
        information.read(path.parents[1] / "seqinfo.ini")
        for line in path.read_text().splitlines():
            frame, _, x, _, width, *_ = map(float, line.split(","))
            assert frame <= int(information["Sequence"]["seqLength"])
            yield class_id, int(frame) - 1, x - 1 + (width / 2 if class_id == "grasper" else 0)


def mots(folder: Path, clip: str) -> Told:
    (path,) = (folder / "mots").glob(f"*/instances_txt/{clip}.txt")
    for line in path.read_text().splitlines():
        frame, value, _, height, width, counts = line.split(" ")
        run = {"size": [int(height), int(width)], "counts": counts}
        yield "lesion", int(frame), left(_decoded(run))
        (shown,) = (folder / "mots").glob(f"*/instances/{clip}/{int(frame):06d}.png")
        pixels = cv2.imread(str(shown), cv2.IMREAD_UNCHANGED)
        yield "lesion", int(frame), left(pixels == int(value))


def endovis(folder: Path, clip: str) -> Told:
    for path in (folder / "endovis").rglob(f"{clip}/*.png"):
        yield "lesion", int(path.stem) - 1, left(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0)


def yolo(folder: Path, clip: str) -> Told:
    names = _yolo_names(folder)
    width = 160
    for task in ("detect", "segment", "pose"):
        for path in (folder / f"yolo/{task}/labels").rglob(f"{clip}_*.txt"):
            frame = int(path.stem.rpartition("_")[2]) - 1
            for line in path.read_text().splitlines():
                number, *values = line.split(" ")
                x = np.array(values, float) * width
                name = names[task][int(number)]
                if task == "segment":
                    yield name, frame, round(float(x[::2].min()), 3)
                else:
                    half = 0 if name == "grasper" else x[2] / 2
                    yield name, frame, round(float(x[0] - half), 3)


def _yolo_names(folder: Path) -> dict[str, dict[int, str]]:
    import yaml

    tasks = ("detect", "segment", "pose")
    return {t: yaml.safe_load((folder / f"yolo/{t}/data.yaml").read_text())["names"] for t in tasks}


def kitti(folder: Path, clip: str) -> Told:
    (path,) = (folder / "kitti").glob(f"*/label_02/{clip}.txt")
    for line in path.read_text().splitlines():
        frame, _, name, _, _, _, x1, _, x2, *_ = line.split(" ")
        half = (float(x2) - float(x1)) / 2 if name == "grasper" else 0
        yield name, int(frame), float(x1) + half


def cholec80(folder: Path, clip: str) -> Told:
    (phases,) = (folder / "cholec80").rglob(f"{clip}-phase.txt")
    for line in phases.read_text().splitlines()[1:]:
        frame, name = line.split("\t")
        yield "phase", int(frame), name
    (tools,) = (folder / "cholec80").rglob(f"{clip}-tool.txt")
    for row in csv.DictReader(io.StringIO(tools.read_text()), delimiter="\t"):
        frame = int(row.pop("Frame"))
        yield "tools", frame, {name for name, there in row.items() if there == "1"}


def cholect50(folder: Path, clip: str) -> Told:
    found = json.loads((folder / f"cholect50/labels/{clip}.json").read_text())
    names = found["categories"]["instrument"]
    for frame, rows in found["annotations"].items():
        for row in rows:
            name = names[str(row[1])]
            x = row[3] * 160 + (row[5] * 80 if name == "grasper" else 0)
            yield name, int(frame), round(x, 3)
            yield "phase", int(frame), found["categories"]["phase"][str(row[14])]


def cvat(folder: Path, clip: str) -> Told:
    for track in ElementTree.parse(folder / f"cvat/{clip}.xml").iter("track"):
        for shape in track:
            if shape.get("outside") == "1":
                continue
            if shape.tag == "points":
                x = float(str(shape.get("points")).split(",")[0])
            else:
                x = float(shape.get("left") or shape.get("xtl") or "nan")
            yield str(track.get("label")), int(str(shape.get("frame"))), x


def datumaro(folder: Path, clip: str) -> Told:
    found = json.loads(next((folder / "datumaro/annotations").glob("*.json")).read_text())
    names = [row["name"] for row in found["categories"]["label"]["labels"]]
    for item in found["items"]:
        frame = int(item["id"].rpartition("/")[2]) - 1
        for row in item["annotations"]:
            name = names[row["label_id"]]
            if row["type"] == "mask":
                yield name, frame, left(_decoded(row["rle"]))
            elif row["type"] == "label":
                yield "phase", frame, name
            else:
                yield name, frame, (row.get("points") or row["bbox"])[0]


def _of_table(rows: list[dict[str, Any]]) -> Told:
    for row in rows:
        x = float(row["x"])
        yield row["class_id"], int(row["frame_index"]), x
        if row["rle"]:
            yield (
                row["class_id"],
                int(row["frame_index"]),
                left(_decoded({"size": [112, 160], "counts": row["rle"]})),
            )


def csv_tables(folder: Path, clip: str) -> Told:
    with open(folder / "csv/objects.csv", newline="") as source:
        yield from _of_table(list(csv.DictReader(source)))


def parquet(folder: Path, clip: str) -> Told:
    yield from _of_table(pyarrow.parquet.read_table(folder / "parquet/objects.parquet").to_pylist())


READERS: dict[str, tuple[Callable[[Path, str], Told], ...]] = {
    "dicom-seg": (seg,),
    "dicom-labelmap": (labelmap,),
    "dicom-sr": (sr,),
    "coco-video": (coco_images, coco_tracks),
    "mot": (mot,),
    "mots": (mots,),
    "yolo": (yolo,),
    "kitti": (kitti,),
    "cholec80": (cholec80,),
    "cholect50": (cholect50,),
    "endovis": (endovis,),
    "cvat": (cvat,),
    "datumaro": (datumaro,),
    "csv": (csv_tables,),
    "parquet": (parquet,),
}
