"""Plain search for planted identifiers: every byte, as UTF-8, UTF-16, base64 and inside zlib and
zip. Written for the tests alone: nothing of the product's own scanner is used."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path


def needles(values: list[str]) -> dict[bytes, str]:
    """Byte patterns (lower case) by what they are a spelling of."""
    found: dict[bytes, str] = {}
    for value in values:
        forms = {value, value.replace("^", " "), value.replace("^", ", ")}
        for form in forms:
            if len(form) < 5:
                continue
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                raw = form.encode(encoding)
                found[raw.lower()] = f"{encoding} {value[:2]}…"
                for shift in range(3):
                    text = base64.b64encode(b"\0" * shift + raw)
                    inner = text[(0, 2, 3)[shift] + 1 : -4]
                    if len(inner) >= 8:
                        found[inner.lower()] = f"base64 {value[:2]}…"
    return found


def inflated(data: bytes) -> Iterator[bytes]:
    """What zlib streams and ZIP members in ``data`` hold."""
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    start = 0
    while (start := data.find(b"\x78", start)) != -1:
        if data[start + 1 : start + 2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
            try:
                out = zlib.decompressobj().decompress(data[start:], 1 << 22)
            except zlib.error:
                out = b""
            if len(out) > 16:
                yield out
        start += 2


def search(data: bytes, patterns: dict[bytes, str], deep: bool = True) -> set[str]:
    low = data.lower()
    hits = {what for pattern, what in patterns.items() if pattern in low}
    if deep:
        for inner in inflated(data):
            hits |= search(inner, patterns, deep=data[:4] == b"PK\x03\x04")
    return hits


def search_folder(folder: Path, patterns: dict[bytes, str]) -> dict[str, set[str]]:
    """Hits by file. Encrypted files of the vault are searched too (they are just bytes)."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            is_vault = "vault" in path.parts
            hits = search(path.read_bytes(), patterns, deep=not is_vault)
            if hits:
                found[str(path.relative_to(folder))] = hits
    return found
