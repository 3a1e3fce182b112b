"""SIGKILL of node, worker and web server while studies arrive, are cleared and are labelled: what
was acknowledged is there, and the work goes on by itself."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info

from fixtures import broken, foreign
from tests.journeys.served import (
    Browserless,
    Client,
    Hand,
    Served,
    Steward,
    label_set_of,
    ready_clips,
    until,
)
from tests.journeys.stack import Stack, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("BAR_KILLS", "1"))
SEED = int(os.environ.get("KILL_SEED", "20261124"))
VICTIMS = ("manage.py dicom_node", "manage.py worker", "granian")
INSTANCES = 1 + 2 * KILLS
LOST_LINE = (OSError, http.client.HTTPException)


def dataset_digest(path: Path) -> str:
    """SHA-256 of a file behind preamble, prefix and file meta."""
    start = 132 + 12 + read_file_meta_info(path).FileMetaInformationGroupLength
    return hashlib.sha256(path.read_bytes()[start:]).hexdigest()


def patiently(action: Callable[[], Any], seconds: float = 120) -> Any:
    """What ``action`` gives, tried again while the line is lost."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except LOST_LINE:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Journey:
    """People and a modality at work, each again and again until the server has said yes."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.served = Served(stack, folder)
        self.paths = [foreign.video_endoscopic(folder, seed=80 + n) for n in range(INSTANCES)]
        self.stored: dict[str, str] = {}
        self.tries = 0
        line = self.served.ingest(broken.sound(folder))
        assert line["state"] == "cleared", line
        self.clip = line["clips"][0]
        self.label_set = label_set_of(stack, self.clip)
        self.annotator, self.steward = Client(stack, "annotator"), Steward(stack)
        self.hand = Hand(self.clip, seed=SEED)
        self.acknowledged: list[dict[str, Any]] = []
        self.killed: list[tuple[str, int]] = []
        self.at_start = {victim: len(stack.processes(victim)) for victim in VICTIMS}
        self.failures: list[BaseException] = []
        self._over = threading.Event()

    def send(self) -> None:
        for path in self.paths:
            while not self.stack.store(path, "-xn"):
                self.tries += 1
                time.sleep(0.3)
            self.stored[str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)] = (
                dataset_digest(path)
            )

    def clear(self) -> None:
        done: set[str] = set()
        # The clip that is labelled was cleared by the command and is in the list as well.
        while len(done) < INSTANCES + 1:
            for received in patiently(self.steward.arrived):
                facts = patiently(lambda received=received: self.steward.facts(received))
                if facts["state"] == "pixel_review" and facts["proposals"]:
                    body = {key: facts["proposals"][key] for key in ("boxes", "spans")}
                    address = f"/api/v1/quarantine/{received}/confirm/"
                    answer = patiently(lambda: self.steward.client(address, body))  # noqa: B023
                    # A repeat of an answer that was lost finds the next state.
                    assert answer.status in (200, 409), answer.body
                elif facts["state"] == "cleared" and received not in done:
                    done.add(received)
                assert facts["state"] != "held", facts
            time.sleep(0.3)

    def label(self) -> None:
        address = f"/api/v1/label-sets/{self.label_set}/operations/"
        frame = 0
        while not self._over.is_set():
            frame = (frame + 1) % broken.N_FRAMES
            operations = self.hand.tip(frame, frame + 0.25, 10.5)
            batch = self.hand.batch(operations)
            answer = patiently(lambda: self.annotator(address, batch))  # noqa: B023
            assert answer.status == 200, answer.body
            self.hand.revision = answer.json["revision"]
            self.acknowledged += operations
            time.sleep(0.1)

    def kill(self) -> None:
        """Each victim ``KILLS`` times in a drawn order at drawn moments: its parent process alone,
        the whole service, or any one process."""
        draw = random.Random(SEED)
        for number in range(KILLS):
            for victim in draw.sample(VICTIMS, len(VICTIMS)):
                time.sleep(draw.uniform(0.5, 4.0))
                pids = until(lambda: self.stack.processes(victim), 60, victim)  # noqa: B023
                parents = [pid for pid in pids if psutil.Process(pid).ppid() not in pids]
                chosen = (parents, pids, [draw.choice(pids)])[number % 3]
                for pid in chosen:
                    os.kill(pid, signal.SIGKILL)
                self.killed.append((victim, len(chosen)))
                until(lambda: self.is_whole(victim, chosen), 60, f"{victim} again")  # noqa: B023

    def is_whole(self, victim: str, killed: list[int]) -> bool:
        return bool(set(self.stack.processes(victim)) - set(killed)) and self.is_healthy()

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.stack.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except LOST_LINE:
            return False

    def walk(self) -> None:
        threads = [
            threading.Thread(target=self._guarded, args=(part,), daemon=True)
            for part in (self.send, self.clear, self.label)
        ]
        for thread in threads:
            thread.start()
        self.kill()
        self._over.set()
        for thread in threads:
            thread.join(60 + 40 * INSTANCES)
        assert self.failures == []
        assert not any(thread.is_alive() for thread in threads)

    def _guarded(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:
            self.failures.append(error)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    before = os.environ.get("CLINICAL_ANNOT_JOB_LEASE_S")
    os.environ["CLINICAL_ANNOT_JOB_LEASE_S"] = "4"
    try:
        with running(tmp_path_factory.mktemp("kill") / "data") as stack:
            journey = Journey(stack, tmp_path_factory.mktemp("sent"))
            journey.walk()
            yield journey
    finally:
        if before is None:
            del os.environ["CLINICAL_ANNOT_JOB_LEASE_S"]
        else:
            os.environ["CLINICAL_ANNOT_JOB_LEASE_S"] = before


def test_each_process_was_killed_and_came_back(walked):
    assert sorted(victim for victim, _ in walked.killed) == sorted(VICTIMS * KILLS)
    assert walked.is_healthy()
    # Nothing that lost its parent stays behind, and nothing is missing.
    until(
        lambda: {one: len(walked.stack.processes(one)) for one in VICTIMS} == walked.at_start,
        30,
        "as many processes as at the start",
    )


def test_every_instance_that_was_answered_with_success_is_held_once_as_sent(walked):
    assert len(walked.stored) == INSTANCES
    rows = walked.served.instances()
    held = {row["sop_instance_uid"]: row["sha256"] for row in rows}
    assert len(rows) == len(held) == INSTANCES + 1
    assert walked.stored.items() <= held.items()


def test_the_work_goes_on_by_itself_until_every_clip_is_ready(walked):
    lead = walked.served.client("project_lead")
    until(lambda: len(ready_clips(lead)) == INSTANCES + 1, 180, "every clip")
    assert {row["state"] for row in walked.served.instances()} == {"cleared"}


def test_every_operation_that_was_answered_with_200_is_there_once_and_can_be_handed_in(walked):
    assert len(walked.acknowledged) >= 10
    state = walked.annotator(f"/api/v1/label-sets/{walked.label_set}/").json
    drawn = {
        op["object"]: {str(op["frame_index"]): op["shape"]}
        for op in walked.acknowledged
        if op["op"] == "keyframe.set"
    }
    held = {
        track: {frame: one["shape"] for frame, one in row["keyframes"].items()}
        for track, row in state["labels"]["tracks"].items()
    }
    assert held == drawn
    assert state["revision"] == walked.hand.revision
    for number in (0, 1):
        client = Client(walked.stack, "annotator", number)
        address = f"/api/v1/label-sets/{label_set_of(walked.stack, walked.clip, number)}/"
        revision = client(address).json["revision"]
        done = client(f"{address}submit/", {"revision": revision})
        assert done.json["state"] == "submitted", done.body
    pages = Browserless(walked.stack, walked.stack.login("adjudicator"))

    def compared() -> bool:
        page = pages.get("/")
        return "open-adjudication" in page and "being compared" not in page

    until(compared, 60, "the comparison")


def test_the_trail_and_every_stored_file_hold(walked):
    walked.served.holds()
