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

    def drop_doubles(self) -> list[str]:
        """Of records of one object the last one counts: drop the others, and what they name."""
        last = (
            f"SELECT s.n AS k FROM {self.stage} s JOIN (SELECT k, MAX(n) AS last FROM {self.stage} "
            f"GROUP BY k HAVING COUNT(*) > 1) d ON d.k = s.k AND s.n < d.last"
        )
        stages = {**{many.stage: "r" for many in self.sheet.many}, self.sheet.stage: "n"}
        return [self.dialect.delete_from(stage, number, last) for stage, number in stages.items()]

    def doubles(self) -> str:
        """Number and key of the records that `drop_doubles` drops, and of those that count instead."""
        name = self.sheet.key_name
        return (
            f"SELECT s.n, s.{name}, d.last, z.{name} FROM {self.stage} s JOIN (SELECT k, MAX(n) AS last "
            f"FROM {self.stage} GROUP BY k HAVING COUNT(*) > 1) d ON d.k = s.k AND s.n < d.last "
            f"JOIN {self.stage} z ON z.n = d.last ORDER BY s.n"
        )

    def planned(self) -> str:
        """The records that are new or differ from their objects."""
        act = f"CASE WHEN {self.pk} IS NULL THEN {Act.CREATE} ELSE {Act.UPDATE} END"
        differs = [self._differs(f"t.{self.q(column_of(c.field))}", c) for c in self.sheet.values]
        tests = " OR ".join([f"{self.pk} IS NULL", *differs])
        return (
            f"SELECT s.n AS n, s.k AS k, {act} AS act "
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

    def unsent(self) -> str:
        """The rows of the table that the stream does not have."""
        return (
            f"SELECT {self.pk} AS k FROM {self.table} t "
            f"LEFT JOIN {self.stage} s ON s.k = {self.pk} WHERE s.k IS NULL"
        )

    def nothing(self) -> str:
        """The same columns without rows."""
        return f"SELECT {self.pk} AS k FROM {self.table} t WHERE 1 = 0"

    # -- many-to-many ------------------------------------------------------------------------

    def _through(self, many: Many) -> tuple[str, str, str]:
        """A relation's table, and its columns of the holder and of the target."""
        table = self.q(many.through._meta.db_table)
        return table, f"x.{self.q(column_of(many.source))}", f"x.{self.q(column_of(many.target))}"

    def missing_pairs(self, many: Many) -> str:
        """FROM and WHERE of the pairs of the stage that the relation lacks; `p` is the pair."""
        table, holder, target = self._through(many)
        return (
            f"FROM {self.q(many.stage)} p LEFT JOIN {table} x ON {holder} = p.k AND {target} = p.o "
            f"WHERE {holder} IS NULL"
        )

    def extra_pairs(self, many: Many, *, of_stream: bool = True) -> str:
        """FROM and WHERE of the pairs that the relation has and the stage does not; `x` is the pair.

        `of_stream` leaves out those of objects that the stream does not have.
        """
        table, holder, target = self._through(many)
        known = f"JOIN {self.stage} s ON s.k = {holder} " if of_stream else ""
        return (
            f"FROM {table} x {known}"
            f"LEFT JOIN {self.q(many.stage)} p ON p.k = {holder} AND p.o = {target} WHERE p.n IS NULL"
        )

    def note_relations(self, many: Many) -> list[str]:
        """Plan the records of which only relations change."""
        _, holder, _ = self._through(many)
        differing = {
            "s.n": f"SELECT DISTINCT p.r AS y {self.missing_pairs(many)}",
            "s.k": f"SELECT DISTINCT {holder} AS y {self.extra_pairs(many, of_stream=False)}",
        }
        return [
            f"INSERT INTO {self.plan} (n, k, act) SELECT s.n, s.k, {Act.RELATE} FROM ({query}) d "
            f"JOIN {self.stage} s ON {name} = d.y "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self.plan} e WHERE e.n = s.n)"
            for name, query in differing.items()
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
        pk = column_of(many.through._meta.pk)
        gone = f"SELECT x.{self.q(pk)} AS k {self.extra_pairs(many)}"
        return self.dialect.delete_from(many.through._meta.db_table, pk, gone)
