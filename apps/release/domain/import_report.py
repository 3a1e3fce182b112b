"""What importing is about: the clip and ontology it is for, and its report by line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

Files = dict[str, bytes]


class Problem(NamedTuple):
    """One thing that is wrong: `line` from 1, 0 for the whole file."""

    file: str
    line: int
    message: str
    remedy: str


class NotThisFormat(ValueError):
    """A file that is not of the format at all; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str = "give a file of this format") -> None:
        super().__init__(message)
        self.remedy = remedy


class TooManyProblems(Exception):
    """So many problems that reading on helps nobody."""


@dataclass(frozen=True)
class Target:
    """The clip and ontology that labels are imported for; `stride` as the files were exported."""

    clip_id: str
    name: str
    n_frames: int
    rows: int
    columns: int
    ontology: dict[str, Any]
    stride: int = 1
    sop_instance_uid: str = ""

    def classes(self, *geometries: str) -> list[dict[str, Any]]:
        """The ontology's classes of these geometries, in its order."""
        return [c for c in self.ontology["classes"] if c["geometry"] in geometries]


@dataclass
class Report:
    """What came of reading: problems and left-out lines by place, and counts of what was read."""

    problems: list[Problem] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)
    n_left_out: int = 0
    n_tracks: int = 0
    n_keyframes: int = 0
    n_intervals: int = 0
    files: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "problems": [p._asdict() for p in self.problems],
            "left_out": [p._asdict() for p in self.left_out],
            "n_left_out": self.n_left_out,
            "tracks": self.n_tracks,
            "keyframes": self.n_keyframes,
            "intervals": self.n_intervals,
            "files": self.files,
        }
