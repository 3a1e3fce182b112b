"""What COCO says of an object on a frame: box, area, keypoints, segmentation; and the rows of many
tips or boxes at once, as JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from apps.annotation.domain import rle as masks
from apps.annotation.domain.shapes import POINT_SHAPES, enclosed_area, outline_points
from apps.release.domain.objects import Block, Placed, Track, box_of, boxes_of

VISIBILITY = {"visible": 2, "occluded": 1}

# `json.dumps` with options makes an encoder a call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def json_bytes(value: Any) -> bytes:
    """Compact UTF-8. Raises ValueError for a number that JSON cannot say."""
    return _ENCODER.encode(value).encode()


def block_rows(
    track: Track, blocks: Iterator[Block], label_class: dict[str, Any], keys: dict[str, int],
    first_image: int, numbers: Iterator[int],
) -> Iterator[bytes]:  # fmt: skip
    """The annotation entries of blocks, key for key, joined by commas."""

    def text(value: Any) -> str:
        return json_bytes(value).decode().replace("%", "%%")

    for block in blocks:
        n = len(block.values)
        boxes = boxes_of(block.values, track.geometry, label_class)
        frames = range(block.first_frame, block.first_frame + n)
        columns: list[Any] = [
            [next(numbers) for _ in range(n)], [first_image + f for f in frames]
        ]  # fmt: skip

        def number(values: np.ndarray, columns: list[Any] = columns) -> str:
            """The place of a column of numbers; one that never changes is text of the row."""
            bits = values.view(np.int64)
            if (bits == bits[0]).all():
                return repr(values[0].item())
            columns.append(values.tolist())
            return "%r"

        row = '{"id":%d,"image_id":%d,' + text(keys)[1:-1]
        row += f',"bbox":[{",".join(number(side) for side in boxes.T.copy())}]'
        row += f',"area":{number(boxes[:, 2] * boxes[:, 3])},"iscrowd":0,"frame_index":%d,'
        row += text({"state": block.state, "occluded": block.state == "occluded"})[1:-1]
        row += ',"interpolated":%s,'
        row += text(
            {"tracking_id": track.tracking_id, "tracking_uid": track.tracking_uid,
             "attributes": {**track.attributes, **block.attributes}}
        )[1:-1]  # fmt: skip
        flags = ["true"] * n
        if block.has_keyframe:
            flags[0] = "false"
        columns += [frames, flags]
        if track.geometry == "tip":
            x, y = (number(side) for side in block.values.T.copy())
            row += f',"keypoints":[{x},{y},{VISIBILITY[block.state]}],"num_keypoints":1'
        values = tuple(chain.from_iterable(zip(*columns, strict=True)))
        yield (",\n".join([row + "}"] * n) % values).encode()


def point_shape(placed: Placed) -> dict[str, Any]:
    """A shape of several points: as COCO can say it, and whole under `shape`."""
    shape = placed.shape
    if shape["type"] not in POINT_SHAPES:
        return {}
    row: dict[str, Any] = {"shape": shape}
    if shape["type"] in ("polygon", "rotated_box"):
        row["segmentation"] = [[v for point in outline_points(shape) for v in point]]
    if shape["type"] == "keypoints":
        row["keypoints"] = [v for point in shape["points"] for v in point]
        row["num_keypoints"] = sum(1 for point in shape["points"] if point[2])
    return row


def keypoint(placed: Placed) -> list[float]:
    x, y = placed.shape["point"]
    return [float(x), float(y), VISIBILITY[placed.state]]


def box_and_area(placed: Placed, label_class: dict[str, Any]) -> tuple[list[float], float]:
    box = box_of(placed.shape, label_class)
    if placed.shape["type"] == "mask":
        return box, float(masks.area(placed.shape["rle"]))
    if placed.shape["type"] in ("polygon", "rotated_box"):
        return box, enclosed_area(placed.shape)
    return box, box[2] * box[3]
