"""Which given values equal which of a table's, by the database's own equality, in one query.

Collations fold letters, numbers compare across scales: only the database knows. The given values go
into a temporary table of the same column types and are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models

from modelsync.targets.django.context import Context
from modelsync.targets.django.schema import Field, base_field, column_of
from modelsync.targets.django.sql import dialect_for
from modelsync.targets.django.sql.base import StageColumn

WANTED = "modelsync_wanted"
Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Equals:
    """`answers`: given values -> what stands in the key column of the rows that equal them (none of
    them twice); `same`: given values -> the first given ones that the database calls equal.
    """

    answers: dict[Values, list[object]]
    same: dict[Values, Values]


def find_equal(
    context: Context, model: type[models.Model], fields: Sequence[Field], key: Field, wanted: Sequence[Values]
) -> Equals | None:
    """Compare; None where it cannot be done in one query (no dialect, columns of several tables)."""
    dialect = dialect_for(context.connection)
    if dialect is None or not all(map(_is_comparable, fields)):
        return None
    if any(field.model._meta.db_table != model._meta.db_table for field in (*fields, key)):
        return None
    found = Equals({values: [] for values in wanted}, {})
    if not wanted:
        return found
    names = [f"v{i}" for i, _ in enumerate(fields)]
    stage, table = dialect.quote(WANTED), dialect.quote(model._meta.db_table)
    columns = [[dialect.adapt(field, values[i]) for values in wanted] for i, field in enumerate(fields)]
    with context.connection.cursor() as cursor:
        declared = [StageColumn("n", type="integer")]
        declared += [StageColumn(name, field=field) for name, field in zip(names, fields, strict=True)]
        dialect.create_stage(cursor, WANTED, declared)
        dialect.load(cursor, WANTED, ["n", *names], [list(range(len(wanted))), *columns])
        dialect.analyze(cursor, WANTED, names)
        equal = " AND ".join(
            f"t.{dialect.quote(column_of(field))} = w.{name}"
            for name, field in zip(names, fields, strict=True)
        )
        target = f"t.{dialect.quote(column_of(key))}"
        cursor.execute(f"SELECT w.n, {target} FROM {stage} w JOIN {table} t ON {equal}")
        for n, value in cursor.fetchall():
            found.answers[wanted[n]].append(_converted(context, key, value))
        alike = " AND ".join(f"z.{name} = w.{name}" for name in names)
        cursor.execute(f"SELECT w.n, MIN(z.n) FROM {stage} w JOIN {stage} z ON {alike} GROUP BY w.n")
        found.same.update({wanted[n]: wanted[first] for n, first in cursor.fetchall()})
        dialect.drop(cursor, WANTED)
    return found


def _is_comparable(field: Field) -> bool:
    return not isinstance(base_field(field), (models.JSONField, models.BinaryField))


def _converted(context: Context, field: Field, value: object) -> object:
    """A value as the ORM would give it (SQLite keeps UUIDs as text, for one)."""
    column = field.get_col(field.model._meta.db_table)
    for convert in (
        *context.connection.ops.get_db_converters(column),
        *field.get_db_converters(context.connection),
    ):
        value = convert(value, column, context.connection)
    return value
