"""The tables of `csv_tables.py` as Parquet: the same names and columns, with types.

Whole numbers are int64, other numbers double, `interpolated` boolean, everything else text; what is
empty in the CSV is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from apps.annotation.domain.shapes import POINT_SHAPES
from apps.release.domain.formats import csv_tables
from apps.release.domain.formats.csv_tables import HEADERS, Row, Table
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.millimetres import COLUMNS
from apps.release.domain.parquet import (
    REAL,
    TEXT,
    TRUTH,
    WHOLE,
    ParquetError,
    Value,
    read_table,
    write_table,
)
from apps.release.domain.raters import SURE
from apps.release.domain.view import SHAPES, Create, Dropped, ReleaseView, count_lost

KINDS = {
    **dict.fromkeys(("n_frames", "width", "height", "stride", "frame_index", "number",
                     "start_frame", "end_frame", "raters", *SURE), WHOLE),
    **dict.fromkeys(("fps", "time_s", "start_s", "end_s", "x", "y", "w", "h", *COLUMNS), REAL),
    "interpolated": TRUTH,
}  # fmt: skip


def write(release: ReleaseView, create: Create) -> Dropped:
    """`clips.parquet`, `tracks.parquet`, `objects.parquet`, `intervals.parquet`, and
    where there is such a thing relations, proposals, uncertainty and decisions. Nothing is left
    out."""
    lost: Dropped = Dropped()
    for view in release.clips:
        lost += count_lost(view, shapes=(*SHAPES, *POINT_SHAPES), identity=True, state=True,
                           attributes=True, interpolated=True, intervals=True,
                           relations=True)  # fmt: skip
    for name, header, rows in csv_tables.tables(release):
        kinds = [KINDS.get(column, TEXT) for column in header]
        with create(f"{name}.parquet") as out:
            write_table(out, list(zip(header, kinds, strict=True)), _typed(rows, kinds))
    return +lost


def _typed(rows: Iterator[Row], kinds: list[str]) -> Iterator[list[Value]]:
    tell: dict[str, Callable[[Any], Value]] = {
        TEXT: str,
        WHOLE: int,
        REAL: float,
        TRUTH: lambda text: text == "true",
    }
    for row in rows:
        yield [
            None if value == "" else tell[kind](value)
            for value, kind in zip(row, kinds, strict=True)
        ]


def read(files: Files, into: Collector) -> None:
    """`objects.parquet` and `intervals.parquet` (either may be missing), with `tracks.parquet`;
    columns in any order, more than ours are passed over. A line is a row, from 1."""
    given = {PurePosixPath(n).name: (n, d) for n, d in sorted(files.items())}
    if not {"objects.parquet", "intervals.parquet"} & set(given):
        raise NotThisFormat("neither objects.parquet nor intervals.parquet", "keep their names")
    read: dict[str, Table] = {}
    for name, header in HEADERS:
        if f"{name}.parquet" in given:
            file, data = given[f"{name}.parquet"]
            read[name] = (file, _rows(file, data, header))
    csv_tables.take_tables(read, into)


def _rows(file: str, data: bytes, header: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    try:
        names, rows = read_table(data)
        missing = [name for name in header if name not in names]
        if missing:
            raise NotThisFormat(
                f"{file}: the column {missing[0]} is missing",
                f"give the columns {', '.join(header)}",
            )
        return [
            (line, dict(zip(names, map(_text, row), strict=True)))
            for line, row in enumerate(rows, 1)
        ]
    except ParquetError as error:
        raise NotThisFormat(f"{file}: {error}", "write it as pandas does, or as CSV") from None


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)
