"""A device's key, its mask, the phantom's verdict, one decision for many clips; the dry run."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from apps.deid.domain.acceptance import check_acceptable
from apps.deid.domain.device import (
    DeviceKey,
    batch_decision,
    device_of,
    mask_from,
    phantom_problems,
    vetted,
)
from apps.deid.domain.dry_run import by_topic, changes
from apps.deid.domain.harvest import harvest_identifiers
from apps.deid.domain.header import DeidContext, deidentify_dataset
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.reasons import REASON_TEXTS, Reason, Refused, Remedy, remedies_of
from tests.domain import deid_corpus as corpus

N = 40


def box(x: int, y: int, w: int = 32, h: int = 16, **more: Any) -> dict[str, Any]:
    return {
        "x_px": x, "y_px": y, "width_px": w, "height_px": h, "start_frame": 0, "end_frame": None,
        "frame_index": 0, "kind": "unknown", "origin": "static", "action": "blank", **more,
    }  # fmt: skip


def proposals(*boxes: dict[str, Any]) -> dict[str, Any]:
    return {"boxes": list(boxes), "spans": [], "n_frames": N, "width_px": 640, "height_px": 480}


def test_a_device_is_its_maker_model_software_and_picture_size() -> None:
    ds = Dataset()
    assert device_of(ds) is None
    ds.Manufacturer, ds.ManufacturerModelName = " Acme\tMedical ", "Scope 9"
    ds.SoftwareVersions, ds.Rows, ds.Columns = "4.2", 480, 640
    assert device_of(ds) == DeviceKey("Acme Medical", "Scope 9", "4.2", 480, 640)


def test_a_device_name_that_names_the_patient_or_the_hospital_is_not_stored() -> None:
    ds = Dataset()
    ds.PatientName, ds.InstitutionName = "Zyxwood^Anna", "Lakeside Clinic"
    ds.Manufacturer, ds.ManufacturerModelName = "Acme", "Cart of Zyxwood"
    ds.SoftwareVersions, ds.Rows, ds.Columns = "Lakeside Clinic build 2", 10, 10
    key = device_of(ds)
    assert key is not None and "Zyxwood" in key.model
    assert vetted(key, harvest_identifiers(ds)) == DeviceKey("Acme", "", "", 10, 10)


def test_a_mask_is_what_is_blanked_in_the_whole_clip() -> None:
    decision = {
        "boxes": [
            box(0, 0), box(64, 0, end_frame=N), box(0, 64, action="keep"),
            box(0, 96, start_frame=3), box(0, 128, end_frame=N - 1),
        ]
    }  # fmt: skip
    assert [b["x_px"] for b in mask_from(decision, N)] == [0, 64]


def test_a_phantom_proves_only_what_the_reading_found_without_help() -> None:
    named = box(0, 0, kind="identifier")
    assert phantom_problems(proposals(named, box(64, 0)), {"boxes": [named]}) == []
    assert phantom_problems(proposals(box(0, 0)), {"boxes": [box(0, 0)]})
    assert phantom_problems(None, {"boxes": []})
    masked = box(0, 0, kind="identifier", origin="device_mask")
    assert phantom_problems(proposals(masked), {"boxes": [masked]})
    for origin in ("person", "check"):
        assert phantom_problems(proposals(named), {"boxes": [named, box(9, 9, origin=origin)]})
    assert phantom_problems(proposals(named), {"boxes": [{**named, "action": "keep"}]})


def test_one_decision_for_many_blanks_all_that_was_proposed_and_keeps_only_what_names_nobody() -> (
    None
):
    reference = {
        "boxes": [box(0, 0, 640, 32), box(0, 400, 200, 40, action="keep")],
        "spans": [{"start_frame": 1, "end_frame": 3, "action": "blank"}],
    }
    mine = proposals(
        box(16, 8, kind="identifier", text="NAME"),
        box(16, 410, kind="clock", text="10:15"),
        box(60, 410, kind="identifier", text="NAME"),
        box(300, 300, end_frame=9),
    )
    made = batch_decision(reference, N, mine)
    assert [b["action"] for b in made["boxes"]] == ["blank", "keep", "blank", "blank", "blank"]
    assert made["boxes"][-1]["width_px"] == 640 and made["spans"] == []
    assert all("text" not in b for b in made["boxes"])
    again = batch_decision(made, N, proposals(*made["boxes"]))
    assert len(again["boxes"]) == len(made["boxes"])


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_remedy_that_can_be_acted_on(reason: Reason) -> None:
    offered = remedies_of(reason)
    assert offered and REASON_TEXTS[reason].remedy
    assert Remedy.REJECT in offered or Remedy.CORRECTIONS in offered


@pytest.mark.parametrize(("tag", "reason"), [
    (0x00420011, Reason.ENCAPSULATED_DOCUMENT), (0x04000500, Reason.ENCRYPTED_ATTRIBUTES),
    (0x00060010, Reason.ILLEGAL_GROUP),
])  # fmt: skip
def test_what_a_rule_takes_out_is_no_ground_for_a_refusal_and_is_gone(
    tag: int, reason: Reason
) -> None:
    ds = corpus.secondary_capture()
    vr = {0x00420011: "OB", 0x04000500: "SQ"}.get(tag, "LO")
    ds.add_new(tag, vr, {"OB": b"%PDF", "SQ": [Dataset()]}.get(vr, "planted"))
    profile = load_builtin("basic")
    with pytest.raises(Refused) as refused:
        check_acceptable(ds)
    assert refused.value.reason == reason
    context = DeidContext(profile.without(frozenset({tag})), b"k" * 32, "P-1")
    assert tag not in deidentify_dataset(ds, context).dataset


def test_an_object_that_is_a_document_and_nothing_else_stays_refused() -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.3"
    with pytest.raises(Refused):
        check_acceptable(ds, [0x00420011])


def test_a_dry_run_shows_each_element_beside_what_becomes_of_it() -> None:
    ds = corpus.odd_places()
    made = deidentify_dataset(ds, DeidContext(load_builtin("basic"), b"k" * 32, "P-1"))
    rows = {one.place: one for one in changes(ds, made.dataset)}
    assert rows["(0010,0010)"].what == "replaced" and rows["(0010,0010)"].after == "P-1"
    assert {one.what for one in rows.values()} == {"kept", "replaced", "removed", "added"}
    removed = [one for one in rows.values() if one.what == "removed"]
    assert removed and all(one.after in ("", "0 items") for one in removed)
    assert any("[1]." in place for place in rows)
    assert "P-1" not in repr(rows["(0010,0010)"])
    topics = {topic.name: topic for topic in by_topic(rows.values())}
    told = [one for t in topics.values() for one in (*t.changed, *t.added, *t.kept)]
    assert sorted(told, key=lambda one: one.place) == sorted(
        rows.values(), key=lambda one: one.place
    )
    assert rows["(0010,0010)"] in topics["Patient"].changed
    assert all(one.what == "kept" for topic in topics.values() for one in topic.kept)
    assert all(int(one.place[4], 16) % 2 for one in topics["Private"].changed)
    assert all(str(b.what) == "kept" for b in changes(made.dataset, made.dataset))
