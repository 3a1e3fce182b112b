"""The pieces that a release is written in: one a clip, one a format, one on the
whole. Any worker writes any piece.

A folder that is being built has a sub-folder `.building`: what is built (`job.json`) and a report a
finished piece. Who finds one goes on there: finished pieces stay, all else is written anew. Pieces
know nothing of each other, so their order and the number of workers change no byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from apps.annotation.domain.expand import expanded_lines
from apps.library.domain.decode import encode_png
from apps.library.domain.digest import sample_digest
from apps.release.domain import manifest as manifests
from apps.release.domain import media
from apps.release.domain.about import write_about
from apps.release.domain.dicom_seg import NATIVE_LIMIT_BYTES, seg_parts, write_seg
from apps.release.domain.dicom_sr import sr_parts, write_sr
from apps.release.domain.frames_csv import frames_csv
from apps.release.domain.freeze import ClipFreeze, Freeze, canonical
from apps.release.domain.objects import ClipLabels, clip_labels
from apps.release.domain.raters import write_raters
from apps.release.domain.registry import FORMATS as KNOWN
from apps.release.domain.splits import split_by_patient
from apps.release.domain.view import count_lost, frame_map, parse_choice, release_view

BUILDING = ".building"
OpenClip = Callable[[str], BinaryIO]
Files = dict[str, tuple[int, str]]


class ReleaseRefused(ValueError):
    """The release cannot be written: names the field, what does not hold and the remedy."""


class _HashedFile:
    """A file of the release that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sha, self.size_bytes = file, hashlib.sha256(), 0

    def write(self, data: bytes, /) -> int:
        self._sha.update(data)
        self.size_bytes += len(data)
        return self._file.write(data)

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


