"""One running server that the journeys which only need clips share, and its API by bearer token."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.journeys.stack import Stack
from tests.shared import make_one

# Full length under ``make bars``; the same size and layout, shorter, in every run of the tests.
IS_FULL = "BAR_SEEKS" in os.environ
FRAMES = {"laparoscopy": 75, "colonoscopy": 60, "ultrasound": 16}


def until(look: Callable[[], Any], seconds: float = 60.0, what: str = "it") -> Any:
    """What ``look`` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds} s")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which must have a code, a sentence and say what to do."""
        error = self.json["error"]
        assert self.json.keys() == {"error"}
        assert {"code", "message", "remedy"} <= error.keys()
        assert error["message"].endswith(".") and error["remedy"]
        return dict(error)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def call(
    url: str, token: str = "", body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request; ``body`` is sent as JSON unless it is bytes."""
    asked = urllib.request.Request(url, headers=headers or {})
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        asked.data = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return Answer(answer.status, _lower(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, _lower(error.headers), error.read())


class Client:
    """A program with one person's token."""

    def __init__(self, stack: Stack, role: str, number: int = 0) -> None:
        self.login = stack.login(role, number)
        self._url, self._token = stack.url, self.login["api_token"]

    def __call__(self, path: str, body: Any = None, **headers: str) -> Answer:
        return call(self._url + path, self._token, body, headers)

    def each(self, paths: Iterable[str]) -> Iterator[bytes]:
        """What is answered to one path after the other, over one connection."""
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=30)
        with closing(connection):
            for path in paths:
                connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200, (path, body)
                yield body


