"""``make demo``: everything on one machine, on the loopback, with sample studies sent over DICOM.

Starts web, node and worker as children in its own process group, makes the project ``demo`` and its
people, sends the samples to the node with a real C-STORE, carries one clip through to a signed
consensus and leaves the others at earlier stages. Prints ``READY <url> <demo.json>`` and the logins
and stays until Ctrl-C or SIGTERM. Started again on the same data folder it goes on with what is
there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROLES = (
    ("annotator", "anna", "Dr Anna Keller"),
    ("annotator", "boris", "Dr Boris Lindqvist"),
    ("adjudicator", "chandra", "Prof Chandra Rao"),
    ("project_lead", "lea", "Lea Moreau"),
    ("data_steward", "stefan", "Stefan Okafor"),
    ("compliance_officer", "corinne", "Corinne Duval"),
    ("researcher", "rafael", "Rafael Santos"),
    ("pacs_administrator", "paula", "Paula Berg"),
    ("administrator", "adam", "Adam Novak"),
)
# Everything is gone five seconds after SIGTERM, on a busy machine too.
GRACE_S = 2.0
_SYSTEM = {"compliance_officer", "pacs_administrator", "administrator"}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Children:
    """The long-running processes; one that dies is started again."""

    def __init__(self, data_dir: Path) -> None:
        self._log = os.open(data_dir / "demo.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._commands: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}

    def start(self, name: str, *command: str) -> None:
        self._commands[name] = list(command)
        self._running[name] = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL
        )
        self._started[name] = time.monotonic()

    def mend(self) -> None:
        for name, child in list(self._running.items()):
            if child.poll() is not None and time.monotonic() - self._started[name] > 1:
                say(f"{name} ended; starting it again")
                self.start(name, *self._commands[name])

    def stop(self) -> None:
        """Ask all to end; after ``GRACE_S`` what still runs, and what it started, is killed."""
        alive = [child for child in self._running.values() if child.poll() is None]
        started = [pid for child in alive for pid in _descendants(child.pid)]
        for child in alive:
            child.terminate()
        deadline = time.monotonic() + GRACE_S
        for child in alive:
            try:
                child.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
        for pid in started:
            try:
                if os.getpgid(pid) == os.getpgrp():
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _descendants(pid: int) -> list[int]:
    """Process ids below ``pid``; empty where the system does not say."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in path.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m clinical_annot.demo")
    parser.add_argument(
        "--samples", choices=("all", "none"), default="all", help="none: people and project only"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinical_annot.settings.development")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    data_dir = Path(settings.CLINICAL_ANNOT_DATA_DIR)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    marker = data_dir / "preparing"
    marker.touch()
    stop = _Stop()
    began = time.monotonic()
    say("Migrating the database ...")
    call_command("migrate", verbosity=0, interactive=False)
    from apps.audit import triggers

    if triggers.missing():
        say(f"This database lacks triggers of the append-only log: {triggers.missing()}")
        return 2
    children = Children(data_dir)
    try:
        _start(children)
        from clinical_annot import demo_data

        people = demo_data.ensure_people(ROLES, _SYSTEM)
        demo_data.ensure_project(people)
        url = f"http://127.0.0.1:{settings.CLINICAL_ANNOT_WEB_PORT}"
        _wait_for_node(stop, children)

        def check() -> None:
            stop.check()
            children.mend()

        if options.samples == "all":
            demo_data.prepare(data_dir, check, say)
        marker.unlink(missing_ok=True)
        _wait_until_healthy(url, stop, children)
        described = demo_data.describe(url, people)
        path = data_dir / "demo.json"
        _write_private(path, json.dumps(described, indent=1))
        print(f"READY {url} {path}", flush=True)
        for login in described["logins"]:
            print(f"  {login['role']:<20} {login['username']:<10} {login['password']}", flush=True)
        say(f"Ready after {time.monotonic() - began:.0f} s. Ctrl-C stops everything.")
        while True:
            stop.check()
            children.mend()
            demo_data.refresh(path, url, people)
            stop.pause(1.0)
    except _Stopped:
        return 0
    finally:
        children.stop()
        marker.unlink(missing_ok=True)


class _Stopped(Exception):
    pass


class _Stop:
    def __init__(self) -> None:
        self._asked = False
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._ask)

    def _ask(self, *_: Any) -> None:
        self._asked = True

    def pause(self, seconds: float) -> None:
        """Sleep in short steps: a sleep is not cut short by a signal, and five seconds are all
        there is for ending."""
        until = time.monotonic() + seconds
        while not self._asked and time.monotonic() < until:
            time.sleep(0.05)

    def check(self) -> None:
        """Raise when the demo was asked to stop."""
        if self._asked:
            raise _Stopped


def _start(children: Children) -> None:
    from django.conf import settings

    manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
    children.start("node", *manage, "dicom_node")
    children.start("worker", *manage, "worker")
    children.start(
        "web",
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        settings.CLINICAL_ANNOT_BIND,
        "--port",
        str(settings.CLINICAL_ANNOT_WEB_PORT),
        "--blocking-threads",
        "16",
        "--backpressure",
        "64",
        "--no-ws",
        "--log-level",
        "warning",
        "clinical_annot.wsgi:application",
    )


def _wait_for_node(stop: _Stop, children: Children) -> None:
    from apps.intake.queries import node_is_up

    say("Waiting for the DICOM node ...")
    while True:
        stop.check()
        children.mend()
        if node_is_up():
            return
        time.sleep(0.3)


def _wait_until_healthy(url: str, stop: _Stop, children: Children) -> None:
    """Until every part is ok; says once what is not, when that takes longer than a start does."""
    patient_until, told = time.monotonic() + 20, ""
    while True:
        stop.check()
        children.mend()
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):  # noqa: S310
                return
        except urllib.error.HTTPError as answer:
            wrong = _not_ok(answer.read())
        except OSError:
            wrong = "web: does not answer"
        if wrong != told and time.monotonic() > patient_until:
            say(f"Not ready: {wrong}")
            told = wrong
        time.sleep(0.3)


def _not_ok(body: bytes) -> str:
    try:
        parts = json.loads(body).items()
    except (ValueError, AttributeError):
        return "web: fails"
    return ", ".join(f"{name}: {state}" for name, state in parts if state != "ok")


def _write_private(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    partial.rename(path)


if __name__ == "__main__":
    sys.exit(main())
