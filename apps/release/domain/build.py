"""Writes a whole release folder from a freeze and its media, the same bytes every time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from apps.annotation.domain.expand import expanded_lines
from apps.library.domain.decode import encode_png
from apps.library.domain.digest import sample_digest
from apps.release.domain import manifest as manifests
from apps.release.domain import media
from apps.release.domain.data_dictionary import data_dictionary
from apps.release.domain.dicom_seg import NATIVE_LIMIT_BYTES, seg_parts, write_seg
from apps.release.domain.dicom_sr import sr_parts, write_sr
from apps.release.domain.difference import difference_text
from apps.release.domain.frames_csv import frames_csv
from apps.release.domain.freeze import ClipFreeze, Freeze, canonical
from apps.release.domain.freeze_check import validate
from apps.release.domain.objects import ClipLabels, clip_labels
from apps.release.domain.registry import FORMATS as KNOWN
from apps.release.domain.splits import split_by_patient, splits_document
from apps.release.domain.view import Choice, count_lost, frame_map, parse_choice, release_view

FORMATS = tuple(KNOWN)

OpenClip = Callable[[str], BinaryIO]
Progress = Callable[[str, int, int], None]


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


class _Tree:
    """The release folder; remembers size and SHA-256 of each file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, tuple[int, str]] = {}

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


def check_formats(formats: Iterable[str]) -> list[str]:
    """The formats in this module's order, each once, with their options as `parse_choice` reads.

    Raises ReleaseRefused for none, an unknown one, or an option that the format does not take.
    """
    chosen: dict[str, Choice] = {}
    for text in formats:
        try:
            choice = parse_choice(text)
        except ValueError as error:
            raise ReleaseRefused(f"formats: {error}") from None
        if choice.name not in KNOWN:
            raise ReleaseRefused(
                f"formats: {choice.name!r} is no format; choose from {', '.join(FORMATS)}"
            )
        if KNOWN[choice.name].write is None and not choice.is_plain:
            raise ReleaseRefused(f"formats: {choice.name} is tied to the video's own frames; "
                                 "it takes no stride and no height")  # fmt: skip
        if chosen.setdefault(choice.name, choice) != choice:
            raise ReleaseRefused(f"formats: {choice.name} is named twice; name it once")
    if not chosen:
        raise ReleaseRefused(f"formats: none named; choose from {', '.join(FORMATS)}")
    return [str(chosen[name]) for name in FORMATS if name in chosen]


