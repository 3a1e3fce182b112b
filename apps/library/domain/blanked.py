"""Where pictures were blanked, as changes of shot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def with_blanked(
    shots: Iterable[int], spans: Iterable[Sequence[int]], n_frames: int | None
) -> list[int]:
    """First frames of every shot but the first, ascending: those found in the pictures, and the
    edges of what was blanked, ``spans`` of (first frame, frame past the last).

    A blanked span is a shot of its own whatever the search made of it: it compares pictures a
    second apart, so it finds the edges of a long one and not those of a short one.
    """
    joined: list[list[int]] = []
    for start, end in sorted((one[0], one[1]) for one in spans):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        elif start < end:
            joined.append([start, end])
    seen = {shot for shot in shots if not any(start < shot < end for start, end in joined)}
    edges = {edge for span in joined for edge in span}
    last = n_frames if n_frames is not None else max(edges | seen, default=0) + 1
    return sorted(shot for shot in seen | edges if 0 < shot < last)
