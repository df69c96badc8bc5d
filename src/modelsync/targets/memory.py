"""A target of plain dictionaries: for tests of engines, sources and policies, without a database.

It keeps docs/explanation/semantics.md for plain columns, forward references and key mappings. Reverse
and many-to-many relations it does not have; asking for one is a ConfigurationError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

from modelsync.core.errors import ConfigurationError, RecordError
from modelsync.core.guard import Guard
from modelsync.core.planning import Conflict, Decision, Found, Step, decide
from modelsync.core.ports import Applied, Group
from modelsync.core.records import OMITTED, Action, Batch
from modelsync.core.results import Change, Outcome

Row: TypeAlias = "dict[str, Any]"
Pk: TypeAlias = Any
Key: TypeAlias = tuple[str, str, str]

ARROW = "=>"
_ABSENT = object()


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
    """A table: its columns, its primary key (numbered when a row has none), and what is unique together."""

    columns: Mapping[str, Column]
    pk: str = "id"
    unique_together: Sequence[tuple[str, ...]] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name; the primary key is one, too."""
        return self.columns.get(name) or (Column(convert=int, null=True) if name == self.pk else None)

    def unique_sets(self) -> list[tuple[str, ...]]:
        """The sets of columns whose values no two rows have."""
        return [(name,) for name, column in self.columns.items() if column.unique] + list(self.unique_together)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """One `field=>lookup` group of a record: the table it looks in, and the values that are given."""

    name: str
    table: str
    columns: tuple[str, ...]
    given: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.table} with " + ", ".join(f"{name} {value!r}" for name, value in self.given.items())


