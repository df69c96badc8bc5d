"""JSON and NDJSON: every digit, every key, and no half of a file taken for the whole."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from modelsync.core.errors import Permanent
from modelsync.core.records import OMITTED
from tests.unit.formats import Read, written

NUMBERS = (
    '{"id": 9007199254740993, "huge": 1180591620717411303424, '
    '"price": 12345678901234567890.10, "tiny": 1e-400}'
)
VALUES = [9007199254740993, 1180591620717411303424, Decimal("12345678901234567890.10"), Decimal("1e-400")]


@pytest.mark.parametrize(("name", "content"), [("rows.json", f"[{NUMBERS}]"), ("rows.ndjson", NUMBERS)])
def test_numbers_keep_every_digit(tmp_path: Path, name: str, content: str) -> None:
    """Trap: big integers beyond 2**53, and decimals, which keep their scale."""
    (row,) = Read(written(tmp_path, content, name)).rows
    assert row == VALUES
    assert [type(value) for value in row] == [int, int, Decimal, Decimal]
    assert str(row[2]) == "12345678901234567890.10"


@pytest.mark.parametrize("name", ["rows.json", "rows.ndjson"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_understood(tmp_path: Path, name: str, encoding: str) -> None:
    """Trap: BOM and UTF-16, in formats that should have neither."""
    records = [{"a": "ü\u2028🐘"}, {"a": 2}]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    text = "\n".join(lines) if name == "rows.ndjson" else f"[{','.join(lines)}]"
    read = Read(written(tmp_path, text.encode(encoding), name))
    assert (read.rows, read.broken) == ([["ü\u2028🐘"], [2]], [])


@pytest.mark.parametrize("name", ["rows.json", "rows.ndjson"])
def test_a_given_encoding_is_taken(tmp_path: Path, name: str) -> None:
    """What the user says goes, here too."""
    text = '{"a": "ü"}' if name == "rows.ndjson" else '[{"a": "ü"}]'
    assert Read(written(tmp_path, text.encode("cp1252"), name), encoding="cp1252").rows == [["ü"]]


def test_a_malformed_line_is_told(tmp_path: Path) -> None:
    """Trap: malformed NDJSON line. It is refused with its line and text; the others come."""
    read = Read(written(tmp_path, b'{"a": 1}\n\n{"a": 2\n[3]\n"\xff"\n{"a": 4}\r\n', "rows.ndjson"))
    assert (read.rows, read.places) == ([[1], [4]], [1, 6])
    assert [b.origin.place for b in read.broken] == [3, 4, 5]
    assert read.broken[0].raw == ['{"a": 2']
    assert "it is an array" in read.broken[1].reason


@pytest.mark.parametrize(
    "content",
    ["", " ", "[", '[{"a": 1}', '[{"a": 1},', '[{"a": 1}] {', '{"rows": [{"a": 1}]', '[{"a": 1', "]"],
)
def test_truncated_json_is_refused(tmp_path: Path, content: str) -> None:
    """Trap: truncated. However much of it could be read, it is not the whole."""
    with pytest.raises(
        Permanent, match=r"rows\.json is no complete JSON \([^\n]*\); if it was cut off"
    ) as told:
        Read(written(tmp_path, content, "rows.json"))
    assert '"a"' not in str(told.value)


@pytest.mark.parametrize("content", ["1", "null", '"text"', "{}", '{"a": {"b": [{}]}}', '{"a": [1, 2]}'])
def test_json_without_records_is_refused(tmp_path: Path, content: str) -> None:
    """Trap: an answer that is no list, such as an error page: it is no empty list either."""
    with pytest.raises(Permanent, match="holds no array of objects"):
        Read(written(tmp_path, content, "rows.json"))


def test_the_records_of_an_object_are_found_and_told(tmp_path: Path) -> None:
    """Trap: the first array is not always that of the records; which one it was is told."""
    meta = '"meta": {"tags": [{"x": 1}]}, "errors": [], "sizes": [1]'
    content = f'{{{meta}, "products": [{{"a": 1}}], "later": [{{"a": 2}}]}}'
    read = Read(written(tmp_path, content, "rows.json"))
    assert (read.rows, read.places) == ([[1]], [1])
    assert "its 'products' were taken as the records" in read.notes[0]


def test_an_empty_array_is_no_records(tmp_path: Path) -> None:
    """Trap: empty, said on purpose."""
    assert Read(written(tmp_path, "[]", "rows.json")).rows == []
    assert Read(written(tmp_path, '{"rows": []}', "rows.json")).rows == []
    assert Read(written(tmp_path, "", "rows.ndjson")).rows == []


@pytest.mark.parametrize("name", ["rows.json", "rows.ndjson"])
def test_omitted_is_not_null(tmp_path: Path, name: str) -> None:
    """Trap: omitted is not null. Rows may have different keys, in any order."""
    lines = ['{"a": 1, "b": null}', '{"b": 2}', '{"c": 3, "a": null}']
    content = "\n".join(lines) if name == "rows.ndjson" else f"[{','.join(lines)}]"
    read = Read(written(tmp_path, content, name))
    assert read.columns == ("a", "b", "c")
    assert read.rows == [[1, None, OMITTED], [OMITTED, 2, OMITTED], [None, OMITTED, 3]]


def test_a_deep_line_is_no_crash(tmp_path: Path) -> None:
    """Trap: a line nested deeper than the parser goes is refused alone."""
    read = Read(written(tmp_path, '{"a": ' + "[" * 100_000 + '\n{"a": 1}\n', "rows.ndjson"))
    assert (read.rows, len(read.broken)) == ([[1]], 1)


def test_wide_records_have_small_batches(tmp_path: Path) -> None:
    """Trap: memory. The first batch is no wider than the others."""
    line = json.dumps({f"c{i}": i for i in range(2_000)})
    read = Read(written(tmp_path, "\n".join([line] * 330), "rows.ndjson"))
    assert [len(batch) for batch in read.batches] == [160, 160, 10]
