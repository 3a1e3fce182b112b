"""The worker: looks for work, does it, gives log entries their places, signs checkpoints."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
import uuid
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections, connection

from apps.access.actor import service
from apps.access.people import note_process
from apps.audit import tree, triggers
from apps.jobs import work
from apps.jobs.heartbeat import beat

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run background work until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            triggers.require()
        except triggers.MissingTriggersError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        work.discover()
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        # Pictures are encoded beside what a person waits for in the browser.
        os.nice(10)
        owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        keeper = threading.Thread(target=self._keep, args=(stop,), daemon=True)
        keeper.start()
        logger.info("worker started")
        note_process(service("worker"), None, process="worker", what="start")
        while not stop.is_set():
            try:
                close_old_connections()
                for look in work.SWEEPS:
                    look()
                handle = work.claim(owner)
                if handle is None:
                    stop.wait(0.5)
                    continue
                self._run(handle, stop)
            except OperationalError as error:
                logger.warning("database away", extra={"error": type(error).__name__})
                stop.wait(2)
        keeper.join(timeout=2)
        note_process(service("worker"), None, process="worker", what="stop")

    def _run(self, handle: work.JobHandle, stop: threading.Event) -> None:
        """Work in a thread, so that SIGTERM ends the process within seconds: the lease runs out
        and another worker begins again."""
        thread = threading.Thread(target=self._in_thread, args=(handle,), daemon=True)
        thread.start()
        while thread.is_alive() and not stop.is_set():
            thread.join(0.2)
        if thread.is_alive():
            work.release(handle)

    @staticmethod
    def _in_thread(handle: work.JobHandle) -> None:
        try:
            work.run(handle)
        finally:
            connection.close()

    @staticmethod
    def _keep(stop: threading.Event) -> None:
        """Sequence the log each second, sign the tree each half minute or thousand entries."""
        signed_at, since = 0.0, 0
        while not stop.wait(1.0):
            try:
                since += tree.sequence()
                if since and (since >= 1000 or time.monotonic() - signed_at > 30):
                    tree.make_checkpoint()
                    signed_at, since = time.monotonic(), 0
                beat("worker")
            except Exception as error:
                logger.warning("log not sequenced", extra={"error": type(error).__name__})
                connection.close()
        connection.close()
