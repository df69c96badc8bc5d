"""Workbooks (xlsx, xlsm, xlsb, xls, ods), by calamine. It reads a whole sheet into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Any

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.table import Chunk, Document, Fault, header, rows_per_chunk


def open_table(document: Document) -> ExcelTable:
    """A sheet of a workbook, by default the first that is visible.

    Raises ConfigurationError without calamine and for a sheet that is not there.
    """
    try:
        import python_calamine as calamine
    except ImportError:
        raise ConfigurationError("Excel needs an extra: pip install 'django-modelsync[excel]'") from None
    content = BytesIO(document.file.read())
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(content)
        return ExcelTable(
            document.name, workbook.get_sheet_by_name(_sheet_name(document, workbook, calamine))
        )
    except (calamine.CalamineError, OSError) as error:
        raise Permanent(f"{document.name} is no workbook that can be read: {error}") from error


def _sheet_name(document: Document, workbook: Any, calamine: Any) -> str:
    wanted, names = document.reading.sheet, workbook.sheet_names
    if wanted is None:
        visible, plain = calamine.SheetVisibleEnum.Visible, calamine.SheetTypeEnum.WorkSheet
        shown = (s.name for s in workbook.sheets_metadata if s.visible == visible and s.typ == plain)
        first = next(shown, None)
        if first is None:
            raise Permanent(f"{document.name} has no sheet that can be seen; name one with --sheet")
        return str(first)
    if str(wanted) in names:
        return str(wanted)
    if str(wanted).isdecimal() and 0 < int(wanted) <= len(names):
        return str(names[int(wanted) - 1])
    raise ConfigurationError(f"{document.name} has no sheet {wanted!r}; it has {', '.join(map(repr, names))}")


class ExcelTable:
    """An open sheet: the first row that is not blank is the header; blank rows are left out."""

    unit = "row"
    is_text = True
    encoding = None

    def __init__(self, name: str, sheet: Any) -> None:
        self.notes: list[str] = []
        rows: Iterator[Sequence[object]] = sheet.iter_rows()
        self.numbered = ((number, row) for number, row in enumerate(rows, 1) if not _is_blank(row))
        number, cells = next(self.numbered, (0, ()))
        if not number:
            raise Permanent(f"{name} is empty: the sheet has not even a header row")
        self.columns: tuple[str, ...] = header([_plain(cell) for cell in _trimmed(cells)], name)
        self.total: int | None = sheet.start[0] + sheet.height - number

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The rows, by their number in the sheet."""
        width = len(self.columns)
        size = rows_per_chunk(rows, width)
        while taken := list(islice(self.numbered, size)):
            places, cells, faults = [], [], []
            for number, row in taken:
                if _is_blank(row[width:]):
                    places.append(number)
                    cells.append([*map(_plain, row[:width]), *[""] * (width - len(row))])
                else:
                    reason = f"it has cells right of the {width} columns of the header"
                    faults.append(Fault(place=number, reason=reason, raw=list(row)))
            yield Chunk(columns=self.columns, rows=cells, place=places.__getitem__, faults=faults)


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
