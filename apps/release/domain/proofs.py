"""Proofs that an entry stands in the signed log, as a release carries them.

    {"entry": text of the log entry, "leaf_index": n, "tree_size": n,
     "inclusion_proof": [hex…], leaf side first, "checkpoint": signed note over tree_size entries}

Only the standard library and ``cryptography``: the stand-alone verifier uses this module.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle
from apps.release.domain import passkey

PROOF_FIELDS = {"entry", "leaf_index", "tree_size", "inclusion_proof", "checkpoint"}


class ProofError(ValueError):
    """What does not hold of a proof or a signature."""


def proof_json(
    entry: bytes, leaf_index: int, tree_size: int, path: Sequence[bytes], note: str
) -> dict[str, Any]:
    """A proof as freeze and manifest carry it."""
    return {
        "entry": entry.decode(),
        "leaf_index": leaf_index,
        "tree_size": tree_size,
        "inclusion_proof": [value.hex() for value in path],
        "checkpoint": note,
    }


def check_proof(proof: Any, checkpoint_key: bytes) -> tuple[dict[str, Any], notes.Checkpoint]:
    """The log entry's fields and the checkpoint, once the proof holds (RFC 9162 2.1.3.2).

    ``checkpoint_key``: 32 raw bytes. Raises ProofError.
    """
    if not isinstance(proof, dict) or set(proof) != PROOF_FIELDS:
        raise ProofError("there is no proof of the log")
    try:
        signed = notes.verify(proof["checkpoint"], checkpoint_key)
        entry = proof["entry"].encode()
        path = [bytes.fromhex(value) for value in proof["inclusion_proof"]]
        fields = json.loads(entry)
        place = proof["leaf_index"]
        holds = signed.size == proof["tree_size"] and merkle.verify_inclusion(
            merkle.leaf_hash(entry), place, signed.size, path, signed.root
        )
    except notes.CheckpointError as error:
        raise ProofError(str(error)) from None
    except (ValueError, TypeError, AttributeError):
        raise ProofError("the proof of the log is malformed") from None
    if not holds or not isinstance(fields, dict):
        raise ProofError("its entry does not stand in the signed log")
    return fields, signed


def check_clip(
    clip: dict[str, Any], labels_sha256: str, keys: dict[str, Any], rules: Any = None
) -> list[notes.Checkpoint]:
    """Hold one clip of a manifest to its signatures and proofs; gives the proofs' checkpoints.

    The chain: the labels' bytes (``labels_sha256``) are what the statement names, the server's
    key signed the statement, the signer's passkey signed its digest where one was used, and the
    log holds the signing of that digest by that signer. The same for each countersignature.
    ``rules``: the manifest's `signing_rules`. Raises ProofError; KeyError, TypeError for a manifest
    of another form.
    """
    signature, digest = clip["signature"], clip["label_set"]["expanded_digest"]
    if signature is None:
        raise ProofError("it is not signed")
    said, signed = _check_signature(clip, signature, clip["audit_proof"], keys)
    if labels_sha256 != digest:
        raise ProofError("its labels are not those that were signed")
    if "of_signature" in said["facts"]:
        raise ProofError("its signature is one upon another signature")
    seen, signers = [signed], {signature["signer_pseudonym"]}
    seconds = clip.get("countersignatures", [])
    for row in seconds:
        try:
            other, signed = _check_signature(clip, row, row["audit_proof"], keys)
        except ProofError as error:
            raise ProofError(f"countersignature: {error}") from None
        if other["facts"].get("kind") != "countersign" or other["object_id"] != said["object_id"]:
            raise ProofError("countersignature: it confirms something else")
        if row["signer_pseudonym"] in signers:
            raise ProofError("countersignature: its signer signed before")
        signers.add(row["signer_pseudonym"])
        seen.append(signed)
    if told := unmet(rules, signature, seconds):
        raise ProofError(told)
    return seen


def unmet(rules: Any, signature: dict[str, Any], seconds: Sequence[dict[str, Any]]) -> str:
    """What a clip's signatures lack of what the project asks for (`signing_rules`); else ""."""
    rules = rules or {}
    if rules.get("countersigned") and not seconds:
        return "not countersigned, which the project asks for"
    if rules.get("passkey") and any("passkey" not in row for row in (signature, *seconds)):
        return "signed without a passkey, which the project asks for"
    return ""