def build_release(
    freeze: Freeze,
    formats: Iterable[str],
    out_dir: Path,
    open_instance: OpenClip,
    sign: manifests.Sign,
    public_key: bytes,
    open_media: OpenClip | None = None,
    approval: dict[str, Any] | None = None,
    progress: Progress | None = None,
    seg_native_limit_bytes: int = NATIVE_LIMIT_BYTES,
) -> dict[str, Any]:
    """Write the release into `out_dir` (absent or empty) and return its manifest.

    `open_instance(clip id)` opens the de-identified instance (seekable, binary); `open_media`
    the video file's bytes, when they are at hand beside the instance; `sign` gives the raw
    Ed25519 signature by `public_key` (raw 32 bytes); `progress(step, done, of)` is told of each
    clip. The same freeze, formats, approval and media give the same bytes.

    Raises
    ------
    ReleaseRefused, FreezeError
        before anything is written, when formats, folder or freeze do not hold, or the labels are
        not those that were signed.
    MediaError
        when the media are not those of the freeze; what is written so far is no release.
    """
    chosen = check_formats(formats)
    validate(freeze)
    folder = Path(out_dir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReleaseRefused("out_dir: not empty; name a new or empty folder")
    signed = {clip.id: _signed_lines(freeze, clip) for clip in freeze.clips}
    labels = {clip.id: clip_labels(freeze, clip) for clip in freeze.clips}
    folder.mkdir(parents=True, exist_ok=True)
    tree = _Tree(folder)
    splits = split_by_patient(freeze)
    entries = []
    for place, clip in enumerate(freeze.clips):
        if progress:
            progress(clip.name, place, len(freeze.clips))
        tree.put(f"labels/{clip.name}.jsonl", signed[clip.id])
        picture_path = _write_media(tree, clip, open_instance, open_media)
        instances = _write_dicom(
            tree, freeze, clip, labels[clip.id], chosen, open_instance, seg_native_limit_bytes
        )
        entries.append(
            manifests.clip_entry(
                clip, splits[clip.pseudonym], picture_path, f"labels/{clip.name}.jsonl",
                _objects(labels[clip.id]), instances,
            )
        )  # fmt: skip
    dropped = {}
    for text in chosen:
        choice = parse_choice(text)
        if progress:
            progress(choice.name, len(freeze.clips), len(freeze.clips))
        dropped[choice.name] = _write_format(tree, freeze, labels, splits, choice)
    tree.put("splits.json", canonical(splits_document(freeze)) + b"\n")
    if (earlier := freeze.supersedes) is not None:
        text = difference_text(freeze.version, earlier["version"], earlier["difference"])
        tree.put("CHANGES.md", text.encode())
    tree.put("DATA_DICTIONARY.md", data_dictionary(freeze, chosen, dropped).encode())
    tree.put("check_decoder.py", Path(__file__).with_name("check_decoder.py").read_bytes())
    manifest = manifests.build_manifest(
        freeze, chosen, tree.files, entries, approval, public_key, dropped
    )
    manifests.write_signed(folder, manifest, sign, public_key)
    if progress:
        progress("manifest.json", len(freeze.clips), len(freeze.clips))
    return manifest


def _write_format(
    tree: _Tree, freeze: Freeze, labels: dict[str, ClipLabels], splits: dict[str, str],
    choice: Choice,
) -> dict[str, int]:  # fmt: skip
    """Write one format's folder; what it cannot carry, counted by kind."""
    form = KNOWN[choice.name]
    release = release_view(freeze, labels, splits, choice)
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


def _signed_lines(freeze: Freeze, clip: ClipFreeze) -> bytes:
    """The expanded labels of the clip's label set, held to the digest that was signed."""
    sizes = {c.id: (c.n_frames, c.columns, c.rows) for c in freeze.clips}
    try:
        lines = b"".join(expanded_lines(clip.label_set.labels, freeze.ontology, sizes))
    except (KeyError, ValueError) as error:
        raise ReleaseRefused(
            f"{clip.name}: its label set covers a clip or class that the freeze does not hold; "
            "release the clips of one label set together"
        ) from error
    if hashlib.sha256(lines).hexdigest() != clip.label_set.expanded_digest:
        raise ReleaseRefused(
            f"{clip.name}: the labels are not those that were signed; restore them from a backup"
        )
    return lines


def _write_media(
    tree: _Tree, clip: ClipFreeze, open_instance: OpenClip, open_media: OpenClip | None
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


def _write_cine(tree: _Tree, clip: ClipFreeze, open_instance: OpenClip) -> None:
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
    tree: _Tree, freeze: Freeze, clip: ClipFreeze, labels: ClipLabels, formats: list[str],
    open_instance: OpenClip, native_limit_bytes: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """The instance and its SEG and SR; returns their manifest rows."""
    folder = f"dicom/{clip.name}"
    with open_instance(clip.id) as stream:
        tree.put(f"{folder}/instance.dcm", media.read_chunks(stream))
    rows: list[dict[str, Any]] = [
        {"path": f"{folder}/instance.dcm", "kind": "instance",
         "sop_instance_uid": clip.sop_instance_uid,
         "transfer_syntax_uid": clip.transfer_syntax_uid, "n_frames": clip.n_frames}
    ]  # fmt: skip
    if "dicom-seg" in formats:
        for part, mask_rows in enumerate(seg_parts(clip, labels), 1):
            path = f"{folder}/seg.dcm" if part == 1 else f"{folder}/seg-{part}.dcm"
            with tree.create(path) as out:
                seg = write_seg(freeze, clip, mask_rows, out, part, native_limit_bytes)
            rows.append({"path": path, "kind": "seg", "part": part, **vars(seg)})
    if "dicom-sr" in formats:
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
