"""Bad requests and bad moments: each has a clear answer, and what was saved stays."""

from __future__ import annotations

import http.client
import json
import time

import psutil
import pytest

from fixtures import foreign
from tests.journeys.screen import Person, chromium
from tests.journeys.served import Hand, Served, Steward, call, label_set_of, ready_clips, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MEMORY_BYTES = 48 << 20


@pytest.fixture(scope="module")
def clip(served: Served, tmp_path_factory) -> str:
    """A small foreign clip that both annotators have; no other test draws on it."""
    lead = served.client("project_lead")
    had = set(ready_clips(lead))
    line = served.ingest(foreign.video_endoscopic(tmp_path_factory.mktemp("refusals"), seed=71))
    assert line["state"] == "cleared"
    assert set(ready_clips(lead)) - had == set(line["clips"])
    return line["clips"][0]


@pytest.fixture(scope="module")
def desk(served, clip):
    """An annotator's program: label set, client, and operations in order, with some saved."""
    label_set = label_set_of(served.stack, clip, 1)
    client, hand = served.client("annotator", 1), Hand(clip, seed=5)
    desk = Desk(client, hand, f"/api/v1/label-sets/{label_set}/")
    answer = desk.send(hand.tip(3, 100.5, 80.25))
    assert answer.status == 200
    return desk


class Desk:
    def __init__(self, client, hand, address):
        self.client, self.hand, self.address = client, hand, address

    def send(self, operations, **changes):
        answer = self.client(
            f"{self.address}operations/", {**self.hand.batch(operations), **changes}
        )
        if answer.status == 200:
            self.hand.revision = answer.json["revision"]
        return answer

    def refused(self, operations, **changes):
        """The error of a batch that must change nothing; its numbers are given back."""
        before = self.state()
        answer = self.send(operations, **changes)
        self.hand.seq -= len(operations)
        assert answer.status >= 400 and self.state() == before
        return answer.status, answer.error

    def state(self):
        return self.client(self.address).json


def test_a_stale_base_revision_is_told_what_changed(desk):
    other = Hand(desk.hand.clip, seed=6)
    state = desk.state()
    track = next(iter(state["labels"]["tracks"]))
    other.revision = desk.hand.revision
    moved = other.op("keyframe.set", object=track, frame_index=3, state="visible",
                     shape={"type": "tip", "point": [7.0, 8.0]}, attributes={})  # fmt: skip
    answer = desk.client(f"{desk.address}operations/", other.batch([moved]))
    assert answer.status == 200
    stale = desk.hand.op("keyframe.set", object=track, frame_index=3, state="visible",
                         shape={"type": "tip", "point": [9.0, 9.0]}, attributes={})  # fmt: skip
    status, error = desk.refused([stale])
    assert (status, error["code"], error["objects"]) == (409, "conflict", [track])
    assert error["revision"] == answer.json["revision"]
    assert [op["shape"]["point"] for op in error["others"]] == [[7.0, 8.0]]
    # What touches other objects goes through on the old base, and hears of the others.
    done = desk.send(desk.hand.tip(5, 20, 20))
    assert done.status == 200 and [op["id"] for op in done.json["others"]] == [moved["id"]]


def test_a_gap_and_a_revision_ahead_of_the_server_are_told_where_to_go_on(desk):
    desk.hand.seq += 3
    status, error = desk.refused(desk.hand.tip(6, 1, 1))
    desk.hand.seq -= 3
    assert (status, error["code"]) == (409, "gap")
    assert error["expected_seq"] == desk.hand.seq + 1
    status, error = desk.refused(desk.hand.tip(6, 1, 1), base_revision=desk.hand.revision + 7)
    assert (status, error["code"]) == (409, "ahead_of_server")


def test_the_same_batch_again_changes_nothing_and_other_bytes_under_its_numbers_are_refused(desk):
    operations = desk.hand.tip(8, 30, 30)
    batch = desk.hand.batch(operations)
    first = desk.send(operations)
    again = desk.client(f"{desk.address}operations/", batch)
    assert again.status == 200
    assert again.json["revision"] == first.json["revision"] == desk.hand.revision
    desk.hand.seq -= 2
    status, error = desk.refused(desk.hand.tip(8, 31, 31))
    desk.hand.seq += 2
    assert (status, error["code"]) == (409, "forked")


