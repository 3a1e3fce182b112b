"""Each annotator's own labels beside the consensus, and how many have each object and from when."""

from __future__ import annotations

import copy
import csv
import hashlib
import json
from dataclasses import replace

import pytest

from apps.release.domain.freeze import Freeze, FreezeError, dump_freeze, load_freeze
from apps.release.domain.freeze_check import validate
from apps.release.domain.verify import verify_tree
from tests.domain.release_samples import (
    BAG,
    BLEEDING,
    GRASPER,
    LESION_1,
    PREPARATION,
    Sample,
    sample,
    video_labels,
)


def two_raters(other=None) -> Sample:
    """The sample with two annotators: one as the consensus but for what is said here."""
    one, two = copy.deepcopy(video_labels()), copy.deepcopy(video_labels())
    one["intervals"][PREPARATION]["end_frame"] = 12
    two["intervals"][PREPARATION] |= {"start_frame": 3, "end_frame": 18}
    del two["intervals"][BLEEDING], two["tracks"][GRASPER]
    del one["tracks"][LESION_1]["keyframes"]["5"]
    for keyframe in two["tracks"][BAG]["keyframes"].values():
        keyframe["shape"]["box"][1] += 40  # somewhere else: not the same bag
    whole = sample()
    first, second = whole.freeze.clips
    raters = [
        {"pseudonym": name, "revision": 2, "labels": labels}
        for name, labels in (("annotator-k3", one), ("annotator-p8", other or two))
    ]
    clip = replace(first, label_set=replace(first.label_set, raters=raters))
    return replace(whole, freeze=replace(whole.freeze, clips=[clip, second]))


def test_votes_and_the_bounds_of_each_boundary_stand_beside_the_consensus(tmp_path):
    whole = two_raters()
    whole.build(tmp_path / "out", ["csv"])
    folder = tmp_path / "out" / "raters"
    assert [p.name for p in folder.iterdir()] == ["subject-a-01"]  # the other has none to show
    with (folder / "subject-a-01" / "uncertainty.csv").open(newline="") as file:
        rows = {(r["class_id"], r["number"]): r for r in csv.DictReader(file)}

    def told(*key):
        row = rows[key]
        return [row[k] for k in ("votes", "start_frame", "start_first", "start_last", "end_frame",
                                 "end_first", "end_last")]  # fmt: skip

    assert told("preparation", "") == ["2", "0", "0", "3", "15", "12", "18"]
    assert told("bleeding", "") == ["1", "17", "17", "17", "18", "18", "18"]
    assert told("grasper", "1")[0] == "1" and told("bag", "1")[0] == "1"
    assert told("lesion", "1")[:4] == ["2", "5", "5", "6"]
    assert {row["raters"] for row in rows.values()} == {"2"}
    assert verify_tree(tmp_path / "out", check_proofs=False) == []
    assert "raters/" in (tmp_path / "out" / "DATASHEET.md").read_text()


def test_an_annotator_who_labelled_as_the_consensus_has_the_very_lines_that_were_signed(tmp_path):
    whole = two_raters(video_labels())
    whole.build(tmp_path / "out", ["csv"])
    theirs = tmp_path / "out" / "raters" / "subject-a-01" / "annotator-p8.jsonl"
    digest = hashlib.sha256(theirs.read_bytes()).hexdigest()
    assert digest == whole.freeze.clips[0].label_set.expanded_digest
    other = theirs.with_name("annotator-k3.jsonl")
    assert json.loads(other.read_text().splitlines()[0])["format"]
    assert other.read_bytes() != theirs.read_bytes()


def test_a_freeze_keeps_them_and_one_without_says_nothing_of_them():
    freeze = two_raters().freeze
    again: Freeze = load_freeze(dump_freeze(freeze))
    assert again.clips[0].label_set.raters == freeze.clips[0].label_set.raters
    assert again.clips[1].label_set.raters is None
    assert b'"raters"' not in dump_freeze(sample().freeze)


def test_labels_of_an_annotator_outside_the_clip_are_not_frozen():
    beyond = video_labels()
    beyond["intervals"][PREPARATION]["end_frame"] = 1000
    with pytest.raises(FreezeError, match=r"raters\[1\]"):
        validate(two_raters(beyond).freeze)
