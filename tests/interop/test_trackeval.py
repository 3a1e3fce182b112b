"""TrackEval loads each MOT benchmark of a release and scores its own labels as perfect."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.domain.release_samples import sample

# TrackEval asks for the OpenCV build with GUI libraries, which it does not need for boxes: so it
# is put into a folder of its own, without what it asks for.
REQUIREMENT = (
    "trackeval==1.3.0 "
    "--hash=sha256:bf5ed90f7b5a3eafc6dcfce36fb900259a587e8f3b2438ef23d72e7d4ab94efb\n"
)
RUN = """
import json, sys
import trackeval
gt, trackers, benchmark, split = sys.argv[1:]
data = trackeval.datasets.MotChallenge2DBox.get_default_dataset_config()
data.update(GT_FOLDER=gt, TRACKERS_FOLDER=trackers, BENCHMARK=benchmark, SPLIT_TO_EVAL=split,
            PRINT_CONFIG=False)
asked = trackeval.Evaluator.get_default_eval_config()
asked.update(PRINT_CONFIG=False, PRINT_RESULTS=False, OUTPUT_SUMMARY=False, OUTPUT_DETAILED=False,
             PLOT_CURVES=False, TIME_PROGRESS=False, BREAK_ON_ERROR=True)
metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR({"PRINT_CONFIG": False})]
results, _ = trackeval.Evaluator(asked).evaluate(
    [trackeval.datasets.MotChallenge2DBox(data)], metrics)
found = {}
for tracker, by_sequence in results["MotChallenge2DBox"].items():
    scores = by_sequence["COMBINED_SEQ"]["pedestrian"]
    found[tracker] = {"HOTA": float(scores["HOTA"]["HOTA"].mean()),
                      "MOTA": float(scores["CLEAR"]["MOTA"]),
                      "n_boxes": int(scores["CLEAR"]["CLR_TP"] + scores["CLEAR"]["CLR_FN"]),
                      "n_sequences": len(by_sequence) - 1}
print("RESULT", json.dumps(found))
"""


@pytest.fixture(scope="module")
def trackeval_path(tmp_path_factory) -> str:
    if importlib.util.find_spec("trackeval"):
        return ""
    target = tmp_path_factory.mktemp("trackeval")
    listed = target / "requirements.txt"
    listed.write_text(REQUIREMENT)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes",
         "--disable-pip-version-check", "--target", str(target / "lib"), "-r", str(listed)],
        check=True, timeout=120,
    )  # fmt: skip
    return str(target / "lib")


def track(rows: list[str], shift_px: float) -> str:
    """A tracker's output made from ground truth, its boxes shifted to the right."""
    lines = []
    for row in rows:
        frame, number, x, *rest = row.split(",")
        lines.append(f"{frame},{number},{float(x) + shift_px},{','.join(rest[:3])},1,-1,-1,-1\n")
    return "".join(lines)


def test_trackeval_scores_the_released_labels_as_perfect_and_shifted_ones_as_worse(
    trackeval_path, tmp_path
):
    sample().build(tmp_path / "release", ["mot"])
    mot = tmp_path / "release" / "mot"
    trackers = tmp_path / "trackers"
    n_boxes = {"lesion": 6, "grasper": 19, "bag": 11}  # the cine has one grasper tip
    found_benchmarks = set()
    for seqmap in sorted((mot / "seqmaps").iterdir()):
        class_id, _, split = seqmap.stem.rpartition("-")
        names = seqmap.read_text().split()[1:]
        for name in names:
            rows = (mot / seqmap.stem / name / "gt" / "gt.txt").read_text().splitlines()
            for tracker, shift_px in (("same", 0.0), ("shifted", 6.0)):
                target = trackers / seqmap.stem / tracker / "data"
                target.mkdir(parents=True, exist_ok=True)
                (target / f"{name}.txt").write_text(track(rows, shift_px))
        found = evaluate(trackeval_path, mot, trackers, class_id, split)
        assert found["same"]["HOTA"] == found["same"]["MOTA"] == 1.0
        assert found["shifted"]["HOTA"] < 0.9
        assert found["same"]["n_sequences"] == len(names)
        assert found["same"]["n_boxes"] == n_boxes[class_id]
        found_benchmarks.add(class_id)
    assert found_benchmarks == set(n_boxes)


def evaluate(library: str, mot: Path, trackers: Path, benchmark: str, split: str) -> dict:
    """TrackEval's scores by tracker, computed in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(mot), str(trackers), benchmark, split],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": library},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))
