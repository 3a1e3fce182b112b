"""The worker: looks for work, does it, gives log entries their places, signs checkpoints.

One process looks for work, keeps the log and starts those that work; with two or more of them the
last takes short work alone, so that nothing short waits behind a long video. What waits for another
system (a pull from a PACS) then has processes of its own, made when there is such work: neither
does it wait for an examination, nor an examination for it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections, connection

from apps.access.actor import service
from apps.access.people import note_process
from apps.audit import delivery, tree, triggers
from apps.jobs import work
from apps.jobs.heartbeat import beat

logger = logging.getLogger(__name__)

# What takes longer is no short work: it is given back and begun again by a worker that takes any.
SHORT_S = 15.0
# Processes for what waits for peers: so many at most, and so long they stay without work.
PEER_PROCESSES = 2
PEERS_IDLE_S = 30.0


class Command(BaseCommand):
    # The checks import every page of the web server; the processes stay small without them.
    requires_system_checks = ()  # type: ignore[assignment]
    help = "Run background work until SIGTERM."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--single",
            choices=list(work.Lane),
            help="work in this process alone, on this lane's jobs",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            triggers.require()
        except triggers.MissingTriggersError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        if options["single"]:
            _Worker(stop, work.Lane(options["single"])).run()
        else:
            _supervise(stop)


def lanes(count: int) -> list[work.Lane]:
    """What each of ``count`` processes takes; 0 is one a core, at least two."""
    count = count or max(2, os.cpu_count() or 1)
    if count == 1:
        return [work.Lane.ALL]
    return [work.Lane.ANY] * (count - 1) + [work.Lane.SHORT]


def _start(lane: work.Lane) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, sys.argv[0], "worker", "--single", lane])


class _PeerLane:
    """Processes for what waits for peers, one for each job that waits, up to their number."""

    def __init__(self) -> None:
        self.children: list[subprocess.Popen[bytes]] = []
        self._look_at = 0.0

    def look(self) -> None:
        """Start one more where work waits; about each second."""
        self.children = [child for child in self.children if child.poll() is None]
        if len(self.children) >= PEER_PROCESSES or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + 1
        try:
            close_old_connections()
            # One that has just been started takes one of them.
            if work.n_due(work.Lane.PEERS) > 0:
                self.children.append(_start(work.Lane.PEERS))
                self._look_at += 4
        except Exception as error:
            logger.warning("no look at the queue", extra={"error": type(error).__name__})
            connection.close()


def _supervise(stop: threading.Event) -> None:
    # Pictures are encoded beside what a person waits for in the browser.
    os.nice(10)
    work.discover()
    note_process(service("worker"), None, process="worker", what="start")
    wanted = lanes(settings.CLINICAL_ANNOT_WORKER_PROCESSES)
    children = [_start(lane) for lane in wanted]
    peer_lane = _PeerLane() if work.Lane.ALL not in wanted else None
    keepers = [
        threading.Thread(target=target, args=(stop,), daemon=True)
        for target in (_keep, _look, _hand_out)
    ]
    for keeper in keepers:
        keeper.start()
    logger.info("worker started")
    while not stop.wait(0.3):
        for place, child in enumerate(children):
            if child.poll() is not None:
                logger.warning("worker process ended, starting another")
                stop.wait(0.3)
                children[place] = _start(wanted[place])
        if peer_lane is not None:
            peer_lane.look()
    children += peer_lane.children if peer_lane is not None else []
    for child in children:
        child.terminate()
    for keeper in keepers:
        keeper.join(timeout=1)
    _note_stop()
    for child in children:
        try:
            child.wait(2.5)
        except subprocess.TimeoutExpired:
            child.kill()


def _note_stop() -> None:
    try:
        note_process(service("worker"), None, process="worker", what="stop")
    except OperationalError as error:
        logger.error("stop not recorded", extra={"error": type(error).__name__})


def _keep(stop: threading.Event) -> None:
    """Sequence the log each second, sign the tree each half minute or thousand entries."""
    signed_at, since = 0.0, 0
    while not stop.wait(1.0):
        try:
            since += tree.sequence(limit=1000)
            if since and (since >= 1000 or time.monotonic() - signed_at > 30):
                tree.make_checkpoint()
                signed_at, since = time.monotonic(), 0
            beat("worker")
        except Exception as error:
            logger.warning("log not sequenced", extra={"error": type(error).__name__})
            connection.close()
    connection.close()


def _hand_out(stop: threading.Event) -> None:
    """Give checkpoints to the places outside the database; apart, for a place may be slow."""
    while not stop.wait(2.0):
        try:
            close_old_connections()
            delivery.deliver()
        except Exception as error:
            logger.warning("checkpoint not handed out", extra={"error": type(error).__name__})
            connection.close()
    connection.close()


def _look(stop: threading.Event) -> None:
    """Queue what waits for its next step, each half second; a look that fails is made again."""
    while not stop.wait(0.5):
        # Once a round: to open a connection costs as much as to look.
        close_old_connections()
        for look in work.SWEEPS:
            try:
                look()
            except Exception as error:
                logger.warning(
                    "sweep failed", extra={"kind": look.__name__, "error": type(error).__name__}
                )
                connection.close()
    connection.close()


class _Worker:
    """One process that claims and works until it is asked to stop or its supervisor is gone."""

    def __init__(self, stop: threading.Event, lane: work.Lane) -> None:
        self._stop, self._lane, self._parent = stop, lane, os.getppid()
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def run(self) -> None:
        if self._lane == work.Lane.PEERS:
            # Without the decoders: it is started when somebody waits for it.
            import_module("apps.intake.tasks")
        else:
            work.discover()
        worked_at = time.monotonic()
        while not self._is_over():
            try:
                close_old_connections()
                handle = work.claim(self._owner, self._lane)
                if handle is None:
                    idle_s = time.monotonic() - worked_at
                    if self._lane == work.Lane.PEERS and idle_s > PEERS_IDLE_S:
                        return
                    self._stop.wait(0.5)
                    continue
                self._work(handle)
                worked_at = time.monotonic()
            except OperationalError as error:
                logger.warning("database away", extra={"error": type(error).__name__})
                self._stop.wait(2)

    def _is_over(self) -> bool:
        return self._stop.is_set() or os.getppid() != self._parent

    def _work(self, handle: work.JobHandle) -> None:
        """Work in a thread, so that SIGTERM ends the process within seconds: the job is given back
        and another worker begins again."""
        thread = threading.Thread(target=self._in_thread, args=(handle,), daemon=True)
        thread.start()
        given_back_at = time.monotonic() + SHORT_S
        is_given_back = False
        while thread.is_alive() and not self._is_over():
            thread.join(0.2)
            is_short = self._lane == work.Lane.SHORT
            if is_short and not is_given_back and time.monotonic() > given_back_at:
                is_given_back = True
                work.release(handle, is_long=True)
        if thread.is_alive() and not is_given_back:
            work.release(handle)

    @staticmethod
    def _in_thread(handle: work.JobHandle) -> None:
        try:
            work.run(handle)
        finally:
            connection.close()
