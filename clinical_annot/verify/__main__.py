"""``python -m clinical_annot.verify PATH [--key PUB] [--checkpoint FILE]``

PATH is an audit bundle or a release folder. Prints ``CONSISTENT, key not pinned <fingerprint>``,
with ``--key`` (from outside: a file or base64 of the 32 bytes) ``VERIFIED``; else what is wrong.
Exit codes: 0 holds, 1 a finding, 2 wrong use.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

from apps.audit.domain import bundle, checkpoint
from clinical_annot.verify.release import ReleaseError, check_release


def _key(text: str) -> bytes:
    path = Path(text)
    raw = path.read_text().strip() if path.exists() else text.strip()
    try:
        key = base64.b64decode(raw, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SystemExit2("--key: 32 bytes in base64 are expected, or a file that holds them")
    return key


class SystemExit2(Exception):
    """Wrong use."""


def _notes(path: str | None) -> list[str]:
    if path is None:
        return []
    text = Path(path).read_text(encoding="utf-8")
    parts = [part for part in text.split("\n\n") if part.strip()]
    return [f"{a}\n\n{b.rstrip()}\n" for a, b in zip(parts[::2], parts[1::2], strict=False)]


def _bundle(path: Path, key: bytes | None, outside: list[str]) -> tuple[str, bytes]:
    with open(path, "rb") as source:
        found = bundle.check(source)
    if key is not None:
        checkpoint.verify(found.note, key)
    for note in outside:
        seen = checkpoint.verify(note, key or found.public_key)
        if seen.size > found.size:
            raise bundle.BundleError(
                f"the checkpoint given holds {seen.size} entries, the bundle {found.size}: "
                "its end is missing"
            )
        if seen.size == found.size and seen.root != found.root:
            raise bundle.BundleError("the bundle's entries are not those of the checkpoint given")
        if seen.size < found.size and bundle.root_at(path, seen.size) != seen.root:
            raise bundle.BundleError(
                f"its first {seen.size} entries are not those of the checkpoint given"
            )
    return f"{found.size} entries, root {found.root.hex()}", found.public_key


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m clinical_annot.verify")
    parser.add_argument("path", type=Path)
    parser.add_argument("--key", help="the signer's public key, from outside")
    parser.add_argument("--checkpoint", help="a file of checkpoint notes, from outside")
    options = parser.parse_args(arguments)
    try:
        key = _key(options.key) if options.key else None
        outside = _notes(options.checkpoint)
        if options.path.is_dir():
            told, public_key = check_release(options.path, key, outside)
        elif options.path.is_file():
            told, public_key = _bundle(options.path, key, outside)
        else:
            raise SystemExit2("there is no such file or folder")
    except (SystemExit2, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except (bundle.BundleError, checkpoint.CheckpointError, ReleaseError) as error:
        print(f"WRONG {error}")
        return 1
    if key is not None:
        print(f"VERIFIED {told}")
    else:
        print(f"CONSISTENT, key not pinned {checkpoint.fingerprint(public_key)}: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
