"""Making the plan of a span, and taking out of it what is no part of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelsync.targets.django.staged.statements import Kind
from modelsync.targets.django.staged.tables import FOUND, PLAN, STAGE, Act, Span
from modelsync.targets.django.staged.work import Work

_PECULIAR = ("stray", "late", "ambiguous", "absent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How many rows of the plan have each act, how many of those lack a mapping, and how many are
    peculiar in some way.
    """

    acts: dict[int, int]
    unmapped: dict[int, int]
    stray: int
    late: int
    ambiguous: int
    absent: int


class Plan:
    """The plan of the span in hand; `facts` are those of its rows."""

    facts: Facts

    def __init__(self, work: Work) -> None:
        self.work = work
        self.sql = work.sql
        self.table = work.dialect.quote(PLAN)
        #: Whether strays and references to rows of the same batch meet: too much for sets.
        self.is_tangled = False

    def make(self, span: Span) -> list[int]:
        """Make the plan of a span; the rows in it that are hazards."""
        work = self.work
        for table in (PLAN, FOUND):
            work.dialect.drop(work.cursor, table)
        is_delete = work.kind is Kind.DELETES
        for statement in (self.sql.deletes if is_delete else self.sql.finding).plan(span):
            work.run_while(statement)
        self._read_facts()
        if is_delete:
            return self._delete_hazards()
        if self.facts.stray and work.kind is Kind.WRITES and not self.sql.rows.has_strays:
            # From now on rows may meet at one object by different ways: all of them must be in the plan.
            self.sql.rows.has_strays = True
            return self.make(span)
        return self._hazards(span)

    def _delete_hazards(self) -> list[int]:
        if self.facts.stray:
            return self.work.numbers(f"SELECT n FROM {self.table} WHERE stray = 1")
        if not self.work.layout.shape.match.tokens:
            return self.work.numbers(self.sql.hazards.shared_targets())
        return []

    def _hazards(self, span: Span) -> list[int]:
        work, hazards = self.work, self.sql.hazards
        by_match = bool(work.layout.shape.match.tokens)
        may_meet = bool(self.facts.stray) or not by_match
        found: list[int] = []
        if self.facts.stray and by_match:
            for statement in self.sql.finding.plan_linked(span):
                work.run(statement)
            self._read_facts()
            if self.sql.rows.own_references():
                self.is_tangled = True
                return [span.low]
            found += work.numbers(f"SELECT n FROM {self.table} WHERE conflict = 1")
        if self.facts.stray and (query := hazards.made_before()):
            found += work.numbers(query)
        if may_meet:
            found += work.numbers(hazards.shared_targets())
        for query in hazards.held_unique():
            found += work.numbers(query)
        if span.overtaken is not None:
            for query in hazards.overtaking(span):
                found += work.numbers(query)
        return found

    def prune(self, cut: int | None) -> list[int]:
        """Take out the rows from `cut` on, and those before it that have to go row by row: these are
        returned.
        """
        work = self.work
        if cut is not None:
            work.run((f"DELETE FROM {self.table} WHERE n >= {cut}", []))
        taken: list[int] = []
        if self.facts.absent:
            taken = work.numbers(f"SELECT n FROM {self.table} WHERE absent <> 0")
        if taken:
            work.run((f"DELETE FROM {self.table} WHERE absent <> 0", []))
        taken += [*self._named_before(), *self._lacking()]
        if taken or cut is not None:
            self._read_facts()
        return taken

    def _named_before(self) -> Sequence[int]:
        """Take rows out of the plan that are there already and name a row that is only now made."""
        if self.work.kind is Kind.DELETES or not self.facts.late:
            return []
        rows: set[int] = set()
        for i in self.sql.rows.own_references():
            named = self.sql.hazards.named_before(i)
            rows.update(self.work.numbers(f"SELECT n FROM ({named}) f WHERE f.act <> {Act.CREATE}"))
        self.work.unplan(sorted(rows))
        return sorted(rows)

    def _lacking(self) -> Sequence[int]:
        """Take new objects out of the plan that lack a value which only the database may give, or
        which nothing gives (they are refused).
        """
        if self.work.kind is not Kind.WRITES or not self.facts.acts.get(Act.CREATE):
            return []
        query = f"SELECT n FROM {self.table} WHERE act = {Act.CREATE}"
        if not self.work.layout.lacking:
            own = self.sql.hazards.filled_by_database()
            if not own:
                return []
            stage = self.work.dialect.quote(STAGE)
            query = (
                f"SELECT p.n FROM {self.table} p JOIN {stage} s ON s.n = p.n "
                f"WHERE p.act = {Act.CREATE} AND {own}"
            )
        rows = self.work.numbers(query)
        self.work.unplan(rows)
        return rows

    def _read_facts(self) -> None:
        """Count the plan's rows per act, and those with each peculiarity."""
        cursor = self.work.cursor
        sums = ", ".join(f"SUM(CASE WHEN {name} <> 0 THEN 1 ELSE 0 END)" for name in _PECULIAR)
        unmapped = "SUM(CASE WHEN map_id IS NULL THEN 1 ELSE 0 END)"
        cursor.execute(f"SELECT act, COUNT(*), {sums}, {unmapped} FROM {self.table} GROUP BY act")
        rows = [[int(value or 0) for value in row] for row in cursor.fetchall()]
        self.facts = Facts(
            acts={row[0]: row[1] for row in rows},
            unmapped={row[0]: row[-1] for row in rows},
            **{name: sum(row[i] for row in rows) for i, name in enumerate(_PECULIAR, 2)},
        )
