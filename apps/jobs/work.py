"""Claim, run, finish. ``@job`` registers work by kind; ``@sweep`` registers what looks for work.

Work moves up the floors through state: a room's sweep looks for rows in a state and enqueues. A
job's function works outside any transaction and writes its result through verbs; it must be
idempotent, because a crash after the result and before ``done`` runs it again.
"""

from __future__ import annotations

import enum
import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules

from apps.jobs.models import Job

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=settings.CLINICAL_ANNOT_JOB_LEASE_S)
ATTEMPTS = 3

JOBS: dict[str, Callable[[JobHandle], None]] = {}
# Kinds that wait for a peer's network more than they work: a lane of their own.
PEER_KINDS: set[str] = set()
SWEEPS: list[Callable[[], int]] = []
PARKED: dict[str, Callable[[Job], None]] = {}


class StoppedError(Exception):
    """The job was cancelled, or its lease passed to another worker: stop without a trace."""


class FailedError(Exception):
    """Trying again cannot help: park at once. The text is a reason code or a plain sentence."""


class JobHandle:
    """What a job's function gets: its row, and the way to say how far it is."""

    def __init__(self, job: Job, owner: str) -> None:
        self.job, self._owner, self._told = job, owner, 0.0
        self._lost = threading.Event()

    def progress(self, share: float, step: str = "") -> None:
        """Tell progress (0 to 1), at most twice a second. Raises StoppedError when it must end."""
        if self._lost.is_set():
            raise StoppedError
        now = time.monotonic()
        if now - self._told < 0.5:
            return
        self._told = now
        fields: dict[str, Any] = {"progress": min(max(share, 0.0), 1.0)}
        if step:
            fields["step"] = step
        if not self._mine().update(**fields):
            raise StoppedError

    def cancelled(self) -> bool:
        return self._lost.is_set()

    def got_on(self) -> None:
        """A part of the work is done and kept: whatever stops it next, it is not one of the three
        times in a row after which work is given up."""
        self.job.attempts = 1
        self._mine().update(attempts=1)

    def note(self, **values: Any) -> None:
        """Keep something with the job for its next run. Raises StoppedError when it must end."""
        self.job.params = {**self.job.params, **values}
        if not self._mine().update(params=self.job.params):
            raise StoppedError

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, state=Job.State.RUNNING, lease_owner=self._owner)

    def beat(self) -> bool:
        """Renew the lease; False when the job is no longer this worker's."""
        if self._mine().update(lease_until=timezone.now() + LEASE):
            return True
        self._lost.set()
        return False


def job(
    kind: str, *, waits_for_peer: bool = False
) -> Callable[[Callable[[JobHandle], None]], Callable[[JobHandle], None]]:
    """Register the function that does work of this kind. ``waits_for_peer``: it is as slow as
    another system, so it has a lane of its own where there are several workers."""

    def register(function: Callable[[JobHandle], None]) -> Callable[[JobHandle], None]:
        JOBS[kind] = function
        if waits_for_peer:
            PEER_KINDS.add(kind)
        return function

    return register


def on_parked(kind: str) -> Callable[[Callable[[Job], None]], Callable[[Job], None]]:
    """Register what a room does when work of this kind is given up (it says so to a person)."""

    def register(function: Callable[[Job], None]) -> Callable[[Job], None]:
        PARKED[kind] = function
        return function

    return register


def sweep(function: Callable[[], int]) -> Callable[[], int]:
    """Register a look for work, called about each second by one process a worker service; returns
    how much it found."""
    SWEEPS.append(function)
    return function


def enqueue(
    kind: str, object_id: Any, *, priority: int = 0, is_long: bool = False, **params: Any
) -> bool:
    """Queue work in the caller's transaction unless the same is queued or running already.

    ``priority`` 10 is for what a person waits for, 0 for the rest. ``is_long``: known to take
    minutes, so the worker that keeps to short work leaves it alone. True when it was queued.
    """
    live = Job.objects.filter(
        kind=kind, object_id=str(object_id), state__in=[Job.State.QUEUED, Job.State.RUNNING]
    )
    if live.exists():
        return False
    try:
        with transaction.atomic():
            Job.objects.create(
                kind=kind,
                object_id=str(object_id),
                priority=priority,
                is_long=is_long,
                params=params,
            )
    except IntegrityError:
        return False
    return True


def discover() -> None:
    """Import every room's ``tasks``. Only who works calls it: the node and the web server need
    neither decoders nor the text detector in memory."""
    autodiscover_modules("tasks")


class Lane(enum.StrEnum):
    """What a worker takes: everything; everything but what waits for a peer; of that the short
    work alone; what waits for a peer alone."""

    ALL = "all"
    ANY = "any"
    SHORT = "short"
    PEERS = "peers"


