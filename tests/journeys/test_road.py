"""The road: one study from C-STORE to a signed release, every role in real Chromium, and then each
export compared with what was drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fixtures import barcode
from tests.interop.test_trackeval import evaluate, track
from tests.journeys import leaks, peers, reading
from tests.journeys.screen import chromium
from tests.journeys.stack import running
from tests.journeys.walk import FRAMES, Walk
from tests.shared import make_one

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    made = make_one("laparoscopy", folder, n_frames=FRAMES)
    return made[".dcm"] if ".dcm" in made else folder / "laparoscopy.dcm", json.loads(
        (folder / "laparoscopy.truth.json").read_text()
    )


@pytest.fixture(scope="module")
def walked(sample, tmp_path_factory):
    """The whole way once; the tests below look at what it left."""
    path, truth = sample
    data_dir = tmp_path_factory.mktemp("road") / "data"
    with running(data_dir, in_earnest=True) as stack, chromium() as browser:
        yield Walk(stack, browser, path, truth, tmp_path_factory.mktemp("out")).walk()


def clip_name(walked: Walk) -> str:
    return next((walked.folder / "media").glob("*.mp4")).stem


def test_masks_leave_pixel_for_pixel_in_seg_and_in_coco(walked):
    name = clip_name(walked)
    seg = next((walked.folder / "dicom" / name).glob("*[sS][eE][gG]*"))
    masks = reading.seg_masks(seg, [10])
    annotations = reading.load_json(walked.folder / "coco_video/annotations.json")
    in_coco = reading.coco_masks(annotations)
    for class_id, label in (("lesion", "Lesion 1"), ("shaft", "Instrument shaft 1")):
        drawn = walked.mask(walked.drawn_a, class_id, 10)
        assert drawn.sum() > 500
        assert np.array_equal(masks[label][10], drawn)
        key = next(key for key in in_coco if key[1] == 10 and key[0] in (class_id, label[:-2]))
        assert np.array_equal(in_coco[key], drawn)


def test_tips_leave_where_they_were_set_in_sr_coco_and_mot(walked):
    name = clip_name(walked)
    sr = next((walked.folder / "dicom" / name).glob("*[sS][rR]*"))
    points = reading.sr_points(sr)
    annotations = reading.load_json(walked.folder / "coco_video/annotations.json")
    images = {row["id"]: row["frame_index"] for row in annotations["images"]}
    in_coco = {
        images[row["image_id"]]: row["keypoints"][:2]
        for row in annotations["annotations"]
        if row.get("keypoints")
    }
    mot = next((walked.folder / "mot").glob("grasper-*/*/gt/gt.txt")).read_text().split()
    centres = {}
    for line in mot:
        frame, _, x, y, w, h = map(float, line.split(",")[:6])
        centres[int(frame) - 1] = (x - 1 + w / 2, y - 1 + h / 2)
    # Set at 10, 20 and 40; at 15 and 30 linear in the frame index, computed here.
    at = {f: np.array(p) for f, p in walked.clicked.items()}
    at[15], at[30] = (at[10] + at[20]) / 2, (at[20] + at[40]) / 2
    for frame, expected in at.items():
        assert np.abs(np.array(points[frame]) - expected).max() < 0.01
        assert np.abs(np.array(in_coco[frame]) - expected).max() < 0.01
        assert np.abs(np.array(centres[frame]) - expected).max() < 0.01


def test_phases_leave_to_the_frame(walked):
    name = clip_name(walked)
    rows = reading.frames_csv(walked.folder / f"media/{name}.frames.csv")
    annotations = reading.load_json(walked.folder / "coco_video/annotations.json")
    spans = sorted((row["start_frame"], row["end_frame"]) for row in annotations["intervals"])
    assert spans == [(0, 60), (60, FRAMES - 1)] or spans == [(0, 60), (60, FRAMES)]
    sr = next((walked.folder / "dicom" / name).glob("*[sS][rR]*"))
    offsets = sorted(reading.sr_spans(sr))
    assert offsets[0] == pytest.approx((0.0, float(rows[60]["time_s"])), abs=1e-5)
    assert offsets[1][0] == pytest.approx(float(rows[60]["time_s"]), abs=1e-5)


def test_each_frame_of_the_release_is_the_picture_that_was_labelled(walked):
    name = clip_name(walked)
    rows = reading.frames_csv(walked.folder / f"media/{name}.frames.csv")
    digests = reading.decoded_digests(walked.folder / f"media/{name}.mp4")
    assert [row["digest"] for row in rows] == digests
    assert len(rows) == FRAMES
    assert [int(row["pts"]) for row in rows] == walked.truth["pts"] or len(
        {row["time_base"] for row in rows}
    ) == 1
    import av

    start, end = walked.truth["out_of_body"]
    with av.open(str(walked.folder / f"media/{name}.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if not start - 30 <= index < end + 30:
                assert barcode.read(frame.to_ndarray(format="rgb24")) == index


def test_the_release_and_the_trail_verify(walked):
    stack = walked.stack
    done = stack.manage("verify_release", str(walked.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    keys = stack.manage("show_keys").stdout.split()
    done = stack.manage("verify_audit")
    assert done.returncode == 0, done.stdout
    import subprocess
    import sys

    from tests.journeys.stack import ROOT

    def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "clinical_annot.verify", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    alone = verify(str(walked.folder))
    assert alone.returncode == 0 and alone.stdout.startswith("CONSISTENT, key not pinned")
    assert any(
        verify(str(walked.folder), "--key", key).stdout.startswith("VERIFIED") for key in keys
    )
    bundle = walked.out / "audit.bundle"
    assert stack.manage("export_audit", "--out", str(bundle)).returncode == 0
    assert verify(str(bundle)).stdout.startswith("CONSISTENT")


def test_dciodvfy_finds_no_error_in_what_left(walked):
    folder = walked.folder / "dicom" / clip_name(walked)
    files = [path for path in folder.iterdir() if path.is_file()]
    assert len(files) == 3
    assert {path.name: peers.dciodvfy_errors(path) for path in files} == {
        path.name: [] for path in files
    }


def test_trackeval_loads_the_mot_folder(walked, trackeval_path, tmp_path):
    mot = walked.folder / "mot"
    maps = sorted((mot / "seqmaps").iterdir())
    assert {path.stem.rpartition("-")[0] for path in maps} >= {"lesion", "shaft", "grasper"}
    for seqmap in maps:
        class_id, _, split = seqmap.stem.rpartition("-")
        for name in seqmap.read_text().split()[1:]:
            rows = (mot / seqmap.stem / name / "gt" / "gt.txt").read_text().splitlines()
            target = tmp_path / seqmap.stem / "same" / "data"
            target.mkdir(parents=True, exist_ok=True)
            (target / f"{name}.txt").write_text(track(rows, 0.0))
        found = evaluate(trackeval_path, mot, tmp_path, class_id, split)
        assert found["same"]["HOTA"] == found["same"]["MOTA"] == 1.0


def test_no_planted_identifier_is_found_anywhere(walked):
    planted = [row["value"] for row in walked.truth["identifiers"] if row["strong"]]
    assert len(planted) > 20
    patterns = leaks.needles(planted)
    # The search itself finds what is there: the file as the modality sent it.
    assert len(leaks.search(walked.path.read_bytes(), patterns)) > 10
    found = leaks.search_folder(walked.stack.data_dir, patterns)
    found |= leaks.search_folder(walked.folder, patterns)
    assert found == {}
    assert len(walked.bodies) > 50
    hits = set().union(*(leaks.search(body, patterns) for body in walked.bodies))
    assert hits == set()
    assert leaks.search(walked.stack.log_text().encode(), patterns) == set()


def test_an_annotator_cannot_reach_the_others_work(walked):
    person = walked.person("annotator", 1)
    label_sets = {op["object"] for op in walked.drawn_a}
    assert label_sets
    officer = walked.person("compliance_officer")
    assert officer.api(f"/api/v1/clips/{walked.clip}/").status == 404
    assert person.api(f"/api/v1/clips/{walked.clip}/").status == 200
    researcher = walked.person("researcher")
    assert researcher.api(f"/api/v1/clips/{walked.clip}/frames/0.png").status == 404
    walked.leave(person)
    walked.leave(officer)
    walked.leave(researcher)
