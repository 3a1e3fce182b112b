"""COCO-video as pycocotools reads it."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from apps.annotation.domain.interpolate import expand_track
from tests.domain.release_samples import (
    GRASPER,
    LESION_1,
    LESION_2,
    MASKS,
    N_FRAMES,
    sample,
    video_labels,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("coco") / "release"
    sample().build(folder, ["coco-video"])
    return folder


@pytest.fixture(scope="module")
def coco(folder) -> COCO:
    return COCO(str(folder / "coco_video" / "annotations.json"))


def annotations_of(coco: COCO, tracking_id: str) -> dict[int, dict]:
    """Annotations of a track of the video by frame index."""
    rows = coco.loadAnns(coco.getAnnIds())
    return {
        coco.imgs[a["image_id"]]["frame_index"]: a
        for a in rows
        if a["tracking_id"] == tracking_id and a["video_id"] == 1
    }


@pytest.mark.parametrize(("tracking_id", "key"), [("Lesion 1", LESION_1), ("Lesion 2", LESION_2)])
def test_pycocotools_gives_every_mask_pixel_for_pixel(coco, tracking_id, key):
    found = annotations_of(coco, tracking_id)
    assert set(found) == set(MASKS[key])
    for frame, pixels in MASKS[key].items():
        annotation = found[frame]
        assert (coco.annToMask(annotation) == pixels).all()
        encoded = coco_mask.encode(np.asfortranarray(pixels.astype(np.uint8)))
        assert annotation["bbox"] == coco_mask.toBbox(encoded).tolist()
        assert annotation["area"] == pixels.sum()


def test_tips_are_keypoints_exactly_where_they_were_placed(coco):
    found = annotations_of(coco, "Grasper 1")
    expected = {
        f["frame_index"]: f
        for f in expand_track(video_labels()["tracks"][GRASPER], "tip")
        if f["state"] != "absent"
    }
    assert set(found) == set(expected)
    for frame, row in expected.items():
        x, y = row["shape"]["point"]
        assert found[frame]["keypoints"] == [x, y, 2 if row["state"] == "visible" else 1]
        assert found[frame]["bbox"] == [x - 12, y - 12, 24, 24]
        assert found[frame]["interpolated"] == row["interpolated"]


def test_every_frame_is_an_image_with_the_digest_of_its_picture(coco):
    freeze = sample().freeze
    images = [i for i in coco.dataset["images"] if i["video_id"] == 1]
    assert len(images) == N_FRAMES
    assert [i["digest"] for i in images] == [d.tobytes().hex() for d in freeze.clips[0].digests]
    assert images[3]["file_name"] == "media/subject-a-01/000004.png"


def test_released_cine_pictures_bear_the_names_that_coco_gives(coco, folder):
    for image in coco.dataset["images"]:
        if image["video_id"] == 2:
            assert (folder / image["file_name"]).is_file()


def test_the_youtube_vis_layout_says_the_same_in_a_list_entry_a_frame(coco, folder):
    document = json.loads((folder / "coco_video" / "ytvis.json").read_text())
    for track in document["annotations"]:
        length = document["videos"][track["video_id"] - 1]["length"]
        for key in ("segmentations", "bboxes", "areas"):
            assert len(track[key]) == length
        if track["video_id"] == 1:
            rows = annotations_of(coco, track["tracking_id"])
            assert {i for i, box in enumerate(track["bboxes"]) if box} == set(rows)
            for frame, row in rows.items():
                assert track["bboxes"][frame] == row["bbox"]
                assert track["segmentations"][frame] == row.get("segmentation")
                if "keypoints" in row:
                    assert track["keypoints"][frame] == row["keypoints"]
    assert document["intervals"] == coco.dataset["intervals"]


def test_intervals_keep_their_frames_and_seconds(coco):
    rows = {i["name"]: i for i in coco.dataset["intervals"]}
    bleeding = rows["Bleeding"]
    assert (bleeding["start_frame"], bleeding["end_frame"]) == (17, 18)
    assert (bleeding["start_s"], bleeding["end_s"]) == (0.68, 0.72)
    assert (rows["Dissection"]["end_frame"], rows["Dissection"]["end_s"]) == (N_FRAMES, 1.6)