class MemoryTarget:
    """Applies groups to `rows`: label -> primary key -> row; `keys`: (label, system, key) -> primary key.

    Everything that is written goes through an undo log, so that a record, or all of `atomic()`, can
    be taken back.
    """

    def __init__(
        self,
        tables: Mapping[str, Table],
        *,
        conflict: Conflict = Conflict.DELETE,
        delete_missing: bool = False,
        guard: Guard | None = None,
    ) -> None:
        self.tables = tables
        self.conflict = conflict
        self.delete_missing = delete_missing
        self.guard = guard or Guard()
        self.rows: dict[str, dict[Pk, Row]] = {label: {} for label in tables}
        self.keys: dict[Key, Pk] = {}
        self._numbers = {label: count(1) for label in tables}
        self._log: list[tuple[dict[Any, Any], Any, Any]] = []
        self._seen: dict[tuple[str, str], set[str]] = {}

    # -- the port ----------------------------------------------------------------------------

    def apply(self, group: Group) -> Applied:
        """Decide what each record of the group means and do it, one after the other."""
        applied = Applied.empty(len(group))
        table = self.tables.get(group.batch.model or "")
        if table is None:
            raise ConfigurationError(f"there is no table {group.batch.model!r}; they are {', '.join(self.tables)}")
        for position in range(len(group)):
            mark = len(self._log)
            try:
                _Apply(self, table, group, position, applied).process()
            except _Postpone as postponed:
                self._undo(mark)
                applied.postponed[position] = postponed.error
            except RecordError as error:
                self._undo(mark)
                applied.reject(position, error)
        return applied

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        """Remember the keys of a complete input."""
        if batch.model and batch.system:
            self._seen.setdefault((batch.model, batch.system), set()).update(key for key in keys if key)

    def finish(self) -> int:
        """Delete the objects of which only keys are left that the input no longer has."""
        removed = 0
        for (label, system), seen in self._seen.items() if self.delete_missing else ():
            gone = [k for k in self.keys if k[:2] == (label, system) and k[2] not in seen]
            pks = {self.keys[k] for k in gone}
            doomed = [pk for pk in pks & self.rows[label].keys() if not set(self.holders(label, pk)) - set(gone)]
            self.guard.check_missing(len(doomed), len(self.rows[label]), label)
            for pk in doomed:
                self.delete(label, pk)
            for key in gone:
                self.put(self.keys, key, _ABSENT)
            removed += len(doomed)
        self._seen = {}
        return removed

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Everything inside is undone when an exception leaves it."""
        mark = len(self._log)
        try:
            yield
        except BaseException:
            self._undo(mark)
            raise
        if not mark:
            self._log.clear()

    # -- rows --------------------------------------------------------------------------------

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

    def put(self, mapping: dict[Any, Any], name: Any, value: Any) -> None:
        """Write one entry so that it can be undone; `_ABSENT` removes it."""
        self._log.append((mapping, name, mapping.get(name, _ABSENT)))
        _write(mapping, name, value)

    def write(self, label: str, row: Row) -> Pk:
        """Insert or replace a row; raises RecordError for one that breaks a rule of its table."""
        table = self.tables[label]
        if row.get(table.pk) is None:
            row = row | {table.pk: next(n for n in self._numbers[label] if n not in self.rows[label])}
        for names in table.unique_sets():
            others = [pk for pk in self.find(label, {n: row.get(n) for n in names}) if not same(pk, row[table.pk])]
            if others:
                raise RecordError(f"another object has the same unique value ({', '.join(names)})", column=names[0])
        self.put(self.rows[label], row[table.pk], row)
        return row[table.pk]

    def delete(self, label: str, pk: Pk) -> None:
        """Remove a row; what may be without it loses the reference, what may not protects it."""
        for other, table in self.tables.items():
            for name, column in table.columns.items():
                for holder in self.find(other, {name: pk}) if column.to == label else ():
                    if not column.null:
                        raise RecordError(f"other objects refer to it and protect it ({other})")
                    self.put(self.rows[other], holder, self.rows[other][holder] | {name: None})
        self.put(self.rows[label], pk, _ABSENT)

    def _undo(self, mark: int) -> None:
        while len(self._log) > mark:
            _write(*self._log.pop())


class _Postpone(Exception):
    """The record cannot be written before what it refers to exists."""

    def __init__(self, error: RecordError) -> None:
        self.error = error


@dataclass(slots=True)
class _Apply:
    """One record on its way."""

    target: MemoryTarget
    table: Table
    group: Group
    position: int
    applied: Applied
    missing: list[_Reference] = field(default_factory=list)

    def process(self) -> None:
        group, target = self.group, self.target
        actions, key = group.actions[self.position], self.key()
        names = set(group.match.names)
        values = self._values(names if Action.DELETE in actions else None)
        if not names and key is None:
            raise RecordError("match_on is empty, and the row has no external key", column="match_on")
        found = self._found(values, key)
        if group.late:
            self._finish_late(found)
            return
        decision = decide(actions, found, target.conflict)
        outcome, pk = self._carry_out(decision, values)
        self.applied.outcomes[self.position] = outcome
        if decision.drop_key and key in target.keys:
            target.put(target.keys, key, _ABSENT)
            self.applied.keys_removed += 1
        if decision.keep_key and key and target.keys.get(key, _ABSENT) != pk:
            target.put(target.keys, key, pk)
            self.applied.keys_written += 1

    def key(self) -> Key | None:
        """The record's key with the table and the system that it belongs to."""
        key, batch = self.group.keys[self.position], self.group.batch
        return (self.label, batch.system or "", key) if key else None

    @property
    def label(self) -> str:
        return self.group.batch.model or ""

    def _found(self, values: Row, key: Key | None) -> Found[Pk]:
        rows, match = self.target.rows[self.label], self.group.match
        linked = self.target.keys.get(key) if key else None
        linked = linked if linked in rows else None
        pks: set[Pk] = set()
        if match.tokens:
            pks = match.fold(
                lambda name: set(self.target.find(self.label, {name: values.get(name)})),
                lambda a, b: a & b,
                lambda a, b: a | b,
                lambda a: set(rows) - a,
            )
        matched = min(pks) if len(pks) == 1 else None
        holders = self.target.holders(self.label, matched if match.tokens else linked)
        return Found(
            linked=linked,
            matched=matched,
            several=len(pks) > 1,
            has_key=key is not None,
            by_key_only=not match.tokens,
            held=key in holders,
            others=len([holder for holder in holders if holder != key]),
        )

    def _carry_out(self, decision: Decision[Pk], values: Row) -> tuple[Outcome, Pk]:
        match decision.step:
            case Step.REJECT:
                raise RecordError(decision.reason)
            case Step.SKIP:
                self.applied.skip(self.position, decision.reason)
                if decision.warn:
                    self.applied.warn(self.position, "match_on", decision.reason)
                return Outcome.SKIPPED, decision.obj
            case Step.DELETE:
                self.target.delete(self.label, decision.obj)
                self._tell(Outcome.DELETED, decision.obj, {})
                return Outcome.DELETED, decision.obj
            case Step.CREATE:
                return Outcome.CREATED, self._create(values)
            case Step.UPDATE:
                return self._update(decision, values), decision.obj
        return Outcome.UNCHANGED, decision.obj

    def _create(self, values: Row) -> Pk:
        row = {name: column.default for name, column in self.table.columns.items()} | values
        row |= self._references(new=True)
        self._demand(values)
        for name, column in self.table.columns.items():
            if row[name] is None and not column.null:
                raise RecordError(f"a new {self.label} needs {name}", column=name)
        pk = self.target.write(self.label, row)
        self._tell(Outcome.CREATED, pk, {name: (None, value) for name, value in row.items()})
        self._note_missing()
        return pk

    def _update(self, decision: Decision[Pk], values: Row) -> Outcome:
        old = self.target.rows[self.label][decision.obj]
        if values.get(self.table.pk) is not None and not same(values[self.table.pk], decision.obj):
            raise RecordError("a primary key never changes", column=self.table.pk, value=values[self.table.pk])
        forced = Action.FORCE in self.group.actions[self.position]
        new = {n: v for n, v in values.items() if n != self.table.pk} | self._references(new=False)
        new = {n: v for n, v in new.items() if (forced or is_empty(old.get(n))) and not same(old.get(n), v)}
        self._demand({n: v for n, v in new.items() if n in values})
        if decision.victim is not None:
            self.target.delete(self.label, decision.victim)
        self._note_missing()
        if new:
            self.target.write(self.label, self.target.rows[self.label][decision.obj] | new)
            self._tell(Outcome.UPDATED, decision.obj, {n: (old.get(n), v) for n, v in new.items()})
        return Outcome.UPDATED if new or decision.victim is not None else Outcome.UNCHANGED

    def _finish_late(self, found: Found[Pk]) -> None:
        """Only the references, of a record that was applied before."""
        pk = found.linked if found.linked is not None else found.matched
        if pk is None:
            return
        actions = self.group.actions[self.position]
        forced = Action.FORCE in actions and Action.UPDATE in actions
        row = self.target.rows[self.label][pk]
        new = {n: v for n, v in self._references(new=False).items() if forced or row.get(n) is None}
        new = {n: v for n, v in new.items() if not same(row.get(n), v)}
        if new:
            self.target.write(self.label, row | new)
            self.applied.outcomes[self.position] = Outcome.UPDATED
        for each in self.missing:
            self.applied.warn(self.position, each.columns[0], f"there is no {each}; the reference is left alone")

    # -- the record's values -----------------------------------------------------------------

    def _values(self, only: set[str] | None) -> Row:
        values: Row = {}
        for name, cells in zip(self.group.columns, self.group.cells, strict=True):
            column, cell = self.table.column(name), cells[self.position]
            if column is None and name in self.group.match.names:
                raise ConfigurationError(f"match_on names {name!r}, which {self.label} does not have")
            if column is None or cell is OMITTED or (only is not None and name not in only):
                continue
            values[name] = _convert(self._target_column(column), name, cell, null=column.null)
        return values

    def _target_column(self, column: Column) -> Column:
        to = self.target.tables[column.to] if column.to else None
        return (to.column(to.pk) if to else None) or column

    def _demand(self, values: Row) -> None:
        """Postpone a record whose plain reference names a row that is not there (yet)."""
        for name, value in values.items():
            to = self.table.columns[name].to if name in self.table.columns else None
            if to and value is not None and value not in self.target.rows[to]:
                raise _Postpone(RecordError(f"there is no {to} {value!r}", column=name, value=value))

    def _references(self, *, new: bool) -> Row:
        answers: Row = {}
        for reference in self._asked():
            pks = self.target.find(reference.table, reference.given)
            needed = new and not self.table.columns[reference.name].null
            if len(pks) == 1:
                answers[reference.name] = pks[0]
            elif pks:
                reason = f"several {reference}; the reference is left alone"
                self.applied.warn(self.position, reference.columns[0], reason)
            elif needed:
                raise _Postpone(RecordError(f"there is no {reference}", column=reference.columns[0]))
            else:
                self.missing.append(reference)
        return answers

    def _asked(self) -> Iterator[_Reference]:
        given: dict[str, dict[str, object]] = {}
        columns: dict[str, list[str]] = {}
        for name, cells in zip(self.group.columns, self.group.cells, strict=True):
            own, arrow, lookup = (part.strip() for part in name.partition(ARROW))
            if not arrow:
                continue
            to = self.table.columns[own].to if own in self.table.columns else None
            column = self.target.tables[to].column(lookup) if to else None
            if column is None:
                raise ConfigurationError(f"column {name!r}: {self.label} has no such forward reference")
            columns.setdefault(own, []).append(name)
            cell = cells[self.position]
            if cell is not OMITTED and not is_empty(cell):
                given.setdefault(own, {})[lookup] = _convert(column, name, cell, null=True)
        for own, values in given.items():
            to = self.table.columns[own].to or ""
            yield _Reference(name=own, table=to, columns=tuple(columns[own]), given=values)

    def _note_missing(self) -> None:
        if self.missing:
            self.applied.late.add(self.position)

    def _tell(self, outcome: Outcome, pk: Pk, fields: Mapping[str, tuple[object, object]]) -> None:
        number = self.group.numbers[self.position]
        self.applied.changes.append(
            Change(number=number, model=self.label, pk=pk, outcome=outcome, fields=fields)
        )


def is_empty(value: object) -> bool:
    """None or ''."""
    return value is None or (isinstance(value, str) and not value)


def same(left: object, right: object) -> bool:
    """Equality in which True is not 1."""
    return left == right and isinstance(left, bool) is isinstance(right, bool)


def _convert(column: Column, name: str, cell: object, *, null: bool) -> object:
    if is_empty(cell):
        if null:
            return None
        if cell == "" and column.convert is str:
            return ""
        raise RecordError(f"it is {'null' if cell is None else 'blank'}, and {name} allows no NULL", column=name)
    try:
        return column.convert(cell)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise RecordError(str(error) or "the column does not take it", column=name, value=cell) from error


def _write(mapping: dict[Any, Any], name: Any, value: Any) -> None:
    if value is _ABSENT:
        mapping.pop(name, None)
    else:
        mapping[name] = value
