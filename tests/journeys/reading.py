"""Readers of an export for the tests: the field's own tools, nothing of the product."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import av
import highdicom
import numpy as np
from pycocotools import mask as coco
from pydicom import dcmread


def decoded_digests(path: Path) -> list[str]:
    """SHA-256 of each decoded picture's planes in the coded pixel format (plain libav)."""
    out = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            total = hashlib.sha256()
            for plane, (width, height) in zip(frame.planes, _sizes(frame), strict=True):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                total.update(np.ascontiguousarray(rows[:height, :width]).tobytes())
            out.append(total.hexdigest())
    return out


def _sizes(frame: av.VideoFrame) -> list[tuple[int, int]]:
    half = ((frame.width + 1) // 2, (frame.height + 1) // 2)
    return [(frame.width, frame.height), half, half]


def frames_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as source:
        return list(csv.DictReader(source))


def seg_masks(path: Path, n_frames: list[int]) -> dict[str, dict[int, np.ndarray]]:
    """Segment label to frame index to mask, read by highdicom."""
    seg = highdicom.seg.segread(str(path))
    source = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID
    found: dict[str, dict[int, np.ndarray]] = {}
    numbers = [index + 1 for index in n_frames]
    pixels = seg.get_pixels_by_source_frame(
        source,
        numbers,
        combine_segments=False,
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )
    for place, item in enumerate(seg.SegmentSequence):
        found[str(item.SegmentLabel)] = {
            index: pixels[at, :, :, place].astype(bool) for at, index in enumerate(n_frames)
        }
    return found


def coco_masks(annotations: dict[str, Any]) -> dict[tuple[str, int], np.ndarray]:
    """(class, frame index) to mask, decoded by pycocotools."""
    categories = {row["id"]: row["name"] for row in annotations["categories"]}
    images = {row["id"]: row["frame_index"] for row in annotations["images"]}
    found = {}
    for row in annotations["annotations"]:
        if row.get("segmentation"):
            rle = row["segmentation"]
            mask = coco.decode({"size": rle["size"], "counts": rle["counts"].encode()})
            found[categories[row["category_id"]], images[row["image_id"]]] = mask.astype(bool)
    return found


def sr_points(path: Path) -> dict[int, list[tuple[float, float]]]:
    """Frame index to POINT coordinates in a structured report."""
    found: dict[int, list[tuple[float, float]]] = {}

    def walk(item: Any) -> None:
        for child in item.get("ContentSequence", []):
            if child.ValueType == "SCOORD" and child.GraphicType == "POINT":
                reference = child.ContentSequence[0].ReferencedSOPSequence[0]
                number = int(reference.ReferencedFrameNumber)
                found.setdefault(number - 1, []).append(tuple(map(float, child.GraphicData)))
            walk(child)

    walk(dcmread(path))
    return found


def sr_spans(path: Path) -> list[tuple[float, float]]:
    """Referenced Time Offsets of every temporal coordinate."""
    found: list[tuple[float, float]] = []

    def walk(item: Any) -> None:
        for child in item.get("ContentSequence", []):
            if child.ValueType == "TCOORD":
                found.append(tuple(map(float, child.ReferencedTimeOffsets)))
            walk(child)

    walk(dcmread(path))
    return found


def load_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))
