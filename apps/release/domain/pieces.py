"""The pieces that a release is written in: one a clip, one a format, one on the
whole. Any worker writes any piece.

A folder that is being built has a sub-folder `.building`: what is built (`job.json`), and of each
finished piece a report and the list of its files. Who finds one goes on there: finished pieces
stay, all else is written anew. Pieces know nothing of each other, so their order and the number of
workers change no byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from apps.annotation.domain.expand import expanded_lines
from apps.library.domain.decode import encode_png
from apps.library.domain.digest import sample_digest
from apps.release.domain import manifest as manifests
from apps.release.domain import media
from apps.release.domain.about import write_about
from apps.release.domain.dicom_labelmap import labelmap_parts, write_labelmap
from apps.release.domain.dicom_seg import NATIVE_LIMIT_BYTES, seg_parts, write_seg
from apps.release.domain.dicom_sr import geometries_of, sr_parts, write_sr
from apps.release.domain.frames_csv import frames_csv
from apps.release.domain.freeze import ClipFreeze, Freeze, canonical
from apps.release.domain.listing import Listed, files_below, in_order, line_of
from apps.release.domain.objects import ClipLabels, clip_labels
from apps.release.domain.raters import write_raters
from apps.release.domain.registry import FORMATS as KNOWN
from apps.release.domain.splits import split_by_patient
from apps.release.domain.view import count_lost, frame_map, parse_choice, release_view

BUILDING = ".building"
OpenClip = Callable[[str], BinaryIO]


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
    """The release folder; lists path, size and SHA-256 of each file that it wrote."""

    def __init__(self, folder: Path, listing: BinaryIO) -> None:
        self.folder = folder
        self._listing = listing

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        with self._hashed(path) as out:
            yield cast(BinaryIO, out)

    def put(self, path: str, parts: bytes | Iterable[bytes]) -> str:
        """Write a file; its hex SHA-256."""
        with self._hashed(path) as out:
            for part in [parts] if isinstance(parts, bytes) else parts:
                out.write(part)
        return out.hexdigest()

    @contextmanager
    def _hashed(self, path: str) -> Iterator[_HashedFile]:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            hashed = _HashedFile(file)
            yield hashed
        self._listing.write(line_of(Listed(path, hashed.size_bytes, hashed.hexdigest())))


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
    """A finished piece: what the manifest says of it."""

    clip: dict[str, Any] | None = None
    dropped: dict[str, int] | None = None


def piece_names(making: Making) -> list[str]:
    """All pieces of the release, clips first."""
    clips = [f"clip-{place}" for place in range(len(making.freeze.clips))]
    formats = [f"format-{parse_choice(text).name}" for text in making.formats]
    return [*clips, *formats, "about-release"]


def begin(making: Making, freeze_digest: str) -> set[str]:
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
    finished = {name for name in piece_names(making) if (told / f"{name}.json").exists()}
    _remove_unfinished(folder, [_list_of(folder, name) for name in sorted(finished)])
    return finished


def read_piece(folder: Path, name: str) -> Piece:
    """What the manifest says of a finished piece."""
    raw = json.loads((folder / BUILDING / f"{name}.json").read_bytes())
    return Piece(raw["clip"], raw["dropped"])


@contextmanager
def listed_tree(folder: Path, name: str) -> Iterator[Tree]:
    """The folder, for files that are listed under a name."""
    with _list_of(folder, name).open("wb") as listing:
        yield Tree(folder, listing)


def all_files(folder: Path, names: Iterable[str]) -> Iterator[Listed]:
    """The files that stand in the lists of these names, by path."""
    return in_order((_list_of(folder, name) for name in names), folder / BUILDING)


def _list_of(folder: Path, name: str) -> Path:
    return folder / BUILDING / f"{name}.files"


def _replace(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    half = path.with_suffix(".half")
    half.write_bytes(content)
    os.replace(half, path)


def _remove_unfinished(folder: Path, keep: list[Path]) -> None:
    wanted = in_order(keep, folder / BUILDING)
    kept = next(wanted, None)
    for path in files_below(folder):
        while kept is not None and kept.path < path:
            kept = next(wanted, None)
        is_kept = kept is not None and kept.path == path
        if not is_kept and not path.startswith(f"{BUILDING}/"):
            (folder / path).unlink()
    wanted.close()
    _remove_empty(folder)


def _remove_empty(folder: Path) -> bool:
    """Remove the empty folders below one; whether it is empty then."""
    inside = [each for each in folder.iterdir() if each.name != BUILDING]
    left = len(inside)
    for each in inside:
        if each.is_dir() and not each.is_symlink() and _remove_empty(each):
            each.rmdir()
            left -= 1
    return not left


def end(folder: Path) -> None:
    """The folder is a release from now on. What says that it is being built goes last."""
    told = folder / BUILDING
    for path in told.iterdir():
        if path.name != "job.json":
            path.unlink()
    shutil.rmtree(told)


def write_piece(making: Making, name: str) -> None:
    """Write one piece into the folder, and its report when it is whole."""
    kind, _, which = name.partition("-")
    piece = Piece()
    with listed_tree(making.folder, name) as tree:
        if kind == "clip":
            piece.clip = _write_clip(making, tree, making.freeze.clips[int(which)])
        elif kind == "about":
            write_about(making.freeze, tree.put)
        else:
            piece.dropped = _write_format(making, tree, which)
    report = {"clip": piece.clip, "dropped": piece.dropped}
    _replace(making.folder / BUILDING / f"{name}.json", json.dumps(report).encode())


def _write_clip(making: Making, tree: Tree, clip: ClipFreeze) -> dict[str, Any]:
    freeze, labels = making.freeze, clip_labels(making.freeze, clip)
    path = f"labels/{clip.name}.jsonl"
    if tree.put(path, signed_lines(freeze, clip)) != clip.label_set.expanded_digest:
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
        lost: Counter[str] = Counter()
        for view in release.clips:
            if choice.name in ("dicom-seg", "dicom-labelmap"):
                lost += count_lost(view, identity=True, shapes=("mask",))
            else:
                lost += count_lost(view, identity=True, shapes=geometries_of(view.clip), state=True,
                                   interpolated=True, attributes=True, intervals=True)  # fmt: skip
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
    for name, kind, parts_of, write in (
        ("dicom-seg", "seg", seg_parts, write_seg),
        ("dicom-labelmap", "labelmap", labelmap_parts, write_labelmap),
    ):
        for part, mask_rows in enumerate(
            parts_of(clip, labels) if name in making.formats else (), 1
        ):
            path = f"{folder}/{kind}.dcm" if part == 1 else f"{folder}/{kind}-{part}.dcm"
            with tree.create(path) as out:
                seg = write(freeze, clip, mask_rows, out, part, making.seg_native_limit_bytes)
            rows.append({"path": path, "kind": kind, "part": part, **vars(seg)})
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
