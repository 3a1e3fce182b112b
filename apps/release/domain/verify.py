"""Checks a written release: files, signatures, and that each label has exactly its picture."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.library.domain.decode import FrameReader, PictureMissing
from apps.library.domain.digest import picture_digest, sample_digest
from apps.library.domain.frame_index import build_index, verify_by_decode
from apps.library.domain.video_stream import NotAVideo
from apps.release.domain.frames_csv import FrameRow, read_frames_csv
from apps.release.domain.manifest import (
    FORMAT,
    MANIFEST,
    SIGNATURE,
    SUMS,
    UNLISTED,
    signature_file,
)
from apps.release.domain.proofs import check_clips_and_approval

Progress = Callable[[str, int, int], None]


def verify_tree(
    folder: Path,
    recompute_frames: bool = True,
    public_key: bytes | None = None,
    progress: Progress | None = None,
    check_proofs: bool = False,
) -> list[str]:
    """Every problem of a release folder, each "<file>: what is wrong"; empty when it holds.

    Checks SHA256SUMS, the manifest and its Ed25519 signature (by `public_key`, raw 32 bytes,
    when given; else by the key beside it, which proves only that the release agrees with
    itself), that no file is missing, altered or extra, the signature statement of each clip and
    that the released labels are those it binds, and, with `recompute_frames`, the digest of
    every frame decoded from the released media. Proofs of the log are checked as well when
    `check_proofs`. Never raises for the content of the folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return [f"{folder.name}: not a folder"]
    held = _hash_all(folder)
    problems = _check_sums(folder, held)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest.get("format") != FORMAT:
            return [*problems, f"{MANIFEST}: not of the format {FORMAT}"]
        others = _check_manifest_signature(folder, public_key) + _check_files(manifest, held)
        # Where all files are those of the signed manifest it is the sums that were altered.
        if not others and SUMS in held and not _are_sums_of(folder, held):
            problems = [f"{SUMS}: altered, not the digests of these files"]
        problems += others
        for clip in manifest["clips"]:
            problems += _check_statement(clip, held)
        if check_proofs:
            labels = {path: digest for path, (_, digest) in held.items()}
            problems += check_clips_and_approval(manifest, labels)[0]
        for place, clip in enumerate(manifest["clips"]):
            if progress:
                progress(clip["name"], place, len(manifest["clips"]))
            problems += _check_frames(folder, clip, recompute_frames)
    except FileNotFoundError as error:
        problems.append(f"{_relative(folder, error.filename)}: missing")
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        problems.append(f"{MANIFEST}: not as this version writes it ({type(error).__name__})")
    return list(dict.fromkeys(problems))