WIDTH, HEIGHT, LAST = foreign.WIDTH_PX, foreign.HEIGHT_PX, foreign.N_FRAMES


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda hand: hand.tip(3, WIDTH + 0.01, 5), "shape"),
        (lambda hand: hand.tip(3, 5, -0.5), "shape"),
        (lambda hand: hand.tip(LAST, 5, 5), "frame_index"),
        (lambda hand: hand.tip(-1, 5, 5), "frame_index"),
        (lambda hand: hand.phase(0, LAST + 1, "preparation"), "end_frame"),
        (lambda hand: hand.phase(10, 10, "preparation"), "end_frame"),
        (lambda hand: hand.phase(0, 5, "no_such_class"), "class_id"),
        (lambda hand: hand.tip(3, 5, float("nan")), "shape"),
    ],
    ids=["right", "above", "after", "before", "past-the-end", "empty", "class", "nan"],
)
def test_an_operation_outside_the_picture_the_clip_or_the_ontology_is_refused(desk, make, field):
    status, error = desk.refused(make(desk.hand))
    assert status == 400
    assert error["code"] in ("invalid_operation", "bad_request", "invalid_body")
    if error["code"] == "invalid_operation":
        assert error["field"].startswith(field) or field in error["field"]
        assert error["index"] in (0, 1)


def test_malformed_json_and_other_shapes_are_refused_with_the_field(desk):
    address = f"{desk.address}operations/"
    for body in (b"{", b"\xff\xfe", b"[1, 2]", b'"text"', b"null"):
        answer = desk.client(address, body)
        assert answer.status == 400
        assert answer.error["code"] in ("bad_request", "invalid_body")
    batch = desk.hand.batch([])
    for field, value in (
        ("client_id", "me"), ("client_id", 5), ("base_revision", -1), ("base_revision", True),
        ("base_revision", "1"), ("operations", []), ("operations", {"a": 1}),
    ):  # fmt: skip
        answer = desk.client(address, {**batch, field: value})
        assert answer.status == 400 and answer.error["field"] == field
    for operations in ([5], [None], [{"seq": 1}], [[]]):
        answer = desk.client(address, {**batch, "operations": operations})
        assert answer.status == 400 and answer.error["code"] == "invalid_operation"


@pytest.mark.parametrize("where", ["operations/", "submit/", "session", "clips", "schema-less"])
def test_ten_megabytes_of_json_are_refused_and_the_server_goes_on(served, desk, clip, where):
    address = {
        "session": "/api/v1/session/",
        "clips": f"/api/v1/clips/{clip}/watched/",
        "schema-less": "/api/v1/nowhere/",
    }.get(where, desk.address + where)
    body = json.dumps({"operations": ["x" * 1000] * 10_000, "revision": 0}).encode()
    assert len(body) > 10_000_000
    host, port = served.stack.url.removeprefix("http://").split(":")
    web = [psutil.Process(pid) for pid in served.stack.processes("granian")]
    before, most = sum(one.memory_info().rss for one in web), 0
    state = desk.state()
    line = http.client.HTTPConnection(host, int(port), timeout=30)
    headers = {"Authorization": f"Bearer {desk.client.login['api_token']}"}
    for _ in range(3):
        line.request("POST", address, body, {**headers, "Content-Type": "application/json"})
        answer = line.getresponse()
        error = json.loads(answer.read())["error"]
        assert (answer.status, error["code"]) == (413, "too_large")
        assert error["message"].endswith(".") and error["remedy"]
        # The connection goes on (or says that it is closed, and a new one is opened).
        line.request("GET", "/api/v1/me/", headers=headers)
        answer = line.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["username"]
        most = max(most, sum(one.memory_info().rss for one in web))
    assert most - before < MEMORY_BYTES
    assert desk.state() == state


