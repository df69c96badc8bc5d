"""Writing the difference of one model: changed rows, new rows, many-to-many pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, models, transaction

from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.targets.django.mirror.difference import Act, Difference
from modelsync.targets.django.mirror.signalling import Signalling
from modelsync.targets.django.schema import Field, column_of, stamps_itself
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn

#: A column, the SQL of its value, and the value's parameters.
Assigned = tuple[Field, str, list[Any]]
PARKED = "modelsync_parked"
GOING = "modelsync_going"
MADE = "modelsync_made"


class Writing:
    """Writes one model. Unique values may change places: rows that are in one another's way are taken out
    and put back.
    """

    def __init__(self, difference: Difference, dialect: Dialect, cursor: Any, using: str) -> None:
        self.difference = difference
        self.sheet = difference.sheet
        self.dialect = dialect
        self.cursor = cursor
        self.using = using
        self.q = dialect.quote
        self.plan = difference.plan
        self.table = self.sheet.model._meta.db_table

    def write(self, acts: dict[int, int]) -> None:
        """Write what the plan says; raises IntegrityError where a row of ours is in the way."""
        if not acts.get(Act.UPDATE):
            self._insert(acts)
            return
        try:
            with transaction.atomic(using=self.using):
                self._update(self.table)
                self._insert(acts)
        except IntegrityError:
            self._write_parked(acts)

    def _update(self, table: str) -> None:
        if not self.sheet.values:
            return
        assignments = [(column_of(c.field), f"s.{c.staged}") for c in self.sheet.values]
        source = f"{self.plan} AS p, {self.q(self.sheet.stage)} AS s"
        where = f"s.n = p.n AND t.{self.q(column_of(self.sheet.pk))} = p.k AND p.act = {Act.UPDATE}"
        self.cursor.execute(self.dialect.update(table, "t", assignments, source, where))

    def _write_parked(self, acts: dict[int, int]) -> None:
        """Take the rows that change out of the table, change them, and put them back with the new ones."""
        self._mind_the_database()
        pk, parked, table = self.q(column_of(self.sheet.pk)), self.q(PARKED), self.q(self.table)
        names = [
            self.q(column_of(f))
            for f in self.sheet.model._meta.local_concrete_fields
            if not getattr(f, "generated", False)
        ]
        columns, own = ", ".join(names), ", ".join(f"t.{name}" for name in names)
        for name in (PARKED, GOING):
            self.dialect.drop(self.cursor, name)
        self.cursor.execute(
            f"CREATE TEMPORARY TABLE {self.q(GOING)} AS "
            f"SELECT p.k AS k FROM {self.plan} p WHERE p.act = {Act.UPDATE}"
        )
        self.cursor.execute(
            f"CREATE TEMPORARY TABLE {parked} AS SELECT {own} FROM {table} t "
            f"JOIN {self.q(GOING)} g ON g.k = t.{pk}"
        )
        gone = f"SELECT k FROM {self.q(GOING)}"
        self.cursor.execute(self.dialect.delete_from(self.table, column_of(self.sheet.pk), gone))
        self._update(PARKED)
        self.cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {parked} ORDER BY {pk}")
        for name in (PARKED, GOING):
            self.dialect.drop(self.cursor, name)
        self._insert(acts)

    def _mind_the_database(self) -> None:
        """What hangs on a row by the database's own rules would go when the row is taken out."""
        rules = {getattr(models, name, None) for name in ("DB_CASCADE", "DB_SET_NULL", "DB_SET_DEFAULT")}
        hanging = [
            relation.related_model._meta.label
            for relation in self.sheet.model._meta.related_objects
            if relation.on_delete in rules - {None}
        ]
        if hanging and self.dialect.connection.vendor != "mysql":  # there no such rule is followed meanwhile
            raise ConflictError(
                f"unique values of {self.sheet.label} change places, which cannot be done while the database "
                f"itself keeps {', '.join(hanging)} in step (DB_CASCADE and the like); change them here first"
            )

    def _insert(self, acts: dict[int, int]) -> None:
        if not acts.get(Act.CREATE):
            return
        made = self._make_own()
        assigned = [(self.sheet.pk, "s.k", []), *self._given(), *self._filled(), *made]
        columns = ", ".join(self.q(column_of(field)) for field, _, _ in assigned)
        values = ", ".join(value for _, value, _ in assigned)
        params = [param for _, _, some in assigned for param in some]
        join = f" JOIN {self.q(MADE)} m ON m.n = s.n" if made else ""
        self.cursor.execute(
            f"INSERT INTO {self.q(self.table)} ({columns}) SELECT {values} FROM {self.plan} p "
            f"JOIN {self.q(self.sheet.stage)} s ON s.n = p.n{join} WHERE p.act = {Act.CREATE} ORDER BY s.k",
            params or None,
        )
        self.dialect.drop(self.cursor, MADE)

    def _given(self) -> Iterator[Assigned]:
        for column in self.sheet.values:
            yield column.field, f"s.{column.staged}", []

    def _filled(self) -> Iterator[Assigned]:
        """What new rows get in the fields that the stream does not send."""
        for field in self._unsent():
            if _is_made(field):
                continue
            is_stamp = stamps_itself(field)
            value = field.pre_save(self.sheet.model(), add=True) if is_stamp else field.get_default()
            if value is None and not field.null:
                raise ConfigurationError(
                    f"{self.sheet.label} needs {field.name}, which the other site does not send and which "
                    f"has no default; give the field a default, or have the other site serve it"
                )
            yield field, "%s", [field.get_db_prep_save(value, self.dialect.connection)]

    def _make_own(self) -> list[Assigned]:
        """A default that is worked out gives each new row a value of its own."""
        fields = [field for field in self._unsent() if _is_made(field)]
        if not fields:
            return []
        self.cursor.execute(f"SELECT n FROM {self.plan} WHERE act = {Act.CREATE}")
        numbers = [row[0] for row in self.cursor.fetchall()]
        names = [f"d{i}" for i, _ in enumerate(fields)]
        stage = [StageColumn(name, field=field) for name, field in zip(names, fields, strict=True)]
        values = [[self.dialect.adapt(f, f.get_default()) for _ in numbers] for f in fields]
        self.dialect.create_stage(self.cursor, MADE, [StageColumn("n", type="integer"), *stage])
        self.dialect.load(self.cursor, MADE, ["n", *names], [numbers, *values])
        return [(field, f"m.{name}", []) for field, name in zip(fields, names, strict=True)]

    def _unsent(self) -> list[Field]:
        return [
            field
            for field in self.sheet.model._meta.local_concrete_fields
            if field not in self.sheet.sent
            and not field.primary_key
            and not getattr(field, "generated", False)
            and not field.has_db_default()
        ]

    def relate(self, signalling: Signalling | None) -> None:
        """Make the many-to-many relations what the stream says."""
        for many in self.sheet.many:
            for added, statement in (
                (False, self.difference.delete_pairs(many)),
                (True, self.difference.insert_pairs(many)),
            ):
                pairs = signalling.pairs(self.difference, many, added=added) if signalling else {}
                action = "add" if added else "remove"
                if signalling:
                    signalling.tell_pairs(self.sheet, many, f"pre_{action}", pairs)
                self.cursor.execute(statement)
                if signalling:
                    signalling.tell_pairs(self.sheet, many, f"post_{action}", pairs)


def _is_made(field: Field) -> bool:
    return field.has_default() and callable(field.default) and not stamps_itself(field)
