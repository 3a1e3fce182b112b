"""SR as the field's readers see it: highdicom, dcmtk's dsrdump, dciodvfy."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest

from apps.annotation.domain.interpolate import expand_track
from apps.release.domain.dicom_sr import sr_parts, write_sr
from apps.release.domain.objects import ClipLabels, Placed, clip_labels
from tests.domain.release_samples import BAG, GRASPER, N_FRAMES, sample, video_labels
from tests.interop.test_seg_readers import dciodvfy_errors


@pytest.fixture(scope="module")
def sr_path(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sr") / "release"
    sample().build(folder, ["dicom-sr"])
    return folder / "dicom" / "subject-a-01" / "sr.dcm"


def frame_number(group) -> int:
    """The one frame that a group's region is selected from."""
    reference = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == "2.25.12"
    return int(reference.ReferencedFrameNumber)


def evaluations(group) -> dict[str, str]:
    return {e.name.meaning: e.value.meaning for e in group.get_qualitative_evaluations()}


def test_highdicom_finds_each_tip_of_each_frame_within_a_hundredth_of_a_pixel(sr_path):
    content = highdicom.sr.srread(sr_path).content
    groups = {
        frame_number(g): g
        for g in content.get_planar_roi_measurement_groups()
        if g.tracking_identifier == "Grasper 1"
    }
    expected = {
        f["frame_index"] + 1: f
        for f in expand_track(video_labels()["tracks"][GRASPER], "tip")
        if f["state"] != "absent"
    }
    assert set(groups) == set(expected)
    assert len({g.tracking_uid for g in groups.values()}) == 1
    for number, frame in expected.items():
        point = groups[number].roi.value[0]
        assert abs(point - frame["shape"]["point"]).max() < 0.01
        found = evaluations(groups[number])
        assert found["Visibility"] == frame["state"].capitalize()
        assert found["Origin of geometry"].startswith("Inter") == frame["interpolated"]


def test_an_attribute_of_a_tip_stands_until_the_next_keyframe(sr_path):
    content = highdicom.sr.srread(sr_path).content
    jaws = {
        frame_number(g) - 1: evaluations(g).get("Jaw")
        for g in content.get_planar_roi_measurement_groups()
        if g.tracking_identifier == "Grasper 1"
    }
    assert (jaws[2], jaws[8], jaws[9], jaws[20], jaws[26]) == ("Open", "Open", None, "Shut", "Shut")


def test_boxes_come_back_as_closed_outlines(sr_path):
    content = highdicom.sr.srread(sr_path).content
    boxes = [
        g for g in content.get_planar_roi_measurement_groups() if g.tracking_identifier == "Bag 1"
    ]
    assert len(boxes) == len(expand_track(video_labels()["tracks"][BAG], "box"))
    assert evaluations(boxes[3])["Torn"] == "No"
    (fill,) = boxes[3].get_measurements()
    assert (fill.name.meaning, fill.value, fill.unit.value) == ("Fill", 62.5, "%")
    assert boxes[0].roi.value.tolist() == [[5, 6.5], [25, 6.5], [25, 16.5], [5, 16.5], [5, 6.5]]


def test_phases_and_events_bear_seconds_and_exact_first_and_last_frames(sr_path):
    content = highdicom.sr.srread(sr_path).content
    found = {}
    for group in content.get_image_measurement_groups():
        items = {i.ValueType: i for i in group[0].ContentSequence if i.ValueType != "TEXT"}
        frames = items["IMAGE"].ReferencedSOPSequence[0].ReferencedFrameNumber
        assert items["TCOORD"].TemporalRangeType == "SEGMENT"
        seconds = [float(v) for v in items["TCOORD"].ReferencedTimeOffsets]
        found[group.finding_type.meaning] = (list(map(int, frames)), seconds)
    assert found == {
        "Preparation": ([1, 15], [0.0, 0.6]),
        "Dissection": ([16, N_FRAMES], [0.6, 1.6]),
        "Bleeding": ([18, 18], [0.68, 0.72]),
    }


def test_dciodvfy_finds_no_error_and_dsrdump_reads_the_document(sr_path):
    assert dciodvfy_errors(sr_path) == []
    done = subprocess.run(["dsrdump", str(sr_path)], capture_output=True, text=True, check=True)
    assert done.stdout.count("POINT") == 18
    assert done.stdout.count("SEGMENT") == 3
    assert "Verification Flag   : VERIFIED" in done.stdout
    assert "adjudicator-x1" in done.stdout


def test_a_label_set_without_signature_gives_an_unverified_document():
    freeze = sample().freeze
    clip = freeze.clips[0]
    unsigned = replace(clip, label_set=replace(clip.label_set, signature=None))
    out = io.BytesIO()
    (part,) = sr_parts(unsigned, clip_labels(freeze, unsigned))
    write_sr(freeze, unsigned, part, out)
    values = pydicom.dcmread(io.BytesIO(out.getvalue()))
    assert values.VerificationFlag == "UNVERIFIED"
    assert "VerifyingObserverSequence" not in values


def test_a_long_clip_is_cut_by_time_and_highdicom_reads_each_part():
    freeze = sample().freeze
    clip = replace(freeze.clips[0], n_frames=1500, pts=np.arange(1500) * 512)
    labels = clip_labels(freeze, clip)
    (tip,) = labels.of("tip")
    frames = [
        Placed(i, "visible", {"type": "tip", "point": [i * 0.5, 3.25]}, False, {})
        for i in range(1500)
    ]
    tips = [replace(tip, frames=frames), replace(tip, tracking_id="Grasper 2", frames=frames[400:])]
    parts = list(sr_parts(clip, ClipLabels(tips, labels.intervals), most=700))
    assert [part.first_frame for part in parts][1:] == [part.end_frame for part in parts][:-1]
    assert parts[-1].end_frame == 1500
    uids, found = set(), []
    for part in parts:
        out = io.BytesIO()
        report = write_sr(freeze, clip, part, out)
        assert report.n_places <= 700 and report.n_intervals == (3 if part.number == 1 else 0)
        uids.add(report.sop_instance_uid)
        values = pydicom.dcmread(io.BytesIO(out.getvalue()))
        assert values.InstanceNumber == part.number
        groups = values.ContentSequence[-1].ContentSequence
        assert len(groups) == report.n_places + report.n_intervals
        found.append(report.n_places)
    assert sum(found) == 1500 + 1100 and len(uids) == len(parts) == 4
    # The whole of highdicom's reading costs 15 ms a point: the shortest part stands for the rest.
    last = io.BytesIO()
    write_sr(freeze, clip, replace(parts[-1], places=[(tips[1], frames[-3:])]), last)
    content = highdicom.sr.srread(io.BytesIO(last.getvalue())).content
    groups = content.get_planar_roi_measurement_groups()
    assert [frame_number(group) for group in groups] == [1498, 1499, 1500]
