"""Debian's Firefox, driven by its own remote protocol (Marionette, WebDriver commands over TCP)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BINARY = shutil.which("firefox-esr")
START_S, ANSWER_S, WAIT_S = 90.0, 120.0, 60.0
PREFERENCES = {
    "marionette.port": 0,
    "remote.prefs.recommended": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "ui.prefersReducedMotion": 1,
}


class Firefox:
    """One window."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self._number = 0
        self._read()
        self._ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {}}})
        self._ask("WebDriver:SetWindowRect", {"width": 1440, "height": 1000})

    def _read(self) -> Any:
        head = b""
        while not head.endswith(b":"):
            byte = self._wire.recv(1)
            if not byte:
                raise ConnectionError("Firefox went away")
            head += byte
        left, parts = int(head[:-1]), []
        while left:
            parts.append(self._wire.recv(left))
            left -= len(parts[-1])
        return json.loads(b"".join(parts))

    def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        self._number += 1
        text = json.dumps([0, self._number, command, parameters]).encode()
        self._wire.sendall(str(len(text)).encode() + b":" + text)
        _kind, _number, error, answer = self._read()
        if error:
            raise AssertionError(f"{command}: {error.get('message')}")
        return answer

    def go(self, url: str) -> None:
        self._ask("WebDriver:Navigate", {"url": url})

    def run(self, script: str, *values: Any) -> Any:
        """What ``script`` (the body of a function of ``arguments``) returns."""
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": list(values)})[
            "value"
        ]

    def until(self, script: str, *values: Any) -> Any:
        """Wait until the script returns something true."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if found := self.run(script, *values):
                return found
            time.sleep(0.05)
        raise AssertionError(f"it did not come true: {script}")

    def press(self, *keys: str) -> None:
        """Each key down and up; a key may be held with others: ``"Shift+v"``."""
        for key in keys:
            *held, last = key.split("+") if len(key) > 1 else [key]
            codes = [*(_CODES[name] for name in held), _CODES.get(last, last)]
            moves = [{"type": "keyDown", "value": code} for code in codes]
            moves += [{"type": "keyUp", "value": code} for code in reversed(codes)]
            actions = [{"type": "key", "id": "keyboard", "actions": moves}]
            self._ask("WebDriver:PerformActions", {"actions": actions})

    def prefer(self, name: str, value: bool) -> None:
        """A preference of the whole browser, from the next page on."""
        self._ask("Marionette:SetContext", {"value": "chrome"})
        try:
            self.run("Services.prefs.setBoolPref(arguments[0], arguments[1])", name, value)
        finally:
            self._ask("Marionette:SetContext", {"value": "content"})

    def drag(self, *places: tuple[float, float], kind: str = "mouse") -> None:
        """Down at the first place of the window, over the others, up at the last."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 20}
                 for x, y in places]  # fmt: skip
        down, up = ({"type": what, "button": 0} for what in ("pointerDown", "pointerUp"))
        hand = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}}
        self._ask(
            "WebDriver:PerformActions",
            {"actions": [{**hand, "actions": [moves[0], down, *moves[1:], up]}]},
        )

    def close(self) -> None:
        self._ask("Marionette:Quit", {"flags": ["eForceQuit"]})
        self._wire.close()


_CODES = {
    "Shift": "\ue008", "Control": "\ue009", "Alt": "\ue00a", "Enter": "\ue007",
    "Escape": "\ue00c", "Space": " ", "Tab": "\ue004", "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Backspace": "\ue003",
}  # fmt: skip


@contextmanager
def firefox() -> Iterator[Firefox]:
    """A headless Firefox with a profile of its own, on a port that it chooses."""
    assert BINARY is not None
    with tempfile.TemporaryDirectory(prefix="firefox") as folder:
        profile = Path(folder)
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        command = [BINARY, "--headless", "--marionette", "--no-remote", "--profile", folder,
                   "--remote-allow-system-access"]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment(folder)
        )
        try:
            browser = Firefox(_port(profile, process))
            yield browser
            browser.close()
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(30)


def _environment(folder: str) -> dict[str, str]:
    return {"HOME": folder, "PATH": "/usr/bin:/bin", "MOZ_DISABLE_CONTENT_SANDBOX": "1",
            "LANG": "C.UTF-8"}  # fmt: skip


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    end, named = time.monotonic() + START_S, profile / "MarionetteActivePort"
    while time.monotonic() < end and process.poll() is None:
        if named.exists() and (text := named.read_text()).strip():
            return int(text)
        time.sleep(0.05)
    raise AssertionError("Firefox did not start")
