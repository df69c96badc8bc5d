"""What the stage and the tables do not have in common: which rows are new, changed, or to go."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from modelsync.targets.django.mirror.sheet import Many, Sheet
from modelsync.targets.django.schema import column_of
from modelsync.targets.django.sql import Dialect


class Act(IntEnum):
    """What the plan says about a record. RELATE: only its many-to-many relations change."""

    CREATE = 1
    UPDATE = 2
    RELATE = 3


class Difference:
    """The statements that compare one model's stage with its table."""

    def __init__(self, sheet: Sheet, dialect: Dialect) -> None:
        self.sheet = sheet
        self.dialect = dialect
        self.q = dialect.quote
        self.stage = self.q(sheet.stage)
        self.plan = self.q(sheet.plan)
        self.doomed = self.q(sheet.doomed)
        self.table = self.q(sheet.model._meta.db_table)
        self.pk = f"t.{self.q(column_of(sheet.pk))}"

    def drop_doubles(self) -> str:
        """Of records of one object the last one counts: drop the others from the stage."""
        last = (
            f"SELECT s.n AS n FROM {self.stage} s JOIN (SELECT k, MAX(n) AS last FROM {self.stage} "
            f"GROUP BY k HAVING COUNT(*) > 1) d ON d.k = s.k AND s.n < d.last"
        )
        return f"DELETE FROM {self.stage} WHERE n IN (SELECT n FROM ({last}) x)"

    def doubles(self) -> str:
        """Number and key of the records that `drop_doubles` drops, and of those that count instead."""
        return (
            f"SELECT s.n, s.k, d.last, z.k FROM {self.stage} s JOIN (SELECT k, MAX(n) AS last "
            f"FROM {self.stage} GROUP BY k HAVING COUNT(*) > 1) d ON d.k = s.k AND s.n < d.last "
            f"JOIN {self.stage} z ON z.n = d.last ORDER BY s.n"
        )

    def make_plan(self) -> str:
        """Make the plan: the records that are new or differ from their objects."""
        act = f"CASE WHEN {self.pk} IS NULL THEN {Act.CREATE} ELSE {Act.UPDATE} END"
        differs = [self._differs(f"t.{self.q(column_of(c.field))}", c) for c in self.sheet.values]
        tests = " OR ".join([f"{self.pk} IS NULL", *differs])
        return (
            f"CREATE TEMPORARY TABLE {self.plan} AS SELECT s.n AS n, s.k AS k, {act} AS act "
            f"FROM {self.stage} s LEFT JOIN {self.table} t ON {self.pk} = s.k WHERE {tests}"
        )

    def _differs(self, current: str, column: Any) -> str:
        return self.dialect.distinct(column.field, current, f"s.{column.staged}")

    def changes(self, limit: int) -> str:
        """Old and new values of what will change: n, act, k, then a pair for each field."""
        pairs = "".join(
            f", t.{self.q(column_of(column.field))}, s.{column.staged}" for column in self.sheet.values
        )
        return (
            f"SELECT s.n, p.act, s.k{pairs} FROM {self.plan} p JOIN {self.stage} s ON s.n = p.n "
            f"LEFT JOIN {self.table} t ON {self.pk} = s.k ORDER BY s.n LIMIT {limit}"
        )

    def make_doomed(self) -> str:
        """Find the rows of the table that the stream does not have."""
        return (
            f"CREATE TEMPORARY TABLE {self.doomed} AS SELECT {self.pk} AS k FROM {self.table} t "
            f"LEFT JOIN {self.stage} s ON s.k = {self.pk} WHERE s.k IS NULL"
        )

    def make_no_doomed(self) -> str:
        """The same table without rows."""
        return (
            f"CREATE TEMPORARY TABLE {self.doomed} AS SELECT {self.pk} AS k FROM {self.table} t WHERE 1 = 0"
        )

    # -- many-to-many ------------------------------------------------------------------------

    def _through(self, many: Many) -> tuple[str, str, str]:
        """A relation's table, and its columns of the holder and of the target."""
        table = self.q(many.through._meta.db_table)
        return table, f"x.{self.q(column_of(many.source))}", f"x.{self.q(column_of(many.target))}"

    def missing_pairs(self, many: Many) -> str:
        """FROM and WHERE of the pairs of the stage that the relation lacks; `p` is the pair."""
        table, holder, target = self._through(many)
        return (
            f"FROM {self.q(many.stage)} p JOIN {self.stage} s ON s.n = p.r "
            f"LEFT JOIN {table} x ON {holder} = p.k AND {target} = p.o WHERE {holder} IS NULL"
        )

    def extra_pairs(self, many: Many) -> str:
        """FROM and WHERE of the pairs that the relation has and the stage does not; `x` is the pair."""
        table, holder, target = self._through(many)
        return (
            f"FROM {table} x JOIN {self.stage} s ON s.k = {holder} "
            f"LEFT JOIN {self.q(many.stage)} p ON p.r = s.n AND p.o = {target} WHERE p.n IS NULL"
        )

    def note_relations(self, many: Many) -> list[str]:
        """Plan the records of which only relations change."""
        planned = f"NOT EXISTS (SELECT 1 FROM {self.plan} d WHERE d.n = s.n)"
        return [
            f"INSERT INTO {self.plan} (n, k, act) "
            f"SELECT DISTINCT s.n, s.k, {Act.RELATE} {pairs} AND {planned}"
            for pairs in (self.missing_pairs(many), self.extra_pairs(many))
        ]

    def insert_pairs(self, many: Many) -> str:
        """Write the pairs that the relation lacks."""
        table, *_ = self._through(many)
        columns = ", ".join(self.q(column_of(each)) for each in (many.source, many.target))
        return (
            f"INSERT INTO {table} ({columns}) SELECT DISTINCT p.k, p.o {self.missing_pairs(many)} "
            f"ORDER BY p.k, p.o"
        )

    def delete_pairs(self, many: Many) -> str:
        """Delete the pairs that the stage does not have."""
        table, *_ = self._through(many)
        pk = self.q(column_of(many.through._meta.pk))
        gone = f"SELECT x.{pk} AS id {self.extra_pairs(many)}"
        return f"DELETE FROM {table} WHERE {pk} IN (SELECT id FROM ({gone}) g)"
