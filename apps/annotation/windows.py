"""Reading a part of a label set: the keyframes around the playhead, or those of one track.

What is read costs what the part holds, not what the clip holds: a track's row says in which chunks
it has keyframes, and a chunk is passed on as the JSON that it is kept as, without looking into it.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from apps.annotation import rows, store
from apps.annotation.domain import ops
from apps.annotation.domain.runs import Runs, numbers_of, numbers_text, reaching
from apps.annotation.models import LabelSet

# As many chunks as a window may span: about ten minutes of video.
MAX_WINDOW_FRAMES = 64 * store.CHUNK_FRAMES
# Of each track, by its key: chunk number to the JSON object of its keyframes.
Chunks = dict[int, dict[int, str]]


def window_json(label_set: LabelSet, clip: str, start_frame: int, end_frame: int) -> str:
    """JSON of the chunks of the clip's tracks that hold frames from ``start_frame`` up to
    ``end_frame``, and of each track that reaches into them its next chunks before and after, so
    that every frame of the window is interpolated from its true neighbours: track UUID to chunk
    number to keyframes by frame index."""
    first, last = _chunks_of(start_frame, end_frame)
    held = rows.tracks_over(label_set, clip, first, last)
    return _tracks_json(held, _around(held, rows.runs_by_key(held), clip, first, last))


def track_json(label_set: LabelSet, track: str) -> str:
    """JSON of all chunks of one track, as :func:`window_json`; none for one that is not there."""
    held = [row for row in rows.objects(label_set) if row.name == track and row.kind == "track"]
    return _tracks_json(
        held, _read((row.pk, n) for row in held for n in numbers_of(row.chunk_runs()))
    )


def outline_json(
    label_set: LabelSet,
    clips: Iterable[str],
    clip: str,
    start_frame: int,
    end_frame: int,
    *,
    as_runs: bool = False,
) -> str:
    """JSON of the labels with the keyframes of one window of one of its ``clips``: of each track
    ``chunks`` says in which chunks it has some, ascending; ``chunk_runs``, ``as_runs``, the same
    as first and last ones, as its row has it."""
    held = rows.objects(label_set)
    runs = rows.runs_by_key(held)
    read = _around(held, runs, clip, *_chunks_of(start_frame, end_frame))
    parts: dict[str, list[str]] = {"tracks": [], "intervals": []}
    tracks = parts["tracks"]
    for pk, name, kind, at, body, runs_text, _ in held:
        fields = (
            f'"{name}":{{"clip":"{at}",{body[1:-1]}'
            if len(body) > 2
            else f'"{name}":{{"clip":"{at}"'
        )
        if kind != "track":
            parts.setdefault(ops.WHOLE[kind][0], []).append(f"{fields}}}")
            continue
        where = f',"chunk_runs":{runs_text}' if as_runs else _chunks_text(runs[pk])
        keyframes = _keyframes_text(read[pk]) if pk in read else ""
        tracks.append(f'{fields},"keyframes":{{{keyframes}}}{where}}}')
    told = [f'"{part}":{{{",".join(objects)}}}' for part, objects in parts.items()]
    return f'{{"clips":{json.dumps(list(clips))},{",".join(told)}}}'


def _chunks_text(runs: Runs) -> str:
    numbers = numbers_text(runs)
    return f',"chunks":[{numbers}]' if numbers else ""


def _keyframes_text(chunks: Mapping[int, str]) -> str:
    return ",".join([inner for text in chunks.values() if (inner := text[1:-1])])


def _chunks_of(start_frame: int, end_frame: int) -> tuple[int, int]:
    return start_frame // store.CHUNK_FRAMES, (end_frame - 1) // store.CHUNK_FRAMES


def _around(
    held: Iterable[rows.ObjectRow],
    runs: Mapping[int, Runs],
    clip: str,
    first: int,
    last: int,
) -> Chunks:
    return _read(
        (pk, number)
        for pk, _, kind, at, *_ in held
        # As most tracks of a long clip it lies elsewhere: seen here, that costs no call.
        if kind == "track" and at == clip
        and (own := runs[pk]) and own[0][0] <= last and own[-1][1] >= first
        for number in reaching(own, first, last)
    )  # fmt: skip


def _read(places: Iterable[tuple[int, int]]) -> Chunks:
    read: Chunks = defaultdict(dict)
    for chunk in rows.chunks(list(places)):
        read[chunk.owner][chunk.number] = zlib.decompress(chunk.payload).decode()
    return dict(read)


def _tracks_json(held: Iterable[rows.ObjectRow], read: Chunks) -> str:
    tracks = []
    for row in held:
        if chunks := read.get(row.pk):
            inner = ",".join(f'"{number}":{text}' for number, text in chunks.items())
            tracks.append(f'"{row.name}":{{{inner}}}')
    return f"{{{','.join(tracks)}}}"
