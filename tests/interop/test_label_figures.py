"""Figures of phases and masks equal scikit-learn's on random cases with splits, swaps, gaps, and
frames and pictures that nobody labelled.

scikit-learn is a peer of the bars alone (``make bars NAME="label figures"``), put into a folder of
its own; the same figures are held to other ways of counting in every run of the tests
(``tests/domain/test_phase_metrics.py``, ``test_reader_figures.py``).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from apps.adjudication.domain import phase_metrics
from apps.annotation.domain import rle

CASES = int(os.environ.get("BAR_LABEL_CASES", "200"))
PEER = ("scikit-learn==1.7.2", "joblib==1.5.2", "threadpoolctl==3.6.0")
HAS_PEER = importlib.util.find_spec("sklearn") is not None
FULL = os.environ.get("BAR_FULL") == "1"
RUN = """
import json, sys, warnings
from sklearn import metrics
warnings.simplefilter("ignore")
out = []
for case in json.load(open(sys.argv[1])):
    a, b, labels = case["a"], case["b"], case["labels"]
    found = {"kappa": metrics.cohen_kappa_score(a, b)}
    kept = [(x, y) for x, y in zip(a, b) if x or y]
    if kept:
        found["accuracy"] = metrics.accuracy_score(*zip(*kept))
        for label in labels:
            found["jaccard " + label] = metrics.jaccard_score(a, b, labels=[label], average="macro")
    one, two = case["masks"]
    found["iou"] = metrics.jaccard_score(one, two, zero_division=1.0)
    found["dice"] = metrics.f1_score(one, two, zero_division=1.0)
    out.append(found)
print("RESULT", json.dumps(out))
"""

pytestmark = pytest.mark.skipif(not (FULL or HAS_PEER), reason="a peer of 10 MB: make bars")


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> str:
    if HAS_PEER:
        return ""
    target = tmp_path_factory.mktemp("scikit-learn")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:",
         "--disable-pip-version-check", "--target", str(target), *PEER],
        check=True, timeout=300,
    )  # fmt: skip
    return str(target)


def said(chance: np.random.Generator, n: int) -> list[str]:
    """A line of phases in pieces, some of them empty."""
    line: list[str] = []
    while len(line) < n:
        line += [str(chance.choice(["p", "q", "r", ""]))] * int(chance.integers(1, 15))
    return line[:n]


def other(chance: np.random.Generator, line: list[str]) -> list[str]:
    """The same said by another: boundaries moved, pieces swapped, split and left out."""
    made = list(np.roll(line, int(chance.integers(-4, 5))))
    for _ in range(int(chance.integers(0, 4))):
        start = int(chance.integers(0, len(made)))
        made[start : start + 5] = [str(chance.choice(["p", "q", "r", ""]))] * len(
            made[start : start + 5]
        )
    return [str(name) for name in made] if chance.random() > 0.05 else [""] * len(made)


def pixels(chance: np.random.Generator) -> np.ndarray:
    made = np.zeros((24, 32), bool)
    if chance.random() > 0.1:
        y, x = (int(v) for v in chance.integers(0, 16, 2))
        made[y : y + 10, x : x + 14] = chance.random((*made[y : y + 10, x : x + 14].shape,)) > 0.2
    return made


def test_kappa_accuracy_jaccard_iou_and_dice_equal_scikit_learn_s(library, tmp_path):
    chance = np.random.default_rng(20261126)
    cases = []
    for _ in range(CASES):
        a = said(chance, int(chance.integers(1, 200)))
        masks = [pixels(chance), pixels(chance)]
        cases.append((a, other(chance, a), masks))
    held = tmp_path / "cases.json"
    held.write_text(
        json.dumps(
            [
                {
                    "a": a,
                    "b": b,
                    "labels": sorted({*a, *b} - {""}),
                    "masks": [mask.ravel().astype(int).tolist() for mask in masks],
                }
                for a, b, masks in cases
            ]
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(held)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": library},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
    compared = 0
    for (a, b, masks), wanted in zip(cases, json.loads(line.removeprefix("RESULT ")), strict=True):
        one, two = ([name or None for name in side] for side in (a, b))
        coded = [rle.encode(mask) for mask in masks]
        ours = {
            "kappa": phase_metrics.cohens_kappa(one, two),
            "accuracy": phase_metrics.accuracy(one, two),
            "iou": rle.iou(*coded),
            "dice": rle.dice(*coded),
            **{
                f"jaccard {name}": phase_metrics.jaccard(one, two, name)
                for name in {*one, *two} - {None}
            },
        }
        for name, value in wanted.items():
            # Where both only ever say one and the same scikit-learn's kappa is no number.
            if value == value:
                assert ours[name] == pytest.approx(value, rel=0, abs=1e-9), (name, a, b)
                compared += 1
    assert compared > 5 * CASES
