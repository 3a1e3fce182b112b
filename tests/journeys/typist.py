"""A person at the browser whose only device is a keyboard."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page

from tests.journeys.served import until


class Typist:
    """A person whose only device is a keyboard. Any mouse event in the page is a failure."""

    def __init__(self, browser: Browser, url: str, login: dict[str, Any]) -> None:
        self.login = login
        self.context = browser.new_context(viewport={"width": 1600, "height": 1000})
        self.context.add_init_script(
            "for (const name of ['mousedown', 'pointerdown'])"
            " addEventListener(name, () => { document.documentElement.dataset.mouse = name }, true)"
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{url}/accounts/login/")
        # The field of the user name has the focus when the page opens.
        self.page.keyboard.type(login["username"])
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(login["password"])
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("nav.side")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, selector: str, most: int = 80) -> None:
        """Tab on until the element has the focus."""
        for _ in range(most):
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{selector} cannot be reached with Tab")

    def opens(self, path: str) -> None:
        """Follow a link of My work that leads to ``path``."""
        link = f'main a[href="{path}"]'

        def listed() -> bool:
            if self.page.locator(link).count():
                return True
            self.page.reload()
            return False

        until(listed, 60, path)
        self.tab_to(link)
        self.press("Enter")
        self.page.wait_for_selector("#app[data-ready=true]")

    def shows(self, frame: int) -> None:
        self.page.wait_for_selector(f'[data-testid=picture][data-frame-index="{frame}"]')

    def frame(self, index: int) -> None:
        """Type the frame to go to."""
        self.press("Shift+KeyG")
        self.page.keyboard.type(str(index))
        self.press("Enter")
        self.shows(index)

    def saved(self) -> None:
        self.page.wait_for_selector('[data-testid=saved][data-state="saved"]')

    def done(self) -> None:
        assert self.page.evaluate("() => document.documentElement.dataset.mouse ?? ''") == ""
        assert self.errors == []
        self.context.close()
