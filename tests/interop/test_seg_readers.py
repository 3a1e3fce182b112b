"""SEG as the field's readers see it: highdicom, pydicom, dciodvfy."""

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest

from tests.domain.release_samples import (
    COLUMNS,
    LESION_1,
    LESION_2,
    MASKS,
    N_FRAMES,
    ROWS,
    sample,
)
from tests.intake import pacs_peers

DEFLATED = "1.2.840.10008.1.2.1.99"


def dciodvfy_errors(path: Path) -> list[str]:
    """Lines of dciodvfy that are errors; the tool must have recognised the object."""
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert any(line.strip() in ("Segmentation", "ComprehensiveSR") for line in lines), lines[:5]
    return [line for line in lines if "Error" in line]


def masks_of(path: Path) -> np.ndarray:
    """Every mask as highdicom reads it: bool (frames, rows, columns, segments)."""
    seg = highdicom.seg.segread(path)
    return seg.get_pixels_by_source_frame(
        "2.25.12",
        list(range(1, N_FRAMES + 1)),
        combine_segments=False,
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    ).astype(bool)


def drawn() -> np.ndarray:
    """The masks as drawn, in the shape of `masks_of`."""
    result = np.zeros((N_FRAMES, ROWS, COLUMNS, 2), bool)
    for segment, key in enumerate((LESION_1, LESION_2)):
        for frame, pixels in MASKS[key].items():
            result[frame, ..., segment] = pixels
    return result


@pytest.fixture(scope="module", params=["native", "deflated"])
def seg_path(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "release"
    limit = 0 if request.param == "deflated" else 1 << 29
    sample().build(folder, ["dicom-seg"], seg_native_limit_bytes=limit)
    path = folder / "dicom" / "subject-a-01" / "seg.dcm"
    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    assert (syntax == DEFLATED) == (request.param == "deflated")
    return path


def test_highdicom_returns_every_overlapping_mask_pixel_for_pixel(seg_path):
    assert (masks_of(seg_path) == drawn()).all()


def test_dciodvfy_finds_no_error_in_a_seg(seg_path, tmp_path):
    # dciodvfy cannot inflate; dcmtk can, and so is shown to read both.
    inflated = tmp_path / "inflated.dcm"
    subprocess.run(["dcmconv", "+te", str(seg_path), str(inflated)], check=True)
    assert dciodvfy_errors(inflated) == []


def test_a_seg_holds_only_frames_with_a_mask_and_names_its_tracks(seg_path):
    seg = highdicom.seg.segread(seg_path)
    assert seg.NumberOfFrames == 6
    assert seg.SegmentsOverlap == "YES"
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["Lesion 1", "Lesion 2"]
    assert seg.SegmentSequence[0].TrackingUID.startswith("2.25.")
    assert seg.CodingSchemeIdentificationSequence


def test_masks_too_long_for_one_pixel_data_come_back_whole_from_several_instances(tmp_path):
    from apps.release.domain.dicom_seg import seg_parts, write_seg
    from apps.release.domain.objects import clip_labels

    freeze = sample().freeze
    clip = freeze.clips[0]
    parts = seg_parts(clip, clip_labels(freeze, clip), limit_bytes=ROWS * COLUMNS // 8 * 2 + 8)
    assert [len(p) for p in parts] == [2, 2, 2]
    found = np.zeros_like(drawn())
    uids = set()
    for number, rows in enumerate(parts, 1):
        path = tmp_path / f"{number}.dcm"
        with path.open("wb") as out:
            uids.add(write_seg(freeze, clip, rows, out, number).sop_instance_uid)
        assert dciodvfy_errors(path) == []
        got = masks_of(path)
        labels = [s.SegmentLabel for s in pydicom.dcmread(path).SegmentSequence]
        for place, label in enumerate(labels):
            found[..., int(label[-1]) - 1] |= got[..., place]
    assert (found == drawn()).all()
    assert len(uids) == 3


@pytest.fixture(scope="module", params=["native", "deflated"])
def labelmaps(request, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp(f"labelmap-{request.param}") / "release"
    limit = 0 if request.param == "deflated" else 1 << 29
    sample().build(folder, ["dicom-labelmap"], seg_native_limit_bytes=limit)
    paths = sorted((folder / "dicom" / "subject-a-01").glob("labelmap*.dcm"),
                   key=lambda path: (len(path.name), path.name))  # fmt: skip
    for path in paths:
        syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        assert (syntax == DEFLATED) == (request.param == "deflated")
    return paths


def test_highdicom_returns_each_overlapping_mask_whole_from_label_maps(labelmaps):
    # The sample's lesions overlap, so each has an instance of its own.
    assert len(labelmaps) == 2
    found = np.concatenate([masks_of(path) for path in labelmaps], axis=3)
    assert (found == drawn()).all()


def test_a_label_map_says_what_its_values_are_and_overlaps_nowhere(labelmaps):
    names = []
    for path in labelmaps:
        seg = highdicom.seg.segread(path)
        assert str(seg.segmentation_type) == "SegmentationTypeValues.LABELMAP"
        assert (seg.SegmentsOverlap, seg.PixelPaddingValue, seg.BitsAllocated) == ("NO", 0, 8)
        background, *own = seg.SegmentSequence
        assert (background.SegmentNumber, background.SegmentLabel) == (0, "Background")
        assert set(np.unique(seg.pixel_array)) == {0, *(s.SegmentNumber for s in own)}
        assert all("SegmentIdentificationSequence" not in g
                   for g in seg.PerFrameFunctionalGroupsSequence)  # fmt: skip
        names += [s.SegmentLabel for s in own]
    assert names == ["Lesion 1", "Lesion 2"]


def test_dcmtk_reads_a_label_map_and_writes_it_again_unchanged(labelmaps, tmp_path):
    for path in labelmaps:
        again = tmp_path / path.name
        subprocess.run(["dcmconv", "+te", str(path), str(again)], check=True)
        one, two = pydicom.dcmread(path), pydicom.dcmread(again)
        assert one == two


@pytest.mark.skipif(shutil.which("Orthanc") is None, reason="apt-get install orthanc")
def test_orthanc_takes_label_maps_and_gives_them_back_as_they_were(labelmaps, tmp_path):
    with pacs_peers.orthanc(tmp_path, AuthenticationEnabled=False) as (_, http):
        at = f"http://127.0.0.1:{http}/instances"
        for path in labelmaps:
            with urllib.request.urlopen(at, path.read_bytes(), timeout=60) as answer:
                taken = json.load(answer)
            assert taken["Status"] == "Success"
            with urllib.request.urlopen(f"{at}/{taken['ID']}/file", timeout=60) as answer:
                assert answer.read() == path.read_bytes()
