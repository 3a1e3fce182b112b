"""A downloaded release: its clips, their exact frames and signed labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clinical_annot_client.labels import Interval, Label, read_labels
from clinical_annot_client.pictures import Cine, Video, rgb_of
from clinical_annot_client.verify import check_files


@dataclass(frozen=True)
class Frame:
    """One frame: ``image`` uint8 (height, width, 3) RGB, what is labelled on it, what goes on."""

    clip: str
    index: int
    time_s: float
    digest: str
    image: NDArray[np.uint8]
    labels: list[Label]
    intervals: list[Interval]


class Clip:
    """A clip of a release. ``split`` is that of its patient; ``info`` is its manifest entry."""

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        self.folder, self.info = folder, info
        self.id: str = info["id"]
        self.name: str = info["name"]
        self.pseudonym: str = info["pseudonym"]
        self.split: str = info["split"]
        self.n_frames: int = info["n_frames"]

    def __repr__(self) -> str:
        return f"<Clip {self.name}, {self.n_frames} frames, {self.split}>"

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """`frames.csv`, a row a frame."""
        with (self.folder / self.info["frames_csv"]).open(newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def _read(self) -> tuple[dict[int, list[Label]], list[Interval]]:
        with (self.folder / self.info["labels"]).open("rb") as file:
            return read_labels(file, self.id)

    @property
    def labels(self) -> dict[int, list[Label]]:
        """Labels by frame index; frames without any are left out."""
        return self._read[0]

    @property
    def intervals(self) -> list[Interval]:
        """Phases and events."""
        return self._read[1]

    def pictures(self) -> Video | Cine:
        """A reader of the clip's pictures; close it. Each is held to its digest."""
        digests = [row["digest"] for row in self.rows]
        path = self.folder / self.info["media"]
        if self.info["media_kind"] == "cine":
            return Cine(path, digests)
        pts = [int(row["pts"]) for row in self.rows]
        return Video(path, pts, digests, bool(self.info["digest_exact"]))

    def frames(self, stride: int = 1) -> Iterator[Frame]:
        """Every ``stride``-th frame in order, in one pass over the media.

        Raises PictureMismatchError where the decoder gives another picture than the annotated one.
        """
        reader = self.pictures()
        try:
            for index, picture in enumerate(reader):
                if index % stride == 0:
                    yield self._frame(index, rgb_of(picture))
        finally:
            reader.close()

    def frame(self, index: int) -> Frame:
        """One frame. For many, keep the reader of `pictures` or iterate `frames`."""
        reader = self.pictures()
        try:
            return self._frame(index, rgb_of(reader.picture(index)))
        finally:
            reader.close()

    def _frame(self, index: int, image: NDArray[np.uint8]) -> Frame:
        row = self.rows[index]
        running = [i for i in self.intervals if i.start_frame <= index < i.end_frame]
        return Frame(
            self.name, index, float(row["time_s"]), row["digest"], image,
            self.labels.get(index, []), running,
        )  # fmt: skip


class Release:
    """A release folder.

    ``Release(folder)`` reads it; `verify` proves it. ``clips`` are in the release's own order.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.manifest: dict[str, Any] = json.loads((self.folder / "manifest.json").read_bytes())
        self.project: str = self.manifest["project"]
        self.version: str = self.manifest["version"]
        self.is_approved: bool = self.manifest["approved"]
        self.clips = [Clip(self.folder, row) for row in self.manifest["clips"]]

    def __repr__(self) -> str:
        return f"<Release {self.project} {self.version}, {len(self.clips)} clips>"

    def clip(self, name: str) -> Clip:
        """The clip of a name. Raises KeyError."""
        for each in self.clips:
            if each.name == name:
                return each
        raise KeyError(name)

    def split(self, name: str) -> list[Clip]:
        """The clips of "train", "val" or "test"."""
        return [clip for clip in self.clips if clip.split == name]

    @property
    def classes(self) -> list[dict[str, Any]]:
        """The ontology's classes, in its order."""
        found: list[dict[str, Any]] = self.manifest["ontology"]["definition"]["classes"]
        return found

    def verify(self, key: str | None = None, pictures: bool = True) -> None:
        """Check files, signatures and (``pictures``) the digest of every frame decoded here.

        ``key``: base64 of the publisher's public key. Raises VerificationError naming the file,
        PictureMismatchError naming file and frame.
        """
        self.manifest = check_files(self.folder, key)
        self.clips = [Clip(self.folder, row) for row in self.manifest["clips"]]
        if pictures:
            for clip in self.clips:
                reader = clip.pictures()
                try:
                    for _ in reader:
                        pass
                finally:
                    reader.close()
