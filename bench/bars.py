"""``make bars [NAME=...]``: the issues' bars in full size, a line each, and ``bench/bars.json``.

Each bar is a selection of tests run in full size (by environment variables), or a command of its
own; ``BARS`` of every ``bench/bars_<area>.py`` lists those of its area. What was held is kept in
``bench/bars.json`` with the commit it was held at, so that a stopped run goes on where it was;
``NAME`` picks by a part of a bar's name and always runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import import_module

from bench.bar import ROOT, Bar

RECORD = ROOT / "bench" / "bars.json"


def bars() -> list[Bar]:
    """Every area's bars, area by area in the order of their names."""
    areas = sorted(path.stem for path in (ROOT / "bench").glob("bars_*.py"))
    return [Bar(*row) for area in areas for row in import_module(f"bench.{area}").BARS]


def main(arguments: list[str]) -> int:
    wanted = arguments[0] if arguments else ""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    missed = 0
    for bar in bars():
        if wanted and wanted not in bar.name:
            continue
        old = record.get(bar.name, {})
        if not wanted and old.get("held") and old.get("commit") == commit:
            print(f"{bar.name}: {old['figure']}, {bar.bar}, held before at this commit", flush=True)
            continue
        began = time.monotonic()
        figure, held = bar.run()
        seconds = round(time.monotonic() - began)
        missed += not held
        print(
            f"{bar.name}: {figure}, {bar.bar}, {'held' if held else 'missed'}, {seconds} s",
            flush=True,
        )
        record[bar.name] = {
            "figure": figure,
            "bar": bar.bar,
            "held": held,
            "seconds": seconds,
            "commit": commit,
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
