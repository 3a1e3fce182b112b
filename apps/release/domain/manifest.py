"""`manifest.json`, its signature and `SHA256SUMS`.

`manifest.json` (canonical JSON and a line feed) lists every file but manifest.* and SHA256SUMS.
`manifest.sig` is canonical JSON `{"algorithm": "Ed25519", "public_key", "signature", "signed"}`;
the signature (base64) is over the exact bytes of `manifest.json`. Approval changes these three
files and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apps.release.domain.freeze import ClipFreeze, Freeze, canonical

FORMAT = "clinicalannot-release/1"
MANIFEST, SIGNATURE, SUMS = "manifest.json", "manifest.sig", "SHA256SUMS"
UNLISTED = frozenset({MANIFEST, SIGNATURE, SUMS})
Sign = Callable[[bytes], bytes]


def build_manifest(
    freeze: Freeze,
    freeze_digest: str,
    formats: list[str],
    files: dict[str, tuple[int, str]],
    clips: list[dict[str, Any]],
    approval: dict[str, Any] | None,
    public_key: bytes,
    dropped: dict[str, dict[str, int]],
) -> dict[str, Any]:
    """The manifest as JSON values.

    `files` maps path to (size in bytes, hex SHA-256); `clips` are from `clip_entry`;
    `approval` None gives `"approved": false`; `public_key` (raw 32 bytes) signs the manifest;
    `dropped` counts by format and kind what the format cannot carry.
    `freeze_digest`, the SHA-256 of the freeze's bytes, is what the log's entries of freezing and
    approving name.
    """
    ontology = freeze.ontology
    earlier = {"supersedes": freeze.supersedes} if freeze.supersedes is not None else {}
    return {
        **earlier,
        "format": FORMAT,
        "project": freeze.project,
        "version": freeze.version,
        "frozen_at": freeze.frozen_at,
        "freeze_digest": freeze_digest,
        "keys": {**freeze.keys, "release": base64.b64encode(public_key).decode()},
        "approved": approval is not None,
        "approval": approval,
        "software": freeze.software,
        "interpolator": freeze.interpolator,
        "profile": freeze.profile,
        "ontology": {
            "slug": ontology.get("slug"),
            "version": ontology.get("version"),
            "digest": freeze.ontology_digest,
            "definition": ontology,
        },
        "checkpoint": freeze.checkpoint,
        "formats": formats,
        "dropped": dropped,
        "clips": clips,
        "left_out": freeze.left_out,
        "files": [
            {"path": path, "size_bytes": size, "sha256": digest}
            for path, (size, digest) in sorted(files.items())
        ],
    }


def clip_entry(
    clip: ClipFreeze, split: str, media: str, labels: str, objects: list[dict[str, Any]],
    instances: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """One clip of the manifest: what it is, who signed it, the proof, its objects and instances."""
    label_set = clip.label_set
    begun_from = {"proposals": label_set.proposals} if label_set.proposals is not None else {}
    return {
        "id": clip.id,
        "name": clip.name,
        "pseudonym": clip.pseudonym,
        "split": split,
        "media": media,
        "media_kind": clip.media,
        "media_sha256": clip.media_sha256,
        "frames_csv": f"media/{clip.name}.frames.csv",
        "labels": labels,
        "n_frames": clip.n_frames,
        "rows": clip.rows,
        "columns": clip.columns,
        "fps": clip.fps,
        "time_base": list(clip.time_base),
        "digest_exact": clip.digest_exact,
        "decoder": clip.decoder,
        "warnings": clip.warnings,
        "sop_instance_uid": clip.sop_instance_uid,
        "label_set": {
            "id": label_set.id,
            "revision": label_set.revision,
            "expanded_digest": label_set.expanded_digest,
            "annotators": label_set.annotators,
            **begun_from,
        },
        "signature": label_set.signature.as_json() if label_set.signature else None,
        "audit_proof": label_set.audit_proof,
        "objects": objects,
        "instances": instances,
    }


def write_signed(folder: Path, manifest: dict[str, Any], sign: Sign, public_key: bytes) -> None:
    """Write manifest.json, manifest.sig and SHA256SUMS.

    `sign` gives the raw 64-byte Ed25519 signature of its argument by `public_key` (raw 32 bytes).
    """
    body = canonical(manifest) + b"\n"
    signature = canonical(
        {
            "algorithm": "Ed25519",
            "public_key": base64.b64encode(public_key).decode(),
            "signature": base64.b64encode(sign(body)).decode(),
            "signed": MANIFEST,
        }
    ) + b"\n"  # fmt: skip
    sums = {row["path"]: row["sha256"] for row in manifest["files"]}
    sums[MANIFEST] = hashlib.sha256(body).hexdigest()
    sums[SIGNATURE] = hashlib.sha256(signature).hexdigest()
    (folder / MANIFEST).write_bytes(body)
    (folder / SIGNATURE).write_bytes(signature)
    (folder / SUMS).write_text(
        "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items())),
        encoding="utf-8", newline="\n",
    )  # fmt: skip


def approve_tree(folder: Path, approval: dict[str, Any], sign: Sign, public_key: bytes) -> None:
    """Mark a written release as approved: manifest.json, manifest.sig and SHA256SUMS change.

    `approval` is {"approver_pseudonym", "role", "approved_at", "meaning"} or more.
    """
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["approved"], manifest["approval"] = True, approval
    write_signed(folder, manifest, sign, public_key)
