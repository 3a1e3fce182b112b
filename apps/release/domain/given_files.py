"""Files as other tools write them: which are the clip's; names, numbers, lines, pictures, run
lengths in them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import cv2
import numpy as np

from apps.annotation.domain import rle as masks
from apps.release.domain.import_report import Files, NotThisFormat, Target


def uuid_of_uid(uid: Any) -> str | None:
    """The UUID of a UID under 2.25 (PS3.5 section B.2), or None when it is none."""
    if not isinstance(uid, str) or not uid.startswith("2.25.") or not uid[5:].isdecimal():
        return None
    value = int(uid[5:]) if len(uid) < 60 else 1 << 128
    return str(UUID(int=value)) if value < 1 << 128 else None


def any_rle(size: Any, counts: Any, target: Target) -> dict[str, Any]:
    """A mask as the shape here, from run lengths that need not be in shortest form.

    `counts` is COCO's compressed string or a list of runs. Raises NotThisFormat.
    """
    if list(size) != [target.rows, target.columns]:
        raise NotThisFormat(
            "the mask has another size than the picture",
            f"give masks of {target.columns} × {target.rows} px",
        )
    try:
        if isinstance(counts, str):
            if len(counts) > masks.MAX_COUNTS_CHARS:
                raise NotThisFormat("the mask has too many runs", "draw a smoother outline")
            runs = masks.string_to_counts(counts)
        else:
            runs = masks.runs_of(counts)
        return {"type": "mask", "rle": masks.from_runs(runs, target.rows, target.columns)}
    except masks.MalformedRle as error:
        raise NotThisFormat(str(error), error.remedy) from None


def own_files(files: Files, suffix: str, target: Target) -> dict[str, bytes]:
    """The files of a suffix that are the clip's: all of them when they are of one clip only, else
    those whose name or folder bears the clip's name.

    Raises NotThisFormat when files of several clips are given and none is this one's.
    """
    found = {name: data for name, data in sorted(files.items()) if name.endswith(suffix)}
    mine = {n: d for n, d in found.items() if target.name in _words(n)}
    if mine:
        return mine
    if len({PurePosixPath(n).parent for n in found}) > 1:
        raise NotThisFormat(
            f"the {suffix} files are of several clips and none of this one",
            "give the files of this clip only, or name them after it",
        )
    return found


def _words(path: str) -> set[str]:
    parts = PurePosixPath(path).parts
    stem = PurePosixPath(parts[-1]).name if parts else ""
    stems = {stem.split(".")[0], PurePosixPath(stem).stem}
    for each in list(stems):
        for tail in ("-phase", "-tool"):
            stems.add(each.removesuffix(tail))
        head, _, last = each.rpartition("_")
        if last.isdecimal():
            stems.add(head)
    return {*parts[:-1], *stems}


def frame_number_of(path: str) -> int:
    """The number that a picture's file name ends with. Raises NotThisFormat."""
    found = re.search(r"([0-9]{1,9})$", PurePosixPath(path).stem)
    if not found:
        raise NotThisFormat("the file name has no frame number", "name it such as 000001.png")
    return int(found.group(1))


def png_of(data: bytes, target: Target) -> np.ndarray:
    """Single-channel picture of the clip's size, uint8 or uint16. Raises NotThisFormat."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 33:
        raise NotThisFormat("not a PNG", "give PNG pictures")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if (height, width) != (target.rows, target.columns):
        raise NotThisFormat(
            f"the picture is {width} × {height} px, the clip {target.columns} × {target.rows} px",
            "give masks of the full picture",
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise NotThisFormat("no picture of one channel", "give a grey PNG of 8 or 16 bits")
    return np.asarray(pixels)


def tell_number(text: str, low: float = -1e9, high: float = 1e9) -> float:
    """A finite number written in ASCII. Raises ValueError."""
    value = float(text)
    if not text.isascii() or "_" in text or not low <= value <= high:
        raise ValueError("not a number")
    return value


def tell_whole(text: str, low: int = 0, high: int = 10**9) -> int:
    """A whole number written in ASCII digits. Raises ValueError."""
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 12:
        raise ValueError("not a whole number")
    value = int(text)
    if not low <= value <= high:
        raise ValueError("out of range")
    return value


def lines_of(data: bytes, limit_chars: int = 4_000_000) -> list[str]:
    """Text lines of a file (UTF-8, LF or CRLF). Raises NotThisFormat."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotThisFormat("not a text in UTF-8", "save the file as UTF-8") from None
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if any(len(line) > limit_chars for line in lines):
        raise NotThisFormat("a line is far too long")
    return lines
