"""One release, every format: the same mask, point, box and phase on each labelled frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.annotation.domain import rle
from apps.release.domain.build import FORMATS
from apps.release.domain.importing import read_with
from apps.release.domain.objects import clip_labels
from apps.release.domain.registry import FORMATS as KNOWN
from apps.release.domain.verify import verify_tree
from tests.domain.format_columns import COLUMNS_OF, content, differences
from tests.domain.format_samples import target_of
from tests.domain.release_samples import CINE, PUBLIC_KEY, VIDEO, sample


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exact") / "release"
    sample().build(folder)
    return folder


def only(clip_id, labels=None):
    """The sample's freeze with one clip, with other labels where they are given."""
    whole = sample().freeze
    (clip,) = [c for c in whole.clips if c.id == clip_id]
    if labels is not None:
        clip = replace(clip, label_set=replace(clip.label_set, labels=labels))
    return replace(whole, clips=[clip])


def read(release: Path, name: str, clip_id: str):
    """The labels that a format of the release gives for one clip of it."""
    freeze = only(clip_id)
    folder = release / KNOWN[name].folder
    if name.startswith("dicom-"):
        folder = folder / freeze.clips[0].name
    files = {p.relative_to(folder).as_posix(): p.read_bytes()
             for p in folder.rglob("*") if p.is_file()}  # fmt: skip
    labels, report = read_with(KNOWN[name].read, files, target_of(freeze))
    assert report.problems == [], report.problems
    return only(clip_id, labels)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_of_one_release_says_the_same_of_every_labelled_frame(release, name):
    columns = COLUMNS_OF[name]
    columns = replace(columns, tolerance_px=max(columns.tolerance_px, 1e-5))
    signed = content(only(VIDEO), columns)
    assert signed
    assert differences(signed, content(read(release, name, VIDEO), columns),
                       columns.tolerance_px) == []  # fmt: skip


def test_masks_that_do_not_overlap_are_the_same_pixels_in_every_format_that_has_masks(release):
    freeze = only(VIDEO)
    lesions = clip_labels(freeze, freeze.clips[0]).of("mask")
    by_frame = {}
    for track in lesions:
        for placed in track.frames:
            by_frame.setdefault(placed.frame_index, []).append(placed.shape["rle"])
    alone = {frame: there[0] for frame, there in by_frame.items() if len(there) == 1}
    assert len(alone) == 2
    for name in ("dicom-seg", "dicom-labelmap", "coco-video", "yolo", "mots", "endovis", "cvat",
                 "datumaro", "csv"):  # fmt: skip
        found = read(release, name, VIDEO)
        there = {
            placed.frame_index: placed.shape["rle"]
            for track in clip_labels(found, found.clips[0]).of("mask")
            for placed in track.frames
        }
        for frame, wanted in alone.items():
            assert (rle.decode(there[frame]) == rle.decode(wanted)).all(), (name, frame)


def test_the_tip_of_the_cine_is_the_same_point_in_every_format_that_has_points(release):
    for name in ("dicom-sr", "coco-video", "yolo", "cvat", "datumaro", "csv", "mot", "kitti"):
        found = read(release, name, CINE)
        (track,) = clip_labels(found, found.clips[0]).tracks
        (placed,) = track.frames
        assert placed.frame_index == 1
        assert np.allclose(placed.shape["point"], [3.3, 4.4], atol=1e-4), name


def test_what_each_format_leaves_out_is_counted_in_the_manifest(tmp_path):
    manifest = sample().build(tmp_path / "out", ["mots", "mot:stride=5", "csv", "dicom-seg"])
    assert manifest["formats"] == ["dicom-seg", "mot:stride=5", "mots", "csv"]
    dropped = manifest["dropped"]
    assert dropped["csv"] == {}
    assert dropped["mots"]["tip places"] == 19 and dropped["mots"]["box places"] == 11
    assert dropped["mots"]["phases and events"] == 3
    lesions = clip_labels(only(VIDEO), only(VIDEO).clips[0]).of("mask")
    one, two = ({p.frame_index: rle.decode(p.shape["rle"]) for p in t.frames} for t in lesions)
    shared = sum(int((one[f] & two[f]).sum()) for f in one if f in two)
    assert shared > 0 and dropped["mots"]["mask pixels given to another mask"] == shared
    assert verify_tree(tmp_path / "out", public_key=PUBLIC_KEY, recompute_frames=False) == []


def test_the_frame_map_names_the_frame_and_time_of_each_exported_picture(tmp_path):
    sample().build(tmp_path / "out", ["mot:stride=7:height=35"])
    lines = (tmp_path / "out" / "mot" / "frame_map.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    video = [row for row in rows if row[0] == "subject-a-01"]
    assert [(int(r[1]), int(r[2]), int(r[3])) for r in video] == [
        (i, 7 * i, 7 * i + 1) for i in range(6)
    ]
    frames = (tmp_path / "out" / "media" / "subject-a-01.frames.csv").read_text().splitlines()[1:]
    for row in video:
        assert row[4:7] == frames[int(row[2])].split(",")[2:5]
        assert row[7:] == ["45", "35"]
    info = next((tmp_path / "out" / "mot").rglob("subject-a-01/seqinfo.ini")).read_text()
    assert "seqLength=6\nimWidth=45\nimHeight=35\n" in info and "frameRate=3.571429" in info
    boxes = next((tmp_path / "out" / "mot").rglob("bag-*/subject-a-01/gt/gt.txt")).read_text()
    assert boxes.splitlines()[0] == "1,1,3.5000,4.2500,10.0000,5.0000,1,1,1"
    assert [line.split(",")[0] for line in boxes.splitlines()] == ["1", "2"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_page_that_says_its_files_columns_and_what_it_cannot_carry(
    release, name
):
    page = (Path(__file__).parents[2] / "docs" / "formats" / f"{name}.md").read_text()
    for heading in ("## Files", "## Cannot carry", "## Importing"):
        assert heading in page
    assert page.splitlines()[0].lstrip("# ") in (release / "DATA_DICTIONARY.md").read_text()
    folder = release / KNOWN[name].folder
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".txt", ".yaml", ".json", ".ini", ".csv", ".xml"):
            known = (path.name, f"*{path.suffix}", f"<clip>{path.suffix}", f"%06d{path.suffix}",
                     f"<split>{path.suffix}", f"<clip>-{path.stem.rpartition('-')[2]}.txt",
                     f"<class>-<split>{path.suffix}")  # fmt: skip
            assert any(word in page for word in known), path.name
    if name == "csv":
        for path in folder.iterdir():
            for column in path.read_text().splitlines()[0].split(","):
                assert column in page
