"""A release folder checked on the researcher's machine: files, signatures, pictures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

MANIFEST, SIGNATURE, SUMS = "manifest.json", "manifest.sig", "SHA256SUMS"
BY_PASSKEY = "passkey with user verification"
# By COSE algorithm.
_HASHES: dict[int, hashes.HashAlgorithm] = {
    -7: hashes.SHA256(),
    -35: hashes.SHA384(),
    -36: hashes.SHA512(),
}


class VerificationError(ValueError):
    """Something of the release is not as it was signed; begins with the file's name."""


def check_files(folder: Path, key: str | None = None) -> dict[str, Any]:
    """The manifest, once its signature and every file hold.

    ``key``: base64 of the publisher's public key, asked for by another way than the release; None
    proves only that the release agrees with itself. Raises VerificationError.
    """
    try:
        body, raw = (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
    except FileNotFoundError as error:
        raise VerificationError(f"{Path(error.filename).name}: missing") from None
    held = _hash_all(folder)
    sums = _sums(folder)
    # The signed manifest is what the rest is held to: a sum that was altered accuses no other file.
    try:
        _check_signature(body, raw, key)
    except InvalidSignature:
        altered = [n for n in (MANIFEST, SIGNATURE) if sums.get(n) != held[n][1]]
        names = " or ".join(altered or [MANIFEST, SIGNATURE])
        raise VerificationError(f"{names}: the signature does not hold") from None
    manifest: dict[str, Any] = json.loads(body)
    if manifest.get("format") != "clinicalannot-release/1":
        raise VerificationError(f"{MANIFEST}: of another format than this client reads")
    listed = {row["path"]: (row["size_bytes"], row["sha256"]) for row in manifest["files"]}
    for name, wanted in listed.items():
        if held.get(name) != wanted:
            raise VerificationError(f"{name}: {'other bytes' if name in held else 'missing'}")
    for name in held:
        if name not in listed and name not in (MANIFEST, SIGNATURE, SUMS):
            raise VerificationError(f"{name}: extra, not in {MANIFEST}")
    wanted_sums = {name: digest for name, (_, digest) in held.items() if name != SUMS}
    if _lines(wanted_sums) != (folder / SUMS).read_bytes():
        raise VerificationError(f"{SUMS}: not the sums of these files")
    for clip in manifest["clips"]:
        _check_clip(clip, held, manifest.get("signing_rules") or {})
    return manifest


def _hash_all(folder: Path) -> dict[str, tuple[int, str]]:
    held = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise VerificationError(f"{name}: neither a file nor a folder")
        if path.is_file():
            with path.open("rb") as file:
                held[name] = (path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    return held


def _sums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        raise VerificationError(f"{SUMS}: missing") from None
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def _lines(sums: dict[str, str]) -> bytes:
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items())).encode()


def _check_signature(body: bytes, raw: bytes, key: str | None) -> None:
    """Raises InvalidSignature; VerificationError when the file is not as a publisher writes it."""
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
        if json.dumps(again, sort_keys=True, separators=(",", ":")).encode() + b"\n" != raw:
            raise ValueError
        signer = Ed25519PublicKey.from_public_bytes(public_key)
        is_theirs = key is None or base64.b64decode(key, validate=True) == public_key
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise VerificationError(f"{SIGNATURE}: malformed") from None
    signer.verify(signature, body)
    if not is_theirs:
        raise VerificationError(f"{SIGNATURE}: by another key than the publisher's")


def _check_clip(clip: dict[str, Any], held: dict[str, tuple[int, str]], rules: Any) -> None:
    """The clinician's signature binds exactly the labels that lie here, and so does each of those
    who confirmed it; where one was made by passkey, the passkey's assertion holds."""
    where, digest = clip["labels"], clip["label_set"]["expanded_digest"]
    if held.get(where, (0, ""))[1] != digest:
        raise VerificationError(f"{where}: not the labels that were signed")
    signatures = [clip["signature"] or {}, *clip.get("countersignatures", [])]
    for signature in signatures:
        try:
            told = _fault(signature, digest)
        except (InvalidSignature, ValueError, KeyError, TypeError, binascii.Error):
            told = "the signature does not hold"
        if told:
            raise VerificationError(f"{MANIFEST}: clip {clip['name']}: {told}")
    if rules.get("countersigned") and len(signatures) == 1:
        raise VerificationError(f"{MANIFEST}: clip {clip['name']}: not countersigned")
    if rules.get("passkey") and any("passkey" not in each for each in signatures):
        raise VerificationError(f"{MANIFEST}: clip {clip['name']}: signed without a passkey")


def _fault(signature: dict[str, Any], digest: str) -> str:
    """What does not hold of one signature; "" when all does."""
    statement = base64.b64decode(signature["statement"], validate=True)
    key = base64.b64decode(signature["public_key"], validate=True)
    Ed25519PublicKey.from_public_bytes(key).verify(
        base64.b64decode(signature["server_signature"], validate=True), statement
    )
    if digest != signature["digest"] and digest.encode() not in statement:
        return "the statement binds others"
    by_passkey = json.loads(statement).get("authentication") == BY_PASSKEY
    if by_passkey != ("passkey" in signature):
        return "the signer's passkey is missing" if by_passkey else "a passkey that nobody used"
    return _passkey_fault(signature["passkey"], statement) if by_passkey else ""


def _passkey_fault(passkey: dict[str, Any], statement: bytes) -> str:
    """The signer's own device signed the statement's digest (W3C WebAuthn level 2, section 7.2)."""
    named = ("public_key", "client_data", "authenticator_data", "assertion")
    public, client, data, signature = (base64.b64decode(passkey[n], validate=True) for n in named)
    message = data + hashlib.sha256(client).digest()
    key: Any = load_der_public_key(public)
    if isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
    elif isinstance(key, RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(signature, message, ec.ECDSA(_HASHES[passkey["algorithm"]]))
    said = json.loads(client)
    challenge = base64.urlsafe_b64decode(said["challenge"] + "=" * (-len(said["challenge"]) % 4))
    if said["type"] != "webauthn.get" or challenge != hashlib.sha256(statement).digest():
        return "the signer's passkey signs another statement"
    return "" if data[32] & 5 == 5 else "the signer's passkey did not verify its user"
