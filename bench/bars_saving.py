"""Bars of saving (issue 5): one annotator, fifty at once, a million keyframes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import saving

Run = Callable[[], tuple[str, bool]]
Judge = Callable[[dict[str, Any]], tuple[str, bool]]


def _on_both(name: str, judge: Judge) -> Run:
    """The measure on SQLite and on PostgreSQL, each judged."""

    def run() -> tuple[str, bool]:
        told, held = judge(saving.measured(name))
        with saving.postgres() as url:
            also_told, also_held = judge(saving.measured(name, url))
        return f"SQLite: {told}; PostgreSQL: {also_told}", held and also_held

    return run


def _saves(found: dict[str, Any]) -> tuple[str, bool]:
    told = (
        f"p95 {found['p95_ms']:.0f} ms, p50 {found['p50_ms']:.0f} (bare insert"
        f" {found['bare_p95_ms']:.1f}, {found['bare_p50_ms']:.1f})"
    )
    return told, found["p95_ms"] < 50


def _crowd(found: dict[str, Any]) -> tuple[str, bool]:
    told = (
        f"{found['people']} people, {found['errors']} errors, {found['lost']} lost,"
        f" {found['saves_per_s']:.0f} saves a second, p95 {found['p95_ms']:.0f} ms"
    )
    return told, not found["errors"] and not found["lost"]


def _million(found: dict[str, Any]) -> tuple[str, bool]:
    ratios = {
        what: found[f"full_{what}_ms"] / found[f"empty_{what}_ms"]
        for what in ("open", "window", "save")
    }
    told = ", ".join(f"{what} {ratio:.2f}" for what, ratio in ratios.items())
    told += f" times an empty set; the server grew by {found['grown_mb']:.0f} MB"
    return told, max(ratios.values()) <= 2 and found["grown_mb"] < 50


BARS: list[tuple[str, str, Run]] = [
    (
        "saves",
        "100 operations with 0 to 4 s between: p95 under 50 ms, SQLite and PostgreSQL",
        _on_both("saves", _saves),
    ),
    (
        "saves at once",
        "50 annotators saving at once: no error, nothing lost",
        _on_both("crowd", _crowd),
    ),
    (
        "a million keyframes",
        "opened, read and saved at most 2 times slower than an empty set; the server's memory flat",
        _on_both("million", _million),
    ),
]
