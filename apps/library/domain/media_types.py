"""Which representation a DICOMweb client is given (PS3.18 section 8.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

EXPLICIT_LE = "1.2.840.10008.1.2.1"
DICOM, OCTETS = "application/dicom", "application/octet-stream"
_SPLIT = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_FIELDS = re.compile(r';(?=(?:[^"]*"[^"]*")*[^"]*$)')
_STORED = {
    "image/dicom-rle": ("5",),
    "image/jpeg": ("4.50", "4.51", "4.57", "4.70"),
    "image/jls": ("4.80", "4.81"),
    "image/jp2": ("4.90", "4.91"),
    "image/jpx": ("4.92", "4.93"),
    "image/jphc": ("4.201", "4.202", "4.203"),
    "image/jxl": ("4.110", "4.111", "4.112"),
    "video/mpeg2": ("4.100", "4.101"),
    "video/mp4": ("4.102", "4.103", "4.104", "4.105", "4.106"),
    "video/H265": ("4.107", "4.108"),
}


@dataclass(frozen=True)
class Wanted:
    """One entry of an Accept header; ``media_type`` is the part's where ``is_multipart``."""

    media_type: str
    is_multipart: bool | None
    transfer_syntax: str
    weight: float = field(compare=False, default=1.0)


@dataclass(frozen=True)
class Offer:
    media_type: str
    transfer_syntax: str
    is_multipart: bool

    @property
    def part_type(self) -> str:
        """What stands in the Content-Type of a part (or of the answer, for a single one)."""
        if not self.transfer_syntax:
            return self.media_type
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax}"


def accepted(header: str) -> list[Wanted]:
    """An Accept header, dearest first; nothing said is ``*/*``."""
    found = []
    for entry in _SPLIT.split(header or "*/*"):
        media_type, *rest = (text.strip() for text in _FIELDS.split(entry))
        values = {}
        for text in rest:
            name, _, value = text.partition("=")
            values[name.strip().lower()] = value.strip().strip('"')
        media_type = media_type.lower()
        try:
            weight = float(values.get("q", "1"))
        except ValueError:
            weight = 0.0
        syntax = values.get("transfer-syntax", "*")
        if media_type == "multipart/related":
            found.append(Wanted(values.get("type", "*/*").lower(), True, syntax, weight))
        elif media_type == "*/*":
            found.append(Wanted("*/*", None, syntax, weight))
        elif media_type:
            found.append(Wanted(media_type, False, syntax, weight))
    return sorted((one for one in found if one.weight > 0), key=lambda one: -one.weight)


def choose(header: str, offers: list[Offer]) -> Offer | None:
    """The first offer that the dearest fitting entry of the Accept header takes, or None."""
    for wanted in accepted(header):
        for offer in offers:
            if (
                wanted.is_multipart in (None, offer.is_multipart)
                and _is_of(offer.media_type, wanted.media_type)
                and wanted.transfer_syntax in ("*", offer.transfer_syntax)
            ):
                return offer
    return None


def _is_of(media_type: str, wanted: str) -> bool:
    whole, _, part = wanted.partition("/")
    kind = media_type.lower()
    return wanted in ("*/*", kind) or (part in ("*", "") and kind.startswith(f"{whole}/"))


def stored_type(transfer_syntax: str) -> str:
    """Media type of compressed frames or of a video stream as they are stored; of whatever has
    none of its own, octets."""
    short = re.sub(r"^1\.2\.840\.10008\.1\.2\.", "", transfer_syntax)
    short = re.sub(r"^(4\.10\d)\.1$", r"\1", short)
    for media_type, syntaxes in _STORED.items():
        if short in syntaxes:
            return media_type
    return OCTETS
