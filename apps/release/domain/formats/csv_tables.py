"""CSV of everything: clips, tracks, objects (a row an object on a frame), intervals.

UTF-8, a header line, LF, quoted where needed. Numbers in their shortest exact form; attribute
values as a JSON object; masks as COCO's compressed run lengths of the picture's size.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from apps.annotation.domain import rle as masks
from apps.annotation.domain.shapes import POINT_SHAPES, bounding_box, coordinates_key
from apps.release.domain import millimetres
from apps.release.domain.given_files import any_rle, tell_number, tell_whole, uuid_of_uid
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.millimetres import COLUMNS
from apps.release.domain.objects import uid_of_uuid
from apps.release.domain.raters import SURE
from apps.release.domain.view import SHAPES, ClipView, Create, Dropped, ReleaseView, count_lost

CLIPS = ("clip", "split", "patient", "n_frames", "width", "height", "fps", "stride")
TRACKS = ("clip", "tracking_uid", "tracking_id", "class_id", "number", "geometry", "attributes")
OBJECTS = (
    "clip", "frame_index", "time_s", "class_id", "number", "tracking_uid", "state", "interpolated",
    "x", "y", "w", "h", "rle", "attributes",
)  # fmt: skip
# Where the ontology has a class drawn with points.
OBJECTS_OF_POINTS = (*OBJECTS, "points")
# Where a clip of the release is calibrated, further columns: millimetres.COLUMNS.
INTERVALS = (
    "clip", "tracking_uid", "tracking_id", "class_id", "kind", "start_frame", "end_frame",
    "start_s", "end_s", "attributes",
)  # fmt: skip
# Where the ontology defines relations.
RELATIONS = (
    "clip", "relation_uid", "relation", "subject_uid", "target_uid", "start_frame", "end_frame",
    "start_s", "end_s",
)  # fmt: skip
# Where annotators began from imported labels.
PROPOSALS = ("clip", "annotator", "source", "proposal", "decision", "changed", "tracking_uid")
# Where the freeze says how sure the consensus is; frames are the video's, whatever the stride.
UNCERTAINTY = ("clip", "tracking_uid", "class_id", "raters", *SURE)
DECISIONS = ("clip", "class_id", "kind", "start_frame", "end_frame", "choice")
OBJECTS_AS_WRITTEN = tuple(
    (*columns, *more) for columns in (OBJECTS, OBJECTS_OF_POINTS) for more in ((), COLUMNS)
)
STATES = ("visible", "occluded")
Row = tuple[Any, ...]
Table = tuple[str, list[tuple[int, dict[str, str]]]]
csv.field_size_limit(masks.MAX_COUNTS_CHARS * 2)


def write(release: ReleaseView, create: Create) -> Dropped:
    """`clips.csv`, `tracks.csv`, `objects.csv`, `intervals.csv`, and where there is such a thing
    `relations.csv`, `proposals.csv`, `uncertainty.csv` and `decisions.csv`. Nothing is left out."""
    lost: Dropped = Dropped()
    for view in release.clips:
        lost += count_lost(view, shapes=(*SHAPES, *POINT_SHAPES), identity=True, state=True,
                           attributes=True, interpolated=True, intervals=True,
                           relations=True)  # fmt: skip
    for name, header, rows in tables(release):
        with create(f"{name}.csv") as out:
            out.write(_lines([header]))
            for row in rows:
                out.write(_lines([row]))
    return +lost


def tables(release: ReleaseView) -> Iterator[tuple[str, tuple[str, ...], Iterator[Row]]]:
    """Each table: its name, its columns, its rows (text; a number in its shortest exact form)."""
    has_points = bool(release.freeze.classes(*POINT_SHAPES))
    yield "clips", CLIPS, _every(_clips, release)
    yield "tracks", TRACKS, _every(_tracks, release)
    has_mm = any(clip.regions for clip in release.freeze.clips)
    objects = OBJECTS_OF_POINTS if has_points else OBJECTS
    yield (
        "objects", (*objects, *millimetres.COLUMNS) if has_mm else objects,
        _every(partial(_objects, has_mm=has_mm), release),
    )  # fmt: skip
    yield "intervals", INTERVALS, _every(_intervals, release)
    if release.freeze.ontology.get("relations"):
        yield "relations", RELATIONS, _every(_relations, release)
    if any(view.clip.label_set.proposals is not None for view in release.clips):
        yield "proposals", PROPOSALS, _every(_proposals, release)
    if any(view.clip.label_set.uncertainty is not None for view in release.clips):
        yield "uncertainty", UNCERTAINTY, _every(_uncertainty, release)
        yield "decisions", DECISIONS, _every(_decisions, release)


def _every(rows: Callable[[ClipView], Iterator[Row]], release: ReleaseView) -> Iterator[Row]:
    for view in release.clips:
        yield from rows(view)


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _clips(view: ClipView) -> Iterator[tuple[Any, ...]]:
    clip = view.clip
    yield (clip.name, view.split, clip.pseudonym, clip.n_frames, view.columns, view.rows,
           repr(clip.fps), view.stride)  # fmt: skip


def _tracks(view: ClipView) -> Iterator[tuple[Any, ...]]:
    for t in view.labels.tracks:
        yield (view.name, t.tracking_uid, t.tracking_id, t.class_id, t.number, t.geometry,
               _json(t.attributes))  # fmt: skip


def _objects(view: ClipView, has_mm: bool) -> Iterator[tuple[Any, ...]]:
    regions = millimetres.regions_of_view(view)
    has_points = bool(view.freeze.classes(*POINT_SHAPES))
    for index, there in view.by_frame(*SHAPES, *POINT_SHAPES):
        time_s = view.clip.time_s(index)
        for track, placed in there:
            shape, counts, points = placed.shape, "", ""
            where: list[Any]
            if shape["type"] == "mask":
                where, counts = masks.bbox(shape["rle"]), shape["rle"]["counts"]
            elif shape["type"] == "tip":
                where = [*shape["point"], "", ""]
            elif shape["type"] in POINT_SHAPES:
                where = bounding_box(shape)
                points = json.dumps(shape[coordinates_key(shape["type"])], separators=(",", ":"))
            else:
                where = shape["box"]
            where = [repr(float(v)) if v != "" else "" for v in where]
            yield (
                view.name, index, time_s, track.class_id, track.number, track.tracking_uid,
                placed.state, str(placed.interpolated).lower(), *where, counts,
                _json(placed.attributes), *([points] if has_points else []),
                *(millimetres.cells(placed, regions) if has_mm else []),
            )  # fmt: skip


def _intervals(view: ClipView) -> Iterator[tuple[Any, ...]]:
    for i in view.labels.intervals:
        yield (view.name, i.tracking_uid, i.tracking_id, i.class_id, i.geometry, i.start_frame,
               i.end_frame, i.start_s, i.end_s, _json(i.attributes))  # fmt: skip


def _relations(view: ClipView) -> Iterator[tuple[Any, ...]]:
    for r in view.labels.relations:
        yield (view.name, r.uid, r.relation, r.subject_uid, r.target_uid, r.start_frame,
               r.end_frame, r.start_s, r.end_s)  # fmt: skip


def _proposals(view: ClipView) -> Iterator[tuple[Any, ...]]:
    told = view.clip.label_set.proposals
    if told is None:
        return
    released = {proposal: name for name, proposal in told["unchanged"].items()}
    for row in told["decisions"]:
        name = released.get(row["proposal"])
        yield (view.name, row["annotator"], row["source"], row["proposal"], row["decision"],
               "" if row["changed"] is None else str(row["changed"]).lower(),
               uid_of_uuid(name) if name else "")  # fmt: skip


def _uncertainty(view: ClipView) -> Iterator[tuple[Any, ...]]:
    told = view.clip.label_set.uncertainty or {"objects": {}}
    named = [(each.tracking_uid, each.class_id) for each in view.labels.tracks]
    named += [(each.tracking_uid, each.class_id) for each in view.labels.intervals]
    for uid, class_id in named:
        if (sure := told["objects"].get(uid)) is not None:
            yield (view.name, uid, class_id, told["raters"],
                   *("" if sure[name] is None else sure[name] for name in SURE))  # fmt: skip


def _decisions(view: ClipView) -> Iterator[tuple[Any, ...]]:
    for row in (view.clip.label_set.uncertainty or {}).get("decisions", []):
        yield (view.name, *(row[name] for name in DECISIONS[1:]))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read(files: Files, into: Collector) -> None:
    """`objects.csv` and `intervals.csv` (either may be missing), with `tracks.csv` for attributes
    of tracks and `relations.csv` for what is between them. Rows of other clips are passed over;
    where no row bears the clip's name and the tables hold one clip only, its rows are taken."""
    given = {PurePosixPath(n).name: (n, d) for n, d in sorted(files.items())}
    if not {"objects.csv", "intervals.csv"} & set(given):
        raise NotThisFormat("neither objects.csv nor intervals.csv", "keep the files' names")
    take_tables(
        {
            name: (given[f"{name}.csv"][0], _rows(given[f"{name}.csv"], header, into))
            for name, header in HEADERS
            if f"{name}.csv" in given
        },
        into,
    )


