"""The statements that carry the plan out on the target's own table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelsync.targets.django.schema import Field, column_of, stamps_itself
from modelsync.targets.django.staged.rows import Rows
from modelsync.targets.django.staged.tables import PLAN, STAGE, Act, Statement
from modelsync.targets.django.staged.values import Values

#: The first new key and the step from one to the next.
First = tuple[int, int]
Assigned = tuple[Field, str, list[Any]]


class Merging:
    """Writes records that create and update."""

    def __init__(self, rows: Rows, values: Values) -> None:
        self.rows = rows
        self.values = values
        self.schema = rows.schema
        self.q = rows.q

    def update(self) -> Statement:
        """Write the changed objects, and the fields that fill themselves on saving."""
        assignments = [(column_of(field), self.values.new_value(field)) for field in self.values.written()]
        params: list[Any] = []
        for field in self.schema.fields:
            if getattr(field, "auto_now", False) and field not in self.rows.layout.sent:
                assignments.append((column_of(field), "%s"))
                params.append(self._now(field))
        where = f"s.n = p.n AND {self.rows.pk_of('t')} = p.tgt AND p.act = {Act.UPDATE}"
        source = f"{self.q(PLAN)} AS p, {self.q(STAGE)} AS s"
        return self.rows.dialect.update(self.schema.table, "t", assignments, source, where), params

    def insert(self, first: First | None) -> Statement:
        """Make the new objects, in row order; `first` is given where their keys are counted."""
        assigned = [*self._new_keys(first), *self._given_values(), *self._filled_values()]
        columns = ", ".join(self.q(column_of(field)) for field, _, _ in assigned)
        values = ", ".join(value for _, value, _ in assigned)
        return (
            f"INSERT INTO {self.rows.target} ({columns}) SELECT {values} "
            f"FROM {self.q(PLAN)} p JOIN {self.q(STAGE)} s ON s.n = p.n "
            f"WHERE p.act = {Act.CREATE} ORDER BY p.n",
            [param for _, _, params in assigned for param in params],
        )

    def _new_keys(self, first: First | None) -> Iterator[Assigned]:
        if self.rows.draws_ids and first is not None:
            yield self.schema.pk, counted(first), []
        elif self.rows.draws_ids and self.rows.dialect.ids_before:
            yield self.schema.pk, "p.tgt", []

    def _given_values(self) -> Iterator[Assigned]:
        sent = set()
        for column in self.rows.shape.values:
            sent.add(column.field)
            yield column.field, f"s.v{column.index}", []
        for i, reference in enumerate(self.rows.shape.references):
            if reference.field and reference.field not in sent:
                sent.add(reference.field)
                yield reference.field, f"p.r{i}", []

    def _filled_values(self) -> Iterator[Assigned]:
        for fill in self.rows.layout.fills:
            if fill.make:
                yield fill.field, f"s.d_{fill.field.column}", []
            elif fill.constant is not None:
                yield fill.field, "%s", [fill.constant]
        for field in self.schema.fields:
            if stamps_itself(field) and field not in self.rows.layout.sent:
                yield field, "%s", [self._now(field)]

    def _now(self, field: Field) -> Any:
        value = field.pre_save(self.schema.model(), add=True)
        return field.get_db_prep_save(value, self.rows.context.connection)

    def note_ids(self, first: First) -> Statement:
        """Put counted keys into the plan, for statements that need them there."""
        source = f"{numbered(self.rows, first)} AS c"
        return self.rows.dialect.update(PLAN, "q", [("tgt", "c.id")], source, "c.n = q.n"), []

    def changes(self, limit: int) -> tuple[str, list[Field]]:
        """Old and new values of the objects that will change: n, act, tgt, then pairs per field."""
        fields = self.values.written()
        columns = ["p.n", "p.act", "p.tgt"]
        for field in fields:
            new = self.values.future(field, Act.CREATE)
            columns.append(
                f"t.{self.q(column_of(field))}, CASE WHEN p.act = {Act.CREATE} THEN {new} "
                f"ELSE {self.values.new_value(field)} END"
            )
        found = f"{self.rows.pk_of('t')} = p.tgt AND p.act = {Act.UPDATE}"
        return (
            f"SELECT {', '.join(columns)} FROM {self.q(PLAN)} p "
            f"JOIN {self.q(STAGE)} s ON s.n = p.n LEFT JOIN {self.rows.target} t ON {found} "
            f"WHERE p.act IN ({Act.CREATE}, {Act.UPDATE}) ORDER BY p.n LIMIT {limit}",
            fields,
        )


def counted(first: First) -> str:
    """SQL: the keys of the new objects, counted on from the first."""
    start, step = first
    count = "ROW_NUMBER() OVER (ORDER BY p.n)"
    return f"{start - step} + {count}" if step == 1 else f"{start - step} + {step} * {count}"


def numbered(rows: Rows, first: First) -> str:
    """The new objects' rows of the plan, with their counted keys."""
    return (
        f"(SELECT p.n AS n, p.map_id AS map_id, {counted(first)} AS id "
        f"FROM {rows.q(PLAN)} p WHERE p.act = {Act.CREATE})"
    )
