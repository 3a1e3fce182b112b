"""What lies in a backup and how it is known to be whole: the list of digests, the manifest, the
marker.

    SHA256SUMS      every file of the vault and the database, for ``sha256sum -c``
    manifest.json   when, which database, migrations, length of the log, digest of SHA256SUMS
    COMPLETE        digest of manifest.json and its keyed digest (by the master key, which is not in
                    the backup); written last
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from apps.audit import tree
from apps.audit.domain.checkpoint import fingerprint
from apps.vault.domain.sealed import keyed_digest
from apps.vault.master import master_key

FORMAT = "clinicalannot-backup/1"
SUMS, MANIFEST, COMPLETE = "SHA256SUMS", "manifest.json", "COMPLETE"
_BLOCK_BYTES = 1 << 20


class BackupError(Exception):
    """A finding about a backup or its target, in words; names the file. No value, no identifier."""


@dataclass(frozen=True)
class Manifest:
    """``complete_until``: whatever was acknowledged before this moment (UTC) is in the backup.
    ``log_entries`` counts leaves; ``key_fingerprint`` is of the log's public key, which depends on
    the master key."""

    began_at: str
    complete_until: str
    vendor: str
    database: str
    migrations: list[list[str]]
    log_entries: int
    checkpoint: str
    key_fingerprint: str
    n_files: int
    size_bytes: int
    sums_sha256: str
    format: str = FORMAT


def key_fingerprint() -> str:
    """Fingerprint of the log's public key; it depends on the master key alone."""
    return fingerprint(tree.signing_key().public_key().public_bytes_raw())


def digest_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    total = sha256()
    with open(path, "rb") as source:
        while block := source.read(_BLOCK_BYTES):
            total.update(block)
    return total.hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """Mode 0600; complete and synced under its name, or not there."""
    partial = path.with_name(path.name + ".part")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    os.rename(partial, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _seal(manifest_sha256: str) -> str:
    return keyed_digest(master_key("backup"), "manifest", manifest_sha256).hex()


def vault_place(name: str) -> str:
    """Where a vault file lies in a backup."""
    return f"vault/{name[:2]}/{name}"


def write_sums(folder: Path, sums: dict[str, str]) -> str:
    """Write the list (place to hex SHA-256); its own digest."""
    data = "".join(f"{digest}  {place}\n" for place, digest in sorted(sums.items())).encode()
    write_durably(folder / SUMS, data)
    return sha256(data).hexdigest()


def complete(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, then the marker: from here on the backup counts."""
    data = json.dumps(asdict(manifest), indent=1, sort_keys=True).encode() + b"\n"
    write_durably(folder / MANIFEST, data)
    digest = sha256(data).hexdigest()
    marker = {"manifest_sha256": digest, "keyed_digest": _seal(digest)}
    write_durably(folder / COMPLETE, json.dumps(marker, sort_keys=True).encode() + b"\n")


def is_complete(folder: Path) -> bool:
    return (folder / COMPLETE).exists()


def _marker(folder: Path) -> tuple[str, str]:
    try:
        marker = json.loads((folder / COMPLETE).read_bytes())
        return str(marker["manifest_sha256"]), str(marker["keyed_digest"])
    except FileNotFoundError:
        raise BackupError(f"{COMPLETE} is missing: this is no backup, or it was cut off") from None
    except (ValueError, KeyError, TypeError):
        raise BackupError(f"{COMPLETE} is not as it was written") from None


def require_our_key(folder: Path, manifest: Manifest) -> None:
    """Raise BackupError unless the backup was made, and is vouched for, with this master key."""
    if manifest.key_fingerprint != key_fingerprint():
        raise BackupError(
            "the backup was made with another master key: CLINICAL_ANNOT_KEY_FILE must name the "
            "key file that belongs to it"
        )
    wanted, keyed = _marker(folder)
    if not hmac.compare_digest(_seal(wanted), keyed):
        raise BackupError(f"{COMPLETE} does not vouch for {MANIFEST}: the backup was altered")


def read(folder: Path) -> tuple[Manifest, dict[str, str]]:
    """Manifest and list of a backup, both whole. Raises BackupError naming the file that is not as
    it was written."""
    wanted, _ = _marker(folder)
    data = _bytes_of(folder / MANIFEST)
    if sha256(data).hexdigest() != wanted:
        raise BackupError(f"{MANIFEST} is not as it was written")
    fields: dict[str, Any] = json.loads(data)
    if fields.get("format") != FORMAT:
        raise BackupError(f"{MANIFEST}: not a backup of this format")
    manifest = Manifest(**fields)
    text = _bytes_of(folder / SUMS)
    if sha256(text).hexdigest() != manifest.sums_sha256:
        raise BackupError(f"{SUMS} is not as it was written")
    return manifest, dict(_lines(text.decode()))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BackupError(f"{path.name} is missing") from None


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        digest, _, place = line.partition("  ")
        yield place, digest


def require_files(folder: Path, sums: dict[str, str]) -> None:
    """Raise BackupError for the first listed file that is not there."""
    for place in sums:
        if not (folder / place).is_file():
            raise BackupError(f"{place} is missing")