def test_a_session_that_ends_in_the_middle_of_a_drawing_loses_nothing(served, clip):
    label_set = label_set_of(served.stack, clip, 0)
    client = served.client("annotator", 0)
    with chromium() as browser:
        person = Person(browser, served.stack.url, served.stack.login("annotator", 0))
        page = person.page
        person.go(f"/clips/{clip}/work/")
        page.wait_for_selector("#app[data-ready=true]")
        person.frame(7)
        page.keyboard.press("Digit4")
        page.mouse.click(*person.at(100, 60, WIDTH, HEIGHT))
        person.saved()
        revision = client(f"/api/v1/label-sets/{label_set}/").json["revision"]
        page.keyboard.press("Digit1")
        page.mouse.move(*person.at(150, 100, WIDTH, HEIGHT))
        page.mouse.down()
        page.mouse.move(*person.at(170, 110, WIDTH, HEIGHT), steps=4)
        flushed = served.stack.manage(
            "shell", "-v", "0", "-c",
            "from django.contrib.sessions.models import Session; Session.objects.all().delete()",
        )  # fmt: skip
        assert flushed.returncode == 0, flushed.stderr
        page.mouse.move(*person.at(200, 120, WIDTH, HEIGHT), steps=4)
        page.mouse.up()
        page.wait_for_selector("[data-testid=sign-in-password]")
        assert page.get_attribute("[data-testid=saved]", "data-state") != "saved"
        # Work goes on while signed out, and is still not lost.
        page.keyboard.press("Digit4")
        page.keyboard.press("Escape")
        assert client(f"/api/v1/label-sets/{label_set}/").json["revision"] == revision
        page.fill("[data-testid=sign-in-password]", person.login["password"])
        page.press("[data-testid=sign-in-password]", "Enter")
        person.saved()
        page.wait_for_selector("[data-testid=sign-in-password]", state="detached")
        drawn = person.sent
        state = client(f"/api/v1/label-sets/{label_set}/").json
        person.frame(9)
        assert person.errors == []
        person.close()
    masks = [op for op in drawn if op["op"] == "keyframe.set" and op["shape"]["type"] == "mask"]
    held = state["labels"]["tracks"][masks[-1]["object"]]["keyframes"]["7"]
    assert held["shape"] == masks[-1]["shape"]
    assert len(state["labels"]["tracks"]) == 2


def test_a_release_of_what_is_not_signed_is_refused_in_words(served, clip, tmp_path):
    def build(*options: str):
        return served.stack.manage(
            "build_release", "--version", "9.9.9", "--formats", "coco-video",
            "--out", str(tmp_path / f"out{time.monotonic_ns()}"), *options,
        )  # fmt: skip

    empty = served.stack.manage(
        "shell", "-v", "0", "-c",
        "from apps.access.actor import service\n"
        "from apps.projects.services import create_project\n"
        "create_project(service('command'), None, slug='empty', name='E', ae_title='EMPTY')",
    )  # fmt: skip
    assert empty.returncode == 0, empty.stderr
    for options in (("--project", "empty"), ("--project", "demo", "--clip", clip)):
        done = build(*options)
        assert done.returncode == 1, done.stderr
        said = done.stdout + done.stderr
        assert "REFUSED" in said and "signed" in said and "Traceback" not in said
    unknown = build("--project", "nowhere")
    assert unknown.returncode == 2 and "there is no such project" in unknown.stderr
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_signed_out_and_unknown_addresses_answer_in_one_shape(served, desk):
    for path in ("/api/v1/me/", "/api/v1/clips/", desk.address):
        answer = call(served.stack.url + path)
        assert (answer.status, answer.error["code"]) == (401, "signed_out")
    # With a body that nobody reads, too: the answer must not drown in a broken line.
    large = call(served.stack.url + f"{desk.address}operations/", body=b" " * (3 << 20))
    assert (large.status, large.error["code"]) == (401, "signed_out")
    wrong = call(served.stack.url + "/api/v1/me/", token="not-a-token")
    assert (wrong.status, wrong.error["code"]) == (401, "signed_out")
    gone = desk.client("/api/v1/nowhere/")
    assert (gone.status, gone.error["code"]) == (404, "not_found")
    theirs = served.client("researcher")(desk.address)
    assert (theirs.status, theirs.error["code"]) == (404, "not_found")
    assert until(lambda: Steward(served.stack).arrived(), 60, "the quarantine")
