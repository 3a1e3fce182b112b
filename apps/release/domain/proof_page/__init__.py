"""`proof.html`: one page that checks a release offline in a browser and shows labels over pictures.

It lies in every release and knows none: whoever opens it chooses the folder, for a page from a
file may not read its neighbours by itself.
"""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent
_SCRIPTS = ("checks.js", "labels.js", "page.js")
_IMPORTS = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORTS = re.compile(r"^export ", re.MULTILINE)


def proof_page() -> bytes:
    """The page with its modules in one script."""
    parts = [(_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    script = "".join(_EXPORTS.sub("", _IMPORTS.sub("", part)) for part in parts)
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    return page.replace("/* SCRIPT */\n", script).encode()
