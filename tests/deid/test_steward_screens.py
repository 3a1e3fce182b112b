"""The steward's screens under attack: sent twice, by two at once, from stale pages, by the wrong
people; nothing is done twice, and each refusal says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.audit.models import Event
from apps.deid import policy
from apps.deid.models import Deidentification, Device, ProjectSubject
from apps.intake.models import ReceivedInstance
from tests.deid.test_remedies import arrive, settled

pytestmark = pytest.mark.django_db
State = ReceivedInstance.State
Person = Callable[..., Any]
DEVICE = {"Manufacturer": "Acme", "ManufacturerModelName": "Scope 9", "SoftwareVersions": "4.2"}


def done(action: str) -> int:
    return Event.objects.filter(action=action, outcome="done").count()


def in_review(command: Any, project: Any, uid: str) -> ReceivedInstance:
    row = arrive(command, project, uid=uid, **DEVICE)
    ReceivedInstance.objects.filter(pk=row.pk).update(pixels_choice="")
    assert settled(row).state == State.PIXEL_REVIEW
    return row


def confirm(client: Any, row: ReceivedInstance) -> Any:
    address = f"/api/v1/quarantine/{row.pk}/"
    decision = client.get(address).json()["proposals"]
    return client.post(f"{address}confirm/", decision, content_type="application/json")


def test_a_gate_opened_twice_opens_once_and_the_stale_page_is_told(
    project: Any, person: Person, signed_in: Any, command: Any
) -> None:
    one, two = person("data_steward"), person("data_steward")
    project = policy.set_options(one, project, options={"phantom_gate": True})
    row = settled(arrive(command, project, **DEVICE))
    assert row.reason == "device_unseen"
    device = Device.objects.get()
    first, second = signed_in(one), signed_in(two)
    page = first.get(f"/deid/{project.pk}/devices/").content.decode()
    assert f"/quarantine/{row.pk}/" in page
    form = {"what": "release", "reason": "The same software"}
    assert first.post(f"/deid/devices/{device.pk}/", form).status_code == 302
    for late in (first, second):
        assert late.post(f"/deid/devices/{device.pk}/", form).status_code == 409
    remedy = f"/quarantine/{row.pk}/remedy/"
    for what in ("phantom", "release_device", "remove", "encode"):
        assert second.post(remedy, {"what": what, "reason": "x"}).status_code in (400, 409)
    device.refresh_from_db()
    assert (done("deid.release_device"), device.state_by) == (1, one.user)
    long = {"what": "gate", "reason": "x" * 401}
    answer = first.post(f"/deid/devices/{device.pk}/", long)
    assert answer.status_code == 400 and "at most 400" in answer.content.decode()


def test_a_batch_sent_twice_confirms_each_once(
    project: Any, person: Person, signed_in: Any, command: Any
) -> None:
    one, two = signed_in(person("data_steward")), signed_in(person("data_steward"))
    rows = [in_review(command, project, f"1.2.3.4.{n}") for n in range(3)]
    here = f"/deid/{project.pk}/devices/"
    assert "review one first" in one.get(here).content.decode()
    assert confirm(one, rows[0]).status_code == 200
    device = rows[0].deidentification.device_id
    ticked = {"reference": str(rows[0].pk), "picked": [str(row.pk) for row in rows]}
    address = f"/deid/devices/{device}/confirm/"
    for nobody in ("annotator", "project_lead", "researcher"):
        assert signed_in(person(nobody)).post(address, ticked).status_code == 404
    assert "2 instances confirmed." in one.post(address, ticked, follow=True).content.decode()
    for late in (one, two):
        answer = late.post(address, ticked)
        assert answer.status_code == 409 and "waits any more" in answer.content.decode()
    assert one.post(address, {"reference": str(rows[0].pk)}).status_code == 400
    assert one.post(address, {**ticked, "reference": "nonsense"}).status_code == 404
    assert done("deid.confirm") == 3


def test_a_batch_is_no_second_pair_of_eyes_of_ones_own(
    project: Any, person: Person, signed_in: Any, command: Any
) -> None:
    actor, other = person("data_steward"), person("data_steward")
    policy.set_options(actor, project, options={"second_reviewer": True})
    project.refresh_from_db()
    one, two = signed_in(actor), signed_in(other)
    rows = [in_review(command, project, f"1.2.3.4.{n}") for n in range(2)]
    confirm(one, rows[0])
    device = rows[0].deidentification.device_id
    ticked = {"reference": str(rows[0].pk), "picked": [str(row.pk) for row in rows]}
    address = f"/deid/devices/{device}/confirm/"
    page = one.post(address, ticked, follow=True).content.decode()
    assert "1 instance confirmed." in page and "1 × You have confirmed it" in page
    assert {settled(row).state for row in rows} == {State.PIXEL_REVIEW}
    page = one.post(address, ticked, follow=True).content.decode()
    assert "2 × You have confirmed it" in page
    assert "2 instances confirmed." in two.post(address, ticked, follow=True).content.decode()
    assert {deid.second_by for deid in Deidentification.objects.all()} == {other.user}


def test_a_first_readers_change_meanwhile_sends_the_second_back_to_look(
    project: Any, person: Person, signed_in: Any, command: Any
) -> None:
    actor = person("data_steward")
    policy.set_options(actor, project, options={"second_reviewer": True})
    project.refresh_from_db()
    one, two = signed_in(actor), signed_in(person("data_steward"))
    row = in_review(command, project, "1.2.3.4")
    address = f"/api/v1/quarantine/{row.pk}/"
    stale = two.get(address).json()["proposals"]
    assert confirm(one, row).status_code == 200
    answer = two.post(f"{address}confirm/", stale, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "changed_meanwhile")
    assert confirm(two, row).json()["state"] == "redacting"
    assert confirm_again(two, address, stale) == 409


def confirm_again(client: Any, address: str, decision: dict[str, Any]) -> int:
    answer = client.post(f"{address}confirm/", decision, content_type="application/json")
    return int(answer.status_code)


def test_a_withdrawal_sent_twice_or_by_another_is_done_once(
    project: Any, person: Person, signed_in: Any, command: Any
) -> None:
    one, two = signed_in(person("data_steward")), signed_in(person("data_steward"))
    row = settled(arrive(command, project))
    here = f"/quarantine/{row.pk}/withdraw/"
    form = {"reason": "Consent withdrawn", "name": ProjectSubject.objects.get().pseudonym}
    for wrong in ({**form, "name": "P-OTHER"}, {**form, "reason": " "}, {}):
        assert one.post(here, wrong).status_code == 400
    assert one.post(here, {**form, "reason": "x" * 401}).status_code == 400
    for nobody in ("annotator", "project_lead", "compliance_officer"):
        if nobody != "compliance_officer":
            assert signed_in(person(nobody)).post(here, form).status_code == 404
    assert one.get(here).status_code == two.get(here).status_code == 200
    assert one.post(here, form).status_code == 302
    for late in (one, two):
        assert late.post(here, form).status_code == 409
        assert late.get(here).status_code == 200
    for rest in ("", "sheet/", "dry-run/"):
        assert two.get(f"/quarantine/{row.pk}/{rest}").status_code == 200
    assert two.post(f"/quarantine/{row.pk}/dry-run/").status_code in (400, 409)
    assert done("deid.withdraw_subject") == 1
