"""Byte ranges of HTTP (RFC 9110 section 14), capped so that no answer grows with a video."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_ANSWER_BYTES = 4 << 20
MAX_RANGES = 16
_SPEC = re.compile(r"(\d{0,19})\s*-\s*(\d{0,19})\Z", re.ASCII)


@dataclass(frozen=True)
class RangePlan:
    """What to answer: `status` 200, 206 or 416; bytes [start, end); headers as text."""

    status: int
    start: int
    end: int
    headers: dict[str, str]


def plan(
    range_header: str | None,
    if_range: str | None,
    size_bytes: int,
    etag: str,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> RangePlan:
    """Plans the answer to a GET for a representation of `size_bytes` with strong `etag` (quoted).

    No Range, another unit, a malformed one, or an If-Range that is not this ETag (RFC 9110
    13.1.5: strong comparison, dates never match here) gives 200 with the whole. One satisfiable
    range gives 206 with at most `max_answer_bytes` of it: Content-Range says how much came, and a
    client asks on (RFC 9110 15.3.7 lets a server send a subset). Several satisfiable ranges that
    do not touch are ignored as 14.2 allows: 200. None satisfiable gives 416. For HEAD the caller
    ignores Range (14.2).
    """
    whole = RangePlan(
        200,
        0,
        size_bytes,
        {"Accept-Ranges": "bytes", "ETag": etag, "Content-Length": str(size_bytes)},
    )
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return whole
    asked = _parse(range_header)
    if asked is None:
        return whole
    spans = sorted(s for s in (_resolve(a, b, size_bytes) for a, b in asked) if s)
    if not spans:
        return RangePlan(
            416,
            0,
            0,
            {
                "Accept-Ranges": "bytes",
                "ETag": etag,
                "Content-Length": "0",
                "Content-Range": f"bytes */{size_bytes}",
            },
        )
    start, end = spans[0]
    for a, b in spans[1:]:
        if a > end:
            return whole
        end = max(end, b)
    end = min(end, start + max_answer_bytes)
    return RangePlan(
        206,
        start,
        end,
        {
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Content-Length": str(end - start),
            "Content-Range": f"bytes {start}-{end - 1}/{size_bytes}",
        },
    )


def _parse(header: str) -> list[tuple[int | None, int | None]] | None:
    """(first, last) pairs; (None, n) is a suffix; None for what must be ignored."""
    unit, equals, rest = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    parts = [p.strip() for p in rest.split(",") if p.strip()]
    if not parts or len(parts) > MAX_RANGES:
        return None
    asked: list[tuple[int | None, int | None]] = []
    for part in parts:
        match = _SPEC.match(part)
        if not match or match.group(0) == "-" or not any(match.groups()):
            return None
        first, last = (int(g) if g else None for g in match.groups())
        if first is not None and last is not None and last < first:
            return None
        asked.append((first, last))
    return asked


def _resolve(first: int | None, last: int | None, size: int) -> tuple[int, int] | None:
    if first is None:
        return (max(0, size - last), size) if last and size else None
    if first >= size:
        return None
    return first, size if last is None else min(last + 1, size)
