"""The freeze: what it holds, what it refuses, how splits and times follow from it."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from apps.release.domain.dicom_common import header_values
from apps.release.domain.freeze import FreezeError, canonical, dump_freeze, load_freeze
from apps.release.domain.objects import box_of, clip_labels
from apps.release.domain.splits import draw_split, split_by_patient, splits_document
from tests.domain.release_samples import (
    GRASPER,
    KEY,
    LESION_1,
    LESION_2,
    VIDEO,
    freeze_json,
    sample,
)

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def changed(path: str, value: object) -> dict:
    """The sample's freeze with one field (dots between keys) set to another value."""
    document = json.loads(freeze_json())
    *way, last = path.split(".")
    place = document
    for key in way:
        place = place[int(key) if isinstance(place, list) else key]
    place[last] = value
    return document


def test_a_freeze_written_and_read_again_is_the_same_bytes():
    dumped = dump_freeze(load_freeze(freeze_json()))
    again = load_freeze(dumped)
    assert dump_freeze(again) == dumped
    assert (again.clips[0].pts == load_freeze(freeze_json()).clips[0].pts).all()


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("format", "other/1", "format"),
        ("clips", [], "nothing is signed"),
        ("clips.0.label_set.signature", None, "not signed"),
        ("clips.0.name", "../escape", "name"),
        ("clips.1.name", "subject-a-01", "name"),
        ("clips.0.pts", [1, 2], "pts"),
        ("clips.0.unheard_of", 1, "unheard_of"),
        ("clips.0.sop_instance_uid", "01.2", "sop_instance_uid"),
        ("clips.0.header.OtherPatientIDs", "x", "OtherPatientIDs"),
        ("ontology_digest", "0" * 64, "ontology_digest"),
        ("frozen_at", "2026-03-02T12:00:00+02:00", "frozen_at"),
        ("split_fractions", {"train": 0.5}, "split_fractions"),
        (f"uids.clips.{VIDEO}.seg_instance", None, "seg_instance"),
        (f"clips.0.label_set.labels.tracks.{GRASPER}.class_id", "bag", "shape"),
        (f"clips.0.label_set.labels.tracks.{LESION_2}.number", 1, "number"),
    ],
)
def test_a_freeze_that_cannot_be_released_is_refused_by_the_field_s_name(path, value, named):
    with pytest.raises(FreezeError, match=named):
        load_freeze(changed(path, value))


def test_a_statement_that_bears_the_signer_s_name_is_refused():
    document = json.loads(freeze_json())
    signature = document["clips"][0]["label_set"]["signature"]
    statement = canonical(
        {"name": "A Person", **json.loads(base64.b64decode(signature["statement"]))}
    )
    signature["statement"] = base64.b64encode(statement).decode()
    signature["server_signature"] = base64.b64encode(KEY.sign(statement)).decode()
    with pytest.raises(FreezeError, match="pseudonym"):
        load_freeze(document)


def test_a_patient_keeps_the_split_when_others_are_added():
    freeze = load_freeze(freeze_json())
    before = split_by_patient(freeze)
    more = [replace(c, pseudonym=f"subject-{i}", name=f"c{i}") for i, c in enumerate(freeze.clips)]
    after = split_by_patient(replace(freeze, clips=[*more, *freeze.clips]))
    assert {p: after[p] for p in before} == before
    kept = replace(freeze, splits={"subject-a": "test"}, split_fractions={"train": 1.0, "test": 0})
    assert splits_document(kept)["clips"] == {"subject-a-01": "test", "subject-b-01": "train"}


def test_splits_take_about_their_share_and_depend_on_the_project_s_key():
    drawn = [draw_split("key", f"p{i}", SHARES) for i in range(2000)]
    for name, share in SHARES.items():
        assert abs(drawn.count(name) / 2000 - share) < 0.04
    assert drawn != [draw_split("other", f"p{i}", SHARES) for i in range(2000)]


def test_the_end_of_the_last_frame_is_its_time_plus_its_duration():
    clip = load_freeze(freeze_json()).clips[0]
    assert (clip.time_s(0), clip.time_s(39), clip.time_s(40)) == (
        "0.000000",
        "1.560000",
        "1.600000",
    )
    jump = replace(clip, pts=np.array([900, 90, 91]), n_frames=3, last_frame_duration_pts=2)
    assert jump.time_s(1).startswith("-0.06")
    odd = replace(clip, pts=np.arange(3), n_frames=3, time_base=(1, 3), last_frame_duration_pts=1)
    assert [odd.time_s(i) for i in range(4)] == ["0.000000", "0.333333", "0.666667", "1.000000"]


def test_empty_masks_and_absent_frames_are_not_there():
    freeze = sample().freeze
    labels = clip_labels(freeze, freeze.clips[0])
    frames = {t.id: [p.frame_index for p in t.frames] for t in labels.tracks}
    assert frames[LESION_1] == [5, 6, 30]
    assert frames[GRASPER] == [*range(2, 12), *range(20, 28)]


def test_a_tip_s_box_is_centred_on_it_and_not_clipped():
    tip = {"type": "tip", "point": [1.0, 2.5]}
    assert box_of(tip, {}) == [-11.0, -9.5, 24.0, 24.0]
    assert box_of(tip, {"mot_box_px": 7}) == [-2.5, -1.0, 7.0, 7.0]


def test_of_a_header_only_what_derived_objects_repeat_is_taken():
    instance = Dataset()
    instance.PatientID, instance.StudyID, instance.OperatorsName = "p", "", "Operator^One"
    instance.LossyImageCompressionMethod = ["ISO_14496_10", "ISO_10918_1"]
    instance.SeriesNumber = 3
    assert header_values(instance) == {
        "PatientID": "p",
        "SeriesNumber": "3",
        "LossyImageCompressionMethod": "ISO_14496_10\\ISO_10918_1",
    }