HEADERS = (("tracks", TRACKS), ("objects", OBJECTS), ("intervals", INTERVALS),
           ("relations", RELATIONS))  # fmt: skip


def take_tables(read: dict[str, Table], into: Collector) -> None:
    """Take what stands in the tables of ``HEADERS``: table → (file, [(line, row)])."""
    clips = {row["clip"] for _, found in read.values() for _, row in found}
    if len(clips) > 1 and into.target.name not in clips:
        raise NotThisFormat("no row bears this clip's name", "give the rows of this clip")
    of_tracks: dict[str, dict[str, Any]] = {}
    for name, (file, found) in read.items():
        for line, row in found:
            if into.target.name in clips and row["clip"] != into.target.name:
                continue
            with into.at(file, line):
                if name == "tracks":
                    of_tracks[row["tracking_uid"]] = json.loads(row["attributes"] or "{}")
                elif name == "objects":
                    _take_object(file, line, row, of_tracks, into)
                elif name == "relations":
                    _take_relation(file, line, row, into)
                else:
                    _take_interval(file, line, row, into)


def _rows(
    table: tuple[str, bytes], header: tuple[str, ...], into: Collector
) -> list[tuple[int, dict[str, str]]]:
    found: list[tuple[int, dict[str, str]]] = []
    file, data = table
    with into.at(file):
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        found_header = tuple(next(reader, ()))
        if header == OBJECTS and found_header in OBJECTS_AS_WRITTEN:
            header = found_header
        if found_header != header:
            raise NotThisFormat("the header line is not as written", f"keep {','.join(header)}")
        try:
            for row in reader:
                if len(row) != len(header):
                    into.problem(file, reader.line_num, "not the header's number of columns",
                                 f"give {len(header)} columns")  # fmt: skip
                    continue
                found.append((reader.line_num, dict(zip(header, row, strict=True))))
        except csv.Error:
            into.problem(file, reader.line_num, "not CSV", "quote fields that hold commas")
    return found


