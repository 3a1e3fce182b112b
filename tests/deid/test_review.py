"""Pixel review: who may look, what is recorded, what a confirmation brings about."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from PIL import Image
from pydicom import dcmread

from apps.access.actor import Actor
from apps.audit.models import Event
from apps.deid import opening, services, tasks
from apps.deid.domain import pipeline
from apps.deid.domain.pipeline import producing
from apps.deid.domain.reasons import Reason
from apps.deid.models import Deidentification
from apps.intake.models import ReceivedInstance
from apps.jobs.work import run_pending
from apps.keys.keyring import open_vault_file
from fixtures import broken
from tests import shared
from tests.builders import received_instance

pytestmark = pytest.mark.django_db
State = ReceivedInstance.State
N_FRAMES = 4


@pytest.fixture(scope="module")
def cine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return shared.make_one("ultrasound", tmp_path_factory.mktemp("cine"), N_FRAMES)


@pytest.fixture(scope="module")
def examined() -> dict[str, Any]:
    """What examining a file gave, by its digest: reading text in pictures takes seconds."""
    return {}


@pytest.fixture
def waiting(
    project: Any,
    cine: dict[str, Path],
    examined: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> ReceivedInstance:
    """A cine whose boxes wait for a person; its pictures are read once for all tests."""
    real = pipeline.examine

    def once(source: Any, **options: Any) -> pipeline.Examined:
        source.seek(0)
        digest = sha256(source.read()).hexdigest()
        if digest not in examined:
            examined[digest] = real(source, **options)
        return examined[digest]

    monkeypatch.setattr(pipeline, "examine", once)
    received = received_instance(project, cine[".dcm"])
    run_pending()
    received.refresh_from_db()
    assert received.state == State.PIXEL_REVIEW, received.reason
    return received


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client


@pytest.fixture
def steward(person: Callable[..., Actor]) -> Client:
    return signed_in(person("data_steward"))


def page(received: ReceivedInstance) -> str:
    return f"/quarantine/{received.pk}/"


def api(received: ReceivedInstance, rest: str = "") -> str:
    return f"/api/v1/quarantine/{received.pk}/{rest}"


def post(client: Client, url: str, body: Any) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json")


def openings() -> int:
    return Event.objects.filter(action="deid.open_review", outcome="done").count()


def test_only_a_data_steward_of_the_project_finds_an_instance(
    waiting: ReceivedInstance, person: Callable[..., Actor], command: Actor
) -> None:
    from apps.projects.services import create_project

    other = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    actors = [
        person("annotator"),
        person("project_lead"),
        person("data_steward", where=other),
        person(system=("administrator", "compliance_officer")),
    ]
    for actor in actors:
        client = signed_in(actor)
        for url in (page(waiting), api(waiting), api(waiting, "frames/0.png")):
            assert client.get(url).status_code == 404
        for verb in ("confirm/", "reject/", "retry/"):
            assert post(client, api(waiting, verb), {"reason": "no"}).status_code == 404
    assert openings() == 0
    assert Client().get(api(waiting)).status_code == 401
    assert Client().get(page(waiting)).status_code == 302


def test_opening_is_recorded_once_a_session_and_quarter_hour(
    waiting: ReceivedInstance, steward: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert steward.get(page(waiting)).status_code == 200
    steward.get(page(waiting))
    steward.get(api(waiting))
    assert steward.get(api(waiting, "frames/0.png")).status_code == 200
    assert openings() == 1
    later = opening.time.time() + opening.OPEN_FOR_S + 1
    monkeypatch.setattr(opening.time, "time", lambda: later)
    steward.get(api(waiting, "frames/1.png"))
    assert openings() == 2


def test_a_picture_cannot_be_had_without_an_opening_in_the_trail(
    waiting: ReceivedInstance, steward: Client
) -> None:
    assert steward.get(api(waiting, "frames/0.png")).status_code == 200
    assert openings() == 1


def test_the_api_shows_the_boxes_and_spells_no_text_out(
    waiting: ReceivedInstance, steward: Client
) -> None:
    answer = steward.get(api(waiting))
    body = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert body["state"] == "pixel_review" and body["progress"] is None
    assert all("text" not in box for box in body["proposals"]["boxes"])
    assert body["proposals"]["n_frames"] == N_FRAMES and len(body["proposals"]["boxes"]) == 2
    assert all("text" not in box for box in body["proposals"]["boxes"])
    assert body["rules"]["removed"] > 20 and body["rules"]["replaced"] > 5
    html = steward.get(page(waiting)).content.decode()
    assert str(body["rules"]["removed"]) in html


def test_the_picture_shown_is_the_originals_own(
    waiting: ReceivedInstance, steward: Client, cine: dict[str, Path]
) -> None:
    from pydicom.pixels import pixel_array

    truth = pixel_array(dcmread(cine[".dcm"]))
    for index in (0, N_FRAMES - 1):
        answer = steward.get(api(waiting, f"frames/{index}.png"))
        assert answer["Cache-Control"] == "no-store" and answer["Content-Type"] == "image/png"
        shown = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert shown.shape[:2] == truth[index].shape[:2]
        expected = truth[index] if truth.ndim == 4 else truth[index][..., None]
        assert np.array_equal(shown, np.broadcast_to(expected, shown.shape))
    small = steward.get(api(waiting, "frames/1.png?small=1"))
    assert max(Image.open(io.BytesIO(small.content)).size) == 240
    assert steward.get(api(waiting, f"frames/{N_FRAMES}.png")).status_code == 404


@pytest.mark.parametrize("body", [{}, {"boxes": []}, {"spans": []}])
def test_a_confirmation_that_does_not_name_boxes_and_spans_is_none(
    waiting: ReceivedInstance, steward: Client, body: dict[str, Any]
) -> None:
    answer = post(steward, api(waiting, "confirm/"), body)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_decision"
    nothing = steward.post(api(waiting, "confirm/"), "", content_type="application/json")
    assert nothing.status_code == 400
    waiting.refresh_from_db()
    assert waiting.state == State.PIXEL_REVIEW


def test_confirming_as_proposed_redacts_searches_and_clears(
    waiting: ReceivedInstance, steward: Client, cine: dict[str, Path]
) -> None:
    proposals = steward.get(api(waiting)).json()["proposals"]
    answer = post(
        steward,
        api(waiting, "confirm/"),
        {"boxes": proposals["boxes"], "spans": proposals["spans"]},
    )
    assert answer.json() == {"state": "redacting"}
    run_pending()
    waiting.refresh_from_db()
    assert waiting.state == State.CLEARED
    deid = Deidentification.objects.get(instance=waiting)
    assert deid.output is not None and deid.report["scan"]["clean"]
    assert "text" not in json.dumps(deid.decision["boxes"])
    with open_vault_file(deid.output) as output:
        content = output.read()
    truth = json.loads(cine[".truth.json"].read_text())
    strong = [v["value"] for v in truth["identifiers"] if v["strong"]]
    assert strong and not [place for place, v in enumerate(strong) if v.encode() in content]
    held = b"".join(bytes(e.entry) + bytes(e.private) for e in Event.objects.all()).decode()
    assert "deid.confirm" in held and "deid.finish" in held
    assert not [place for place, v in enumerate(strong) if v in held]
    html = steward.get(page(waiting)).content.decode()
    assert "No identifier was found" in html
    assert not [place for place, v in enumerate(strong) if v in html]
    assert steward.get(api(waiting, "frames/0.png")).status_code == 409
    assert post(steward, api(waiting, "confirm/"), proposals).status_code == 409


def test_text_left_by_the_decision_comes_back_to_review_with_the_decisions_kept(
    waiting: ReceivedInstance, steward: Client
) -> None:
    boxes = steward.get(api(waiting)).json()["proposals"]["boxes"]
    own = {"x_px": 300, "y_px": 200, "width_px": 16, "height_px": 16, "action": "blank"}
    aside = {**boxes[0], "width_px": 1, "height_px": 1}
    decision = {"boxes": [aside, boxes[1], own], "spans": []}
    assert post(steward, api(waiting, "confirm/"), decision).status_code == 200
    run_pending()
    waiting.refresh_from_db()
    assert waiting.state == State.PIXEL_REVIEW
    body = steward.get(api(waiting)).json()
    assert body["decision"] is None and body["rules"]["again"]
    origins = [box["origin"] for box in body["proposals"]["boxes"]]
    assert origins[1:3] == ["device_mask", "person"] and "check" in origins[3:]
    post(steward, api(waiting, "confirm/"), body["proposals"])
    run_pending()
    waiting.refresh_from_db()
    assert waiting.state == State.CLEARED


def test_nothing_that_was_proposed_is_kept_by_leaving_it_out(
    waiting: ReceivedInstance, steward: Client
) -> None:
    boxes = steward.get(api(waiting)).json()["proposals"]["boxes"]
    assert [box["proposal"] for box in boxes] == [1, 2]
    answer = post(steward, api(waiting, "confirm/"), {"boxes": boxes[1:], "spans": []})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_decision"
    assert "what was proposed as 1." in answer.json()["error"]["message"]
    kept = {**boxes[0], "action": "keep", "kind": "clock", "origin": "person"}
    said = {"boxes": [kept, boxes[1]], "spans": []}
    assert post(steward, api(waiting, "confirm/"), said).json() == {"state": "redacting"}
    told = json.loads(bytes(Event.objects.get(action="deid.confirm", outcome="done").entry))
    assert told["public"]["kept"] == {"boxes": [1], "spans": []}
    sheet = steward.get(f"{page(waiting)}sheet/").content.decode()
    assert "data-kept" in sheet and "though proposed" in sheet
    # What a proposal is stays what was found, whatever is sent.
    first = Deidentification.objects.get(instance=waiting).decision["boxes"][0]
    assert first["proposal"] == 1 and first["action"] == "keep"
    assert (first["kind"], first["origin"]) == (boxes[0]["kind"], boxes[0]["origin"])


def test_who_decides_on_what_no_longer_stands_is_told_to_reload(
    waiting: ReceivedInstance, steward: Client
) -> None:
    proposals = steward.get(api(waiting)).json()["proposals"]
    stale = {**proposals, "basis": "0" * 16}
    answer = post(steward, api(waiting, "confirm/"), stale)
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "changed_meanwhile"
    assert post(steward, api(waiting, "confirm/"), proposals).status_code == 200


def test_a_reason_that_is_too_long_is_refused_and_not_cut(
    waiting: ReceivedInstance, steward: Client
) -> None:
    answer = post(steward, api(waiting, "reject/"), {"reason": "x" * 401})
    assert answer.status_code == 400 and "at most 400" in answer.json()["error"]["message"]
    waiting.refresh_from_db()
    assert waiting.state == State.PIXEL_REVIEW


def test_a_decision_outside_the_picture_or_the_clip_is_refused(
    waiting: ReceivedInstance, steward: Client
) -> None:
    changes: list[tuple[dict[str, Any], str]] = [
        ({"x_px": 639, "width_px": 2}, "width_px"),
        ({"x_px": -1}, "x_px"),
        ({"y_px": 1.5}, "y_px"),
        ({"end_frame": N_FRAMES + 1}, "end_frame"),
        ({"frame_index": N_FRAMES}, "frame_index"),
        ({"action": "shrug"}, "action"),
    ]
    for change, field in changes:
        box = {"x_px": 0, "y_px": 0, "width_px": 10, "height_px": 10, "action": "blank", **change}
        answer = post(steward, api(waiting, "confirm/"), {"boxes": [box], "spans": []})
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"] == "invalid_decision" and error["field"] == field and error["remedy"]
    waiting.refresh_from_db()
    assert waiting.state == State.PIXEL_REVIEW


def test_what_cannot_be_read_is_held_with_its_reason_and_goes_again_on_retry(
    project: Any, steward: Client, tmp_path: Path
) -> None:
    received = received_instance(project, broken.two_video_streams(tmp_path))
    run_pending()
    received.refresh_from_db()
    assert (received.state, received.reason) == (State.HELD, "second_video_stream")
    body = steward.get(api(received)).json()
    assert body["sentence"] == "The instance holds a second video stream."
    assert body["remedy"] == "Send each video as an instance of its own."
    assert body["remedy"] in steward.get(page(received)).content.decode()
    assert post(steward, api(received, "retry/"), {}).json() == {"state": "received"}


def test_an_identifier_left_in_the_output_holds_the_instance_and_leaves_no_file(
    waiting: ReceivedInstance, steward: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = producing.write_instance

    def careless(out: Any, ds: Any, *rest: Any) -> Any:
        with open_vault_file(waiting.original) as source:  # type: ignore[arg-type]
            ds.StudyDescription = str(dcmread(source, stop_before_pixels=True).PatientID)
        return real(out, ds, *rest)

    monkeypatch.setattr(producing, "write_instance", careless)
    stored = vault_names()
    proposals = steward.get(api(waiting)).json()["proposals"]
    post(steward, api(waiting, "confirm/"), proposals)
    run_pending()
    waiting.refresh_from_db()
    assert waiting.state == State.HELD and waiting.reason.startswith("identifier_left")
    assert Deidentification.objects.get(instance=waiting).output is None
    assert vault_names() == stored
    html = steward.get(page(waiting)).content.decode()
    with open_vault_file(waiting.original) as source:  # type: ignore[arg-type]
        assert str(dcmread(source, stop_before_pixels=True).PatientID) not in html


def vault_names() -> set[str]:
    return {name for name, _ in tasks.storage().names()}


def test_rejecting_needs_a_reason_and_ends_the_way(
    waiting: ReceivedInstance, steward: Client
) -> None:
    assert post(steward, api(waiting, "reject/"), {"reason": " "}).status_code == 400
    assert post(steward, api(waiting, "reject/"), {"reason": "Wrong patient"}).json() == {
        "state": "rejected"
    }
    run_pending()
    waiting.refresh_from_db()
    assert waiting.state == State.REJECTED
    assert steward.get(page(waiting)).status_code == 200


def test_an_unknown_instance_is_not_found(steward: Client) -> None:
    assert steward.get(f"/quarantine/{uuid.uuid4()}/").status_code == 404


def test_every_reason_has_a_sentence_and_a_remedy() -> None:
    assert all(all(services.reason_text(str(reason))) for reason in [*Reason, "failed"])
