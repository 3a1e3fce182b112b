"""A person at the browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Response, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Person:
    """One signed-in person in a context of their own; remembers what was sent and answered."""

    def __init__(self, browser: Browser, url: str, login: dict[str, Any]) -> None:
        self.url, self.login = url, login
        self.context = browser.new_context(
            viewport={"width": 1600, "height": 1000}, accept_downloads=True
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.answers: list[Response] = []
        self.bodies: list[bytes] = []
        self.sent: list[dict[str, Any]] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._sent)
        self.page.on("response", lambda answer: self.answers.append(answer))
        self.page.goto(f"{url}/accounts/login/")
        self.page.fill("#id_username", login["username"])
        self.page.fill("#id_password", login["password"])
        self.page.press("#id_password", "Enter")
        self.page.wait_for_selector("nav.side")

    def _sent(self, request: Any) -> None:
        if request.url.endswith("/operations/") and request.method == "POST":
            self.sent += request.post_data_json["operations"]

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def keep_answers(self) -> None:
        """Fetch the bodies of what was answered so far (text and JSON, and pictures)."""
        for answer in self.answers:
            try:
                self.bodies.append(answer.body())
            except Exception:
                continue
        self.answers.clear()

    def api(self, path: str) -> Any:
        return self.context.request.get(self.url + path)

    def shows(self, frame: int) -> None:
        self.page.wait_for_selector(f'[data-testid=picture][data-frame-index="{frame}"]')

    def frame(self, index: int) -> None:
        """Go to a frame through the address, as links in comments do."""
        self.page.evaluate("n => { location.hash = `#frame=${n}` }", index)
        self.shows(index)
        self.page.wait_for_selector("[data-testid=picture][data-picture-source=master]")

    def at(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """Where a place of the picture stands on the screen."""
        box = self.page.locator("[data-testid=picture]").bounding_box()
        assert box is not None
        return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height

    def on_picture(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """Which place of the picture a place on the screen is."""
        box = self.page.locator("[data-testid=picture]").bounding_box()
        assert box is not None
        return (x - box["x"]) * width / box["width"], (y - box["y"]) * height / box["height"]

    def saved(self) -> None:
        self.page.wait_for_selector('[data-testid=saved][data-state="saved"]')

    def close(self) -> None:
        self.keep_answers()
        self.context.close()
