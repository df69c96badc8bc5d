"""CSV, TSV and their kin, by Python's csv module.

Rows that do not fit the header and rows with stray quotes are told as faults; a file that ends
inside a quoted cell is refused, since the cell may have swallowed any number of rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import Final

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.encoding import check_encoding, find_encoding
from modelsync.formats.table import Chunk, Document, Fault, header, rows_per_chunk

_DELIMITERS: Final = (",", ";", "\t", "|")
_LONGEST_CELL: Final = 1 << 26
_BLOCK: Final = 1 << 16
_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
_Rows = list[list[str]]


def open_table(document: Document) -> DelimitedTable:
    """A delimited text; its encoding and delimiter are found out unless they are given."""
    reading, notes = document.reading, []
    if reading.encoding:
        encoding = check_encoding(reading.encoding)
        encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    else:
        with document.reopen() as file:
            encoding, note = find_encoding(file, document.name)
        notes += [note] if note else []
    text = io.TextIOWrapper(document.file, encoding=encoding, newline="")
    return DelimitedTable(document, text, notes)


class DelimitedTable:
    """An open delimited text."""

    unit = "line"
    is_text = True

    def __init__(self, document: Document, text: io.TextIOWrapper, notes: list[str]) -> None:
        self.name = document.name
        self.notes = notes
        self.lines = _Lines(text)
        quote = document.reading.quotechar or '"'
        given = document.reading.delimiter
        with self._readable():
            sample = self.lines.sample()
        if not sample:
            raise Permanent(f"{self.name} is empty: it has not even a header line")
        delimiter = _delimiter(given) if given else _find_delimiter(sample, quote, self.name)
        if csv.field_size_limit() < _LONGEST_CELL:
            csv.field_size_limit(_LONGEST_CELL)
        self.options = {"delimiter": delimiter, "quotechar": quote}
        self.reader = csv.reader(self.lines.all(), strict=True, **self.options)  # type: ignore[arg-type]  # texts
        self.columns: tuple[str, ...] = self._header()

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The rows, with the line that each begins on."""
        size = rows_per_chunk(rows, len(self.columns))
        while True:
            taken = _Taken(self, size)
            if not taken.rows and not taken.faults:
                return
            yield self._chunk(taken)
            if taken.ended:
                return

    def _header(self) -> tuple[str, ...]:
        taken = _Taken(self, 1)
        while taken.rows == [[]] or (taken.rows and not any(cell.strip() for cell in taken.rows[0])):
            taken = _Taken(self, 1)
        if taken.faults:
            raise Permanent(f"{self.name}: its header line cannot be read: {taken.faults[0].reason}")
        if not taken.rows:
            raise Permanent(f"{self.name} is empty: it has not even a header line")
        return header(taken.rows[0], self.name)

    def _chunk(self, taken: _Taken) -> Chunk:
        width = len(self.columns)
        rows, faults = taken.rows, taken.faults
        if set(map(len, rows)) <= {width}:
            return Chunk(columns=self.columns, rows=rows, place=taken.line, faults=faults)
        kept = [i for i, row in enumerate(rows) if len(row) == width]
        faults = sorted(
            [
                *faults,
                *(
                    Fault(place=taken.line(i), reason=_ragged(row, width), raw=row)
                    for i, row in enumerate(rows)
                    if len(row) != width and any(cell.strip() for cell in row)
                ),
            ],
            key=lambda fault: fault.place,
        )
        return Chunk(
            columns=self.columns, rows=[rows[i] for i in kept], place=lambda i: taken.line(kept[i]), faults=faults
        )

    def _readable(self) -> _Readable:
        return _Readable(self)


