"""What every format gives: a table, read in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import BinaryIO, Protocol

from modelsync.core.errors import ConfigurationError
from modelsync.core.records import OMITTED

#: A batch holds about so many cells at most, so that wide files need no more memory than narrow ones.
MOST_CELLS = 320_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the user says about a file; None leaves it to be found out.

    `encoding` is for texts, `delimiter` and `quotechar` for delimited ones, `sheet` (a name, or a
    number from 1) for workbooks. A format does not look at what is not for it.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quotechar: str | None = None
    sheet: str | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An open file: its bytes, uncompressed, and what to call it in messages.

    `reopen` opens the same bytes once more, for formats that have to look at them first. Who made
    the document closes `file`.
    """

    name: str
    format: str
    file: BinaryIO
    reopen: Callable[[], AbstractContextManager[BinaryIO]]
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A row that cannot be read: where it stands, why, and its cells as far as they can be told."""

    place: int
    reason: str
    raw: Sequence[object] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows with the same columns. `place(i)` is the line, row or record number of row i, from 1."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    place: Callable[[int], int]
    faults: Sequence[Fault] = ()


class Table(Protocol):
    """An open table. `unit` is what its places count; `is_text` whether cells are texts of values.

    `columns` is the header, None where there is none before the rows; `total` about how many rows
    there are, where the format knows it beforehand; `encoding` the one that was found, so that the
    next opening need not look for it; `notes` is what a person should know about how it was read.
    """

    unit: str
    is_text: bool
    columns: tuple[str, ...] | None
    total: int | None
    encoding: str | None
    notes: list[str]

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """All rows, at most `rows` at a time; raises Permanent for what cannot be read."""


def rows_per_chunk(rows: int, width: int) -> int:
    """How many rows of so many columns a chunk should have, when `rows` are asked for."""
    return max(1, min(rows, MOST_CELLS // max(width, 1)))


def header(cells: Sequence[object], name: str) -> tuple[str, ...]:
    """Column names from a header's cells; a blank one is named for its place."""
    names = [
        str(cell).strip() if cell is not None and str(cell).strip() else f"column {number}"
        for number, cell in enumerate(cells, 1)
    ]
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise ConfigurationError(
            f"{name} has the column {doubled[0]!r} {names.count(doubled[0])} times; rename or remove one"
        )
    return tuple(names)


class Tabulator:
    """Mappings as rows: the columns are all names seen so far, and what a row lacks is OMITTED."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()

    def rows(self, mappings: Sequence[Mapping[str, object]]) -> Sequence[Sequence[object]]:
        """The mappings' values under `self.columns`, which grows by the names that are new."""
        if self.columns and all(map(len(self.columns).__eq__, map(len, mappings))):
            try:
                if len(self.columns) > 1:
                    return list(map(itemgetter(*self.columns), mappings))
                return [(mapping[self.columns[0]],) for mapping in mappings]
            except KeyError:
                pass
        known = dict.fromkeys(self.columns)
        for mapping in mappings:
            known.update(dict.fromkeys(mapping))
        for name in known:
            if not isinstance(name, str):
                raise ConfigurationError(
                    f"a column name is a text, not {name!r}; name it when you make the records"
                )
        self.columns = tuple(known)
        return [[mapping.get(name, OMITTED) for name in self.columns] for mapping in mappings]
