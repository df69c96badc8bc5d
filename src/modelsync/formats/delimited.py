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
from typing import Any, Final

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.core.records import ByColumn
from modelsync.formats.encoding import MARK, misread_line, text_encoding
from modelsync.formats.table import Chunk, Document, Fault, header, rows_per_chunk

_DELIMITERS: Final = (",", ";", "\t", "|")
_LONGEST_CELL: Final = 1 << 26
_BLOCK: Final = 1 << 16
_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
#: So many rows are laid out in columns at a time: they are still in the processor's cache.
_PIECE: Final = 250


def open_table(document: Document) -> DelimitedTable:
    """A delimited text; its encoding and delimiter are found out unless they are given."""
    encoding, note = text_encoding(document)
    return DelimitedTable(document, encoding, [note] if note else [])


class DelimitedTable:
    """An open delimited text."""

    unit = "line"
    is_text = True
    total = None

    def __init__(self, document: Document, encoding: str, notes: list[str]) -> None:
        self.document = document
        self.name = document.name
        self.encoding = encoding
        self.notes = notes
        self.lines = _Lines(io.TextIOWrapper(document.file, encoding=encoding, newline=""))
        # The limit is the process's own and is not lowered again: another reader may be under way.
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
        try:
            self.options = _options(document, self.lines.sample())
        except UnicodeError as error:
            raise self.misread(error) from error
        self.reader = csv.reader(self.lines.all(), strict=True, **self.options)
        self.columns: tuple[str, ...] = ()
        self.columns = self._header()

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The rows, with the line that each begins on."""
        size = rows_per_chunk(rows, len(self.columns))
        ended = False
        while not ended:
            taken = _Taken(self, size)
            ended = taken.ended
            if taken.rows or taken.faults:
                yield self._chunk(taken)

    def misread(self, error: UnicodeError) -> Permanent:
        """What to say of bytes that are no text: the line, and the remedy."""
        with self.document.reopen() as file:
            line = misread_line(file, self.encoding)
        return Permanent(
            f"{self.name}: line {line} is no {self.encoding} ({getattr(error, 'reason', error)}); "
            f"say its encoding with --encoding"
        )

    def _header(self) -> tuple[str, ...]:
        taken = _Taken(self, 1)
        while taken.rows and not any(str(cell).strip() for cell in taken.rows[0]):
            taken = _Taken(self, 1)
        if taken.faults:
            fault = taken.faults[0]
            raise Permanent(f"{self.name}: the header in line {fault.place} cannot be read: {fault.reason}")
        if not taken.rows:
            raise Permanent(f"{self.name} is empty: it has not even a header line")
        return header(taken.rows[0], self.name)

    def _chunk(self, taken: _Taken) -> Chunk:
        width = len(self.columns)
        rows, faults = taken.rows, taken.faults
        if isinstance(rows, ByColumn):
            return Chunk(columns=self.columns, rows=rows, place=taken.line, faults=faults)
        kept = [i for i, row in enumerate(rows) if len(row) == width]
        ragged = [
            Fault(place=taken.line(i), reason=_ragged(row, width), raw=row)
            for i, row in enumerate(rows)
            if len(row) != width and any(cell.strip() for cell in row)
        ]
        return Chunk(
            columns=self.columns,
            rows=[rows[i] for i in kept],
            place=lambda i: taken.line(kept[i]),
            faults=sorted([*faults, *ragged], key=lambda fault: fault.place),
        )


class _Taken:
    """The next rows of a table, blank lines too, and the line that each begins on."""

    def __init__(self, table: DelimitedTable, size: int) -> None:
        # In columns, as long as each row has them all.
        self.rows: ByColumn | list[Sequence[Any]] = ByColumn(len(table.columns)) if table.columns else []
        self.faults: list[Fault] = []
        self.ended = False
        self.starts: list[int] | None = None
        reader = table.reader
        # Where the rows are counted from: (index of a row, lines before it), anew after each fault.
        self.parts = [(0, reader.line_num)]
        while len(self.rows) + len(self.faults) < size and not self.ended:
            wanted = min(_PIECE, size - len(self.faults) - len(self.rows))
            piece: list[list[str]] = []
            try:
                piece.extend(islice(reader, wanted))
                self.ended = len(piece) < wanted
                self._add(piece)
            except csv.Error as error:
                self._add(piece)
                self.faults.append(self._fault(table, error))
                self.parts.append((len(self.rows), reader.line_num))
            except UnicodeError as error:
                raise table.misread(error) from error
        self.last_line = reader.line_num

    def _add(self, piece: Sequence[Sequence[Any]]) -> None:
        if isinstance(self.rows, ByColumn) and not set(map(len, piece)) <= {len(self.rows.columns)}:
            self.rows = list(self.rows)
        self.rows.extend(piece)

    def _fault(self, table: DelimitedTable, error: csv.Error) -> Fault:
        first, start = self.parts[-1]
        begins, ends = start + sum(map(_height, self.rows[first:])) + 1, table.reader.line_num
        if "unexpected end of data" in str(error):
            raise Permanent(
                f"{table.name}: it ends inside a quoted cell of the row at line {begins}; "
                f"it is cut off there, or a quote is missing"
            ) from error
        raw = next(csv.reader([table.lines.text(begins, ends)], **table.options), [])
        span = f", and it goes on to line {ends}" if ends > begins else ""
        return Fault(place=begins, reason=f"it is wrongly quoted{span}: {error}", raw=raw)

    def line(self, index: int) -> int:
        """The line that a row begins on."""
        _, start = self.parts[0]
        if len(self.parts) == 1 and self.last_line - start == len(self.rows):
            return start + index + 1
        if self.starts is None:
            self.starts = []
            ends = [*(first for first, _ in self.parts[1:]), len(self.rows)]
            for (first, start), end in zip(self.parts, ends, strict=True):
                self.starts += accumulate(map(_height, self.rows[first:end]), initial=start + 1)
                self.starts.pop()
        return self.starts[index]


class _Lines:
    """The lines of a text, in blocks: the last few are kept, so that a bad row can be shown."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text_file = text
        self.kept: list[tuple[int, list[str]]] = []
        self.count = 0
        self.first: list[str] = []

    def sample(self) -> list[str]:
        """The first lines, without a byte order mark; `all` gives them again."""
        self.first = self.text_file.readlines(_BLOCK)
        self.first[:1] = [line.removeprefix(MARK) for line in self.first[:1]]
        return self.first

    def all(self) -> Iterator[str]:
        """Every line."""
        return chain.from_iterable(self._blocks())

    def text(self, first: int, last: int) -> str:
        """The lines from `first` to `last`, from 1, as far as they are kept."""
        lines = [
            line
            for start, block in self.kept
            for number, line in enumerate(block, start + 1)
            if first <= number <= last
        ]
        return "".join(lines).rstrip("\r\n")

    def _blocks(self) -> Iterator[list[str]]:
        block = self.first
        while block:
            self.kept = [*self.kept[-2:], (self.count, block)]
            self.count += len(block)
            yield block
            block = self.text_file.readlines(_BLOCK)