class Tree:
    """The release folder; remembers size and SHA-256 of each file that it wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: Files = {}

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            hashed = _HashedFile(file)
            yield cast(BinaryIO, hashed)
        self.files[path] = (hashed.size_bytes, hashed.hexdigest())

    def put(self, path: str, parts: bytes | Iterable[bytes]) -> None:
        with self.create(path) as out:
            for part in [parts] if isinstance(parts, bytes) else parts:
                out.write(part)


@dataclass(frozen=True)
class Making:
    """What is built, where, and how its media are opened (`build_release` says more of each)."""

    freeze: Freeze
    formats: list[str]
    folder: Path
    open_instance: OpenClip
    open_media: OpenClip | None = None
    seg_native_limit_bytes: int = NATIVE_LIMIT_BYTES


@dataclass
class Piece:
    """A finished piece: its files, and what the manifest says of it."""

    files: Files = field(default_factory=dict)
    clip: dict[str, Any] | None = None
    dropped: dict[str, int] | None = None


def piece_names(making: Making) -> list[str]:
    """All pieces of the release, clips first."""
    clips = [f"clip-{place}" for place in range(len(making.freeze.clips))]
    formats = [f"format-{parse_choice(text).name}" for text in making.formats]
    return [*clips, *formats, "about-release"]


def begin(making: Making, freeze_digest: str) -> dict[str, Piece]:
    """Make the folder ready; the pieces that stand in it already.

    Raises ReleaseRefused when something else lies or is being built there.
    """
    folder, told = making.folder, making.folder / BUILDING
    wanted = {"freeze_digest": freeze_digest, "formats": making.formats,
              "seg_native_limit_bytes": making.seg_native_limit_bytes}  # fmt: skip
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not told.is_dir())):
        raise ReleaseRefused("out_dir: not empty; name a new or empty folder")
    told.mkdir(parents=True, exist_ok=True)
    job = told / "job.json"
    if job.exists() and json.loads(job.read_bytes()) != wanted:
        raise ReleaseRefused("out_dir: another release is half-written there; name another folder")
    _replace(job, canonical(wanted))
    finished = {}
    for name in piece_names(making):
        if (told / f"{name}.json").exists():
            finished[name] = _read_piece(told / f"{name}.json")
    _remove_unfinished(folder, {path for piece in finished.values() for path in piece.files})
    return finished


def _replace(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    half = path.with_suffix(".half")
    half.write_bytes(content)
    os.replace(half, path)


def _read_piece(path: Path) -> Piece:
    raw = json.loads(path.read_bytes())
    files = {name: (int(size), str(digest)) for name, (size, digest) in raw["files"].items()}
    return Piece(files, raw["clip"], raw["dropped"])


def _remove_unfinished(folder: Path, keep: set[str]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        if name == BUILDING or name.startswith(f"{BUILDING}/"):
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif name not in keep:
            path.unlink()


def end(folder: Path) -> None:
    """The folder is a release from now on. What says that it is being built goes last."""
    told = folder / BUILDING
    for path in told.iterdir():
        if path.name != "job.json":
            path.unlink()
    shutil.rmtree(told)


def write_piece(making: Making, name: str) -> Piece:
    """Write one piece into the folder, and its report when it is whole."""
    kind, _, which = name.partition("-")
    tree = Tree(making.folder)
    if kind == "clip":
        piece = Piece(tree.files, clip=_write_clip(making, tree, making.freeze.clips[int(which)]))
    elif kind == "about":
        write_about(making.freeze, tree.put)
        piece = Piece(tree.files)
    else:
        piece = Piece(tree.files, dropped=_write_format(making, tree, which))
    report = {"files": piece.files, "clip": piece.clip, "dropped": piece.dropped}
    _replace(making.folder / BUILDING / f"{name}.json", json.dumps(report).encode())
    return piece


def _write_clip(making: Making, tree: Tree, clip: ClipFreeze) -> dict[str, Any]:
    freeze, labels = making.freeze, clip_labels(making.freeze, clip)
    path = f"labels/{clip.name}.jsonl"
    tree.put(path, signed_lines(freeze, clip))
    if tree.files[path][1] != clip.label_set.expanded_digest:
        raise _not_signed(clip)
    if clip.label_set.raters is not None:
        write_raters(freeze, clip, tree.put)
    picture_path = _write_media(tree, clip, making.open_instance, making.open_media)
    instances = _write_dicom(making, tree, clip, labels)
    return manifests.clip_entry(
        clip, split_by_patient(freeze)[clip.pseudonym], picture_path, path, _objects(labels),
        instances,
    )  # fmt: skip


def check_signed(freeze: Freeze) -> None:
    """Raises ReleaseRefused unless each clip's labels are those that were signed."""
    for clip in freeze.clips:
        digest = hashlib.sha256()
        for line in signed_lines(freeze, clip):
            digest.update(line)
        if digest.hexdigest() != clip.label_set.expanded_digest:
            raise _not_signed(clip)


def _not_signed(clip: ClipFreeze) -> ReleaseRefused:
    return ReleaseRefused(
        f"{clip.name}: the labels are not those that were signed; restore them from a backup"
    )


def signed_lines(freeze: Freeze, clip: ClipFreeze) -> Iterator[bytes]:
    """The expanded labels of the clip's label set, line by line."""
    sizes = {head.id: (head.n_frames, head.columns, head.rows) for head in freeze.heads}
    try:
        yield from expanded_lines(clip.label_set.labels, freeze.ontology, sizes)
    except (KeyError, ValueError) as error:
        raise ReleaseRefused(
            f"{clip.name}: its label set covers a clip or class that the freeze does not hold; "
            "release the clips of one label set together"
        ) from error


def _write_format(making: Making, tree: Tree, name: str) -> dict[str, int]:
    """Write one format's folder; what it cannot carry, counted by kind."""
    form = KNOWN[name]
    (choice,) = (c for text in making.formats if (c := parse_choice(text)).name == name)
    release = release_view(making.freeze, split_by_patient(making.freeze), choice)
    if form.write is None:
        holds = (
            {"shapes": ("mask",)}
            if choice.name == "dicom-seg"
            else {"shapes": ("tip", "box"), "state": True, "interpolated": True,
                  "attributes": True, "intervals": True}
        )  # fmt: skip
        lost = sum((count_lost(v, identity=True, **holds) for v in release.clips), Counter())
        return dict(sorted(lost.items()))

    @contextmanager
    def create(path: str) -> Iterator[BinaryIO]:
        with tree.create(f"{form.folder}/{path}") as out:
            yield out

    lost = form.write(release, create)
    if not choice.is_plain:
        tree.put(f"{form.folder}/frame_map.csv", frame_map(release))
    return dict(sorted(lost.items()))


