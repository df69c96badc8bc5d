"""The order of things: stage, plan, write, and what to do about rows that are no set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from time import perf_counter

from django.db import DatabaseError, transaction

from modelsync.core.planning import HELD_BY_OTHERS, NO_KEY, NOT_HELD, NOTHING_TO_UPDATE
from modelsync.core.ports import Applied, Group
from modelsync.core.records import Action, translate
from modelsync.core.results import Change, Outcome
from modelsync.targets.django.context import Context
from modelsync.targets.django.faults import ambiguous, not_found
from modelsync.targets.django.objects import ObjectsWriter
from modelsync.targets.django.shape import Reference, Shape
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.staged.deletes import DeleteStatements
from modelsync.targets.django.staged.independence import Shared, shared_items, split
from modelsync.targets.django.staged.late import LateStatements
from modelsync.targets.django.staged.layout import Loaded, load_group, make_layout
from modelsync.targets.django.staged.statements import FOUND, PLAN, STAGE, Act, Statement, Statements

#: So few rows are faster, and simpler, one by one.
FEW = 8
#: After so many cuts in one group the rest of it goes row by row: each cut plans the rest anew.
MOST_CUTS = 12
#: After so many sets that broke a rule the rest goes row by row: halving pays for a few bad rows.
MOST_FAILURES = 60

_OUTCOMES = {
    Act.CREATE: Outcome.CREATED,
    Act.UPDATE: Outcome.UPDATED,
    Act.KEEP: Outcome.UNCHANGED,
    Act.DELETE: Outcome.DELETED,
    Act.NOTHING: Outcome.SKIPPED,
    Act.HELD_BY_OTHERS: Outcome.SKIPPED,
    Act.NOT_HELD: Outcome.SKIPPED,
    Act.NO_KEY: Outcome.SKIPPED,
}
_FACTS = ("stray", "late", "ambiguous", "absent")
_REASONS = {
    Act.NOTHING: NOTHING_TO_UPDATE,
    Act.HELD_BY_OTHERS: HELD_BY_OTHERS,
    Act.NOT_HELD: NOT_HELD,
    Act.NO_KEY: NO_KEY,
}


class _Kind(Enum):
    """What the records of a group are there for."""

    WRITES = Statements
    DELETES = DeleteStatements
    LATE = LateStatements


class StagedWriter:
    """Applies groups of one shape through the stage."""

    def __init__(self, context: Context, shape: Shape, dialect: Dialect) -> None:
        self.context = context
        self.shape = shape
        self.dialect = dialect
        self.objects = ObjectsWriter(context, shape)
        # A record that only deletes is asked for nothing but its match values.
        named = tuple(column for column in shape.values if column.name in shape.match.names)
        writes = make_layout(context, shape, dialect)
        self.layouts = {
            _Kind.WRITES: writes,
            _Kind.DELETES: make_layout(context, replace(shape, values=named, references=()), dialect),
            _Kind.LATE: replace(
                make_layout(context, replace(shape, values=named), dialect), sent=writes.sent
            ),
        }

    def apply(self, group: Group) -> Applied:
        """Decide and write every record of the group; the result is that of row by row."""
        if group.in_circle:
            return self.objects.apply(group)
        if group.late:
            return _Group(self, group, _Kind.LATE).apply()
        applied = Applied.empty(len(group))
        if group.uniform is not None and Action.DELETE not in group.uniform:
            return _Group(self, group, _Kind.WRITES).apply()
        for positions, deletes in _runs(group):
            part = group if len(positions) == len(group) else group.take(positions)
            if deletes and self.shape.schema.has_incoming:
                found = self.objects.apply(part)
            else:
                found = _Group(self, part, _Kind.DELETES if deletes else _Kind.WRITES).apply()
            absorb(applied, found, positions)
        return applied


class _Group:
    """One group on its way through the stage."""

    def __init__(self, writer: StagedWriter, group: Group, kind: _Kind) -> None:
        self.writer = writer
        self.context = writer.context
        self.dialect = writer.dialect
        self.group = group
        self.kind = kind
        self.layout = writer.layouts[kind]
        self.applied = Applied.empty(len(group))
        self.cuts = 0
        self.pending_keys = 0
        self.failures = 0
        self.filled: dict[int, int] = {}
        self.shared: Shared = []

    def apply(self) -> Applied:
        with self._timed("convert"):
            self.loaded: Loaded = load_group(self.context, self.layout, self.group, self.dialect)
        for position, error in self.loaded.errors.items():
            self.applied.reject(position, error)
        if not self.loaded.positions:
            return self.applied
        self.sql = self.kind.value(self.context, self.layout, self.loaded, self.dialect)
        with self.context.connection.cursor() as cursor:
            self.cursor = cursor
            with self._timed("stage"):
                is_staged = self._stage_unchecked() if not self.context.check else self._stage()
            if is_staged:
                self.process(range(len(self.loaded.positions)), 0)
            else:
                self.one_by_one(range(len(self.loaded.positions)))
            for table in (PLAN, FOUND, STAGE):
                self.dialect.drop(cursor, table)
        return self.applied

    def _stage_unchecked(self) -> bool:
        """Values that nobody has checked may be too much for the stage's columns, too."""
        try:
            with transaction.atomic(using=self.context.using):
                return self._stage()
        except DatabaseError:
            return False

    def _stage(self) -> bool:
        names = list(self.loaded.columns)
        self.dialect.create_stage(self.cursor, STAGE, [c for c in self.layout.columns if c.name in names or c.default])
        self.dialect.load(self.cursor, STAGE, names, [self.loaded.columns[name] for name in names])
        self.dialect.analyze(self.cursor, STAGE, self.sql.joined_on())
        self.dialect.refresh(self.cursor, self.sql.tables())
        self.shared = shared_items(self.layout.shape, self.loaded, self.dialect, self.cursor, STAGE)
        return True

    # -- sets and rows -----------------------------------------------------------------------

    def process(self, rows: Sequence[int], level: int) -> None:
        """Apply rows of the stage, all at this level, with the result of doing so in their order."""
        alone, rest = split(rows, self.shared)
        if len(alone) <= FEW or len(alone) * 50 < len(rows):
            self.one_by_one(rows)
            return
        if rest:
            self._move(rest, level + 1)
        cut = self.write(alone, level)
        if cut is None:
            if rest:
                self.process(rest, level + 1)
            return
        if before := [row for row in rest if row < cut]:
            self.process(before, level + 1)
        after = [row for row in rows if row > cut]
        self.cuts += 1
        if self.cuts > MOST_CUTS:
            self.one_by_one([cut, *after])
            return
        self.one_by_one([cut])
        if after:
            self.run((f"UPDATE {self.q(STAGE)} SET w = {level} WHERE n > {cut} AND w > {level}", []))
            self.process(after, level)

    def one_by_one(self, rows: Sequence[int]) -> None:
        """Apply rows through objects, in order."""
        positions = [self.loaded.positions[row] for row in rows]
        found = self.writer.objects.apply(self.group.take(positions))
        absorb(self.applied, found, positions)

    def write(self, rows: Sequence[int], level: int) -> int | None:
        """Write independent rows as a set.

        Returns None, or the first row that is no part of a set: then all before it are written.
        """
        if not rows:
            return None
        low, high = rows[0], rows[-1]
        with self._timed("plan"):
            several = self._several(low, high, level)
            if several and self.layout.has_keys:
                self.one_by_one(rows)
                return None
            if several:
                self._move(several, -1)
            hazards = self._plan(low, high, level)
        cut = min(hazards, default=None)
        if cut is not None:
            self.run((f"DELETE FROM {self.q(PLAN)} WHERE n >= {cut}", []))
        absent = (
            self.numbers(f"SELECT n FROM {self.q(PLAN)} WHERE absent <> 0") if self.facts["absent"] else []
        )
        if absent:
            self.run((f"DELETE FROM {self.q(PLAN)} WHERE absent <> 0", []))
        absent += self._named_before() + self._lacking()
        if absent or cut is not None:
            self._read_facts()
        taken = rows if cut is None else [row for row in rows if row < cut]
        kept = len(self.applied.changes), self.applied.keys_removed
        try:
            with self._timed("write"), transaction.atomic(using=self.context.using):
                self._execute()
        except DatabaseError:
            self.pending_keys = 0
            del self.applied.changes[kept[0] :]
            self.applied.keys_removed = kept[1]
            inner = self._halve([row for row in taken if row not in several], level, cut)
            if left := [row for row in several if inner is None or row < inner]:
                self.one_by_one(left)
            return inner
        self._note(taken)
        if leftover := sorted(row for row in {*several, *absent} if cut is None or row < cut):
            self.one_by_one(leftover)
        return cut

    def _halve(self, rows: Sequence[int], level: int, cut: int | None) -> int | None:
        """A row of these breaks a rule: find it by halves, so that the others go in."""
        self.failures += 1
        if len(rows) <= FEW or self.failures > MOST_FAILURES:
            self.one_by_one(rows)
            return cut
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            inner = self.write(half, level)
            if inner is not None:
                return inner
        return cut

    # -- plan --------------------------------------------------------------------------------

    def _several(self, low: int, high: int, level: int) -> list[int]:
        query = self.sql.several(low, high, level)
        return self.numbers(query) if query else []

    def _plan(self, low: int, high: int, level: int) -> list[int]:
        """Make the plan of a span; the rows in it that are hazards."""
        for table in (PLAN, FOUND):
            self.dialect.drop(self.cursor, table)
        for statement in self.sql.plan(low, high, level):
            self.run(statement)
        self._read_facts()
        hazards: list[int] = []
        if self.facts["stray"] and self.kind is _Kind.WRITES and not self.sql.has_strays:
            # From now on rows may meet at one object by different ways: all of them must be in the plan.
            self.sql.has_strays = True
            return self._plan(low, high, level)
        if self.facts["stray"] and self.kind is not _Kind.DELETES and self.layout.shape.match.tokens:
            for statement in self.sql.plan_linked(low, high, level):
                self.run(statement)
            self._read_facts()
            if self.sql.own_references():
                self.cuts = MOST_CUTS
                return [low]
            hazards += self.numbers(f"SELECT n FROM {self.q(PLAN)} WHERE conflict = 1")
            hazards += self.numbers(self.sql.shared_targets())
        elif self.facts["stray"] and self.kind is _Kind.DELETES:
            hazards += self.numbers(f"SELECT n FROM {self.q(PLAN)} WHERE stray = 1")
        elif not self.layout.shape.match.tokens:
            hazards += self.numbers(self.sql.shared_targets())
        for query in self.sql.held_unique():
            hazards += self.numbers(query)
        return hazards

    def _named_before(self) -> list[int]:
        """Take rows out of the plan that are there already and name a row that is only now made."""
        if self.kind is _Kind.DELETES or not self.facts["late"]:
            return []
        rows = set()
        for i in self.sql.own_references():
            rows.update(
                self.numbers(f"SELECT n FROM ({self.sql.named_before(i)}) f WHERE f.act <> {Act.CREATE}")
            )
        self._unplan(sorted(rows))
        return sorted(rows)

    def _lacking(self) -> list[int]:
        """Take new objects out of the plan that lack a value which only the database may give, or
        which nothing gives (they are refused).
        """
        if self.kind is not _Kind.WRITES or not self.acts.get(Act.CREATE):
            return []
        query = f"SELECT n FROM {self.q(PLAN)} WHERE act = {Act.CREATE}"
        if not self.layout.lacking:
            own = self.sql.filled_by_database()
            if not own:
                return []
            stage = self.q(STAGE)
            query = f"SELECT p.n FROM {self.q(PLAN)} p JOIN {stage} s ON s.n = p.n WHERE p.act = {Act.CREATE} AND {own}"
        rows = self.numbers(query)
        self._unplan(rows)
        return rows

    def _unplan(self, rows: Sequence[int]) -> None:
        for start in range(0, len(rows), 400):
            chunk = rows[start : start + 400]
            marks = ", ".join(["%s"] * len(chunk))
            self.run((f"DELETE FROM {self.q(PLAN)} WHERE n IN ({marks})", list(chunk)))

    def _read_facts(self) -> None:
        """Count the plan's rows per act, and those with each peculiarity."""
        sums = ", ".join(f"SUM(CASE WHEN {name} <> 0 THEN 1 ELSE 0 END)" for name in _FACTS)
        unmapped = "SUM(CASE WHEN map_id IS NULL THEN 1 ELSE 0 END)"
        self.cursor.execute(f"SELECT act, COUNT(*), {sums}, {unmapped} FROM {self.q(PLAN)} GROUP BY act")
        rows = [[int(value or 0) for value in row] for row in self.cursor.fetchall()]
        self.acts = {row[0]: row[1] for row in rows}
        self.unmapped = {row[0]: row[-1] for row in rows}
        self.facts = {name: sum(row[i] for row in rows) for i, name in enumerate(_FACTS, 2)}

    # -- write -------------------------------------------------------------------------------

    def _execute(self) -> None:
        """Carry the plan out."""
        acts = self.acts
        if self.kind is _Kind.DELETES:
            self._execute_deletes(acts)
            return
        self._keep_changes()
        self.filled = {}
        if acts.get(Act.UPDATE):
            self.run(self.sql.update())
        first = self._insert() if acts.get(Act.CREATE) else None
        if self.layout.has_keys and self.kind is _Kind.WRITES:
            self._write_keys(first)
        if acts.get(Act.CREATE) and self.facts["late"]:
            self._fill_own(first)

    def _insert(self) -> tuple[int, int] | None:
        """Make the new objects; the first of their keys and the step, where they are counted."""
        if not self.sql.draws_ids or self.dialect.ids_before:
            self.run(self.sql.insert(None))
            return None
        model = self.context.schema.model
        first = None if self.dialect.ids_after else self.dialect.first_id(self.cursor, model)
        self.run(self.sql.insert(first))
        first = first or self.dialect.first_id(self.cursor, model)
        if self.facts["stray"]:
            self.run(self.sql.note_ids(first))
        return first

    def _write_keys(self, first: tuple[int, int] | None) -> None:
        found = [act for act in (Act.UPDATE, Act.KEEP) if self.unmapped.get(act)]
        if self.unmapped.get(Act.CREATE) and first:
            self.pending_keys += self.run(self.sql.insert_new_keys(first))
        elif self.unmapped.get(Act.CREATE):
            found.append(Act.CREATE)
        if found:
            self.pending_keys += self.run(self.sql.insert_keys(found))
        if self.facts["stray"]:
            self.pending_keys += self.run(self.sql.repoint_keys())

    def _fill_own(self, first: tuple[int, int] | None) -> None:
        """Let new objects refer to those that earlier rows have just made."""
        own = self.sql.own_references()
        if own and first and not self.facts["stray"]:
            self.run(self.sql.note_ids(first))
        for i in own:
            self.run(self.sql.fill_own(i))
            for n in self.numbers(f"SELECT n FROM ({self.sql.named_before(i)}) f"):
                self.filled.setdefault(n, 0)
                self.filled[n] |= 1 << i

    def _execute_deletes(self, acts: dict[int, int]) -> None:
        self._keep_changes()
        if acts.get(Act.DELETE):
            self.run(self.sql.delete())
        if self.layout.has_keys:
            self.applied.keys_removed += self.run(self.sql.drop_keys())

    def _keep_changes(self) -> None:
        """Read what is about to change, while a preview wants more of it."""
        room = self.context.changes_wanted - len(self.applied.changes)
        if room <= 0:
            return
        query, fields = self.sql.changes(room)
        self.cursor.execute(query)
        for n, act, pk, *values in self.cursor.fetchall():
            position = self.loaded.positions[n]
            outcome = _OUTCOMES[Act(act)]
            pairs = zip(fields, values[::2], values[1::2], strict=True) if values else ()
            self.applied.changes.append(
                Change(
                    number=self.group.numbers[position],
                    model=self.context.schema.label,
                    pk=pk,
                    outcome=outcome,
                    fields={f.name: (old, new) for f, old, new in pairs if old != new},
                    origin=self.group.origin(position),
                )
            )

    # -- noting ------------------------------------------------------------------------------

    def _note(self, rows: Sequence[int]) -> None:
        """Take over the outcomes of the plan; a row that is not in it is as it should be."""
        self.applied.keys_written += self.pending_keys
        self.pending_keys = 0
        if not rows:
            return
        is_late = self.kind is _Kind.LATE
        usual = 0 if is_late else int(Outcome.UNCHANGED)
        codes = {int(act): int(_OUTCOMES[Act(act)]) for act in self.acts}
        if is_late:
            # All else about the record was said before.
            codes = {act: code if act == Act.UPDATE else usual for act, code in codes.items()}
        unusual = [act for act, code in codes.items() if code != usual]
        if len(unusual) == 1 and self.acts[unusual[0]] == len(rows):
            self._fill(rows, codes[unusual[0]])
        else:
            self._fill(rows, usual)
            if unusual:
                listed = ", ".join(map(str, unusual))
                self.cursor.execute(f"SELECT act, n FROM {self.q(PLAN)} WHERE act IN ({listed})")
                positions, outcomes = self.loaded.positions, self.applied.outcomes
                for act, n in self.cursor.fetchall():
                    outcomes[positions[n]] = codes[act]
        for act, reason in () if is_late else _REASONS.items():
            if act in self.acts:
                for n in self.numbers(f"SELECT n FROM {self.q(PLAN)} WHERE act = {act}"):
                    self.applied.skips[self.loaded.positions[n]] = reason
        if self.facts["late"] and self.kind is _Kind.LATE:
            self._note_missing()
        elif self.facts["late"]:
            self._note_late()
        if self.facts["ambiguous"]:
            self._note_ambiguous()

    def _fill(self, rows: Sequence[int], code: int) -> None:
        """Give rows one outcome."""
        positions, outcomes = self.loaded.positions, self.applied.outcomes
        start, end = positions[rows[0]], positions[rows[-1]] + 1
        if end - start == len(rows):
            outcomes[start:end] = bytes([code]) * len(rows)
            return
        for row in rows:
            outcomes[positions[row]] = code

    def _note_late(self) -> None:
        self.cursor.execute(f"SELECT n, late FROM {self.q(PLAN)} WHERE late <> 0 AND act <> {Act.NOTHING}")
        for n, bits in self.cursor.fetchall():
            position = self.loaded.positions[n]
            if not int(bits) & ~self.filled.get(n, 0):
                continue
            created = self.applied.outcomes[position] == Outcome.CREATED
            if created or Action.UPDATE in self.group.actions[position]:
                self.applied.late.add(position)

    def _note_missing(self) -> None:
        """Warn of references that are not found at the end of the pass either."""
        self.cursor.execute(
            f"SELECT n, late FROM {self.q(PLAN)} WHERE late <> 0 AND act <> {Act.NOTHING} ORDER BY n"
        )
        for n, bits in self.cursor.fetchall():
            for reference in self._named(int(bits)):
                said = self._said(reference, n)
                self.applied.warn(
                    self.loaded.positions[n], reference.lookups[0].column, not_found(reference, said)
                )

    def _named(self, bits: int) -> list[Reference]:
        return [r for i, r in enumerate(self.layout.shape.references) if bits >> i & 1]

    def _said(self, reference: Reference, n: int) -> str:
        """The lookup values of a record."""
        given = ((lk.path, self.loaded.columns[f"l{lk.index}"][n]) for lk in reference.lookups)
        return ", ".join(f"{path} {value!r}" for path, value in given if value is not None)

    def _note_ambiguous(self) -> None:
        self.cursor.execute(
            f"SELECT n, ambiguous FROM {self.q(PLAN)} WHERE ambiguous <> 0 AND act <> {Act.NOTHING} ORDER BY n"
        )
        for n, bits in self.cursor.fetchall():
            position = self.loaded.positions[n]
            if (
                self.applied.outcomes[position] != Outcome.CREATED
                and Action.UPDATE not in self.group.actions[position]
            ):
                continue
            for reference in self._named(int(bits)):
                problem = ambiguous(reference, self._said(reference, n))
                self.applied.warn(position, reference.lookups[0].column, problem)

    # -- small things ------------------------------------------------------------------------

    def q(self, name: str) -> str:
        return self.dialect.quote(name)

    def run(self, statement: Statement) -> int:
        """Execute a statement; how many rows it touched."""
        sql, params = statement
        self.cursor.execute(sql, params or None)
        return int(self.cursor.rowcount)

    def numbers(self, query: str) -> list[int]:
        self.cursor.execute(query)
        return [row[0] for row in self.cursor.fetchall()]

    def _move(self, rows: Sequence[int], level: int) -> None:
        """Put rows of the stage on another level."""
        self.sql.has_moved = True
        for start in range(0, len(rows), 400):
            chunk = rows[start : start + 400]
            marks = ", ".join(["%s"] * len(chunk))
            self.run((f"UPDATE {self.q(STAGE)} SET w = {level} WHERE n IN ({marks})", list(chunk)))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = perf_counter()
        yield
        spent = perf_counter() - started
        self.applied.durations[stage] = self.applied.durations.get(stage, 0.0) + spent


def _runs(group: Group) -> Iterator[tuple[list[int], bool]]:
    """Positions in order, in runs that only delete and runs that do not."""
    deletes = translate(group.actions, lambda action: Action.DELETE in action)
    start = 0
    for end in range(1, len(deletes) + 1):
        if end == len(deletes) or deletes[end] != deletes[start]:
            yield list(range(start, end)), deletes[start]
            start = end


def absorb(applied: Applied, part: Applied, positions: Sequence[int]) -> None:
    """Add what became of a part of a group; `positions` are its records in the whole."""
    for inner, position in enumerate(positions):
        applied.outcomes[position] = part.outcomes[inner]
    applied.rejections.update({positions[i]: error for i, error in part.rejections.items()})
    applied.skips.update({positions[i]: reason for i, reason in part.skips.items()})
    applied.warnings.extend((positions[i], column, reason) for i, column, reason in part.warnings)
    applied.late.update(positions[i] for i in part.late)
    applied.postponed.update({positions[i]: error for i, error in part.postponed.items()})
    applied.changes.extend(part.changes)
    applied.keys_written += part.keys_written
    applied.keys_removed += part.keys_removed
    for stage, seconds in part.durations.items():
        applied.durations[stage] = applied.durations.get(stage, 0.0) + seconds
