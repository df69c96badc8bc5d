"""A target of plain dictionaries: for tests of engines, sources and policies, without a database.

It keeps docs/explanation/semantics.md for plain columns, forward references and key mappings. Reverse
and many-to-many relations it does not have; asking for one is a ConfigurationError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelsync.core.errors import ConfigurationError, RecordError
from modelsync.core.guard import Guard
from modelsync.core.planning import Conflict, Decision, Found, Step, decide
from modelsync.core.ports import Applied, Group
from modelsync.core.records import OMITTED, Action, Batch
from modelsync.core.results import Outcome
from modelsync.targets.tables import ABSENT, Column, Key, Pk, Row, Table, Tables, converted, is_empty, same

__all__ = ["Column", "MemoryTarget", "Table"]

ARROW = "=>"


class MemoryTarget:
    """Applies groups to `rows`: label -> primary key -> row; `keys`: (label, system, key) -> primary key."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        *,
        conflict: Conflict = Conflict.DELETE,
        delete_missing: bool = False,
        guard: Guard | None = None,
    ) -> None:
        self.tables = Tables(tables)
        self.rows = self.tables.rows
        self.keys = self.tables.keys
        self.conflict = conflict
        self.delete_missing = delete_missing
        self.guard = guard or Guard()
        self._seen: dict[tuple[str, str], set[str]] = {}

    def apply(self, group: Group) -> Applied:
        """Decide what each record of the group means and do it, one after the other."""
        if group.batch.model not in self.rows:
            raise ConfigurationError(f"there is no table {group.batch.model!r}; they are {', '.join(self.rows)}")
        applied = Applied.empty(len(group))
        for position in range(len(group)):
            mark = self.tables.mark
            record = _Record(self.tables, group, position, applied, self.conflict)
            try:
                record.process()
            except _Postpone as postponed:
                self.tables.undo(mark)
                applied.postponed[position] = postponed.error
            except RecordError as error:
                self.tables.undo(mark)
                applied.reject(position, error)
            else:
                record.tell()
        return applied

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        """Remember the keys of a complete input."""
        if batch.model and batch.system:
            self._seen.setdefault((batch.model, batch.system), set()).update(key for key in keys if key)

    def finish(self) -> int:
        """Delete the objects that are held only by keys which the input no longer has."""
        removed = 0
        for (label, system), seen in self._seen.items() if self.delete_missing else ():
            gone = {k for k in self.keys if k[:2] == (label, system) and k[2] not in seen}
            pks = {self.keys[k] for k in gone} & self.rows[label].keys()
            doomed = [pk for pk in pks if gone.issuperset(self.tables.holders(label, pk))]
            self.guard.check_missing(len(doomed), len(self.rows[label]), label)
            for pk in doomed:
                self.tables.delete(label, pk)
            for key in gone:
                self.tables.put(self.keys, key, ABSENT)
            removed += len(doomed)
        self._seen = {}
        return removed

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Everything inside is undone when an exception leaves it."""
        mark = self.tables.mark
        try:
            yield
        except BaseException:
            self.tables.undo(mark)
            self._seen = {}
            raise
        if not mark:
            self.tables.forget()


class _Postpone(Exception):
    """The record cannot be written before what it refers to exists."""

    def __init__(self, error: RecordError) -> None:
        self.error = error


@dataclass(slots=True)
class _Record:
    """One record on its way. `missing` are the references that nothing answers: column and what was sought."""

    tables: Tables
    group: Group
    position: int
    applied: Applied
    conflict: Conflict
    missing: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.group.batch.model or ""

    @property
    def table(self) -> Table:
        return self.tables.tables[self.label]

    @property
    def actions(self) -> Action:
        return self.group.actions[self.position]

    def process(self) -> None:
        key, names = self._key(), self.group.match.names
        values = self._values(names if Action.DELETE in self.actions else None)
        if not names and key is None:
            raise RecordError("match_on is empty, and the row has no external key", column="match_on")
        found = self._found(values, key)
        if self.group.late:
            self._finish_late(found.linked if found.linked is not None else found.matched)
            return
        decision = decide(self.actions, found, self.conflict)
        outcome, pk = self._carry_out(decision, values)
        self.applied.outcomes[self.position] = outcome
        keys = self.tables.keys
        if decision.drop_key and key in keys:
            self.tables.put(keys, key, ABSENT)
            self.applied.keys_removed += 1
        if decision.keep_key and key and keys.get(key, ABSENT) != pk:
            self.tables.put(keys, key, pk)
            self.applied.keys_written += 1

    def tell(self) -> None:
        """Pass on what a record that was not refused leaves open."""
        for column, reason in self.warnings:
            self.applied.warn(self.position, column, reason)
        for column, sought in self.missing if self.group.late else ():
            self.applied.warn(self.position, column, f"there is no {sought}; the reference is left alone")
        if self.missing and not self.group.late:
            self.applied.late.add(self.position)

    def _key(self) -> Key | None:
        key = self.group.keys[self.position]
        return (self.label, self.group.batch.system or "", key) if key else None

    def _found(self, values: Row, key: Key | None) -> Found[Pk]:
        rows, match = self.tables.rows[self.label], self.group.match
        linked = self.tables.keys.get(key) if key else None
        linked = linked if linked in rows else None
        pks: set[Pk] = set()
        if match.tokens:
            pks = match.fold(
                lambda name: set(self.tables.find(self.label, {name: values.get(name)})),
                lambda a, b: a & b,
                lambda a, b: a | b,
                lambda a: set(rows) - a,
            )
        matched = min(pks) if len(pks) == 1 else None
        holders = self.tables.holders(self.label, matched if match.tokens else linked)
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
                self.warnings += [("match_on", decision.reason)] if decision.warn else []
                return Outcome.SKIPPED, None
            case Step.DELETE:
                self.tables.delete(self.label, decision.obj)
                return Outcome.DELETED, None
            case Step.CREATE:
                return Outcome.CREATED, self._create(values)
            case Step.UPDATE:
                return self._update(decision, values), decision.obj
        return Outcome.UNCHANGED, decision.obj

    def _create(self, values: Row) -> Pk:
        columns = self.table.columns
        row = {name: column.default for name, column in columns.items()} | values | self._references(new=True)
        self._demand(values)
        lacking = [name for name, column in columns.items() if row[name] is None and not column.null]
        if lacking:
            raise RecordError(f"a new {self.label} needs {lacking[0]}", column=lacking[0])
        return self.tables.write(self.label, row)

    def _update(self, decision: Decision[Pk], values: Row) -> Outcome:
        pk, given = self.table.pk, values.pop(self.table.pk, None)
        if given is not None and not same(given, decision.obj):
            raise RecordError("a primary key never changes", column=pk, value=given)
        new = self._news(decision.obj, values | self._references(new=False), Action.FORCE in self.actions)
        self._demand({name: value for name, value in new.items() if name in values})
        if decision.victim is not None:
            self.tables.delete(self.label, decision.victim)
        self._merge(decision.obj, new)
        return Outcome.UPDATED if new or decision.victim is not None else Outcome.UNCHANGED

    def _finish_late(self, pk: Pk | None) -> None:
        """Only the references, of a record that was applied before."""
        forced = Action.FORCE in self.actions and Action.UPDATE in self.actions
        new = self._news(pk, self._references(new=False), forced) if pk is not None else {}
        self._merge(pk, new)
        if new:
            self.applied.outcomes[self.position] = Outcome.UPDATED

    def _news(self, pk: Pk, values: Row, forced: bool) -> Row:
        old = self.tables.rows[self.label][pk]
        may = {name: value for name, value in values.items() if forced or is_empty(old.get(name))}
        return {name: value for name, value in may.items() if not same(old.get(name), value)}

    def _merge(self, pk: Pk, new: Row) -> None:
        if new:
            self.tables.write(self.label, self.tables.rows[self.label][pk] | new)

    # -- the record's cells ------------------------------------------------------------------

    def _cells(self) -> Iterator[tuple[str, object]]:
        for name, cells in zip(self.group.columns, self.group.cells, strict=True):
            if cells[self.position] is not OMITTED:
                yield name, cells[self.position]

    def _values(self, only: Sequence[str] | None) -> Row:
        values: Row = {}
        for name in self.group.match.names:
            if self.table.column(name) is None:
                raise ConfigurationError(f"match_on names {name!r}, which {self.label} does not have")
        for name, cell in self._cells():
            column = self.table.column(name)
            if column is not None and (only is None or name in only):
                to = self.tables.tables[column.to] if column.to else None
                kind = (to.column(to.pk) if to else None) or column
                values[name] = converted(kind, name, cell, null=column.null)
        return values

    def _demand(self, values: Row) -> None:
        """Postpone a record whose plain reference names a row that is not there (yet)."""
        for name, value in values.items():
            to = self.table.columns[name].to if name in self.table.columns else None
            if to and value is not None and value not in self.tables.rows[to]:
                raise _Postpone(RecordError(f"there is no {to} {value!r}", column=name, value=value))

    def _references(self, *, new: bool) -> Row:
        """The answers of the record's references; notes those that have none, or several."""
        answers: Row = {}
        for name, given in self._asked().items():
            column, to = f"{name}{ARROW}{next(iter(given))}", self.table.columns[name].to or ""
            pks = self.tables.find(to, given)
            sought = f"{to} with " + ", ".join(f"{lookup} {value!r}" for lookup, value in given.items())
            if len(pks) == 1:
                answers[name] = pks[0]
            elif pks:
                self.warnings.append((column, f"several {sought}; the reference is left alone"))
            elif new and not self.table.columns[name].null:
                raise _Postpone(RecordError(f"there is no {sought}", column=column))
            else:
                self.missing.append((column, sought))
        return answers

    def _asked(self) -> dict[str, Row]:
        """For each reference with lookups that are not blank, those by name."""
        given: dict[str, Row] = {}
        for name, cell in self._cells():
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