def _write_media(
    tree: Tree, clip: ClipFreeze, open_instance: OpenClip, open_media: OpenClip | None
) -> str:
    """The clip's pictures and frames.csv; returns the path of the video or of the PNG folder."""
    tree.put(f"media/{clip.name}.frames.csv", frames_csv(clip))
    if clip.media == "cine":
        _write_cine(tree, clip, open_instance)
        return f"media/{clip.name}/"
    with (open_media or open_instance)(clip.id) as stream:
        chunks = media.read_chunks(stream) if open_media else media.video_chunks(stream)
        first = next(chunks, b"")
        path = f"media/{clip.name}{media.video_suffix(first)}"
        with tree.create(path) as out:
            media.copy_video(clip, _chain(first, chunks), out)
    return path


def _write_cine(tree: Tree, clip: ClipFreeze, open_instance: OpenClip) -> None:
    n_written = 0
    with open_instance(clip.id) as stream:
        for pixels in media.cine_frames(stream):
            known = n_written < clip.n_frames
            if not known or sample_digest(pixels) != clip.digests[n_written].tobytes():
                raise media.MediaError(
                    f"{clip.name}: frame {n_written} is not the picture that was annotated; "
                    "restore the instance from a backup"
                )
            n_written += 1
            tree.put(f"media/{clip.name}/{n_written:06d}.png", encode_png(pixels))
    if n_written != clip.n_frames:
        raise media.MediaError(f"{clip.name}: {n_written} frames instead of {clip.n_frames}")


def _write_dicom(
    making: Making, tree: Tree, clip: ClipFreeze, labels: ClipLabels
) -> list[dict[str, Any]]:
    """The instance and its SEG and SR; returns their manifest rows."""
    freeze, folder = making.freeze, f"dicom/{clip.name}"
    with making.open_instance(clip.id) as stream:
        tree.put(f"{folder}/instance.dcm", media.read_chunks(stream))
    rows: list[dict[str, Any]] = [
        {"path": f"{folder}/instance.dcm", "kind": "instance",
         "sop_instance_uid": clip.sop_instance_uid,
         "transfer_syntax_uid": clip.transfer_syntax_uid, "n_frames": clip.n_frames}
    ]  # fmt: skip
    if "dicom-seg" in making.formats:
        for part, mask_rows in enumerate(seg_parts(clip, labels), 1):
            path = f"{folder}/seg.dcm" if part == 1 else f"{folder}/seg-{part}.dcm"
            with tree.create(path) as out:
                seg = write_seg(freeze, clip, mask_rows, out, part, making.seg_native_limit_bytes)
            rows.append({"path": path, "kind": "seg", "part": part, **vars(seg)})
    if "dicom-sr" in making.formats:
        for sr_part in sr_parts(clip, labels):
            n = sr_part.number
            path = f"{folder}/sr.dcm" if n == 1 else f"{folder}/sr-{n}.dcm"
            with tree.create(path) as out:
                report = write_sr(freeze, clip, sr_part, out)
            rows.append({"path": path, "kind": "sr", "part": n, **vars(report)})
    return rows


def _objects(labels: ClipLabels) -> list[dict[str, Any]]:
    """Each track and interval with what every format calls it."""
    keys = ("class_id", "geometry", "tracking_id", "tracking_uid")
    rows = [
        {**{k: getattr(t, k) for k in keys}, "number": t.number, "n_frames": len(t.frames)}
        for t in labels.tracks
    ]
    rows += [
        {**{k: getattr(i, k) for k in keys}, "start_frame": i.start_frame,
         "end_frame": i.end_frame}
        for i in labels.intervals
    ]  # fmt: skip
    return rows


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
