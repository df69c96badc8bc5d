"""What is written as a set, and what row by row: the result is that of row by row."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DatabaseError, transaction

from modelsync.targets.django.objects import ObjectsWriter
from modelsync.targets.django.staged.carrying import Carrying
from modelsync.targets.django.staged.independence import Shared, split
from modelsync.targets.django.staged.noting import Noting
from modelsync.targets.django.staged.plan import Plan
from modelsync.targets.django.staged.tables import STAGE, Span
from modelsync.targets.django.staged.work import Work, absorb, timed

#: So few rows are faster, and simpler, one by one.
FEW = 8
#: After so many cuts in one group the rest of it goes row by row: each cut plans the rest anew.
MOST_CUTS = 12
#: After so many sets that broke a rule the rest goes row by row: halving pays for a few bad rows.
MOST_FAILURES = 60


class Sets:
    """Applies the rows of one staged group; `shared` says which depend on one another."""

    def __init__(self, work: Work, objects: ObjectsWriter, shared: Shared) -> None:
        self.work = work
        self.objects = objects
        self.shared = shared
        self.plan = Plan(work)
        self.carrying = Carrying(work, self.plan)
        self.noting = Noting(work, self.plan, self.carrying)
        self.cuts = 0
        self.failures = 0
        #: The rows that were taken off their level because they match several objects.
        self.aside: set[int] = set()
        #: The first row on a later level than that in hand: later rows of this level overtake it.
        self.overtaken: int | None = None

    def process(self, rows: Sequence[int], level: int) -> None:
        """Apply rows of the stage, all at this level, with the result of doing so in their order."""
        alone, rest = split(rows, self.shared)
        if len(alone) <= FEW or len(alone) * 50 < len(rows):
            self.one_by_one(rows)
            return
        self.overtaken = rest[0] if rest else None
        barrier = self._barrier(Span(rows[0], rows[-1], level, self.overtaken))
        if rest:
            self.work.move(rest, level + 1)
        cut = self._write([row for row in alone if barrier is None or row < barrier], level)
        cut = barrier if cut is None else cut
        if cut is None:
            if rest:
                self.process(rest, level + 1)
            return
        if before := [row for row in rest if row < cut]:
            self.process(before, level + 1)
        self._go_on([row for row in rows if row > cut], cut, level)

    def _barrier(self, span: Span) -> int | None:
        """The first row whose key leads to another object than its match, where that row would overtake
        others, or would be overtaken.
        """
        if span.overtaken is None or not self.work.layout.has_keys:
            return None
        with timed(self.work.applied, "plan"):
            return min(self.work.numbers(*self.work.sql.hazards.strays(span)), default=None)

    def _go_on(self, after: Sequence[int], cut: int, level: int) -> None:
        """Apply the row at a cut by itself, then those after it as if they were new."""
        self.cuts += 1
        if self.cuts > MOST_CUTS:
            self.one_by_one([cut, *after])
            return
        self.one_by_one([cut])
        if after:
            stage = self.work.dialect.quote(STAGE)
            self.work.run((f"UPDATE {stage} SET w = {level} WHERE n > {cut} AND w > {level}", []))
            self.work.move([row for row in after if row in self.aside], level)
            self.process(after, level)

    def one_by_one(self, rows: Sequence[int]) -> None:
        """Apply rows through objects, in order."""
        positions = [self.work.loaded.positions[row] for row in rows]
        absorb(self.work.applied, self.objects.apply(self.work.group.take(positions)), positions)

    def _write(self, rows: Sequence[int], level: int) -> int | None:
        """Write independent rows as a set.

        Returns None, or the first row that is no part of a set: then all before it are written.
        """
        if not rows:
            return None
        span = Span(rows[0], rows[-1], level, self.overtaken)
        with timed(self.work.applied, "plan"):
            several = self._several(span)
            hazards = several if self.work.layout.has_keys else []
            if several and not hazards:
                self.work.move(several, -1)
                self.aside.update(several)
            cut = min([*hazards, *self.plan.make(span)], default=None)
        if self.plan.is_tangled:
            self.cuts = MOST_CUTS
        alone = self.plan.prune(cut)
        taken = rows if cut is None else [row for row in rows if row < cut]
        if not self._carry_out():
            inner = self._halve([row for row in taken if row not in several], level, cut)
            if left := [row for row in several if inner is None or row < inner]:
                self.one_by_one(left)
            return inner
        self.noting.note(taken)
        if leftover := sorted(row for row in {*several, *alone} if cut is None or row < cut):
            self.one_by_one(leftover)
        return cut

    def _several(self, span: Span) -> list[int]:
        query = self.work.sql.hazards.several(span)
        return self.work.numbers(query) if query else []

    def _carry_out(self) -> bool:
        """Carry the plan out as a whole; whether no row broke a rule."""
        applied = self.work.applied
        changes, keys_removed = len(applied.changes), applied.keys_removed
        try:
            with timed(applied, "write"), transaction.atomic(using=self.work.context.using):
                self.carrying.carry_out()
        except DatabaseError:
            self.carrying.new_keys = 0
            del applied.changes[changes:]
            applied.keys_removed = keys_removed
            return False
        return True

    def _halve(self, rows: Sequence[int], level: int, cut: int | None) -> int | None:
        """A row of these breaks a rule: find it by halves, so that the others go in."""
        self.failures += 1
        if len(rows) <= FEW or self.failures > MOST_FAILURES:
            self.one_by_one(rows)
            return cut
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            inner = self._write(half, level)
            if inner is not None:
                return inner
        return cut