def _due(lane: Lane) -> QuerySet[Job]:
    now = timezone.now()
    queued = Q(state=Job.State.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))
    lapsed = Q(state=Job.State.RUNNING, lease_until__lt=now)
    kinds = set(JOBS)
    if lane == Lane.PEERS:
        kinds &= PEER_KINDS
    elif lane != Lane.ALL:
        kinds -= PEER_KINDS
    found = Job.objects.filter(queued | lapsed, kind__in=kinds)
    return found.filter(is_long=False) if lane == Lane.SHORT else found


def n_due(lane: Lane) -> int:
    """How many jobs wait for a worker of ``lane``."""
    return _due(lane).count()


def claim(owner: str, lane: Lane = Lane.ALL) -> JobHandle | None:
    """Take the lane's next job: the first queued one, or one whose lease ran out.

    Any number of workers may claim at once: a row is locked while it is taken (on SQLite the
    transaction holds the database's write lock from its beginning), so one of them gets it.
    """
    now = timezone.now()
    with transaction.atomic():
        rows = _due(lane).order_by("-priority", "created_at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        taken = rows.first()
        if taken is None:
            return None
        if taken.attempts >= ATTEMPTS:
            _park(taken, "given up after three attempts")
            return None
        taken.state = Job.State.RUNNING
        taken.attempts += 1
        taken.lease_owner, taken.lease_until = owner, now + LEASE
        taken.save()
    return JobHandle(taken, owner)


def _park(row: Job, reason: str) -> None:
    row.state, row.reason = Job.State.PARKED, reason[:200]
    row.finished_at = timezone.now()
    row.save()
    if row.kind in PARKED:
        PARKED[row.kind](row)


def run(handle: JobHandle) -> None:
    """Run a claimed job with a heartbeat. Never raises; outcomes stand in the row."""
    row = handle.job
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(handle, stop), daemon=True)
    beat.start()
    try:
        JOBS[row.kind](handle)
    except StoppedError:
        return
    except FailedError as failure:
        with transaction.atomic():
            if handle.beat():
                row.refresh_from_db()
                _park(row, str(failure))
        return
    except Exception as error:
        # The message may quote data: only the kind of error may reach a log or a row.
        logger.error("job failed", extra={"kind": row.kind, "error": type(error).__name__})
        if _reraise:
            raise
        _again(handle, type(error).__name__)
        return
    finally:
        stop.set()
        beat.join()
    handle._mine().update(state=Job.State.DONE, progress=1.0, finished_at=timezone.now())


_reraise = False


def _again(handle: JobHandle, error: str) -> None:
    with transaction.atomic():
        row = handle._mine().first()
        if row is None:
            return
        if row.attempts >= ATTEMPTS:
            _park(row, f"failed three times, last with {error}")
            return
        row.state = Job.State.QUEUED
        row.not_before = timezone.now() + timedelta(seconds=2**row.attempts)
        row.lease_owner = ""
        row.save()


def _heartbeat(handle: JobHandle, stop: threading.Event) -> None:
    try:
        while not stop.wait(LEASE.total_seconds() / 5):
            try:
                if not handle.beat():
                    return
            except Exception as error:
                logger.warning("no heartbeat", extra={"error": type(error).__name__})
    finally:
        connection.close()


def release(handle: JobHandle, *, is_long: bool | None = None) -> None:
    """Give a job back that this process will not finish (it is being stopped, or, with
    ``is_long``, the job turned out to be one for a worker that takes any)."""
    handle._lost.set()
    handle._mine().update(
        state=Job.State.QUEUED,
        lease_owner="",
        attempts=max(handle.job.attempts - 1, 0),
        is_long=handle.job.is_long if is_long is None else is_long,
    )


def run_pending(limit: int = 1000, *, strict: bool = True) -> int:
    """Sweep and work in this process until nothing is left (tests and ``--wait``)."""
    global _reraise
    discover()
    owner, done = uuid.uuid4().hex, 0
    _reraise, before = strict, _reraise
    try:
        while done < limit:
            found = sum(look() for look in SWEEPS)
            handle = claim(owner)
            if handle is None:
                if not found:
                    return done
                continue
            run(handle)
            done += 1
    finally:
        _reraise = before
    return done


def cancel(object_id: Any, kind: str) -> bool:
    """Cancel what is queued or running; the worker stops at its next word of progress."""
    return bool(
        Job.objects.filter(
            kind=kind, object_id=str(object_id), state__in=[Job.State.QUEUED, Job.State.RUNNING]
        ).update(state=Job.State.CANCELLED, finished_at=timezone.now())
    )