def _take_object(
    file: str, line: int, row: dict[str, str], of_tracks: dict[str, Any], into: Collector
) -> None:
    label_class = into.label_class(file, line, row["class_id"])
    index = into.index(file, line, tell_whole(row["frame_index"]))
    number = tell_whole(row["number"], 1)
    if label_class is None or index is None:
        return
    if row["state"] not in STATES or row["interpolated"] not in ("true", "false"):
        raise NotThisFormat("state or interpolated is not a word of the table")
    where = [tell_number(row[k]) if row[k] else None for k in ("x", "y", "w", "h")]
    shape: dict[str, Any]
    if label_class["geometry"] == "mask":
        shape = any_rle([into.target.rows, into.target.columns], row["rle"], into.target)
    elif label_class["geometry"] == "tip":
        shape = {"type": "tip", "point": where[:2]}
    elif label_class["geometry"] in POINT_SHAPES:
        kind = label_class["geometry"]
        shape = {"type": kind, coordinates_key(kind): json.loads(row.get("points") or "null")}
    else:
        shape = {"type": "box", "box": where}
    into.place(
        file, line, label_class, index, shape, key=row["tracking_uid"] or ("number", number),
        number=number, uid=uuid_of_uid(row["tracking_uid"]), state=row["state"],
        interpolated=row["interpolated"] == "true",
        attributes=json.loads(row["attributes"] or "{}"),
        track_attributes=of_tracks.get(row["tracking_uid"]),
    )  # fmt: skip


def _take_relation(file: str, line: int, row: dict[str, str], into: Collector) -> None:
    into.relation(
        file, line, row["relation"], uuid_of_uid(row["subject_uid"]),
        uuid_of_uid(row["target_uid"]), tell_whole(row["start_frame"]),
        tell_whole(row["end_frame"]), uid=uuid_of_uid(row["relation_uid"]),
    )  # fmt: skip


def _take_interval(file: str, line: int, row: dict[str, str], into: Collector) -> None:
    label_class = into.label_class(file, line, row["class_id"])
    if label_class is not None:
        into.interval(
            file, line, label_class, tell_whole(row["start_frame"]), tell_whole(row["end_frame"]),
            uid=uuid_of_uid(row["tracking_uid"]), attributes=json.loads(row["attributes"] or "{}"),
        )  # fmt: skip
