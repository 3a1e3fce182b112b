"""Masks, the phantom gate, review by device batch, the second pair of eyes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from apps.access.actor import service
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.audit.models import Event
from apps.deid import devices, policy, services
from apps.deid.domain import pipeline
from apps.deid.domain.parse import parse_instance
from apps.deid.models import Deidentification, Device, DeviceMask
from apps.intake.models import ReceivedInstance
from apps.jobs.work import run_pending
from apps.library.models import Clip
from tests.afresh.instances import made
from tests.builders import received_instance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("read_once")]
State = ReceivedInstance.State
Person = Callable[..., Any]


def again(path: Path, folder: Path, **changes: Any) -> Path:
    """The same pictures as another instance of the same study."""
    ds = dcmread(path)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(None)
    for name, value in changes.items():
        setattr(ds, name, value)
    out = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(out)
    return out


def settled(received: ReceivedInstance) -> ReceivedInstance:
    run_pending()
    received.refresh_from_db()
    return received


def post(client: Any, received: ReceivedInstance, rest: str, body: Any) -> Any:
    address = f"/api/v1/quarantine/{received.pk}/{rest}/"
    return client.post(address, json.dumps(body), content_type="application/json")


def proposals(client: Any, received: ReceivedInstance) -> dict[str, Any]:
    return dict(client.get(f"/api/v1/quarantine/{received.pk}/").json()["proposals"])


def test_a_saved_mask_is_proposed_first_on_the_next_clip_of_the_same_device_alone(
    project: Any, person: Person, signed_in: Any, named_cine: Path, tmp_path: Path
) -> None:
    author = person("data_steward")
    steward = signed_in(author)
    first = settled(received_instance(project, named_cine))
    device = first.deidentification.device
    assert device is not None and device.names[1] and (device.rows, device.columns) == (480, 640)
    mask = {"x_px": 100, "y_px": 440, "width_px": 300, "height_px": 32, "action": "blank"}
    short = {**mask, "x_px": 500, "width_px": 20, "action": "keep"}
    refused = post(steward, first, "mask", {"boxes": [short]})
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "nothing_to_mask"
    saved = post(steward, first, "mask", {"boxes": [mask, short]}).json()
    assert [b["x_px"] for b in saved["boxes"]] == [100]
    second = settled(received_instance(project, again(named_cine, tmp_path)))
    origins = proposals(steward, second)["boxes"]
    assert (origins[0]["x_px"], origins[0]["origin"]) == (100, "device_mask")
    other = again(named_cine, tmp_path, SoftwareVersions="9.9")
    third = settled(received_instance(project, other))
    assert proposals(steward, third)["boxes"][0]["x_px"] != 100
    newer = post(steward, first, "mask", {"boxes": [{**mask, "x_px": 90}]}).json()
    assert DeviceMask.objects.filter(device=device, retired_at=None).count() == 1
    page = steward.get(f"/deid/{project.pk}/devices/").content.decode()
    assert author.user.display_name in page and "90, 440" in page and "Retired" in page
    assert steward.post(f"/deid/masks/{newer['mask']}/retire/").status_code == 302
    assert devices.mask_of(device) == []
    assert steward.post(f"/deid/masks/{newer['mask']}/retire/").status_code == 409
    assert signed_in(person("annotator")).get(f"/deid/{project.pk}/devices/").status_code == 404
    done = Event.objects.filter(outcome="done").values_list("action", flat=True)
    assert list(done).count("deid.save_mask") == 2 and "deid.retire_mask" in done


@pytest.mark.parametrize("lie", ["no size", "another size"])
def test_a_video_whose_header_tells_no_size_or_another_does_not_pass_the_gate(
    lie: str, project: Any, person: Person, tmp_path: Path
) -> None:
    path = tmp_path / "video.dcm"
    path.write_bytes(made(4, 76).data)
    ds = dcmread(path)
    if lie == "no size":
        del ds.Rows
    else:
        ds.Rows, ds.Columns = 1080, 1920
    ds.save_as(path)
    with open(path, "rb") as file:
        key = pipeline.device_in(parse_instance(file))
    assert key is not None and (key.rows, key.columns) == (128, 192)
    policy.set_options(person("data_steward"), project, options={"phantom_gate": True})
    received = settled(received_instance(project, path))
    assert (received.state, received.reason) == ("held", "device_unseen")
    device = received.deidentification.device
    assert device is not None and (device.rows, device.columns) == (128, 192)


def test_a_new_device_is_held_until_its_phantom_has_passed_and_the_phantom_is_no_clip(
    project: Any, person: Person, signed_in: Any, named_cine: Path, tmp_path: Path
) -> None:
    author = person("data_steward")
    steward = signed_in(author)
    project = policy.set_options(author, project, options={"phantom_gate": True})
    phantom = settled(received_instance(project, named_cine))
    clip = settled(received_instance(project, again(named_cine, tmp_path)))
    assert (phantom.state, phantom.reason) == ("held", "device_unseen") and clip.state == "held"
    page = steward.get(f"/quarantine/{phantom.pk}/").content.decode()
    assert "remedy-phantom" in page and "remedy-release_device" in page
    remedy = f"/quarantine/{phantom.pk}/remedy/"
    steward.post(remedy, {"what": "phantom"})
    assert settled(phantom).state == State.PIXEL_REVIEW
    ReceivedInstance.objects.filter(pk=phantom.pk).update(state=State.REDACTING)
    devices.settle_phantom(service("worker"), phantom, problems=["a box had to be added"])
    phantom.refresh_from_db()
    assert (phantom.state, phantom.reason) == ("held", "phantom_failed")
    assert Device.objects.get().state == "unseen"
    assert "had to be added" in steward.get(f"/quarantine/{phantom.pk}/").content.decode()
    steward.post(remedy, {"what": "phantom"})
    settled(phantom)
    post(steward, phantom, "confirm", proposals(steward, phantom))
    assert (settled(phantom).state, phantom.reason) == ("rejected", "phantom")
    assert Deidentification.objects.get(instance=phantom).output is None
    assert Device.objects.get().state == "passed" and not Clip.objects.exists()
    assert settled(clip).state == State.PIXEL_REVIEW
    assert "Phantom passed" in steward.get(f"/quarantine/{phantom.pk}/").content.decode()


def test_a_steward_releases_a_device_with_a_reason_and_puts_it_behind_the_gate_again(
    project: Any, person: Person, signed_in: Any, named_cine: Path, tmp_path: Path
) -> None:
    author = person("data_steward")
    steward = signed_in(author)
    project = policy.set_options(author, project, options={"phantom_gate": True})
    held = settled(received_instance(project, named_cine, pixels_choice="keep"))
    device = Device.objects.get()
    address = f"/deid/devices/{device.pk}/"
    assert steward.post(address, {"what": "release", "reason": " "}).status_code == 400
    assert signed_in(person("project_lead")).post(address, {"reason": "x"}).status_code == 404
    steward.post(address, {"what": "release", "reason": "Same software as before"})
    held.refresh_from_db()
    assert held.state == State.RECEIVED
    device.refresh_from_db()
    assert device.state == "released" and device.state_by == author.user
    steward.post(address, {"what": "gate", "reason": "A new skin"})
    late = settled(received_instance(project, again(named_cine, tmp_path), "keep"))
    assert late.reason == "device_unseen"


def test_devices_in_use_pass_when_the_gate_is_switched_on(
    project: Any, person: Person, named_cine: Path, tmp_path: Path
) -> None:
    steward = person("data_steward")
    cleared = settled(received_instance(project, named_cine))
    ReceivedInstance.objects.filter(pk=cleared.pk).update(state=State.CLEARED)
    policy.set_options(steward, project, options={"phantom_gate": True})
    assert Device.objects.get().state == "released"
    known = settled(received_instance(project, again(named_cine, tmp_path)))
    new = received_instance(project, again(named_cine, tmp_path, ManufacturerModelName="Other"))
    assert known.state == State.PIXEL_REVIEW and settled(new).reason == "device_unseen"


def test_one_decision_is_confirmed_for_all_that_waits_each_by_its_own_event(
    project: Any, person: Person, signed_in: Any, named_cine: Path, tmp_path: Path
) -> None:
    steward = signed_in(person("data_steward"))
    rows = [received_instance(project, again(named_cine, tmp_path)) for _ in range(3)]
    other = received_instance(project, again(named_cine, tmp_path, SoftwareVersions="9.9"))
    for row in (*rows, other):
        assert settled(row).state == State.PIXEL_REVIEW
    post(steward, rows[0], "confirm", proposals(steward, rows[0]))
    device = rows[0].deidentification.device_id
    page = steward.get(f"/deid/{project.pk}/devices/").content.decode()
    assert page.count('name="picked"') == 2 and "As decided for" in page
    address, ticked = f"/deid/devices/{device}/confirm/", [str(row.pk) for row in (*rows, other)]
    assert steward.post(address, {"reference": str(rows[0].pk)}).status_code == 400
    answer = steward.post(address, {"reference": str(rows[0].pk), "picked": ticked}, follow=True)
    assert "2 instances confirmed." in answer.content.decode()
    states = {row.state for row in ReceivedInstance.objects.filter(pk__in=[r.pk for r in rows])}
    assert states == {State.REDACTING}
    other.refresh_from_db()
    assert other.state == State.PIXEL_REVIEW
    confirmed = Event.objects.filter(action="deid.confirm", outcome="done")
    assert confirmed.count() == 3
    assert sum(b"batch_of" in bytes(one.entry) for one in confirmed) == 2


def test_another_person_confirms_the_same_and_nobody_confirms_twice(
    project: Any, person: Person, signed_in: Any, named_cine: Path
) -> None:
    one, two = person("data_steward"), person("data_steward")
    policy.set_options(one, project, options={"second_reviewer": True})
    project.refresh_from_db()
    first, second = signed_in(one), signed_in(two)
    # The sender's choice decides nothing where two people are asked for.
    row = settled(received_instance(project, named_cine, pixels_choice="accept"))
    assert row.state == State.PIXEL_REVIEW
    decision = proposals(first, row)
    assert post(first, row, "confirm", decision).json()["state"] == "pixel_review"
    again_by_me = post(first, row, "confirm", decision)
    assert again_by_me.status_code == 409
    assert again_by_me.json()["error"]["code"] == "confirmed_by_you"
    page = second.get(f"/quarantine/{row.pk}/").content.decode()
    assert f"{one.user.display_name} has confirmed what stands here" in page
    assert 'data-mine="true"' in first.get(f"/quarantine/{row.pk}/").content.decode()
    seen = proposals(second, row)
    drawn = {"x_px": 16, "y_px": 16, "width_px": 32, "height_px": 32, "action": "blank"}
    changed = {**seen, "boxes": [*seen["boxes"], drawn]}
    assert post(second, row, "confirm", changed).json()["state"] == "pixel_review"
    row.refresh_from_db()
    assert row.deidentification.confirmed_by == two.user
    assert post(second, row, "confirm", proposals(second, row)).status_code == 409
    assert post(first, row, "confirm", proposals(first, row)).json()["state"] == "redacting"
    deid = Deidentification.objects.get(instance=row)
    assert (deid.confirmed_by, deid.second_by) == (two.user, one.user)
    said = [bytes(e.entry) for e in Event.objects.filter(action="deid.confirm", outcome="done")]
    assert sum(b'"confirmation":"second"' in entry for entry in said) == 1 and len(said) == 3


def test_the_second_person_may_refuse_and_the_instance_goes_to_review_again(
    project: Any, person: Person, signed_in: Any, named_cine: Path
) -> None:
    one, two = person("data_steward"), person("data_steward")
    policy.set_options(one, project, options={"second_reviewer": True})
    project.refresh_from_db()
    row = settled(received_instance(project, named_cine))
    with pytest.raises(Refused, match="Nobody has confirmed"):
        services.refuse_review(two, row, note="wrong")
    post(signed_in(one), row, "confirm", proposals(signed_in(one), row))
    assert post(signed_in(two), row, "refuse", {"note": ""}).status_code == 400
    named = str(dcmread(named_cine, stop_before_pixels=True).PatientName).replace("^", " ")
    answer = post(signed_in(two), row, "refuse", {"note": f"It still says {named}"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "note_identifies"
    post(signed_in(two), row, "refuse", {"note": "The clock shows a date"})
    row.refresh_from_db()
    assert (row.state, row.reason) == (State.HELD, "review_refused")
    page = signed_in(one).get(f"/quarantine/{row.pk}/").content.decode()
    assert "The clock shows a date" in page and "remedy-review" in page
    signed_in(one).post(f"/quarantine/{row.pk}/remedy/", {"what": "review"})
    assert settled(row).state == State.PIXEL_REVIEW
    assert Deidentification.objects.get(instance=row).decision is None


def test_only_a_steward_of_the_project_changes_masks_devices_and_decisions(
    project: Any, person: Person, named_cine: Path
) -> None:
    row = settled(received_instance(project, named_cine))
    device = row.deidentification.device
    for actor in (person("annotator", "project_lead"), person(system=("administrator",))):
        for attempt in (
            lambda who: devices.save_mask(who, row, decision={}),
            lambda who: devices.release_device(who, device, reason="x"),
            lambda who: services.refuse_review(who, row, note="x"),
            lambda who: devices.run_phantom(who, row),
        ):
            with pytest.raises((Forbidden, NotFound)):
                attempt(actor)
    with pytest.raises((Conflict, Refused)):
        devices.run_phantom(person("data_steward"), row)
