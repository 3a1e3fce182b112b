"""``python -m clinical_annot.verify PATH [--key PUB] [--checkpoint FILE] [--witness KEY]
[--passkey SHA256] [--has WHAT]``

PATH is an audit bundle, a proof file or a release folder. Prints ``CONSISTENT, key not pinned
<fingerprint>``, with ``--key`` (from outside: a file or base64 of the 32 bytes) ``VERIFIED``; else
what is wrong. ``--checkpoint``: notes held elsewhere; the log only grew since them. ``--witness``:
its signature must be under the checkpoint. ``--has`` (bundle): an event's id, the SHA-256 that a
signature or a release is over, or a release folder, which must be in the log. ``--passkey``
(release): signed by these passkeys and no other. Exit codes: 0 holds,
1 a finding, 2 wrong use.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

from apps.audit.domain import bundle, checkpoint, proof
from clinical_annot.verify import finding
from clinical_annot.verify.release import ReleaseError, check_release


class SystemExit2(Exception):
    """Wrong use."""


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


def _notes(path: str | None) -> list[str]:
    if path is None:
        return []
    found = checkpoint.split(Path(path).read_text(encoding="utf-8"))
    if not found:
        raise SystemExit2("--checkpoint: it holds no checkpoint")
    return found


def _witness(text: str) -> tuple[str, bytes]:
    path = Path(text)
    try:
        return checkpoint.read_named_key(
            path.read_text() if path.exists() else text, checkpoint.WITNESS
        )
    except checkpoint.CheckpointError as error:
        raise SystemExit2(f"--witness: {error}") from None


def _bundle(path: Path, key: bytes | None, outside: list[str]) -> tuple[str, bytes, str]:
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
    return f"{found.size} entries, root {found.root.hex()}", found.public_key, found.note


def _proof(path: Path, key: bytes | None, outside: list[str]) -> tuple[str, bytes, str]:
    found = proof.check(path.read_bytes())
    if key is not None:
        checkpoint.verify(found.note, key)
    grown = found.grown
    for note in outside:
        seen = checkpoint.verify(note, key or found.public_key)
        same = (seen.size, seen.root) == (found.checkpoint.size, found.checkpoint.root)
        older = grown is not None and (seen.size, seen.root) == (grown.size, grown.root)
        if not (same or older):
            raise proof.ProofFileError(
                f"it does not prove that the log only grew from the checkpoint of {seen.size} "
                "entries: ask for a proof since that size"
            )
    since = f", only grew since {grown.size}" if grown is not None else ""
    told = f"entry {found.seq} of {found.checkpoint.size}{since}: {finding.words(found.entry)}"
    return told, found.public_key, found.note


def _is_proof(path: Path) -> bool:
    with open(path, "rb") as source:
        return f'"format":"{proof.FORMAT}"'.encode() in source.readline(1 << 20)


def _look(options: argparse.Namespace) -> tuple[str, bytes]:
    """What was checked, in words, and the key that it carries."""
    key = _key(options.key) if options.key else None
    outside = _notes(options.checkpoint)
    witness = _witness(options.witness) if options.witness else None
    is_bundle = False
    if options.path.is_dir():
        told, public_key = check_release(options.path, key, outside, options.passkey or ())
        note = None
    elif not options.path.is_file():
        raise SystemExit2("there is no such file or folder")
    elif _is_proof(options.path):
        told, public_key, note = _proof(options.path, key, outside)
    else:
        told, public_key, note = _bundle(options.path, key, outside)
        is_bundle = True
    if (options.has and not is_bundle) or (witness and note is None):
        raise SystemExit2("--has goes with a bundle, --witness with a bundle or a proof file")
    if witness is not None and note is not None:
        checkpoint.verify_cosignature(note, *witness)
        told += f", witnessed by {witness[0]}"
    for what in options.has or ():
        told += f"\nIN THE LOG {finding.find(options.path, what)}"
    return told, public_key


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m clinical_annot.verify")
    parser.add_argument("path", type=Path)
    parser.add_argument("--key", help="the signer's public key, from outside")
    parser.add_argument("--checkpoint", help="a file of checkpoint notes, from outside")
    parser.add_argument("--witness", help="a witness's key, from outside")
    parser.add_argument("--passkey", action="append", help="a signer's fingerprint, from outside")
    parser.add_argument("--has", action="append", help="event id, SHA-256 or release folder")
    options = parser.parse_args(arguments)
    try:
        told, public_key = _look(options)
    except (SystemExit2, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except (
        bundle.BundleError,
        checkpoint.CheckpointError,
        proof.ProofFileError,
        finding.NotFoundError,
        ReleaseError,
    ) as error:
        print(f"WRONG {error}")
        return 1
    if options.key:
        print(f"VERIFIED {told}")
    else:
        print(f"CONSISTENT, key not pinned {checkpoint.fingerprint(public_key)}: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
