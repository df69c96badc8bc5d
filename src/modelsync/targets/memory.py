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
from modelsync.core.ports import Applied, Group, Settled
from modelsync.core.records import Action, Batch
from modelsync.core.results import Outcome
from modelsync.targets.tables import (
    ABSENT,
    Cells,
    Column,
    Key,
    Pk,
    Postponed,
    Row,
    Table,
    Tables,
    is_empty,
    same,
)

__all__ = ["Column", "MemoryTarget", "Table"]


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
            raise ConfigurationError(
                f"there is no table {group.batch.model!r}; they are {', '.join(self.rows)}"
            )
        applied = Applied.empty(len(group))
        for position in range(len(group)):
            mark = self.tables.mark
            record = _Record(self.tables, group, position, applied, self.conflict)
            try:
                record.process()
            except Postponed as postponed:
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

    def settle(self) -> Iterator[Settled]:
        """Nothing: every outcome is known at once."""
        return iter(())

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


@dataclass(slots=True)
class _Record:
    """One record on its way."""

    tables: Tables
    group: Group
    position: int
    applied: Applied
    conflict: Conflict
    cells: Cells = field(init=False)

    def __post_init__(self) -> None:
        self.cells = Cells(self.tables, self.group, self.position)

    @property
    def label(self) -> str:
        return self.cells.label

    @property
    def actions(self) -> Action:
        return self.group.actions[self.position]

    def process(self) -> None:
        key, names = self._key(), self.group.match.names
        values = self.cells.values(names if Action.DELETE in self.actions else None)
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
        missing = self.cells.missing if self.group.late else []
        for column, reason in [*self.cells.ambiguous, *missing]:
            self.applied.warn(self.position, column, f"{reason}; the reference is left alone")
        if self.cells.missing and not self.group.late:
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
                if decision.warn:
                    self.applied.warn(self.position, "match_on", decision.reason)
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
        columns = self.cells.table.columns
        row = (
            {name: column.default for name, column in columns.items()}
            | values
            | self.cells.references(new=True)
        )
        self.cells.demand(values)
        lacking = [name for name, column in columns.items() if row[name] is None and not column.null]
        if lacking:
            raise RecordError(f"a new {self.label} needs {lacking[0]}", column=lacking[0])
        return self.tables.write(self.label, row)

    def _update(self, decision: Decision[Pk], values: Row) -> Outcome:
        pk = self.cells.table.pk
        given = values.pop(pk, None)
        if given is not None and not same(given, decision.obj):
            raise RecordError("a primary key never changes", column=pk, value=given)
        new = self._news(
            decision.obj, values | self.cells.references(new=False), Action.FORCE in self.actions
        )
        self.cells.demand({name: value for name, value in new.items() if name in values})
        if decision.victim is not None:
            self.tables.delete(self.label, decision.victim)
        self._merge(decision.obj, new)
        return Outcome.UPDATED if new or decision.victim is not None else Outcome.UNCHANGED

    def _finish_late(self, pk: Pk | None) -> None:
        """Only the references, of a record that was applied before."""
        forced = Action.FORCE in self.actions and Action.UPDATE in self.actions
        new = self._news(pk, self.cells.references(new=False), forced) if pk is not None else {}
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