def _hash_all(folder: Path) -> dict[str, tuple[int, str]]:
    """Path → (size in bytes, hex SHA-256) of every file; size -1 for what is no plain file."""
    held = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            held[name] = (-1, "")
        elif path.is_file():
            with path.open("rb") as file:
                held[name] = (path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    return held


def _check_sums(folder: Path, held: dict[str, tuple[int, str]]) -> list[str]:
    if SUMS not in held:
        return [f"{SUMS}: missing"]
    problems = []
    listed: dict[str, str] = {}
    for number, line in enumerate((folder / SUMS).read_bytes().splitlines(), 1):
        digest, separator, path = line.decode("utf-8", "replace").partition("  ")
        if not separator or len(digest) != 64:
            problems.append(f"{SUMS}: line {number} is malformed")
            continue
        listed[path] = digest
    for path, digest in listed.items():
        if path not in held:
            problems.append(f"{path}: missing")
        elif held[path][1] != digest:
            problems.append(f"{path}: other bytes than {SUMS} says")
    problems += [
        f"{path}: extra, not in {SUMS}" for path in held if path not in listed and path != SUMS
    ]
    return problems


def _are_sums_of(folder: Path, held: dict[str, tuple[int, str]]) -> bool:
    lines = [f"{digest}  {path}\n" for path, (_, digest) in sorted(held.items()) if path != SUMS]
    return (folder / SUMS).read_bytes() == "".join(lines).encode()


def _check_manifest_signature(folder: Path, public_key: bytes | None) -> list[str]:
    try:
        raw = (folder / SIGNATURE).read_bytes()
        signature = json.loads(raw)
        key = base64.b64decode(signature["public_key"], validate=True)
        value = base64.b64decode(signature["signature"], validate=True)
        if raw != signature_file(key, value):  # base64 has several spellings of the same bytes
            return [f"{SIGNATURE}: malformed"]
        if public_key is not None and key != public_key:
            return [f"{SIGNATURE}: by another key than the one given"]
        Ed25519PublicKey.from_public_bytes(key).verify(value, (folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return [f"{SIGNATURE}: missing"]
    except (ValueError, KeyError, TypeError, binascii.Error):
        return [f"{SIGNATURE}: malformed"]
    except InvalidSignature:
        return [f"{MANIFEST}: its signature does not hold"]
    return []


def _check_files(manifest: dict[str, Any], held: dict[str, tuple[int, str]]) -> list[str]:
    problems = []
    listed = {row["path"]: row for row in manifest["files"]}
    for path, row in listed.items():
        if path not in held:
            problems.append(f"{path}: missing")
        elif held[path] != (row["size_bytes"], row["sha256"]):
            problems.append(f"{path}: other bytes than {MANIFEST} says")
    problems += [
        f"{path}: extra, not in {MANIFEST}"
        for path in held
        if path not in listed and path not in UNLISTED
    ]
    return problems


def _check_statement(clip: dict[str, Any], held: dict[str, tuple[int, str]]) -> list[str]:
    """The surgeon's signature: by the server's key, over a statement that binds the labels."""
    where = f"{MANIFEST}: clip {clip['name']}"
    signature = clip["signature"]
    if signature is None:
        return [f"{where}: not signed"]
    expanded = clip["label_set"]["expanded_digest"]
    problems = []
    try:
        statement = base64.b64decode(signature["statement"], validate=True)
        key = base64.b64decode(signature["public_key"], validate=True)
        Ed25519PublicKey.from_public_bytes(key).verify(
            base64.b64decode(signature["server_signature"], validate=True), statement
        )
        if signature["digest"] not in (hashlib.sha256(statement).hexdigest(), expanded) and (
            signature["digest"].encode() not in statement
        ):
            problems.append(f"{where}: the statement does not bear the digest that was signed")
        if expanded != signature["digest"] and expanded.encode() not in statement:
            problems.append(f"{where}: the statement does not bind these labels")
    except (ValueError, binascii.Error):
        problems.append(f"{where}: the signature is malformed")
    except InvalidSignature:
        problems.append(f"{where}: the signature does not hold")
    if held.get(clip["labels"], (0, ""))[1] != expanded:
        problems.append(f"{clip['labels']}: not the labels that were signed")
    return problems


def _check_frames(folder: Path, clip: dict[str, Any], recompute: bool) -> list[str]:
    table = clip["frames_csv"]
    try:
        rows = read_frames_csv((folder / table).read_bytes())
    except FileNotFoundError:
        return [f"{table}: missing"]
    except ValueError as error:
        return [f"{table}: {error}"]
    if len(rows) != clip["n_frames"]:
        return [f"{table}: {len(rows)} frames instead of {clip['n_frames']}"]
    if not recompute:
        return []
    if clip["media_kind"] == "cine":
        return _check_cine(folder, clip, rows)
    try:
        return _check_video(folder, clip, rows)
    except FileNotFoundError:
        return [f"{clip['media']}: missing"]
    except (NotAVideo, PictureMissing, ValueError) as error:
        return [f"{clip['media']}: does not decode as annotated ({error})"]


def _check_video(folder: Path, clip: dict[str, Any], rows: list[FrameRow]) -> list[str]:
    with (folder / clip["media"]).open("rb") as file:
        index = build_index(file)
        if index.n_frames != len(rows):
            index = verify_by_decode(file, index).index
        if index.n_frames != len(rows):
            return [f"{clip['media']}: {index.n_frames} frames instead of {len(rows)}"]
        if [int(p) for p in index.pts] != [row.pts for row in rows]:
            return [f"{clip['frames_csv']}: its times are not those of {clip['media']}"]
        if not clip["digest_exact"]:
            return []
        wrong = []
        with FrameReader(file, index) as reader:
            for i, frame in reader:
                if picture_digest(frame).hex() != rows[i].digest:
                    wrong.append(i)
    return _wrong_frames(clip["media"], wrong)


def _check_cine(folder: Path, clip: dict[str, Any], rows: list[FrameRow]) -> list[str]:
    wrong = []
    for row in rows:
        name = f"{clip['media']}{row.frame_index + 1:06d}.png"
        try:
            pixels = cv2.imdecode(
                np.frombuffer((folder / name).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED
            )
        except (FileNotFoundError, cv2.error):
            return [f"{name}: missing or no picture"]
        if pixels is None or pixels.dtype != np.uint8:
            return [f"{name}: no picture of 8 bits a sample"]
        if pixels.ndim == 3:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        if sample_digest(np.asarray(pixels, np.uint8)).hex() != row.digest:
            wrong.append(row.frame_index)
    return _wrong_frames(clip["media"], wrong)


def _wrong_frames(name: str, wrong: list[int]) -> list[str]:
    if not wrong:
        return []
    shown = ", ".join(map(str, wrong[:10])) + (" …" if len(wrong) > 10 else "")
    return [f"{name}: {len(wrong)} frames are not the pictures that were annotated: {shown}"]


def _relative(folder: Path, name: str | None) -> str:
    try:
        return Path(name or "").relative_to(folder).as_posix()
    except ValueError:
        return "a file"
