"""A random text in a file of mode 0600, made on first use. Imported by settings: no Django here."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def secret_text(path: Path) -> str:
    """The file's text; of several processes starting at once, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(50))
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return path.read_text()
