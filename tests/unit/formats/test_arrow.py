"""Parquet and Arrow: typed values as they are."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.sources import FileSource
from tests.unit.formats import Read, written


def test_values_keep_their_types(tmp_path: Path) -> None:
    """Trap: decimals keep their scale, integers their digits, null is None."""
    row = {
        "big": 2**63 - 1,
        "price": Decimal("12345678901234567890.10"),
        "day": date(2024, 2, 29),
        "at": datetime(2024, 2, 29, 12, 0, 0, 123456),
        "list": [1, 2],
        "none": None,
    }
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([row]), path)
    (read,) = Read(path).rows
    assert dict(zip(row, read, strict=True)) == row
    assert str(read[1]) == "12345678901234567890.10"


def test_a_value_that_python_does_not_know_is_told(tmp_path: Path) -> None:
    """Trap: nanoseconds. The column is named, and nothing is rounded."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"at": pa.array([1], pa.timestamp("ns"))}), path)
    with pytest.raises(Permanent, match=r"rows\.parquet: column 'at' holds a value after row 0"):
        Read(path)


def test_large_row_groups_and_record_batches_are_cut(tmp_path: Path) -> None:
    """Trap: memory. What the file holds as one piece comes as batches of the size asked for."""
    table = pa.table({"a": list(range(10))})
    path = tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert [len(batch) for batch in Read(path, batch_rows=4).batches] == [4, 4, 2]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
@pytest.mark.parametrize("content", [b"", b"ARROW1 and no more", b"PAR1PAR1", b"a,b\n1,2\n" * 100])
def test_what_is_none_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """Trap: malformed. The message names the file."""
    with pytest.raises(Permanent, match=rf"{name} "):
        Read(written(tmp_path, content, name))


def test_a_truncated_stream_is_refused(tmp_path: Path) -> None:
    """Trap: truncated stream. What was read of it is not the whole."""
    table = pa.table({"a": list(range(1000))})
    path = tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    content = path.read_bytes()
    for cut in (len(content) // 2, len(content) - 4, len(content) - 8):
        path.write_bytes(content[:cut])
        with pytest.raises(Permanent, match=r"rows\.arrow (cannot be read after row|has no end mark)"):
            Read(path)


def test_doubled_and_missing_columns_are_refused(tmp_path: Path) -> None:
    """Trap: duplicate headers; and rows without any column would be lost."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(ConfigurationError, match="has the column 'a' 2 times"):
        Read(path)
    pq.write_table(pa.table({}), path)
    with pytest.raises(Permanent, match="has not even a column"):
        FileSource(path).columns()
