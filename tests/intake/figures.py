"""What a bar measured, for ``make bars``: a line each into the file that ``BAR_FIGURES`` names."""

from __future__ import annotations

import os


def note(figure: str) -> None:
    if path := os.environ.get("BAR_FIGURES"):
        with open(path, "a") as out:
            out.write(figure + "\n")
