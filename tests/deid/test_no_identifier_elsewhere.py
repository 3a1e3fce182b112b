"""The corpus of planted identifiers through intake and the worker: none is in a log, a temporary
file, a page, an error page, a row of the database, a stored file or a metric.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from apps.access.actor import Actor
from apps.deid import services, tasks
from apps.deid.domain.detector_process import EngineProcess
from apps.deid.domain.text_detector import text_detector
from apps.intake.models import ReceivedInstance
from apps.jobs.models import Job
from apps.jobs.work import run_pending
from fixtures import broken as broken_fixtures
from tests.builders import received_instance
from tests.domain.clips import make_clip, tissue, with_text
from tests.planted import Made, corpus
from tests.planted.refused import refused

pytestmark = pytest.mark.django_db

FULL = bool(os.environ.get("BAR_FULL"))
State = ReceivedInstance.State


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


class _Kept(logging.Handler):
    """Every record of every logger, with its traceback, as text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if record.exc_info and record.exc_info[1]:
            self.lines += traceback.format_exception(record.exc_info[1])


@pytest.fixture
def logged() -> Iterator[list[str]]:
    kept, root = _Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    yield kept.lines
    root.removeHandler(kept)
    root.setLevel(level)


def needles(made: list[Made]) -> list[str]:
    found = {planted.needle for one in made for planted in one.planted}
    # Years and days alone are everywhere; eight digits or six letters are not.
    return sorted(needle for needle in found if len(needle) >= 6)


def in_bytes(data: bytes, wanted: list[str]) -> list[str]:
    """Of ``wanted`` what stands in ``data`` in UTF-8 or UTF-16. By their first six letters: each
    word of the data is looked up once, so that the time does not grow with the number wanted."""
    text = data.decode("utf-8", "replace").lower()
    wide = [data[start:].decode("utf-16-le", "replace").lower() for start in (0, 1)]
    by_head: dict[str, list[str]] = {}
    for needle in wanted:
        by_head.setdefault(needle.lower()[:6], []).append(needle)
    return [
        needle
        for said in (text, *wide)
        for head in {said[at : at + 6] for at in range(len(said) - 5)} & by_head.keys()
        for needle in by_head[head]
        if needle.lower() in said
    ]


