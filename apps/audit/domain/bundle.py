"""The audit bundle: one text file that an outsider can check without this server.

UTF-8, one JSON object a line (sorted keys, no spaces), LF. Line 1: ``{"format", "origin",
"public_key", "size"}``; then one line an entry in order: ``{"entry", "private", "salt", "sealed",
"seq"}`` (``entry`` and ``private`` as the very text that was hashed; ``private`` and ``salt`` null
where they are withheld; ``sealed`` base64 or null); then ``{"checkpoint": note}``; the last line is
the SHA-256 in hexadecimal of all bytes before it. Only the standard library and ``cryptography``.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle
from apps.audit.domain.entry import canonical, opens

FORMAT = "clinicalannot-audit-bundle/1"


class BundleError(Exception):
    """What is wrong with a bundle, naming the line."""


@dataclass(frozen=True)
class Item:
    """One entry as the bundle carries it; ``private`` and ``salt`` None where withheld."""

    entry: bytes
    private: bytes | None
    salt: bytes | None
    sealed: bytes | None


@dataclass(frozen=True)
class Bundle:
    origin: str
    public_key: bytes
    size: int
    root: bytes
    note: str


def write(
    items: Iterable[Item], origin: str, public_key: bytes, size: int, note: str
) -> Iterator[bytes]:
    """The bundle's bytes, line by line; holds one entry at a time."""
    total = sha256()
    header = {
        "format": FORMAT,
        "origin": origin,
        "public_key": base64.b64encode(public_key).decode(),
        "size": size,
    }

    def line(value: Any) -> bytes:
        data = canonical(value) + b"\n"
        total.update(data)
        return data

    yield line(header)
    for seq, item in enumerate(items):
        yield line(
            {
                "seq": seq,
                "entry": item.entry.decode(),
                "private": item.private.decode() if item.private is not None else None,
                "salt": item.salt.hex() if item.salt is not None else None,
                "sealed": base64.b64encode(item.sealed).decode() if item.sealed else None,
            }
        )
    yield line({"checkpoint": note})
    yield total.hexdigest().encode() + b"\n"


def _strict(line: bytes, number: int, keys: set[str]) -> dict[str, Any]:
    """One line, exactly as ``write`` would have written it."""
    try:
        value = json.loads(line.decode())
    except ValueError:
        raise BundleError(f"line {number}: not JSON in UTF-8") from None
    if not isinstance(value, dict) or set(value) != keys or canonical(value) + b"\n" != line:
        raise BundleError(f"line {number}: not in the bundle's form")
    return value


def check(source: BinaryIO) -> Bundle:
    """Read a bundle and check that it agrees with itself: every entry opens its commitment, the
    entries give the checkpoint's root, the checkpoint is signed by the key in the bundle, the last
    line is the digest of all before. Raises BundleError naming the first line that does not fit."""
    total, tree, lines = sha256(), merkle.Frontier(), iter(source)
    first = next(lines, b"")
    header = _strict(first, 1, {"format", "origin", "public_key", "size"})
    if header["format"] != FORMAT or type(header["size"]) is not int or header["size"] < 1:
        raise BundleError("line 1: not a bundle of this format")
    total.update(first)
    number = 1
    for seq in range(header["size"]):
        number += 1
        line = next(lines, b"")
        _check_item(line, number, seq, tree)
        total.update(line)
    line = next(lines, b"")
    note = _strict(line, number + 1, {"checkpoint"})["checkpoint"]
    total.update(line)
    if next(lines, b"") != total.hexdigest().encode() + b"\n" or next(lines, None) is not None:
        raise BundleError(f"line {number + 2}: not the digest of all bytes before it")
    try:
        public_key = base64.b64decode(header["public_key"], validate=True)
        signed = notes.verify(str(note), public_key)
    except (ValueError, notes.CheckpointError) as error:
        raise BundleError(f"line {number + 1}: {error}") from None
    if signed.origin != header["origin"] or signed.size != header["size"]:
        raise BundleError(f"line {number + 1}: the checkpoint is not of these entries")
    if signed.root != tree.root():
        raise BundleError(f"line {number + 1}: the entries do not give the checkpoint's root")
    return Bundle(header["origin"], public_key, header["size"], signed.root, str(note))


def _check_item(line: bytes, number: int, seq: int, tree: merkle.Frontier) -> None:
    item = _strict(line, number, {"seq", "entry", "private", "salt", "sealed"})
    if item["seq"] != seq or not isinstance(item["entry"], str):
        raise BundleError(f"line {number}: entry {seq} is expected here")
    entry = item["entry"].encode()
    try:
        fields = json.loads(entry)
        sealed = base64.b64decode(item["sealed"], validate=True) if item["sealed"] else None
        if item["private"] is not None:
            wrong = opens(entry, item["private"].encode(), bytes.fromhex(item["salt"]), sealed)
        else:
            digest = sha256(sealed).hexdigest() if sealed is not None else None
            wrong = None if fields["sealed_sha256"] == digest else "sealed part altered"
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BundleError(f"line {number}: entry {seq} is not in the log's form") from None
    if wrong:
        raise BundleError(f"line {number}: entry {seq}: {wrong}")
    tree.add(merkle.leaf_hash(entry))


def root_at(path: str | os.PathLike[str], size: int) -> bytes:
    """The root over the first ``size`` entries of a bundle that has been checked."""
    tree = merkle.Frontier()
    with open(path, "rb") as source:
        next(source)
        for _, line in zip(range(size), source, strict=False):
            tree.add(merkle.leaf_hash(json.loads(line)["entry"].encode()))
    return tree.root()


def entries_of(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Place and text of each entry of a bundle that has been checked."""
    with open(path, "rb") as source:
        size = json.loads(next(source))["size"]
        for _, line in zip(range(size), source, strict=False):
            item = json.loads(line)
            yield item["seq"], item["entry"]
