"""Accessibility findings of a page, by axe-core 4.14.1 (``axe.min.js`` beside this, MPL-2.0)."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path(__file__).with_name("axe.min.js")


def axe_findings(page: Page) -> list[str]:
    """Serious and critical findings: rule and the elements it names."""
    page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