class _Taken:
    """The next rows of a table, blank lines too, and the line that each begins on."""

    def __init__(self, table: DelimitedTable, size: int) -> None:
        self.rows: _Rows = []
        self.faults: list[Fault] = []
        self.ended = False
        self.starts: list[int] | None = None
        reader = table.reader
        self.parts = [(0, reader.line_num)]
        while len(self.rows) < size and not self.ended:
            before = len(self.rows)
            try:
                with table._readable():
                    self.rows.extend(islice(reader, size - before))
                self.ended = len(self.rows) < size
            except csv.Error as error:
                self.faults.append(self._fault(table, error))
                self.parts.append((len(self.rows), reader.line_num))
        self.last_line = reader.line_num

    def _fault(self, table: DelimitedTable, error: csv.Error) -> Fault:
        first, start = self.parts[-1]
        begins = start + sum(map(_height, self.rows[first:])) + 1
        if "unexpected end of data" in str(error):
            raise Permanent(
                f"{table.name}: it ends inside a quoted cell of the row at line {begins}; "
                f"it is cut off there, or a quote is missing"
            ) from error
        text = table.lines.text(begins, table.reader.line_num)
        raw = next(csv.reader([text], **table.options), [])  # type: ignore[arg-type]  # texts
        return Fault(place=begins, reason=f"its quotes are wrong: {error}", raw=raw)

    def line(self, index: int) -> int:
        """The line that a row begins on."""
        first, start = self.parts[0]
        if len(self.parts) == 1 and self.last_line - start == len(self.rows):
            return start + index + 1
        if self.starts is None:
            self.starts = []
            for (first, start), (end, _) in zip(self.parts, [*self.parts[1:], (len(self.rows), 0)], strict=True):
                self.starts += accumulate(map(_height, self.rows[first:end]), initial=start + 1)
                self.starts.pop()
        return self.starts[index]


class _Lines:
    """The lines of a text, in blocks: the last few are kept, so that a bad row can be shown."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text_file = text
        self.blocks: list[tuple[int, list[str]]] = []
        self.count = 0
        self.first: list[str] | None = None

    def sample(self) -> list[str]:
        """The first lines; `all` gives them again."""
        self.first = self.text_file.readlines(_BLOCK)
        return self.first

    def all(self) -> Iterator[str]:
        """Every line."""
        return chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[list[str]]:
        block = self.first or []
        while block:
            self.blocks = [*self.blocks[-2:], (self.count, block)]
            self.count += len(block)
            yield block
            block = self.text_file.readlines(_BLOCK)

    def text(self, first: int, last: int) -> str:
        """The lines from `first` to `last`, from 1, as far as they are kept."""
        kept = [
            line
            for start, block in self.blocks
            for number, line in enumerate(block, start + 1)
            if first <= number <= last
        ]
        return "".join(kept).rstrip("\r\n")


class _Readable:
    """Bytes that are no text of the encoding end the reading, with the line and the remedy."""

    def __init__(self, table: DelimitedTable) -> None:
        self.table = table

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UnicodeDecodeError):
            raise Permanent(
                f"{self.table.name}: near line {self.table.lines.count + 1} it is no {error.encoding}; "
                f"say its encoding with --encoding"
            ) from error


def _height(row: Sequence[str]) -> int:
    """How many lines a row takes."""
    text = "".join(row)
    return 1 if "\n" not in text and "\r" not in text else 1 + sum(len(_NEWLINE.findall(c)) for c in row)


def _ragged(row: Sequence[str], width: int) -> str:
    cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
    return f"it has {cells}, the header has {width}"


def _delimiter(given: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(given.lower(), given)
    if len(delimiter) != 1:
        raise ConfigurationError(f"a delimiter is one character (or 'tab'), not {given!r}")
    return delimiter


def _find_delimiter(lines: Sequence[str], quote: str, name: str) -> str:
    """The delimiter under which the first rows have the most columns, all the same number."""
    usual = "\t" if name.lower().rpartition(".")[2] in ("tsv", "tab") else ","
    best, score = usual, (0.0, 0)
    for delimiter in sorted(_DELIMITERS, key=lambda d: d != usual):
        rows = [row for row in csv.reader(lines[:50], delimiter=delimiter, quotechar=quote) if row]
        if not rows or len(rows[0]) < 2:
            continue
        # The last row may be cut off by the end of the sample.
        same = [len(row) == len(rows[0]) for row in rows[: max(1, len(rows) - 1)]]
        found = (sum(same) / len(same), len(rows[0]))
        if found > score:
            best, score = delimiter, found
    return best
