"""Each clause of 21 CFR part 11 names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLAUSES = ("11.10(e)", "11.10(k)", "11.50", "11.70", "11.100", "11.200")


def test_each_clause_names_the_test_that_shows_it():
    text = (ROOT / "docs/part11.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| 11.")]
    for clause in CLAUSES:
        assert any("::" in row for row in rows if row[2:].startswith(clause)), clause
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) == text.count("::") >= 12
    for path, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.M), f"{path}::{name}"
