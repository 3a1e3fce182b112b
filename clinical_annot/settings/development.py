"""The embedded default: one machine, loopback, SQLite, a secret key beside the data."""

from apps.vault.secret_file import secret_text

from .base import *  # noqa: F403
from .base import CLINICAL_ANNOT_DATA_DIR, SECRET_KEY

# Private before anything lies in it: the database's own files follow the process's umask.
CLINICAL_ANNOT_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
if not SECRET_KEY:
    SECRET_KEY = secret_text(CLINICAL_ANNOT_DATA_DIR / "secret.key")

(CLINICAL_ANNOT_DATA_DIR / "static").mkdir(parents=True, exist_ok=True)