@dataclass
class Served:
    """A stack and the samples taken into it so far."""

    stack: Stack
    folder: Path
    _taken: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def client(self, role: str, number: int = 0) -> Client:
        return Client(self.stack, role, number)

    def sample(self, name: str) -> tuple[str, dict[str, Any]]:
        """Clip id and truth of a sample, cleared as proposed and ready to label."""
        if name not in self._taken:
            paths = make_one(name, self.folder, None if IS_FULL else FRAMES[name])
            line = self.ingest(paths[".dcm"])
            assert line["state"] == "cleared", line
            truth = json.loads(paths[".truth.json"].read_text())
            self._taken[name] = line["clips"][0], truth
        return self._taken[name]

    def ingest(self, path: Path) -> dict[str, Any]:
        done = self.stack.manage(
            "ingest", str(path), "--project", "demo", "--pixels", "accept", "--wait", "--json"
        )
        assert done.stdout, done.stderr
        return dict(json.loads(done.stdout))

    def instances(self) -> list[dict[str, Any]]:
        done = self.stack.manage("list_instances", "--project", "demo", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def holds(self) -> None:
        """The trail and every stored file are what they were."""
        for command in ("verify_audit", "verify_vault"):
            done = self.stack.manage(command)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def label_set_of(stack: Stack, clip: str, number: int = 0) -> str:
    """The id of an annotator's own label set on a clip, from the workspace page."""
    import re

    client = Client(stack, "annotator", number)
    page = Browserless(stack, client.login)

    def look() -> str | None:
        found = re.search(r'data-label-set-id="([^"]+)"', page.get(f"/clips/{clip}/work/"))
        return found.group(1) if found else None

    return str(until(look, 60, "the label set"))


class Browserless:
    """A signed-in session without a browser, for pages."""

    def __init__(self, stack: Stack, login: dict[str, Any]) -> None:
        from http.cookiejar import CookieJar

        self.url, self.jar = stack.url, CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self._opener.open(f"{self.url}/accounts/login/", timeout=30).read()
        answer = self.post(
            "/api/v1/session/", {"username": login["username"], "password": login["password"]}
        )
        assert answer == 200, answer

    def cookie(self, name: str) -> str:
        return next(cookie.value or "" for cookie in self.jar if cookie.name == name)

    def get(self, path: str) -> str:
        try:
            with self._opener.open(self.url + path, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            return ""

    def post(self, path: str, body: Any) -> int:
        asked = urllib.request.Request(self.url + path, json.dumps(body).encode())
        asked.add_header("Content-Type", "application/json")
        asked.add_header("Referer", self.url)
        asked.add_header("X-CSRFToken", self.cookie("csrftoken"))
        return self._status(asked)

    def submit(self, path: str, fields: dict[str, str]) -> int:
        """Send a form as its page does; the status of the page that it leads to."""
        token = {"csrfmiddlewaretoken": self.cookie("csrftoken")}
        asked = urllib.request.Request(self.url + path, urlencode({**fields, **token}).encode())
        asked.add_header("Referer", self.url)
        return self._status(asked)

    def _status(self, asked: urllib.request.Request) -> int:
        try:
            return int(self._opener.open(asked, timeout=30).status)
        except urllib.error.HTTPError as error:
            return error.code


class Hand:
    """Makes an annotator's operations as a browser tab would: ids, gapless numbers, revisions."""

    def __init__(self, clip: str, seed: int = 1) -> None:
        import random

        self.clip, self.revision, self.seq = clip, 0, 0
        self._random = random.Random(seed)
        self.client_id = self.uuid()

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def op(self, kind: str, **fields: Any) -> dict[str, Any]:
        self.seq += 1
        return {"id": self.uuid(), "seq": self.seq, "op": kind, **fields}

    def tip(self, frame: int, x: float, y: float, class_id: str = "grasper") -> list[dict]:
        """A new track with one keyframe."""
        track = self.uuid()
        return [
            self.op("track.create", object=track, clip=self.clip, class_id=class_id),
            self.op(
                "keyframe.set", object=track, frame_index=frame, state="visible",
                shape={"type": "tip", "point": [x, y]}, attributes={},
            ),
        ]  # fmt: skip

    def phase(self, start: int, end: int, class_id: str) -> list[dict]:
        return [
            self.op(
                "interval.set", object=self.uuid(), clip=self.clip, class_id=class_id,
                start_frame=start, end_frame=end, attributes={},
            )
        ]  # fmt: skip

    def batch(self, operations: list[dict]) -> dict[str, Any]:
        return {
            "client_id": self.client_id,
            "base_revision": self.revision,
            "operations": operations,
        }


class Steward:
    """The data steward: sees what arrives and clears it as proposed."""

    def __init__(self, stack: Stack) -> None:
        self.client = Client(stack, "data_steward")
        self._pages = Browserless(stack, self.client.login)

    def arrived(self) -> list[str]:
        """Ids in quarantine, newest first."""
        import re

        return re.findall(r'data-received="([^"]+)"', self._pages.get("/quarantine/"))

    def page(self) -> str:
        return self._pages.get("/quarantine/")

    def facts(self, received: str) -> dict[str, Any]:
        return dict(self.client(f"/api/v1/quarantine/{received}/").json)

    def settled(self, received: str, seconds: float = 180) -> dict[str, Any]:
        """Facts once the machine has done what it can do alone."""

        def look() -> dict[str, Any] | None:
            facts = self.facts(received)
            return None if facts["state"] in ("received", "deidentifying", "redacting") else facts

        return dict(until(look, seconds, "a state that waits for a person"))

    def clear(self, received: str) -> dict[str, Any]:
        """Confirm what is proposed, as often as a second look asks; the facts once cleared."""
        facts = self.settled(received)
        for _ in range(3):
            if facts["state"] != "pixel_review":
                break
            proposed = facts["proposals"]
            decision = {"boxes": proposed["boxes"], "spans": proposed["spans"]}
            answer = self.client(f"/api/v1/quarantine/{received}/confirm/", decision)
            assert answer.status == 200, answer.body
            facts = self.settled(received)
        assert facts["state"] == "cleared", facts
        return facts


def ready_clips(client: Client) -> dict[str, dict[str, Any]]:
    """Clips that a person may see and work on, by id."""
    rows = client("/api/v1/clips/").json["clips"]
    return {row["id"]: row for row in rows if row["state"] == "ready"}
