"""Parts of a label set, as the small server of the browser tests gives them."""

from __future__ import annotations

from typing import Any

CHUNK = 256
Chunks = dict[str, dict[str, Any]]


def chunks(labels: dict[str, Any], track: str) -> dict[str, Chunks]:
    """A track's keyframes by chunk."""
    found: Chunks = {}
    for frame, keyframe in labels["tracks"][track]["keyframes"].items():
        found.setdefault(str(int(frame) // CHUNK), {})[frame] = keyframe
    return {track: found}


def in_window(held: Chunks, window: range) -> Chunks:
    """Chunks inside, and the next ones before and after of a track that reaches into it."""
    numbers = sorted(map(int, held))
    inside = [n for n in numbers if n in window]
    before = [n for n in numbers if n < window.start][-1:]
    after = [n for n in numbers if n >= window.stop][:1]
    reaches = inside or (before and after)
    return {str(n): held[str(n)] for n in [*before, *inside, *after]} if reaches else {}


def outline(labels: dict[str, Any], read: dict[str, Chunks]) -> dict[str, Any]:
    """Labels with only what was read of each track, and which chunks there are."""
    tracks = {}
    for name, track in labels["tracks"].items():
        numbers = sorted({int(frame) // CHUNK for frame in track["keyframes"]})
        kept = {f: k for chunk in read[name].values() for f, k in chunk.items()}
        tracks[name] = {**track, "keyframes": kept, "chunks": numbers}
    return {**labels, "tracks": tracks}
