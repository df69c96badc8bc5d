"""CSV and its kin: what is in the file comes out, at the right line, and what is wrong is told."""

from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.sources import FileSource
from tests.unit.formats import Read, written

# -- rows and their lines ------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_end_of_line_will_do(tmp_path: Path, newline: str) -> None:
    """Trap: CRLF. No carriage return stays in the last cell, and lines are counted right."""
    read = Read(written(tmp_path, newline.join(["a,b", "1,2", "", "3,4", ""])))
    assert (read.columns, read.rows, read.places) == (("a", "b"), [["1", "2"], ["3", "4"]], [2, 4])


def test_a_quoted_newline_is_part_of_its_cell(tmp_path: Path) -> None:
    """Trap: quoted newlines. The lines after it are counted right."""
    read = Read(written(tmp_path, 'a,b\n1,"x\ny\r\nz"\n2,"\n"\n3,3\n'))
    assert read.rows == [["1", "x\ny\r\nz"], ["2", "\n"], ["3", "3"]]
    assert read.places == [2, 5, 7]


def test_a_newline_in_the_header_is_counted_too(tmp_path: Path) -> None:
    """Trap: quoted newlines, in the header."""
    read = Read(written(tmp_path, '\n"a\nb",c\n1,2\n'))
    assert (read.columns, read.places) == (("a\nb", "c"), [4])


def test_short_and_long_rows_are_told(tmp_path: Path) -> None:
    """Trap: short and long rows. They are refused with their line and cells; the others come."""
    read = Read(written(tmp_path, 'a,b\n1,2\n3\n"\n",4\n5,6,7\n\n8,9\n'), batch_rows=3)
    assert read.rows == [["1", "2"], ["\n", "4"], ["8", "9"]]
    assert read.places == [2, 4, 8]
    assert [(b.origin.place, b.raw) for b in read.broken] == [(3, ["3"]), (6, ["5", "6", "7"])]
    assert "it has 1 cell, the header has 2" in read.broken[0].reason
    assert [b.number for b in read.broken] == [2, 4]


def test_a_blank_cell_in_one_column_is_a_row(tmp_path: Path) -> None:
    """Trap: blank lines. In a file of one column a quoted blank is a row, an empty line is none."""
    read = Read(written(tmp_path, 'a\n""\n\nx\n'))
    assert (read.rows, read.places) == ([[""], ["x"]], [2, 4])


def test_a_stray_quote_is_told(tmp_path: Path) -> None:
    """Trap: stray quotes. The row is refused as it came, and its neighbours come."""
    read = Read(written(tmp_path, 'a,b\n1,2\n3,"x"y\n4,5\n'))
    assert (read.rows, read.places) == ([["1", "2"], ["4", "5"]], [2, 4])
    (broken,) = read.broken
    assert (broken.origin.place, broken.raw) == (3, ["3", "xy"])
    assert "wrongly quoted" in broken.reason


def test_what_a_stray_quote_swallowed_is_told(tmp_path: Path) -> None:
    """Trap: stray quotes. Where one swallows the lines after it, they are named and kept."""
    read = Read(written(tmp_path, 'a,b\n1,"x\n2,y\n3,"z\n4,5\n'))
    assert (read.rows, read.places) == ([["4", "5"]], [5])
    assert "it goes on to line 4" in read.broken[0].reason
    assert read.broken[0].origin.place == 2
    assert "2,y" in str(read.broken[0].raw)


def test_quotes_within_a_plain_cell_are_kept(tmp_path: Path) -> None:
    """Trap: stray quotes. Inches need no quoting."""
    assert Read(written(tmp_path, 'a,b\n5" pipe,x "y" z\n')).rows == [['5" pipe', 'x "y" z']]


def test_a_file_that_ends_inside_quotes_is_refused(tmp_path: Path) -> None:
    """Trap: truncated. The open cell may have swallowed any number of rows."""
    path = written(tmp_path, 'a,b\n1,2\n3,"x\n4,5\n')
    with pytest.raises(Permanent, match=r"rows\.csv: it ends inside a quoted cell of the row at line 3"):
        Read(path)


def test_a_wrongly_quoted_header_is_refused(tmp_path: Path) -> None:
    """Trap: stray quotes, in the header: no row can be read without it."""
    with pytest.raises(Permanent, match="the header in line 1 cannot be read"):
        Read(written(tmp_path, '"a"x,b\n1,2\n'))


# -- headers -------------------------------------------------------------------------------------


def test_a_doubled_column_is_refused(tmp_path: Path) -> None:
    """Trap: duplicate headers. Which of the two is meant cannot be known."""
    with pytest.raises(
        ConfigurationError, match=r"rows\.csv has the column 'a' 2 times; rename or remove one"
    ):
        Read(written(tmp_path, "a,b, a\n1,2,3\n"))


def test_a_blank_column_name_is_named_for_its_place(tmp_path: Path) -> None:
    """Trap: duplicate headers. Blank ones are not all the same."""
    assert Read(written(tmp_path, "a,, \n1,2,3\n")).columns == ("a", "column 2", "column 3")


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", " \n,,\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    """Trap: empty files. A file without a header is no empty list: it must not delete anything."""
    with pytest.raises(Permanent, match="is empty: it has not even a header line"):
        Read(written(tmp_path, content))


