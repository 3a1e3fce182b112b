"""A release folder: files, signatures, proofs (not pictures).

Only the standard library and ``cryptography``. The manifest's key is the one to pin; it signs the
manifest, and the manifest names the keys of the electronic signatures and of the checkpoints.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.audit.domain import checkpoint as notes
from apps.audit.domain.entry import canonical
from apps.release.domain import passkey
from apps.release.domain.proofs import ProofError, check_clips_and_approval, decode_key

FORMAT = "clinicalannot-release/1"
MANIFEST, SIGNATURE, SUMS = "manifest.json", "manifest.sig", "SHA256SUMS"
Held = dict[str, tuple[int, str]]


class ReleaseError(Exception):
    """What is wrong with a release, naming the file."""


def check_release(
    folder: Path, key: bytes | None, outside: list[str], passkeys: Collection[str] = ()
) -> tuple[str, bytes]:
    """What the release is, in words, and the key (32 raw bytes) that signed its manifest.

    ``key`` pins that key; ``outside`` are checkpoint notes held elsewhere: each must be of the
    release's log, and agree with its checkpoints where the sizes are equal. ``passkeys``, the
    fingerprints that signers gave by another way, pins theirs: none but these may have signed, and
    each clip's signature is by one. Raises ReleaseError for the first problem, naming the file.
    """
    held = _hash_all(folder)
    for name in (MANIFEST, SIGNATURE, SUMS):
        if name not in held:
            raise ReleaseError(f"{name}: missing")
    body = (folder / MANIFEST).read_bytes()
    public_key = _check_signature(folder, body, held)
    if key is not None and key != public_key:
        raise ReleaseError(f"{SIGNATURE}: by another key than the one given")
    manifest = _read(body)
    try:
        _check_files(manifest, held)
        _check_sums(folder, manifest, held)
        if decode_key(manifest["keys"]["release"]) != public_key:
            raise ReleaseError(f"{MANIFEST}: names another key than the one that signed it")
        labels = {path: digest for path, (_, digest) in held.items()}
        problems, seen = check_clips_and_approval(manifest, labels)
        if problems:
            raise ReleaseError(problems[0])
        _check_videos(manifest, held)
        _check_passkeys(manifest, passkeys)
        _check_outside(manifest, seen, outside)
        approved = "approved" if manifest["approved"] else "NOT APPROVED"
        told = (
            f"release {manifest['project']} {manifest['version']}, {len(manifest['clips'])} clips, "
            f"{_further(manifest)}{len(manifest['files'])} files, {approved}"
        )
        told += "".join(f"\n{line}" for line in _passkeys(manifest))
    except ProofError as error:
        raise ReleaseError(f"{MANIFEST}: {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ReleaseError(
            f"{MANIFEST}: not in the form of {FORMAT} ({type(error).__name__})"
        ) from None
    return told, public_key


def _further(manifest: dict[str, Any]) -> str:
    seconds = sum(bool(clip.get("countersignatures")) for clip in manifest["clips"])
    return f"{seconds} countersigned, " if seconds else ""


def _check_passkeys(manifest: dict[str, Any], known: Collection[str]) -> None:
    for clip in manifest["clips"] if known else ():
        for signature in (clip["signature"], *clip.get("countersignatures", [])):
            used = signature.get("passkey")
            if used is None or passkey.fingerprint(used) not in known:
                raise ReleaseError(
                    f"{MANIFEST}: clip {clip['name']}: not signed by a passkey that was given"
                )


def _passkeys(manifest: dict[str, Any]) -> list[str]:
    """Whose passkeys signed how many clips; a signer knows their own by its fingerprint."""
    found: Counter[tuple[str, str]] = Counter()
    for clip in manifest["clips"]:
        for signature in (clip["signature"], *clip.get("countersignatures", [])):
            if "passkey" in signature:
                key = passkey.fingerprint(signature["passkey"])
                found[signature["signer_pseudonym"], key] += 1
    return [
        f"PASSKEY of {signer}, {count} signatures, SHA-256 {key}"
        for (signer, key), count in sorted(found.items())
    ]


def _hash_all(folder: Path) -> Held:
    held: Held = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ReleaseError(f"{name}: neither a file nor a folder")
        if path.is_file():
            with path.open("rb") as file:
                held[name] = (path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    return held


def _listed_in_sums(folder: Path) -> dict[str, str]:
    """What SHA256SUMS says, as far as it can be read; used only to tell which file was altered."""
    lines = (folder / SUMS).read_text("utf-8", "replace").splitlines()
    pairs = (line.partition("  ") for line in lines)
    return {path: digest for digest, _, path in pairs}


def _check_signature(folder: Path, body: bytes, held: Held) -> bytes:
    raw = (folder / SIGNATURE).read_bytes()
    try:
        said = json.loads(raw)
        public_key = base64.b64decode(said["public_key"], validate=True)
        signature = base64.b64decode(said["signature"], validate=True)
        again = {
            "algorithm": "Ed25519",
            "public_key": base64.b64encode(public_key).decode(),
            "signature": base64.b64encode(signature).decode(),
            "signed": MANIFEST,
        }
        if canonical(again) + b"\n" != raw:
            raise ValueError
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ReleaseError(f"{SIGNATURE}: malformed") from None
    try:
        key.verify(signature, body)
    except InvalidSignature:
        sums = _listed_in_sums(folder)
        altered = [n for n in (MANIFEST, SIGNATURE) if sums.get(n) != held[n][1]]
        names = " or ".join(altered or [MANIFEST, SIGNATURE])
        raise ReleaseError(f"{names}: altered, the signature does not hold") from None
    return public_key


def _read(body: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(body)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ReleaseError(f"{MANIFEST}: not of the format {FORMAT}")
    return manifest


def _check_files(manifest: dict[str, Any], held: Held) -> None:
    listed = {row["path"]: (row["size_bytes"], row["sha256"]) for row in manifest["files"]}
    for path, facts in listed.items():
        if path not in held:
            raise ReleaseError(f"{path}: missing")
        if held[path] != facts:
            raise ReleaseError(f"{path}: altered, other bytes than {MANIFEST} says")
    for path in held:
        if path not in listed and path not in (MANIFEST, SIGNATURE, SUMS):
            raise ReleaseError(f"{path}: extra, not in {MANIFEST}")


def _check_sums(folder: Path, manifest: dict[str, Any], held: Held) -> None:
    names = [*(row["path"] for row in manifest["files"]), MANIFEST, SIGNATURE]
    expected = "".join(f"{held[name][1]}  {name}\n" for name in sorted(names))
    if (folder / SUMS).read_bytes() != expected.encode():
        raise ReleaseError(f"{SUMS}: altered, not the digests of these files")


def _check_videos(manifest: dict[str, Any], held: Held) -> None:
    for clip in manifest["clips"]:
        is_video = clip["media_kind"] == "video"
        if is_video and held[clip["media"]][1] != clip["media_sha256"]:
            raise ReleaseError(f"{clip['media']}: not the video that was annotated")


def _check_outside(
    manifest: dict[str, Any], seen: list[notes.Checkpoint], outside: list[str]
) -> None:
    key = decode_key(manifest["keys"]["checkpoint"])
    for note in outside:
        try:
            other = notes.verify(note, key)
        except notes.CheckpointError as error:
            raise ReleaseError(f"the checkpoint given: {error}") from None
        for mine in seen:
            if mine.origin != other.origin:
                raise ReleaseError(f"{MANIFEST}: its proofs are of another log than the checkpoint")
            if mine.size == other.size and mine.root != other.root:
                raise ReleaseError(f"{MANIFEST}: its log is not that of the checkpoint given")