def _check_signature(
    clip: dict[str, Any], signature: dict[str, Any], proof: Any, keys: dict[str, Any]
) -> tuple[dict[str, Any], notes.Checkpoint]:
    """One signature over the clip's labels: what its statement says, its proof's checkpoint."""
    said = _statement(signature, keys["electronic_signature"])
    digest = clip["label_set"]["expanded_digest"]
    if not said.get("digest") == signature["digest"] == digest:
        raise ProofError("the signed statement does not bind these labels")
    if "name" in said:
        raise ProofError("the statement bears the signer's name")
    for field, name in (("pseudonym", "signer_pseudonym"), ("meaning", "meaning"),
                        ("time", "signed_at")):  # fmt: skip
        if said.get(field) != signature[name]:
            raise ProofError(f"{name} is not what was signed")
    facts = said.get("facts") or {}
    if facts.get("clip") != clip["id"]:
        raise ProofError("the statement is about another clip")
    if clip["media_kind"] == "video" and facts.get("media_sha256") != clip["media_sha256"]:
        raise ProofError("the statement is about another video")
    statement = base64.b64decode(signature["statement"], validate=True)
    if told := passkey.fault(said, signature.get("passkey"), statement):
        raise ProofError(told)
    fields, signed = check_proof(proof, decode_key(keys["checkpoint"]))
    public = fields.get("public") or {}
    if not str(fields.get("action")).endswith(".signature") or fields.get("outcome") != "done":
        raise ProofError("the log's entry is about something else")
    if public.get("digest") != digest or public.get("signer") != signature["signer_pseudonym"]:
        raise ProofError("the log's entry is about other labels or another signer")
    if public.get("meaning", said["meaning"]) != said["meaning"]:
        raise ProofError("the log's entry is about another meaning")
    return said, signed


def check_approval(manifest: dict[str, Any]) -> notes.Checkpoint:
    """Hold the approval of a manifest to its proof. Raises ProofError, KeyError, TypeError."""
    approval = manifest["approval"]
    fields, signed = check_proof(approval["proof"], decode_key(manifest["keys"]["checkpoint"]))
    public = fields.get("public") or {}
    if fields.get("action") != "release.approve" or fields.get("outcome") != "done":
        raise ProofError("the log's entry is no approval")
    if public.get("freeze_digest") != manifest["freeze_digest"]:
        raise ProofError("the log's entry approves another release")
    if public.get("approver") != approval["approver_pseudonym"]:
        raise ProofError("the log's entry names another approver")
    return signed


def check_clips_and_approval(
    manifest: dict[str, Any], labels_sha256: dict[str, str]
) -> tuple[list[str], list[notes.Checkpoint]]:
    """Every problem ("<file>: what is wrong") and the checkpoints that the proofs rest on.

    ``labels_sha256`` maps each label file's path to the hex SHA-256 of its bytes.
    """
    problems, seen = [], []
    for clip in manifest["clips"]:
        try:
            digest = labels_sha256.get(clip["labels"], "")
            seen += check_clip(clip, digest, manifest["keys"], manifest.get("signing_rules"))
        except ProofError as error:
            problems.append(f"manifest.json: clip {clip['name']}: {error}")
    if manifest["approved"] is not (manifest["approval"] is not None):
        problems.append("manifest.json: approved and approval contradict each other")
    if manifest["approval"] is not None:
        try:
            seen.append(check_approval(manifest))
        except (ProofError, KeyError, TypeError) as error:
            problems.append(f"manifest.json: approval: {error}")
    return problems, seen


def decode_key(text: Any) -> bytes:
    """32 raw bytes of a public key in base64. Raises ProofError."""
    try:
        key = base64.b64decode(text, validate=True)
    except (ValueError, TypeError, binascii.Error):
        key = b""
    if len(key) != 32:
        raise ProofError("a public key is not 32 bytes in base64")
    return key


def _statement(signature: dict[str, Any], server_key: Any) -> dict[str, Any]:
    if signature["public_key"] != server_key:
        raise ProofError("its signature is by another key than the release names")
    try:
        statement = base64.b64decode(signature["statement"], validate=True)
        Ed25519PublicKey.from_public_bytes(decode_key(server_key)).verify(
            base64.b64decode(signature["server_signature"], validate=True), statement
        )
        said = json.loads(statement)
    except InvalidSignature:
        raise ProofError("its signature does not hold") from None
    except (ValueError, binascii.Error):
        raise ProofError("its signature is malformed") from None
    if not isinstance(said, dict):
        raise ProofError("its signature is malformed")
    return said
