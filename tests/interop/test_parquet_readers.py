"""Our Parquet in pyarrow, and what pyarrow writes in ours."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.release.domain.parquet import (
    GROUP_ROWS,
    REAL,
    TEXT,
    TRUTH,
    WHOLE,
    ParquetError,
    read_table,
    write_table,
)
from tests.domain.format_label_sets import EVERYTHING, WHOLE_ONTOLOGY
from tests.domain.format_samples import freeze_of, written

COLUMNS = [("name", TEXT), ("n", WHOLE), ("x", REAL), ("is_it", TRUTH)]
ROWS = [
    (None if i % 7 == 0 else f"Läsion {i % 50}", i * 10**11 - 5, None if i % 3 else i / 7,
     None if i % 5 == 0 else i % 2 == 0)
    for i in range(3000)
]  # fmt: skip


def arrow() -> pa.Table:
    types = [pa.string(), pa.int64(), pa.float64(), pa.bool_()]
    return pa.table({
        name: pa.array([row[i] for row in ROWS], types[i]) for i, (name, _) in enumerate(COLUMNS)
    })  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 9, 3000])
def test_pyarrow_reads_the_same_rows_and_types(n):
    out = io.BytesIO()
    write_table(out, COLUMNS, ROWS[:n])
    assert pq.read_table(io.BytesIO(out.getvalue())).equals(arrow().slice(0, n))
    names, rows = read_table(out.getvalue())
    assert names == [name for name, _ in COLUMNS] and list(rows) == ROWS[:n]


def test_large_tables_are_written_in_groups_that_pyarrow_joins():
    out = io.BytesIO()
    write_table(out, [("n", WHOLE)], ((i,) for i in range(2 * GROUP_ROWS + 3)))
    file = pq.ParquetFile(io.BytesIO(out.getvalue()))
    assert file.num_row_groups == 3
    assert file.read()["n"].to_pylist() == list(range(2 * GROUP_ROWS + 3))


def test_the_tables_of_a_release_say_in_pyarrow_what_its_csv_says():
    freeze = freeze_of(EVERYTHING, WHOLE_ONTOLOGY)
    tables, texts = written("parquet", freeze), written("csv", freeze)
    assert {n.replace(".parquet", ".csv") for n in tables} == set(texts)
    for name, data in tables.items():
        table = pq.read_table(io.BytesIO(data))
        told = list(csv.DictReader(io.StringIO(texts[name.replace(".parquet", ".csv")].decode())))
        assert table.column_names == list(told[0])
        for ours, theirs in zip(told, table.to_pylist(), strict=True):
            for column, text in ours.items():
                value = theirs[column]
                if isinstance(value, float):
                    assert value == float(text)
                else:
                    assert ("" if value is None else str(value)) in (text, text.capitalize())


@pytest.mark.parametrize(
    "how",
    [{}, {"compression": "gzip"}, {"compression": "none", "use_dictionary": False},
     {"row_group_size": 700, "data_page_size": 512, "write_batch_size": 64}],
)  # fmt: skip
def test_what_pyarrow_writes_is_read(how):
    out = io.BytesIO()
    pq.write_table(arrow(), out, **how)
    names, rows = read_table(out.getvalue())
    assert names == [name for name, _ in COLUMNS] and list(rows) == ROWS


@pytest.mark.parametrize(
    ("table", "how"),
    [(arrow(), {"compression": "zstd"}), (arrow(), {"data_page_version": "2.0"}),
     (pa.table({"a": [[1, 2], [3]]}), {}), (pa.table({"a": [b"\xff"]}), {})],
)  # fmt: skip
def test_what_is_not_read_here_is_refused_with_its_reason(table, how):
    out = io.BytesIO()
    pq.write_table(table, out, **how)
    with pytest.raises(ParquetError, match="not read here"):
        list(read_table(out.getvalue())[1])
