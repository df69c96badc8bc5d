"""What no database may keep: references to nothing, and unique values that two rows want."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import models

from modelsync.core.results import Rejection
from modelsync.targets.django.mirror.difference import Act, Difference
from modelsync.targets.django.mirror.sheet import Sheet, absence, told
from modelsync.targets.django.schema import Field, Schema, column_of, is_constrained, target_of


class Checking:
    """Asks the tables, after they were written, what is wrong with the records of one model.

    `refused` are the models of which some records are not taken.
    """

    def __init__(
        self, difference: Difference, cursor: Any, refused: frozenset[type[models.Model]] = frozenset()
    ) -> None:
        self.difference = difference
        self.refused = refused
        self.sheet: Sheet = difference.sheet
        self.cursor = cursor
        self.q = difference.q
        self.name = f"s.{self.sheet.key_name}"

    def dangling(self, gone: frozenset[type[models.Model]]) -> Iterator[Rejection]:
        """Records that name what is not there; `gone` are the models that lost rows."""
        for each in (*self.sheet.values, self.sheet.key):
            field, name = each.field, each.staged
            if not isinstance(field, models.ForeignKey) or not is_constrained(field):
                continue
            target = target_of(field)
            planned = "" if target.model in gone else self._planned()
            table, column = self.q(target.model._meta.db_table), self.q(column_of(target))
            self.cursor.execute(
                f"SELECT s.n, {self.name}, s.{name}, s.n FROM {self.difference.stage} s{planned} "
                f"LEFT JOIN {table} r ON r.{column} = s.{name} "
                f"WHERE s.{name} IS NOT NULL AND r.{column} IS NULL ORDER BY s.n"
            )
            yield from self._rejected(self.cursor.fetchall(), field.name, field, each.index)

    def dangling_pairs(self) -> Iterator[Rejection]:
        """Records whose many-to-many relations name what is not there."""
        for many in self.sheet.many:
            target = target_of(many.target)
            table, column = self.q(target.model._meta.db_table), self.q(column_of(target))
            self.cursor.execute(
                f"SELECT s.n, {self.name}, p.o, p.n FROM {self.q(many.stage)} p "
                f"JOIN {self.difference.stage} s ON s.n = p.r LEFT JOIN {table} r ON r.{column} = p.o "
                f"WHERE r.{column} IS NULL ORDER BY s.n"
            )
            yield from self._rejected(self.cursor.fetchall(), many.name, many.target, many.index)

    def _planned(self) -> str:
        return f" JOIN {self.difference.plan} d ON d.n = s.n AND d.act IN ({Act.CREATE}, {Act.UPDATE})"

    def _rejected(
        self, found: list[tuple[Any, ...]], column: str, field: Field, place: int
    ) -> Iterator[Rejection]:
        """`found`: the record's number, what it is called, what it names, and the row that says so."""
        said = self._said(place) if found and field in self.sheet.named else {}
        target = target_of(field).model
        absent = absence(has_refused=target in self.refused)
        for number, name, value, row in found:
            key = json.loads(said[row]) if row in said else value
            yield self._rejection(
                number,
                f"{self._called(name)} names {target._meta.label} {told(key) if row in said else key}, "
                f"which is {absent}",
                column,
                key,
            )

    def _said(self, place: int) -> dict[int, str]:
        """What a column says by natural keys, by the numbers of records or pairs."""
        names = self.q(self.sheet.names)
        self.cursor.execute(f"SELECT w.row, w.said FROM {names} w WHERE w.place IN ({place}, {-1 - place})")
        return dict(self.cursor.fetchall())

    def conflicts(self) -> Iterator[Rejection]:
        """Records whose unique values another row has: one of ours, or one that the stream brings, too."""
        for fields in Schema(self.sheet.model).unique_sets:
            staged = self._staged(fields)
            if staged is None or fields == (self.sheet.pk,):
                continue
            names = ", ".join(field.name for field in fields)
            for number, key, other in self._held_here(staged):
                yield self._rejection(
                    number,
                    f"{self._called(key)} has the {names} of {self.sheet.label} {other} here, which the "
                    f"other site did not send; change or delete that one, or pull with clean",
                )
            for number, key, other in self._sent_twice(staged):
                yield self._rejection(
                    number,
                    f"{self._called(key)} and {self.sheet.called(other)}, both of them sent, have the same "
                    f"{names} for this database",
                )

    def _staged(self, fields: tuple[Field, ...]) -> list[tuple[Field, str]] | None:
        known = {column.field: column.staged for column in (*self.sheet.values, self.sheet.key)}
        return [(field, known[field]) for field in fields] if set(fields) <= known.keys() else None

    def _held_here(self, staged: list[tuple[Field, str]]) -> list[tuple[Any, ...]]:
        equal = " AND ".join(f"t.{self.q(column_of(field))} = s.{name}" for field, name in staged)
        pk, stage = self.difference.pk, self.difference.stage
        self.cursor.execute(
            f"SELECT s.n, {self.name}, {pk} FROM {stage} s JOIN {self.difference.table} t ON {equal} "
            f"LEFT JOIN {stage} o ON o.k = {pk} WHERE o.k IS NULL ORDER BY s.n"
        )
        return list(self.cursor.fetchall())

    def _sent_twice(self, staged: list[tuple[Field, str]]) -> list[tuple[Any, ...]]:
        equal = " AND ".join(f"o.{name} = s.{name}" for _, name in staged)
        stage, other = self.difference.stage, self.difference.dialect.any_of(f"o.{self.sheet.key_name}")
        self.cursor.execute(
            f"SELECT s.n, {self.name}, {other} FROM {stage} s JOIN {stage} o ON {equal} AND o.n < s.n "
            f"GROUP BY s.n, {self.name} ORDER BY s.n"
        )
        return list(self.cursor.fetchall())

    def _called(self, name: Any) -> str:
        return f"{self.sheet.label} {self.sheet.called(name)}"

    def _rejection(
        self, number: int, reason: str, column: str | None = None, value: object = None
    ) -> Rejection:
        return Rejection(
            number=number,
            reason=reason,
            column=column,
            value=value,
            origin=self.sheet.origin(number),
            model=self.sheet.label,
        )
