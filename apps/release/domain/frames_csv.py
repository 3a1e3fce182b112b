"""`media/<clip>.frames.csv`: every frame's index, number, time and digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from apps.release.domain.freeze import ClipFreeze

HEADER = "frame_index,dicom_frame_number,pts,time_base,time_s,digest"


class FrameRow(NamedTuple):
    """One line: PTS in ticks, digest as lower-case hex SHA-256."""

    frame_index: int
    pts: int
    digest: str


def frames_csv(clip: ClipFreeze) -> Iterator[bytes]:
    """The file's lines, header first, each ending in LF; the same as the API's frames.csv."""
    yield HEADER.encode() + b"\n"
    base = f"{clip.time_base[0]}/{clip.time_base[1]}"
    for i in range(clip.n_frames):
        digest = clip.digests[i].tobytes().hex()
        yield f"{i},{i + 1},{int(clip.pts[i])},{base},{clip.time_s(i)},{digest}\n".encode()


def read_frames_csv(data: bytes) -> list[FrameRow]:
    """Rows of a frames.csv. Raises ValueError when header, order or columns are not as written."""
    lines = data.decode("ascii").splitlines()
    if not lines or lines[0] != HEADER:
        raise ValueError("the header line is not as written")
    rows = []
    for i, line in enumerate(lines[1:]):
        parts = line.split(",")
        if len(parts) != 6 or parts[0] != str(i) or parts[1] != str(i + 1):
            raise ValueError(f"line {i + 2} is not frame {i}")
        rows.append(FrameRow(i, int(parts[2]), parts[5]))
    return rows
