"""Tables of dictionaries, and what a record's cells mean for them: what MemoryTarget reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

from modelsync.core.errors import ConfigurationError, RecordError
from modelsync.core.ports import Group
from modelsync.core.records import OMITTED

Row: TypeAlias = "dict[str, Any]"
Pk: TypeAlias = Any
Key: TypeAlias = tuple[str, str, str]

ARROW = "=>"
ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: what makes its values of raw ones, whether it may be None, and what it refers to.

    `convert` raises ValueError, TypeError or ArithmeticError for a value that the column does not
    take. `to` is the label of the table whose primary keys a reference holds.
    """

    convert: Callable[[Any], Any] = str
    null: bool = False
    unique: bool = False
    default: object = None
    to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its columns, and its primary key, which is numbered when a row has none."""

    columns: Mapping[str, Column]
    pk: str = "id"

    def column(self, name: str) -> Column | None:
        """The column of that name; the primary key is one, too."""
        return self.columns.get(name) or (Column(convert=int, null=True) if name == self.pk else None)


class Tables:
    """`rows`: label -> primary key -> row; `keys`: (label, system, key) -> primary key.

    Every write is noted, so that `undo` can take it back.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = tables
        self.rows: dict[str, dict[Pk, Row]] = {label: {} for label in tables}
        self.keys: dict[Key, Pk] = {}
        self._numbers = {label: count(1) for label in tables}
        self._log: list[tuple[dict[Any, Any], Any, Any]] = []

    def find(self, label: str, values: Mapping[str, object]) -> list[Pk]:
        """The primary keys of the rows that have all these values; None finds nothing."""
        if None in values.values():
            return []
        return [
            pk
            for pk, row in self.rows[label].items()
            if all(same(row.get(name), value) for name, value in values.items())
        ]

    def holders(self, label: str, pk: Pk) -> list[Key]:
        """The keys, of any system, that point to a row."""
        return [key for key, held in self.keys.items() if key[0] == label and same(held, pk)]

    def write(self, label: str, row: Row) -> Pk:
        """Insert or replace a row; raises RecordError for one that breaks a rule of its table."""
        table = self.tables[label]
        if row.get(table.pk) is None:
            row = row | {table.pk: next(n for n in self._numbers[label] if n not in self.rows[label])}
        pk = row[table.pk]
        for name, column in table.columns.items():
            if column.unique and [o for o in self.find(label, {name: row.get(name)}) if not same(o, pk)]:
                raise RecordError("another object has the same unique value", column=name, value=row[name])
        self.put(self.rows[label], pk, row)
        return pk

    def delete(self, label: str, pk: Pk) -> None:
        """Remove a row; what may be without it loses the reference, what may not protects it."""
        for other, table in self.tables.items():
            for name, column in table.columns.items():
                for holder in self.find(other, {name: pk}) if column.to == label else ():
                    if not column.null:
                        raise RecordError(f"other objects refer to it and protect it ({other})")
                    self.put(self.rows[other], holder, self.rows[other][holder] | {name: None})
        self.put(self.rows[label], pk, ABSENT)

    def put(self, mapping: dict[Any, Any], name: Any, value: Any) -> None:
        """Write one entry of `rows[label]` or `keys`; ABSENT removes it."""
        self._log.append((mapping, name, mapping.get(name, ABSENT)))
        _write(mapping, name, value)

    @property
    def mark(self) -> int:
        """Where the notes are now; `undo` goes back to it."""
        return len(self._log)

    def undo(self, mark: int) -> None:
        """Take back what was written since the mark."""
        while len(self._log) > mark:
            _write(*self._log.pop())

    def forget(self) -> None:
        """Nothing so far can be taken back any more."""
        self._log.clear()


class Postponed(Exception):
    """A record cannot be written before what it refers to exists; `error` is its end if that never does."""

    def __init__(self, error: RecordError) -> None:
        self.error = error


