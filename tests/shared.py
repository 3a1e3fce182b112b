"""What all processes of one run of the tests share: made by the first that asks, copied by the
others. A migrated database costs seconds of processor time, and so does a drawn sample."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "CLINICAL_ANNOT_TEST_SHARED"
DATABASE_FILE = "clinicalannot.sqlite3"


def once(name: str, build: Callable[[Path], None]) -> Path:
    """The file or folder ``name`` of this run, which ``build`` writes for whoever comes first."""
    place = Path(os.environ[FOLDER])
    target, partial = place / name, place / f"{name}.part"
    with open(place / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            build(partial)
            partial.rename(target)
    return target


def manage(*words: str) -> list[str]:
    """The command line of a command, without Django's checks, which load every page: a second. The
    shell makes none."""
    return [
        sys.executable,
        "manage.py",
        *words,
        *(["--skip-checks"] if words[0] != "shell" else []),
    ]


def _migrate(url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="clinicalannot-migrating-") as folder:
        given = {
            "CLINICAL_ANNOT_DATA_DIR": folder,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.test",
        }
        subprocess.run(
            manage("migrate", "-v", "0"),
            cwd=ROOT, env={**os.environ, **given}, check=True,
        )  # fmt: skip


def copy_of_migrated_sqlite(target: Path) -> None:
    """A new SQLite database at ``target``, as after the migrations."""
    made = once(DATABASE_FILE, lambda partial: _migrate(f"sqlite:///{partial}"))
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for end in ("-wal", "-shm"):
        target.with_name(target.name + end).unlink(missing_ok=True)
    shutil.copyfile(made, target)


def migrated_template(url: str) -> str:
    """The name of a database on the PostgreSQL server of ``url``, as after the migrations: a
    template for others. A server that outlives the run keeps one for each set of migrations."""
    import psycopg

    digest = hashlib.sha256()
    for path in sorted((ROOT / "apps").glob("*/migrations/*.py")):
        digest.update(path.read_bytes())
    name = f"migrated_{digest.hexdigest()[:16]}"

    def build(partial: Path) -> None:
        with psycopg.connect(url, autocommit=True) as server:
            if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).rowcount:
                server.execute(f"DROP DATABASE IF EXISTS {name}_part")
                server.execute(f"CREATE DATABASE {name}_part")
                _migrate(f"{url.rsplit('/', 1)[0]}/{name}_part")
                server.execute(f"ALTER DATABASE {name}_part RENAME TO {name}")
        partial.touch()

    once(f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:16]}", build)
    return name


def make_one(name: str, out_dir: Path, n_frames: int | None = None) -> dict[str, Path]:
    """``fixtures.make.make_one``, drawn once in a run."""
    # Here, for drawing makes pydicom strict in the whole process.
    from fixtures import make

    drawn = once(f"{name}-{n_frames}", lambda partial: make.make_one(name, partial, n_frames))
    out_dir.mkdir(parents=True, exist_ok=True)
    return {
        "".join(path.suffixes): Path(shutil.copyfile(path, out_dir / path.name))
        for path in drawn.iterdir()
    }
