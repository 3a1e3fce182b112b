"""What a DICOMDIR refers to, and which files of a medium those are (PS3.3 Annex F, PS3.10
section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from pydicom import dcmread

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
_IN_USE = 0xFFFF


class UnreadableDirectory(ValueError):
    """The DICOMDIR cannot be read."""


@dataclass(frozen=True)
class Medium:
    """``referenced`` are names (as they are) that the records point at; ``missing`` what they point
    at and is not there; both relative, with ``/``."""

    referenced: frozenset[str]
    missing: tuple[str, ...]


def is_dicomdir(name: str) -> bool:
    return _plain(name.rpartition("/")[2]) == "dicomdir"


def references(source: BinaryIO) -> list[tuple[str, ...]]:
    """The file ID of every record in use, as path components. Raises UnreadableDirectory."""
    try:
        ds = dcmread(source)
        if ds.file_meta.get("MediaStorageSOPClassUID") != MEDIA_STORAGE_DIRECTORY:
            raise UnreadableDirectory("this is no DICOMDIR")
        found = []
        for record in ds.get("DirectoryRecordSequence") or []:
            named = record.get("ReferencedFileID")
            if named and record.get("RecordInUseFlag", _IN_USE) == _IN_USE:
                parts = [named] if isinstance(named, str) else list(named)
                found.append(tuple(str(part) for part in parts))
    except UnreadableDirectory:
        raise
    except Exception as error:
        # The reader's messages may quote values.
        raise UnreadableDirectory("the DICOMDIR cannot be read") from error
    return found


def follow(folder: str, wanted: Iterable[tuple[str, ...]], names: Iterable[str]) -> Medium:
    """Match file IDs against the ``names`` below ``folder`` (empty: the root). A medium's names may
    be shown in small letters, with a full stop or a version at the end, by the system that
    mounted it. A component that leaves the folder is missing."""
    prefix = f"{folder}/" if folder else ""
    there = {_key(name[len(prefix) :]): name for name in names if name.startswith(prefix)}
    referenced, missing = set(), []
    for parts in wanted:
        key = "/".join(map(_plain, parts))
        is_inside = all(part and part not in (".", "..") and "/" not in part for part in parts)
        if is_inside and key in there:
            referenced.add(there[key])
        else:
            # Only its place among the sorted names matters.
            missing.append(prefix + "/".join(part.replace("/", "_") for part in parts))
    return Medium(frozenset(referenced), tuple(dict.fromkeys(missing)))


def _key(name: str) -> str:
    return "/".join(map(_plain, name.split("/")))


def _plain(component: str) -> str:
    return component.strip().lower().partition(";")[0].rstrip(".")
