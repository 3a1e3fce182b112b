"""One Chromium and one small server for the browser screens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.devserver import World, serve

CHROMIUM = next(
    (p for p in (shutil.which("chromium"), "/usr/bin/chromium") if p and Path(p).exists()), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def big_world() -> World:
    """A clip whose first PTS is not 0, made once."""
    return World(n_frames=250, width=640, height=360, first_pts=5120)


@pytest.fixture
def world(big_world: World) -> Iterator[World]:
    big_world.reset()
    server = serve(big_world)
    big_world.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield big_world
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if "Security Policy" in m.text else None)
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def modules(page: Page, world: World) -> Page:
    """A page of the server's with nothing on it, to import modules into."""
    page.goto(f"{world.base}/static/workspace/README.md")
    return page
