"""Keys that a person has changed: which action by which key's place, or by none.

``{"characters": bool, "keys": {action: {"code", "shift", "alt", "ctrl"} or null}}``. ``characters``
false switches all shortcuts of a single character off (WCAG 2.1.4); a null switches one off.
"""

from __future__ import annotations

import re
from typing import Any

MAX_KEYS = 200
_ACTION = re.compile(r"[A-Za-z0-9_-]{1,60}\Z")
_CODE = re.compile(r"[A-Z][A-Za-z0-9]{1,24}\Z")  # KeyboardEvent.code, W3C UI Events
# Keys that a page must leave to the browser and to those who go by keyboard.
_KEPT = {"Tab", "F5", "MetaLeft", "MetaRight", "ControlLeft", "ControlRight", "ShiftLeft",
         "ShiftRight", "AltLeft", "AltRight", "CapsLock", "ContextMenu"}  # fmt: skip


def problem(value: Any) -> str:
    """What is wrong with choices, in words; empty when nothing is."""
    if not isinstance(value, dict) or set(value) != {"characters", "keys"}:
        return "it is not characters and keys"
    if not isinstance(value["characters"], bool):
        return "characters is neither true nor false"
    keys = value["keys"]
    if not isinstance(keys, dict) or len(keys) > MAX_KEYS:
        return f"keys is not an object of up to {MAX_KEYS} actions"
    for action, key in keys.items():
        if not _ACTION.match(action):
            return "an action has no sound name"
        if key is not None and not _is_key(key):
            return "a key is not code, shift, alt and ctrl, or is one that a page must not take"
    return ""


def _is_key(key: Any) -> bool:
    return (
        isinstance(key, dict)
        and set(key) == {"code", "shift", "alt", "ctrl"}
        and isinstance(key["code"], str)
        and bool(_CODE.match(key["code"]))
        and key["code"] not in _KEPT
        and all(isinstance(key[name], bool) for name in ("shift", "alt", "ctrl"))
    )
