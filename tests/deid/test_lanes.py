"""Several workers side by side: each job is done by one, and short work waits for no long one."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from apps.deid import tasks
from apps.deid.domain.refusals import StreamRefusal
from apps.jobs import work
from apps.jobs.models import Job
from clinical_annot.management.commands import worker

State, Lane = Job.State, work.Lane


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"test.{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(work, "JOBS", {})
    monkeypatch.setattr(work, "PEER_KINDS", set())
    yield name


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, ["all"]), (2, ["any", "short"]), (4, ["any", "any", "any", "short"])],
)
def test_with_two_or_more_processes_the_last_keeps_to_short_work(count, expected):
    assert worker.lanes(count) == expected
    assert worker.lanes(0)[-1] == "short"


@pytest.mark.django_db
def test_the_short_lane_leaves_long_work_alone_and_the_other_takes_it_first(kind):
    work.JOBS[kind] = lambda handle: None
    work.enqueue(kind, "long", priority=9, is_long=True)
    work.enqueue(kind, "short")
    short = work.claim("a", Lane.SHORT)
    assert short is not None and short.job.object_id == "short"
    assert work.claim("a", Lane.SHORT) is None
    long = work.claim("b")
    assert long is not None and long.job.object_id == "long"


@pytest.mark.django_db
def test_what_waits_for_a_peer_and_what_works_here_do_not_wait_for_each_other(kind):
    work.job(f"{kind}.pull", waits_for_peer=True)(lambda handle: None)
    work.job(kind)(lambda handle: None)
    for number in range(2):
        work.enqueue(f"{kind}.pull", f"pull {number}", priority=9)
    work.enqueue(kind, "examination", is_long=True)
    assert (work.n_due(Lane.PEERS), work.n_due(Lane.ANY), work.n_due(Lane.SHORT)) == (2, 1, 0)
    assert work.claim("short", Lane.SHORT) is None
    taken = work.claim("any", Lane.ANY)
    assert taken is not None and taken.job.object_id == "examination"
    assert work.claim("any", Lane.ANY) is None
    assert [work.claim("p", Lane.PEERS).job.object_id for _ in range(2)] == ["pull 0", "pull 1"]
    assert work.claim("p", Lane.PEERS) is None
    assert worker.lanes(1) == [Lane.ALL], "one process alone takes everything"


@pytest.mark.django_db(transaction=True)
def test_a_process_for_peers_is_started_while_work_waits_and_never_more_than_the_lane_has(
    kind, monkeypatch
):
    class Process:
        ended: int | None = None

        def poll(self) -> int | None:
            return self.ended

    started: list[Process] = []
    monkeypatch.setattr(worker, "_start", lambda lane: started.append(Process()) or started[-1])
    work.job(kind, waits_for_peer=True)(lambda handle: None)
    lane = worker._PeerLane()

    def look() -> int:
        lane._look_at = 0.0
        lane.look()
        return len(started)

    assert look() == 0
    for number in range(5):
        work.enqueue(kind, number)
    assert [look() for _ in range(4)] == [1, 2, 2, 2]
    started[0].ended = 0
    assert look() == 3, "in place of the one that ended"
    Job.objects.all().delete()
    started[1].ended = 0
    assert look() == 3


@pytest.mark.django_db(transaction=True)
def test_a_process_for_peers_ends_when_no_work_comes(kind, monkeypatch):
    monkeypatch.setattr(worker, "PEERS_IDLE_S", 0.0)
    monkeypatch.setattr(work, "discover", lambda: None)
    ran: list[str] = []
    work.job(kind, waits_for_peer=True)(lambda handle: ran.append(handle.job.object_id))
    worker._Worker(threading.Event(), Lane.PEERS).run()
    assert ran == []


@pytest.mark.django_db(transaction=True)
def test_work_that_turns_out_long_is_given_back_whole_to_a_worker_that_takes_any(kind, monkeypatch):
    monkeypatch.setattr(worker, "SHORT_S", 0.2)
    written: list[str] = []

    def slow(handle: work.JobHandle) -> None:
        while not handle.cancelled():
            time.sleep(0.01)
        handle.progress(0.5)
        written.append("not to be reached")

    work.JOBS[kind] = slow
    work.enqueue(kind, "x")
    process = worker._Worker(threading.Event(), Lane.SHORT)
    handle = work.claim(process._owner, Lane.SHORT)
    process._work(handle)
    row = Job.objects.get(kind=kind)
    assert (row.state, row.is_long, row.attempts, row.lease_owner) == (State.QUEUED, True, 0, "")
    assert written == [] and work.claim("a", Lane.SHORT) is None
    work.JOBS[kind] = lambda handle: None
    again = work.claim("b")
    work.run(again)
    assert Job.objects.get(kind=kind).state == State.DONE


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_claim_at_once_each_job_goes_to_one(kind):
    work.JOBS[kind] = lambda handle: None
    n_jobs, taken, lock = 24, [], threading.Lock()
    for number in range(n_jobs):
        work.enqueue(kind, number)

    def claim_all(owner: str) -> None:
        try:
            while (handle := work.claim(owner)) is not None:
                with lock:
                    taken.append(handle.job.object_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim_all, args=(str(k),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, taken)) == list(range(n_jobs))


@pytest.mark.django_db
def test_work_whose_detector_crashed_is_tried_three_times_and_then_parked_with_the_reason(kind):
    def crash(handle: Any) -> None:
        tasks._stop_or_fail(StreamRefusal("detector_failed", "its process ended"))

    work.JOBS[kind] = crash
    work.enqueue(kind, "x")
    for attempt in range(work.ATTEMPTS):
        Job.objects.filter(kind=kind).update(not_before=None)
        row = Job.objects.get(kind=kind)
        assert (row.state, row.attempts) == (State.QUEUED, attempt)
        work.run(work.claim("a"))
    row = Job.objects.get(kind=kind)
    assert row.state == State.PARKED and "DetectorFailed" in row.reason
