"""Workbooks: the right sheet, whole numbers, dates, and rows that a person finds again."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from modelsync.core.errors import ConfigurationError, Permanent
from tests.unit.formats import Read, written


def book(folder: Path, **sheets: list[list[Any]]) -> Path:
    """A workbook with these sheets."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = folder / "rows.xlsx"
    made.save(path)
    return path


def test_a_sheet_is_named_or_numbered(tmp_path: Path) -> None:
    """Trap: several sheets. The first is taken unless another is named, or numbered from 1."""
    path = book(tmp_path, One=[["a"], [1]], Two=[["b"], [2]], **{"1": [["c"], [3]]})
    assert Read(path).columns == ("a",)
    assert Read(path, sheet="Two").columns == ("b",)
    assert Read(path, sheet=2).columns == Read(path, sheet="2").columns == ("b",)
    assert Read(path, sheet="1").columns == ("c",), "a name goes before a number"


@pytest.mark.parametrize("sheet", ["Three", 0, 3, "²"])
def test_a_sheet_that_is_not_there_is_told(tmp_path: Path, sheet: str | int) -> None:
    """Trap: several sheets. The message names those there are."""
    with pytest.raises(ConfigurationError, match=r"has no sheet .*; it has 'One', 'Two'"):
        Read(book(tmp_path, One=[["a"]], Two=[["b"]]), sheet=sheet)


def test_a_hidden_sheet_is_not_taken_unasked(tmp_path: Path) -> None:
    """Trap: several sheets. What nobody sees is not what was meant."""
    path = book(tmp_path, Hidden=[["a"]], Shown=[["b"], [1]])
    made = openpyxl.load_workbook(path)
    made["Hidden"].sheet_state = "hidden"
    made.active = 1
    made.save(path)
    assert Read(path).columns == ("b",)
    assert Read(path, sheet="Hidden").rows == []


def test_blank_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    """Trap: blank rows. Those after them keep the number that the person sees."""
    read = Read(book(tmp_path, S=[[], [], ["a", "b"], [], [1, None], [None, None], [None, 2]]), batch_rows=1)
    assert read.columns == ("a", "b")
    assert (read.rows, read.places) == ([[1, ""], ["", 2]], [5, 7])


def test_whole_numbers_dates_and_truths_keep_their_types(tmp_path: Path) -> None:
    """Trap: workbooks hold all numbers as floats, and dates as numbers."""
    values = [7, 1.5, True, "007", date(2024, 2, 29), datetime(2024, 2, 29, 12, 30, 15), time(8, 5), 2**53]
    (row,) = Read(book(tmp_path, S=[list("abcdefgh"), values])).rows
    assert row == values
    assert [type(value) for value in row[:3]] == [int, float, bool]
    assert type(row[4]) is date


def test_a_number_as_a_column_is_a_whole_one(tmp_path: Path) -> None:
    """Trap: whole numbers, in the header: a year is no 2024.0."""
    assert Read(book(tmp_path, S=[["sku", 2024], ["x", 1]])).columns == ("sku", "2024")


def test_rows_wider_than_the_header_are_told(tmp_path: Path) -> None:
    """Trap: short and long rows. Short ones are blank at the end, what stands right of the header is told."""
    read = Read(book(tmp_path, S=[["a", "b"], [1], [1, 2, 3], [4, 5]]))
    assert read.rows == [[1, ""], [4, 5]]
    assert [(b.origin.place, list(b.raw)) for b in read.broken] == [(3, [1.0, 2.0, 3.0])]


def test_an_empty_sheet_is_refused(tmp_path: Path) -> None:
    """Trap: empty files."""
    with pytest.raises(Permanent, match="is empty: the sheet has not even a header row"):
        Read(book(tmp_path, S=[]))


def test_progress_is_told_by_rows(tmp_path: Path) -> None:
    """The whole file is read at once, so its bytes tell nothing."""
    path = book(tmp_path, S=[[], ["a"], *([i] for i in range(10))])
    source = Read(path, batch_rows=5).source
    assert [source.fraction() for _ in source.read(None)] == [0.5, 1.0]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    """Trap: malformed. The message names the file."""
    for content in (b"", b"a,b\n", b"PK\x03\x04 cut off"):
        with pytest.raises(Permanent, match=r"rows\.xlsx is no workbook that can be read"):
            Read(written(tmp_path, content, "rows.xlsx"))