def _height(row: Sequence[str]) -> int:
    """How many lines a row takes."""
    text = "".join(row)
    return 1 if "\n" not in text and "\r" not in text else 1 + sum(len(_NEWLINE.findall(c)) for c in row)


def _ragged(row: Sequence[str], width: int) -> str:
    cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
    return f"it has {cells}, the header has {width}"


def _options(document: Document, sample: Sequence[str]) -> dict[str, Any]:
    """The csv module's options: what the user says, and what the first lines say."""
    quote = document.reading.quotechar or '"'
    if len(quote) != 1 or quote in "\r\n":
        raise ConfigurationError(f"a quote character is one character, not {quote!r}")
    given = document.reading.delimiter or ("tab" if document.format == "tsv" else None)
    delimiter = _delimiter(given) if given else _find_delimiter(sample, quote)
    if delimiter == quote:
        raise ConfigurationError(f"{quote!r} cannot be the delimiter and the quote character at once")
    return {"delimiter": delimiter, "quotechar": quote}


def _delimiter(given: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(given.lower(), given)
    if len(delimiter) != 1 or delimiter in "\r\n":
        raise ConfigurationError(f"a delimiter is one character (or 'tab'), not {given!r}")
    return delimiter


def _find_delimiter(lines: Sequence[str], quote: str) -> str:
    """The delimiter under which the first rows have the most columns, all the same number."""
    best, score = _DELIMITERS[0], (0.0, 0)
    for delimiter in _DELIMITERS:
        if delimiter == quote:
            continue
        rows = [row for row in csv.reader(lines[:50], delimiter=delimiter, quotechar=quote) if row]
        if not rows or len(rows[0]) < 2:
            continue
        # The last row may be cut off by the end of the sample.
        same = [len(row) == len(rows[0]) for row in rows[: max(1, len(rows) - 1)]]
        found = (sum(same) / len(same), len(rows[0]))
        if found > score:
            best, score = delimiter, found
    return best
