"""`manifest.json`, its signature and `SHA256SUMS`.

`manifest.json` (canonical JSON and a line feed) lists every file but manifest.* and SHA256SUMS.
`manifest.sig` is canonical JSON `{"algorithm": "Ed25519", "public_key", "signature", "signed"}`;
the signature (base64) is over the exact bytes of `manifest.json`. Approval changes these three
files and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from apps.release.domain.freeze import ClipFreeze, Freeze, canonical
from apps.release.domain.listing import Listed

FORMAT = "clinicalannot-release/1"
MANIFEST, SIGNATURE, SUMS = "manifest.json", "manifest.sig", "SHA256SUMS"
UNLISTED = frozenset({MANIFEST, SIGNATURE, SUMS})
Sign = Callable[[bytes], bytes]


def manifest_head(
    freeze: Freeze,
    freeze_digest: str,
    formats: list[str],
    approval: dict[str, Any] | None,
    public_key: bytes,
    dropped: dict[str, dict[str, int]],
) -> dict[str, Any]:
    """The manifest as JSON values, but `clips` (each from `clip_entry`) and `files`.

    `approval` None gives `"approved": false`; `public_key` (raw 32 bytes) signs the manifest;
    `dropped` counts by format and kind what the format cannot carry.
    `freeze_digest`, the SHA-256 of the freeze's bytes, is what the log's entries of freezing and
    approving name.
    """
    ontology = freeze.ontology
    earlier = {"supersedes": freeze.supersedes} if freeze.supersedes is not None else {}
    asked = {"signing_rules": freeze.signing_rules} if freeze.signing_rules is not None else {}
    return {
        **earlier,
        **asked,
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
        "left_out": freeze.left_out,
    }


def clip_entry(
    clip: ClipFreeze, split: str, media: str, labels: str, objects: list[dict[str, Any]],
    instances: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """One clip of the manifest: what it is, who signed it, the proof, its objects and instances."""
    label_set = clip.label_set
    begun_from = {"proposals": label_set.proposals} if label_set.proposals is not None else {}
    seconds = label_set.countersignatures
    confirmed = {"countersignatures": seconds} if seconds is not None else {}
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
        **confirmed,
        "objects": objects,
        "instances": instances,
    }


def write_streamed(
    folder: Path,
    head: dict[str, Any],
    clips: Iterable[dict[str, Any]],
    files: Callable[[], Iterator[Listed]],
    sign: Sign,
    public_key: bytes,
) -> int:
    """Write manifest.json, manifest.sig and SHA256SUMS as `write_signed` does, clip by clip and
    file by file; the number of files. `files` gives them by path, each time anew."""
    n_files = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal n_files
        for row in files():
            n_files += 1
            yield row._asdict()

    parts = {"clips": clips, "files": rows()}
    with (folder / MANIFEST).open("wb") as out:
        for place, key in enumerate(sorted({*head, *parts})):
            out.write((b"," if place else b"{") + canonical(key) + b":")
            if key not in parts:
                out.write(canonical(head[key]))
                continue
            out.write(b"[")
            for entry_place, entry in enumerate(parts[key]):
                out.write((b"," if entry_place else b"") + canonical(entry))
            out.write(b"]")
        out.write(b"}\n")
    _sign_and_sum(folder, files(), sign, public_key)
    return n_files


def write_signed(folder: Path, manifest: dict[str, Any], sign: Sign, public_key: bytes) -> None:
    """Write manifest.json, manifest.sig and SHA256SUMS.

    `sign` gives the raw 64-byte Ed25519 signature of its argument by `public_key` (raw 32 bytes).
    """
    (folder / MANIFEST).write_bytes(canonical(manifest) + b"\n")
    files = (Listed(r["path"], r["size_bytes"], r["sha256"]) for r in manifest["files"])
    _sign_and_sum(folder, iter(sorted(files)), sign, public_key)


def signature_file(public_key: bytes, signature: bytes) -> bytes:
    """What `manifest.sig` holds, from 32 and 64 raw bytes."""
    told = {
        "algorithm": "Ed25519",
        "public_key": base64.b64encode(public_key).decode(),
        "signature": base64.b64encode(signature).decode(),
        "signed": MANIFEST,
    }
    return canonical(told) + b"\n"


def _sign_and_sum(folder: Path, files: Iterator[Listed], sign: Sign, public_key: bytes) -> None:
    """manifest.sig and SHA256SUMS of the manifest that lies in the folder."""
    body = (folder / MANIFEST).read_bytes()  # Ed25519 signs it in one piece
    signature = signature_file(public_key, sign(body))
    (folder / SIGNATURE).write_bytes(signature)
    own = [
        Listed(MANIFEST, len(body), hashlib.sha256(body).hexdigest()),
        Listed(SIGNATURE, len(signature), hashlib.sha256(signature).hexdigest()),
    ]
    with (folder / SUMS).open("w", encoding="utf-8", newline="\n") as out:
        for row in heapq.merge(files, own):
            out.write(f"{row.sha256}  {row.path}\n")


def approve_tree(folder: Path, approval: dict[str, Any], sign: Sign, public_key: bytes) -> None:
    """Mark a written release as approved: manifest.json, manifest.sig and SHA256SUMS change.

    `approval` is {"approver_pseudonym", "role", "approved_at", "meaning"} or more.
    """
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["approved"], manifest["approval"] = True, approval
    write_signed(folder, manifest, sign, public_key)
