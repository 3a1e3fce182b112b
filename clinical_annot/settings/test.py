"""Tests: a data folder that lives as long as the run; the database by DATABASE_URL."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "CLINICAL_ANNOT_DATA_DIR" not in os.environ:
    _folder = tempfile.mkdtemp(prefix="clinicalannot-test-")
    os.environ["CLINICAL_ANNOT_DATA_DIR"] = _folder
    _owner = os.getpid()
    atexit.register(
        lambda: shutil.rmtree(_folder, ignore_errors=True) if os.getpid() == _owner else None
    )

_worker = os.environ.get("PYTEST_XDIST_WORKER")
if _worker and not os.environ["CLINICAL_ANNOT_DATA_DIR"].endswith(_worker):
    # Tests count files in the vault: each worker of a parallel run has a folder of its own.
    os.environ["CLINICAL_ANNOT_DATA_DIR"] += f"/{_worker}"

from .base import *  # noqa: E402, F403
from .base import CLINICAL_ANNOT_DATA_DIR, DATABASES  # noqa: E402

SECRET_KEY = "tests-only-" + "x" * 50
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if "CLINICAL_ANNOT_JOB_LEASE_S" not in os.environ:
    # A test's transaction hides a job from the connection that renews its lease: on PostgreSQL work
    # that took over a fifth of the lease was taken for lost, so on a slow machine tests failed.
    CLINICAL_ANNOT_JOB_LEASE_S = 3600.0
# A code that a test reads is used later, on a busy machine perhaps in the next half minute.
MFA_TOTP_TOLERANCE = 10
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads and second processes of a test must meet the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(CLINICAL_ANNOT_DATA_DIR) / "test.sqlite3")}
else:
    DATABASES["default"]["OPTIONS"] = {}

(CLINICAL_ANNOT_DATA_DIR / "static").mkdir(parents=True, exist_ok=True)
