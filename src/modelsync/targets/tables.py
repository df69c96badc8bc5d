"""Tables of dictionaries with unique columns, references and an undo log: what MemoryTarget writes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from modelsync.core.errors import RecordError

Row: TypeAlias = "dict[str, Any]"
Pk: TypeAlias = Any
Key: TypeAlias = tuple[str, str, str]

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