@dataclass(slots=True)
class Cells:
    """One record's cells. `missing` and `ambiguous` are (column, reason) of references without an answer."""

    tables: Tables
    group: Group
    position: int
    missing: list[tuple[str, str]] = field(default_factory=list)
    ambiguous: list[tuple[str, str]] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The record's table."""
        return self.group.batch.model or ""

    @property
    def table(self) -> Table:
        """The record's table."""
        return self.tables.tables[self.label]

    def values(self, only: Collection[str] | None) -> Row:
        """The values of plain columns, or of those named; raises RecordError."""
        values: Row = {}
        for name in self.group.match.names:
            if self.table.column(name) is None:
                raise ConfigurationError(f"match_on names {name!r}, which {self.label} does not have")
        for name, cell in self._given():
            column = self.table.column(name)
            if column is not None and (only is None or name in only):
                to = self.tables.tables[column.to] if column.to else None
                kind = (to.column(to.pk) if to else None) or column
                values[name] = converted(kind, name, cell, null=column.null)
        return values

    def demand(self, values: Row) -> None:
        """Postpone a record whose plain reference names a row that is not there (yet)."""
        for name, value in values.items():
            to = self.table.columns[name].to if name in self.table.columns else None
            if to and value is not None and value not in self.tables.rows[to]:
                raise Postponed(RecordError(f"there is no {to} {value!r}", column=name, value=value))

    def references(self, *, new: bool) -> Row:
        """The answers of the record's references; notes those that have none, or several."""
        answers: Row = {}
        for name, given in self._asked().items():
            column, to = f"{name}{ARROW}{next(iter(given))}", self.table.columns[name].to or ""
            pks = self.tables.find(to, given)
            sought = f"{to} with " + ", ".join(f"{lookup} {value!r}" for lookup, value in given.items())
            if len(pks) == 1:
                answers[name] = pks[0]
            elif pks:
                self.ambiguous.append((column, f"several {sought}"))
            elif new and not self.table.columns[name].null:
                raise Postponed(RecordError(f"there is no {sought}", column=column))
            else:
                self.missing.append((column, f"there is no {sought}"))
        return answers

    def _given(self) -> Iterator[tuple[str, object]]:
        for name, cells in zip(self.group.columns, self.group.cells, strict=True):
            if cells[self.position] is not OMITTED:
                yield name, cells[self.position]

    def _asked(self) -> dict[str, Row]:
        """For each reference with lookups that are not blank, those by name."""
        given: dict[str, Row] = {}
        for name, cell in self._given():
            own, arrow, lookup = (part.strip() for part in name.partition(ARROW))
            if not arrow:
                continue
            to = self.table.columns[own].to if own in self.table.columns else None
            column = self.tables.tables[to].column(lookup) if to else None
            if column is None:
                raise ConfigurationError(f"column {name!r}: {self.label} has no such forward reference")
            if not is_empty(cell):
                given.setdefault(own, {})[lookup] = converted(column, name, cell, null=True)
        return given


def is_empty(value: object) -> bool:
    """None or ''."""
    return value is None or (isinstance(value, str) and not value)


def same(left: object, right: object) -> bool:
    """Equality in which True is not 1."""
    return left == right and isinstance(left, bool) is isinstance(right, bool)


def converted(column: Column, name: str, cell: object, *, null: bool) -> object:
    """A cell as the column's value; raises RecordError."""
    if is_empty(cell):
        if null:
            return None
        if cell == "" and column.convert is str:
            return ""
        kind = "null" if cell is None else "blank"
        raise RecordError(f"it is {kind}, and {name} allows no NULL", column=name, value=cell)
    try:
        return column.convert(cell)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise RecordError(str(error) or "the column does not take it", column=name, value=cell) from error


def _write(mapping: dict[Any, Any], name: Any, value: Any) -> None:
    if value is ABSENT:
        mapping.pop(name, None)
    else:
        mapping[name] = value
