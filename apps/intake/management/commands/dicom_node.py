"""The DICOM node: a process a core on one port, each started again when it ends."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from apps.access.actor import service
from apps.access.people import note_process
from apps.audit import triggers
from apps.audit.restores import kept_since
from apps.intake.node import configuration
from apps.intake.node.server import Node
from apps.vault.files import sweep

logger = logging.getLogger(__name__)


SWEEP_EVERY_S = 3600


def _sweep() -> None:
    """Drop what no row names. What is younger than a day may still be on its way."""
    try:
        sweep(kept_since=kept_since())
    except (DatabaseError, OSError) as error:
        logger.warning("vault not swept", extra={"error": type(error).__name__})
    finally:
        connection.close()


def _note_stop() -> None:
    """The pool may hold connections to a server that was started again; one that is away must not
    keep the node from ending."""
    for is_last in (False, True):
        try:
            note_process(service("node"), None, process="node", what="stop")
            return
        except DatabaseError as error:
            connection.close()
            if is_last:
                logger.error("stop not recorded", extra={"error": type(error).__name__})


class Command(BaseCommand):
    # The checks import every page of the web server; the node stays small without them.
    requires_system_checks = ()  # type: ignore[assignment]
    help = "Receive DICOM instances until SIGTERM."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--single", action="store_true", help="serve in this process alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            triggers.require()
        except triggers.MissingTriggersError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        try:
            configuration.check()
        except configuration.NodeConfigurationError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        if options["single"]:
            self._serve(stop)
        else:
            self._supervise(stop)

    @staticmethod
    def _serve(stop: threading.Event) -> None:
        node, parent = Node(), os.getppid()
        node.start(
            settings.CLINICAL_ANNOT_BIND,
            settings.CLINICAL_ANNOT_DICOM_PORT,
            configuration.tls_port(),
        )
        logger.info("node process listening")
        # A child whose supervisor was killed ends too: the port must not stay taken.
        while not stop.wait(0.5) and os.getppid() == parent:
            pass
        node.stop()

    @staticmethod
    def _supervise(stop: threading.Event) -> None:
        _sweep()
        note_process(service("node"), None, process="node", what="start")
        swept_at = time.monotonic()
        count = settings.CLINICAL_ANNOT_NODE_PROCESSES or os.cpu_count() or 1
        command = [sys.executable, sys.argv[0], "dicom_node", "--single"]
        children = [subprocess.Popen(command) for _ in range(count)]
        while not stop.wait(0.3):
            for place, child in enumerate(children):
                if child.poll() is not None:
                    logger.warning("node process ended, starting another")
                    time.sleep(0.3)
                    children[place] = subprocess.Popen(command)
            if time.monotonic() - swept_at > SWEEP_EVERY_S:
                _sweep()
                swept_at = time.monotonic()
        for child in children:
            child.terminate()
        _note_stop()
        for child in children:
            try:
                child.wait(2.5)
            except subprocess.TimeoutExpired:
                child.kill()
