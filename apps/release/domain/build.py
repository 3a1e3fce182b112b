"""Writes a whole release folder from a freeze and its media, the same bytes every time."""

from __future__ import annotations

import hashlib
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from apps.release.domain import manifest as manifests
from apps.release.domain import pieces
from apps.release.domain.data_dictionary import data_dictionary
from apps.release.domain.dicom_seg import NATIVE_LIMIT_BYTES
from apps.release.domain.difference import difference_text
from apps.release.domain.freeze import Freeze, canonical, dump_freeze
from apps.release.domain.freeze_check import validate
from apps.release.domain.freeze_file import digest_of, open_freeze
from apps.release.domain.pieces import Making, OpenClip, ReleaseRefused
from apps.release.domain.proof_page import proof_page
from apps.release.domain.registry import FORMATS as KNOWN
from apps.release.domain.splits import splits_document
from apps.release.domain.view import Choice, parse_choice

FORMATS = tuple(KNOWN)
Progress = Callable[[str, int, int], None]
Prepare = Callable[[], None]


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
    freeze: Freeze | Path,
    formats: Iterable[str],
    out_dir: Path,
    open_instance: OpenClip,
    sign: manifests.Sign,
    public_key: bytes,
    open_media: OpenClip | None = None,
    approval: dict[str, Any] | None = None,
    progress: Progress | None = None,
    seg_native_limit_bytes: int = NATIVE_LIMIT_BYTES,
    workers: int = 1,
    prepare: Prepare | None = None,
) -> dict[str, Any]:
    """Write the release into `out_dir` (absent or empty); gives its manifest without `clips` and
    `files`, and `n_clips` and `n_files`.

    A build that was stopped at any moment goes on when it is called again for the same folder.

    `freeze`: the freeze, or the file that `dump_freeze` wrote, which is then read clip by clip;
    `open_instance(clip id)` opens the de-identified instance (seekable, binary); `open_media`
    the video file's bytes, when they are at hand beside the instance; `sign` gives the raw
    Ed25519 signature by `public_key` (raw 32 bytes); `progress(step, done, of)` is told of each
    piece. With several `workers` (processes of their own, which call `prepare` first) the freeze
    is a file and the openers are functions of a module. The same freeze, formats, approval and
    media give the same bytes, whatever the number of workers.

    Raises
    ------
    ReleaseRefused, FreezeError
        before anything is written, when formats, folder or freeze do not hold, or the labels are
        not those that were signed.
    MediaError
        when the media are not those of the freeze; what is written so far is no release.
    """
    chosen, folder = check_formats(formats), Path(out_dir)
    path = None if isinstance(freeze, Freeze) else Path(freeze)
    held = freeze if isinstance(freeze, Freeze) else open_freeze(Path(freeze))
    digest = digest_of(path) if path else hashlib.sha256(dump_freeze(held)).hexdigest()
    validate(held)
    pieces.check_signed(held)
    making = Making(held, chosen, folder, open_instance, open_media, seg_native_limit_bytes)
    done = pieces.begin(making, digest)
    names = pieces.piece_names(making)
    missing = [name for name in names if name not in done]
    n_done = len(done)
    if workers > 1 and path is None:
        raise ValueError("several workers read the freeze from its file")
    writing = (
        _in_turn(making, missing)
        if workers == 1 or path is None
        else _by_several(making, path, missing, workers, prepare)
    )
    for name in writing:
        n_done += 1
        if progress:
            progress(_words(held, name), n_done, len(names))
    manifest = _write_rest(making, names, digest, approval, sign, public_key)
    pieces.end(folder)
    if progress:
        progress("manifest.json", len(names), len(names))
    return manifest


def _words(freeze: Freeze, name: str) -> str:
    kind, _, which = name.partition("-")
    return freeze.heads[int(which)].name if kind == "clip" else which


def _write_rest(
    making: Making, names: list[str], digest: str, approval: dict[str, Any] | None,
    sign: manifests.Sign, public_key: bytes,
) -> dict[str, Any]:  # fmt: skip
    """What is said of the release as a whole; the manifest, clip by clip and file by file."""
    freeze, folder = making.freeze, making.folder
    formats = [parse_choice(text).name for text in making.formats]
    dropped = {name: pieces.read_piece(folder, f"format-{name}").dropped or {} for name in formats}
    with pieces.listed_tree(folder, "rest") as tree:
        tree.put("splits.json", canonical(splits_document(freeze)) + b"\n")
        if (earlier := freeze.supersedes) is not None:
            text = difference_text(freeze.version, earlier["version"], earlier["difference"])
            tree.put("CHANGES.md", text.encode())
        tree.put("DATA_DICTIONARY.md", data_dictionary(freeze, making.formats, dropped).encode())
        tree.put("proof.html", proof_page())
        tree.put("check_decoder.py", Path(__file__).with_name("check_decoder.py").read_bytes())
    head = manifests.manifest_head(freeze, digest, making.formats, approval, public_key, dropped)
    clips = (
        entry
        for name in names
        if name.startswith("clip-") and (entry := pieces.read_piece(folder, name).clip) is not None
    )
    n_files = manifests.write_streamed(
        folder, head, clips, lambda: pieces.all_files(folder, [*names, "rest"]), sign, public_key
    )
    return {**head, "n_clips": len(freeze.clips), "n_files": n_files}


def _in_turn(making: Making, names: list[str]) -> Iterator[str]:
    for name in names:
        pieces.write_piece(making, name)
        yield name


_making: Making | None = None


def _by_several(
    making: Making, path: Path, names: list[str], workers: int, prepare: Prepare | None
) -> Iterator[str]:
    """Pieces as they are finished by ``workers`` processes."""
    given = (path, making.formats, making.folder, making.open_instance, making.open_media,
             making.seg_native_limit_bytes, prepare)  # fmt: skip
    # Fresh processes: a forked one would share this one's connections and threads.
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin_worker, initargs=given
    ) as pool:
        jobs = [pool.submit(_work, name) for name in names]
        try:
            for job in as_completed(jobs):
                yield job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin_worker(
    path: Path, formats: list[str], folder: Path, open_instance: OpenClip,
    open_media: OpenClip | None, limit: int, prepare: Prepare | None,
) -> None:  # fmt: skip
    global _making
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare()
    _making = Making(open_freeze(path), formats, folder, open_instance, open_media, limit)


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on writing into the folder."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _work(name: str) -> str:
    assert _making is not None
    pieces.write_piece(_making, name)
    return name


__all__ = ["FORMATS", "ReleaseRefused", "build_release", "check_formats"]
