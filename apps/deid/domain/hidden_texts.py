"""Texts within a text: base64, hex, percent and entity encoding."""

from __future__ import annotations

import base64
import binascii
import html
import re
from urllib.parse import unquote

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")


def hidden_texts(text: str) -> list[str]:
    """What a text holds in base64 (also across line breaks), hex, percent or entity encoding."""
    found: list[bytes] = []
    joined = "".join(text.split())
    for source in {text, joined}:
        for match in _BASE64.findall(source):
            body = match.rstrip("=").translate(str.maketrans("-_", "+/"))
            try:
                found.append(base64.b64decode(body[: len(body) // 4 * 4]))
                found.append(base64.b64decode(body + "=" * (-len(body) % 4)))
            except (binascii.Error, ValueError):
                continue
        found.extend(bytes.fromhex(match) for match in _HEX.findall(source))
    hidden = [data.decode("utf-8") for data in found if _decodes(data, "utf-8")]
    hidden += [d.decode("utf-16-le") for d in found if len(d) > 5 and _decodes(d, "utf-16-le")]
    if "%" in text:
        hidden.append(unquote(text))
    if "&" in text:
        hidden.append(html.unescape(text))
    return [h for h in hidden if h and h != text]


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        return data.decode(encoding).isprintable()
    except UnicodeDecodeError:
        return False