def test_headers_only_is_no_records(tmp_path: Path) -> None:
    """Trap: headers only. That is an empty list, said on purpose."""
    source = FileSource(written(tmp_path, "a,b"))
    assert (source.columns(), list(source.read(None))) == (("a", "b"), [])


# -- delimiters and cells ------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    """Trap: delimiters. Others in the cells, such as decimal commas, do not mislead."""
    rows = [["1,5", "a;b", "c|d", "e\tf"]] * 3
    text = "\n".join(
        delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows
    )
    read = Read(written(tmp_path, delimiter.join("abcd") + "\n" + text))
    assert (read.columns, read.rows) == (("a", "b", "c", "d"), rows)


def test_a_given_delimiter_is_taken(tmp_path: Path) -> None:
    """What the user says goes before what could be found."""
    path = written(tmp_path, "a,b^c,d\n'1^'^2\n")
    assert Read(path, delimiter="^", quotechar="'").rows == [["1^", "2"]]


def test_a_tsv_file_has_tabs(tmp_path: Path) -> None:
    """Trap: delimiters. The name says it, whatever the header looks like."""
    assert Read(written(tmp_path, "a,b,c\td\n1\t2\n", "rows.tab")).columns == ("a,b,c", "d")
    assert Read(written(tmp_path, "a;b\n1;2\n", "rows.tsv"), delimiter=";").columns == ("a", "b")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"delimiter": "::"}, "a delimiter is one character"),
        ({"delimiter": "\n"}, "a delimiter is one character"),
        ({"quotechar": "''"}, "a quote character is one character"),
        ({"delimiter": "'", "quotechar": "'"}, "cannot be the delimiter and the quote character"),
    ],
)
def test_impossible_delimiters_are_refused(tmp_path: Path, said: dict[str, str], message: str) -> None:
    """What csv would refuse with a TypeError is told as a wrong option."""
    with pytest.raises(ConfigurationError, match=message):
        Read(written(tmp_path, "a,b\n1,2\n"), **said)


def test_huge_cells_are_read(tmp_path: Path) -> None:
    """Trap: huge cells. Python's own limit of 128 KB is no limit of ours, in the first row neither."""
    cell = "x" * 1_000_000
    assert Read(written(tmp_path, f"a,b\n1,{cell}\n{cell},2\n")).rows == [["1", cell], [cell, "2"]]


def test_nul_bytes_come_through(tmp_path: Path) -> None:
    """Trap: NUL bytes. They do not end a text; the target refuses the row where it cannot hold them."""
    assert Read(written(tmp_path, b"a,b\n1,x\x00y\n2,z\n")).rows == [["1", "x\x00y"], ["2", "z"]]


def test_wide_files_have_small_batches(tmp_path: Path) -> None:
    """Trap: memory. A batch holds a number of cells, however many columns there are."""
    width = 2_000
    path = written(
        tmp_path, (",".join(f"c{i}" for i in range(width)) + "\n") + (",".join("1" * width) + "\n") * 200
    )
    assert max(len(batch) for batch in Read(path).batches) == 160


# -- any table -----------------------------------------------------------------------------------

_CELLS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\",;\n\r\t|' "), max_size=8)
_TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(_CELLS, min_size=width, max_size=width), max_size=8)
)


@settings(max_examples=200, deadline=None)
@given(
    table=_TABLES,
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"]),
    batch_rows=st.integers(1, 5),
)
def test_any_table_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[str]],
    delimiter: str,
    newline: str,
    quoting: int,
    encoding: str,
    batch_rows: int,
) -> None:
    """Whatever Python's csv module writes is read back cell for cell, with the line of each row."""
    path = tmp_path_factory.mktemp("any") / "rows.csv"
    header = [f"column-{i}" for i in range(len(table[0]) if table else 2)]
    begins = []
    with path.open("w", encoding=encoding, newline="") as file:
        # Before 3.13 it does not quote a carriage return that is not part of the end of a line.
        quoting = (
            csv.QUOTE_ALL
            if newline == "\n" and any("\r" in cell for row in table for cell in row)
            else quoting
        )
        writer = csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=quoting)
        writer.writerow(header)
        line = 2
        for row in table:
            begins.append(line)
            writer.writerow(row)
            line += 1 + sum(cell.count("\r") + cell.count("\n") - cell.count("\r\n") for cell in row)
    said = None if encoding in ("utf-8-sig", "utf-16", "utf-32") else encoding
    read = Read(path, batch_rows=batch_rows, encoding=said, delimiter=delimiter)
    assert (read.rows, read.places, read.broken) == (table, begins, [])


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Trap: memory. Ten times the rows need no more of it."""
    peaks = []
    for rows in (20_000, 200_000):
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as file:
            file.write("a,b,c\n")
            file.writelines(f"{number},some text,{number * 7}\n" for number in range(rows))
        tracemalloc.start()
        assert sum(len(batch) for batch in FileSource(path, batch_rows=2_000).read(None)) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2_000_000