def database() -> Iterator[tuple[str, str]]:
    """(table, all its rows as text): texts, JSON and what bytes hold of either."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            said = []
            for row in cursor.fetchall():
                for value in row:
                    raw = bytes(value) if isinstance(value, (bytes, memoryview)) else None
                    said.append(raw.decode("latin-1") if raw is not None else str(value))
            yield table, "\n".join(said)


def stored() -> Iterator[Path]:
    for file in Path(settings.CLINICAL_ANNOT_DATA_DIR).rglob("*"):
        if file.is_file() and "sqlite" not in file.name:
            yield file


def pages(
    person: Callable[..., Actor], rows: list[ReceivedInstance]
) -> Iterator[tuple[str, bytes]]:
    client = Client(raise_request_exception=False)
    client.force_login(person("data_steward").user)
    wanted = ["/quarantine/", "/metrics", "/healthz", "/quarantine/progress/", "/", "/studies/"]
    for row in rows:
        wanted += [f"/quarantine/{row.pk}/", f"/api/v1/quarantine/{row.pk}/review/"]
    for url in wanted:
        # A steward who has opened an instance is told its device, as the header has it.
        yield url, re.sub(rb"Tower \w+", b"", client.get(url).content)


def test_identifiers_are_nowhere_but_in_the_sealed_originals(
    project: Any, person: Callable[..., Actor], temporary: Path, tmp_path: Path,
    logged: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stored_before = set(stored())
    made = list(corpus(11, 1, 1.0 if FULL else 0.08))
    rows = []
    for number, one in enumerate(made):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(one.data)
        rows.append(received_instance(project, path, "keep"))
    broken = list(refused(11))[: 30 if FULL else 6]
    for number, (_, data, _) in enumerate(broken):
        path = tmp_path / f"broken{number}.dcm"
        path.write_bytes(data)
        try:
            rows.append(received_instance(project, path, "keep"))
        except Exception:
            continue  # Intake's own answer to what is no instance.
    run_pending(strict=False)
    # A step that fails with a message full of identifiers must not pass it on.
    told = f"cannot handle {' '.join(needles(made)[:50])}"
    failing = next(row for row in rows if row.state == State.RECEIVED)
    ReceivedInstance.objects.filter(pk=failing.pk).update(state=State.RECEIVED)

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError(told)

    monkeypatch.setattr(tasks.pipeline, "examine", fail)
    run_pending(strict=False)

    for row in rows:
        row.refresh_from_db()
    states = [row.state for row in rows]
    assert states.count(State.CLEARED) >= len(made) - 1, states
    wanted = needles(made)
    assert len(wanted) > 100
    places = everywhere(person, rows, temporary, logged, capfd, stored_before)
    found = {place: hits[:3] for place, data in places.items() if (hits := in_bytes(data, wanted))}
    assert found == {}
    assert any("job failed" in line for line in logged)


def shown_in_pictures(title: str, words: str) -> bytes:
    """A video instance of few pictures that show a name, in a container that says it too."""
    still = with_text(tissue(0), words, (30, 90), 24)
    clip = make_clip(6, lambda _: still, metadata={"title": words, "artist": words})
    return broken_fixtures.small_instance(title, clip)


def test_what_is_read_in_pictures_and_streams_is_nowhere_else_even_after_failures(
    project: Any, person: Callable[..., Actor], temporary: Path, tmp_path: Path,
    logged: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stored_before = set(stored())
    path = tmp_path / "shown.dcm"
    path.write_bytes(shown_in_pictures("elsewhere", "Quillfeather Oona"))
    waiting = received_instance(project, path)
    wanted = ["quillfeather", "morgan", "zx-7731-0042-88"]
    # The detector's process is killed while it has the picture; the work goes on with another.
    detector = text_detector()
    real, killed = EngineProcess.recognise, []

    def kill_once(self: EngineProcess, crops: Any) -> Any:
        if not killed and self.pid is not None:
            killed.append(self.pid)
            os.kill(self.pid, signal.SIGKILL)
        return real(self, crops)

    monkeypatch.setattr(EngineProcess, "recognise", kill_once)
    run_pending(strict=False)
    assert killed and detector is text_detector()
    waiting.refresh_from_db()
    proposed = services.proposals_of(waiting)
    assert waiting.state == State.PIXEL_REVIEW and proposed is not None
    read = " ".join(str(box["text"]) for box in proposed["boxes"])
    assert "quillfeather" in read.lower()
    # What writes fails first, quoting what was read and where it stood.
    fine = tasks.pipeline.produce

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError(f"cannot blank {read} of Morgan")

    client = Client(raise_request_exception=False)
    client.force_login(person("data_steward").user)
    here = f"/api/v1/quarantine/{waiting.pk}/"
    shown = client.get(here).json()["proposals"]
    wrong = {**shown, "boxes": [{**shown["boxes"][0], "x_px": read}]}
    answers = [client.post(f"{here}confirm/", wrong, content_type="application/json").content]
    assert client.post(f"{here}confirm/", shown, content_type="application/json").status_code == 200
    with monkeypatch.context() as failing:
        failing.setattr(tasks.pipeline, "produce", fail)
        run_pending(strict=False)
    assert tasks.pipeline.produce is fine
    Job.objects.filter(state=Job.State.QUEUED).update(not_before=None)
    run_pending(strict=False)
    waiting.refresh_from_db()
    assert waiting.state == State.CLEARED
    places = everywhere(person, [waiting], temporary, logged, capfd, stored_before)
    places["refused confirmation"] = answers[0]
    found = {place: hits for place, data in places.items() if (hits := in_bytes(data, wanted))}
    assert found == {}
    assert any("job failed" in line for line in logged)


def everywhere(
    person: Callable[..., Actor],
    rows: list[ReceivedInstance],
    temporary: Path,
    logged: list[str],
    capfd: pytest.CaptureFixture[str],
    stored_before: set[Path],
) -> dict[str, bytes]:
    """All that was written or is said: log, streams, temporary files, tables, pages, files."""
    out, err = capfd.readouterr()
    places = {
        "log": "\n".join(logged).encode(),
        "standard output and error": (out + err).encode(),
    }
    for file in temporary.rglob("*"):
        places[f"temporary {file.name}"] = file.name.encode() + (
            file.read_bytes() if file.is_file() else b""
        )
    places |= {f"table {table}": text.encode() for table, text in database()}
    places |= dict(pages(person, rows))
    for file in set(stored()) - stored_before:
        places[f"stored {file.name}"] = file.name.encode() + file.read_bytes()
    return places


def test_the_command_prints_no_identifier_even_when_it_fails(tmp_path: Path) -> None:
    """A process of its own, so that what libraries print at exit is seen too."""
    made = next(iter(corpus(12, 1, 0.02)))
    path = tmp_path / "one.dcm"
    path.write_bytes(made.data[: len(made.data) * 2 // 3])
    code = (
        "import sys, io; from apps.deid.domain import pipeline\n"
        "try: pipeline.examine(open(sys.argv[1], 'rb'), with_proposals=False)\n"
        "except Exception as error: print(type(error).__name__, error, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code, str(path)], capture_output=True, check=False,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert re.search(rb"Refused", done.stderr)
    assert in_bytes(done.stdout + done.stderr, needles([made])) == []
