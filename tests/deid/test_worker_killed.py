"""SIGKILL of the worker at random moments: nothing half-written is ever visible, the work goes on,
and the same bytes come out as without."""

from __future__ import annotations

import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate

from fixtures import broken
from tests import shared
from tests.domain import stream_plants
from tests.domain.video_clips import clip

pytestmark = [
    pytest.mark.skipif(
        "DATABASE_URL" in os.environ, reason="the worker has an SQLite database of its own here"
    ),
    pytest.mark.timeout(3600),
]
ROOT = Path(__file__).parents[2]
# 30 in full size.
KILLS = int(os.environ.get("BAR_WORKER_KILLS", "1"))
SEED = int(os.environ.get("KILL_SEED", "20261126"))
# A job may be killed twice: after three attempts it is given up.
INSTANCES = 1 + KILLS // 2
FRAMES = 300 if KILLS > 5 else 60

# What each instance names, in its header and within its pictures' own data.
NAMES = (b"Morgan-L", b"ZX-7731-0042-88", b"Quillfeather")

# The patients' identities are drawn before the folder is copied: what is drawn at random is then
# the same in both, and everything else must come out the same by itself.
_PREPARE = """
import shutil
from pathlib import Path
from django.core.management import call_command
from django.db import connection
from apps.access.actor import service
from apps.deid.domain.profile import load_builtin
from apps.deid.identity import identity_of
from apps.intake.models import ReceivedInstance
from apps.jobs.work import run_pending
from apps.projects.services import create_project
project = create_project(service("command"), None, slug="demo", name="Demo", ae_title="CLINANNOT")
project.options = {**project.options, "pixels_without_person": True}
project.save()
try:
    call_command("ingest", SOURCE, project="demo", pixels="keep")
except SystemExit as done:
    assert not done.code
for received in ReceivedInstance.objects.select_related("subject"):
    identity_of(project, received.subject, load_builtin(project.profile))
connection.close()
shutil.copytree(FOLDER, COPY)
run_pending()
"""
_OUTCOME = """
SELECT r.id, i.sop_instance_uid, f.sha256, f.size_bytes, c.media_sha256, c.digests, v.sha256
FROM intake_receivedinstance r
JOIN deid_deidentification d ON d.instance_id = r.id
JOIN vault_vaultfile f ON f.id = d.output_id
JOIN library_instance i ON i.source_id = r.id
JOIN library_clip c ON c.instance_id = i.id AND c.state = 'ready'
LEFT JOIN vault_vaultfile v ON v.id = c.review_id
ORDER BY r.id
"""


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder.parent / f"{folder.name}-temporary"
        self.temporary.mkdir()
        self.log = folder.parent / f"{folder.name}.log"
        self.env = {
            **{key: value for key, value in os.environ.items() if key != "DATABASE_URL"},
            "CLINICAL_ANNOT_DATA_DIR": str(folder),
            "CLINICAL_ANNOT_KEY_FILE": str(folder / "master.key"),
            "CLINICAL_ANNOT_JOB_LEASE_S": "2",
            "TMPDIR": str(self.temporary),
            "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.development",
        }

    def command(self, *words: str) -> str:
        done = subprocess.run(
            shared.manage(*words),
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def worker(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def asked(self, question: str) -> list[tuple[Any, ...]]:
        database = f"file:{self.folder / 'clinicalannot.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
            return connection.execute(question).fetchall()

    def running(self) -> list[tuple[str, int]]:
        """(kind, attempts) of what is being worked at."""
        return self.asked("SELECT kind, attempts FROM jobs_job WHERE state = 'running'")

    def whole_files(self) -> None:
        """Each file that a row names lies whole under its name, at any moment."""
        stored = {path.name: path for path in (self.folder / "vault").rglob("*") if path.is_file()}
        for name, size in self.asked("SELECT id, size_bytes FROM vault_vaultfile"):
            assert stored[name].stat().st_size > size

    def holding(self, value: bytes) -> list[str]:
        """Files in which a value stands: data, database, temporary files, the worker's log."""
        files = [self.log, *self.folder.rglob("*"), *self.temporary.rglob("*")]
        spelt = (value.lower(), value.decode().lower().encode("utf-16-le"))
        return [
            path.name
            for path in files
            if path.is_file() and any(one in path.read_bytes().lower() for one in spelt)
        ]


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """The same received instances twice: carried through in peace, and still to be worked at."""
    source = tmp_path / "source"
    source.mkdir()
    pictures = stream_plants.units(clip(FRAMES, container="h264", x264="bframes=2:keyint=25"))
    for number in range(INSTANCES):
        ds = dcmread(io.BytesIO(broken.small_instance(f"killed {number}", b"\0\0")))
        # A name within the pictures' own data: copied, searched, then encoded, so that a kill
        # meets each of these.
        name = str(ds.PatientName).split("^")[0].encode()
        planted = [u + name if u[0] & 31 in (1, 5) else u for u in pictures]
        ds.PixelData = encapsulate([stream_plants.bytestream(planted)])
        ds["PixelData"].is_undefined_length = True
        ds.save_as(source / f"{number}.dcm")
    peace, killed = Place(tmp_path / "peace"), Place(tmp_path / "killed")
    shared.copy_of_migrated_sqlite(peace.folder / shared.DATABASE_FILE)
    names = f"SOURCE, FOLDER, COPY = {str(source)!r}, {str(peace.folder)!r}, {str(killed.folder)!r}"
    peace.command("shell", "-v", "0", "-c", names + _PREPARE)
    yield peace, killed


def test_a_worker_that_is_killed_at_random_moments_brings_out_the_same_bytes(
    places: tuple[Place, Place],
) -> None:
    peace, killed = places
    expected = peace.asked(_OUTCOME)
    assert len(expected) == INSTANCES
    draw, kills, kinds = random.Random(SEED), 0, []
    deadline = time.monotonic() + 900 + 60 * KILLS
    worker = killed.worker()
    try:
        while len(killed.asked(_OUTCOME)) < INSTANCES:
            assert time.monotonic() < deadline, killed.asked("SELECT kind, state FROM jobs_job")
            time.sleep(draw.uniform(0.02, 0.4))
            running = killed.running()
            if kills == KILLS or not running or running[0][1] > 2 or worker.poll() is not None:
                continue
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            kills += 1
            kinds.append(running[0][0])
            killed.whole_files()
            worker = killed.worker()
    finally:
        worker.kill()
        worker.wait()
    assert kills == KILLS, kinds
    assert killed.asked(_OUTCOME) == expected
    killed.whole_files()
    assert [name for name in NAMES if killed.holding(name)] == []
    assert not killed.asked("SELECT kind FROM jobs_job WHERE state = 'parked'")
    if KILLS > 1:
        killed.command("verify_vault")
