"""Workbooks (xlsx, xlsm, xlsb, xls, ods), by calamine. It reads a whole sheet into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import islice

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.table import Chunk, Document, Fault, header, rows_per_chunk


def open_table(document: Document) -> ExcelTable:
    """A sheet of a workbook, by default the first. Raises ConfigurationError without calamine."""
    try:
        import python_calamine as calamine
    except ImportError:
        raise ConfigurationError("Excel needs an extra: pip install 'django-modelsync[excel]'") from None
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(BytesIO(document.file.read()))
        names = workbook.sheet_names
        sheet = workbook.get_sheet_by_name(_sheet_name(document, names))
        return ExcelTable(document.name, sheet.iter_rows())
    except (calamine.CalamineError, OSError) as error:
        raise Permanent(f"{document.name} is no workbook that can be read: {error}") from error


def _sheet_name(document: Document, names: Sequence[str]) -> str:
    wanted = document.reading.sheet
    if wanted is None:
        return names[0]
    if str(wanted) in names:
        return str(wanted)
    if str(wanted).isdigit() and 0 < int(wanted) <= len(names):
        return names[int(wanted) - 1]
    raise ConfigurationError(f"{document.name} has no sheet {wanted!r}; it has {', '.join(map(repr, names))}")


class ExcelTable:
    """An open sheet: the first row that is not blank is the header; blank rows are left out."""

    unit = "row"
    is_text = True

    def __init__(self, name: str, rows: Iterator[Sequence[object]]) -> None:
        self.notes: list[str] = []
        self.numbered = ((number, row) for number, row in enumerate(rows, 1) if not _is_blank(row))
        first = next(self.numbered, None)
        if first is None:
            raise Permanent(f"{name} is empty: the sheet has not even a header row")
        self.columns: tuple[str, ...] = header(_trimmed(first[1]), name)

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The rows, by their number in the sheet."""
        width = len(self.columns)
        size = rows_per_chunk(rows, width)
        while taken := list(islice(self.numbered, size)):
            good = [(n, [_plain(c) for c in row[:width]]) for n, row in taken if _is_blank(row[width:])]
            faults = [
                Fault(place=n, reason=f"it has cells right of the {width} columns of the header", raw=list(row))
                for n, row in taken
                if not _is_blank(row[width:])
            ]
            places = [n for n, _ in good]
            rows_ = [row + [""] * (width - len(row)) for _, row in good]
            yield Chunk(columns=self.columns, rows=rows_, place=places.__getitem__, faults=faults)


def _is_blank(row: Sequence[object]) -> bool:
    return all(cell is None or cell == "" for cell in row)


def _trimmed(row: Sequence[object]) -> Sequence[object]:
    end = max((i for i, cell in enumerate(row, 1) if cell not in (None, "")), default=0)
    return row[:end]


def _plain(cell: object) -> object:
    """Workbooks hold all numbers as floats: a whole one is meant as a whole number."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return "" if cell is None else cell
