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

State = Job.State


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"test.{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(work, "JOBS", {})
    yield name


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, ["any"]), (2, ["any", "short"]), (4, ["any", "any", "any", "short"])],
)
def test_with_two_or_more_processes_the_last_keeps_to_short_work(count, expected):
    assert worker.lanes(count) == expected
    assert worker.lanes(0)[-1] == "short"


@pytest.mark.django_db
def test_the_short_lane_leaves_long_work_alone_and_the_other_takes_it_first(kind):
    work.JOBS[kind] = lambda handle: None
    work.enqueue(kind, "long", priority=9, is_long=True)
    work.enqueue(kind, "short")
    short = work.claim("a", only_short=True)
    assert short is not None and short.job.object_id == "short"
    assert work.claim("a", only_short=True) is None
    long = work.claim("b")
    assert long is not None and long.job.object_id == "long"


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
    process = worker._Worker(threading.Event(), only_short=True)
    handle = work.claim(process._owner, only_short=True)
    process._work(handle)
    row = Job.objects.get(kind=kind)
    assert (row.state, row.is_long, row.attempts, row.lease_owner) == (State.QUEUED, True, 0, "")
    assert written == [] and work.claim("a", only_short=True) is None
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
