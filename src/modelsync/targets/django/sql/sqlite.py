"""SQLite: executemany into a temporary table, IS NOT, keys counted on from the last one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from django.db import models

from modelsync.targets.django.schema import Field, base_field, column_of
from modelsync.targets.django.sql.base import TEXTS, Dialect, StageColumn


class SQLite(Dialect):
    """SQLite 3.35 and newer (UPDATE ... FROM, window functions)."""

    number = StageColumn("n", type="integer PRIMARY KEY")
    lookup_join = "CROSS JOIN"

    @staticmethod
    def is_able() -> bool:
        """Whether the library that Python has is new enough."""
        return sqlite3.sqlite_version_info >= (3, 35)

    def begin(self, cursor: Any, tables: Sequence[str]) -> None:
        # A write that writes nothing takes the write lock now: a later upgrade from a read could fail.
        for table in sorted(tables)[:1]:
            cursor.execute(f"DELETE FROM {self.quote(table)} WHERE 0")
        cursor.connection.create_function("modelsync_json", 1, _canonical, deterministic=True)

    def create_stage(
        self, cursor: Any, name: str, columns: Sequence[StageColumn], indexed: Sequence[str] = ()
    ) -> None:
        cursor.execute(f"DROP TABLE IF EXISTS temp.{self.quote(name)}")
        declared = ", ".join(f"{self.quote(c.name)} {self._type(c)}" for c in columns)
        cursor.execute(f"CREATE TEMPORARY TABLE {self.quote(name)} ({declared})")

    def _type(self, column: StageColumn) -> str:
        if column.field is None:
            return f"{column.type} DEFAULT {column.default}" if column.default else column.type
        field = base_field(column.field)
        collation = getattr(field, "db_collation", None)
        kind = field.rel_db_type(self.connection) if field.primary_key else field.db_type(self.connection)
        return f"{(kind or '').split(' CHECK')[0]}{f' COLLATE {collation}' if collation else ''}"

    def create_from(self, cursor: Any, name: str, query: str, indexed: str) -> None:
        super().create_from(cursor, name, query, indexed)
        index = self.quote("temp", f"{name}_{indexed}")
        cursor.execute(f"CREATE INDEX {index} ON {self.quote(name)} ({self.quote(indexed)})")

    def load(self, cursor: Any, name: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        names = ", ".join(self.quote(column) for column in columns)
        marks = ", ".join("?" * len(columns))
        # The driver's own cursor: Django's would convert the placeholders of every call again.
        cursor.connection.executemany(
            f"INSERT INTO {self.quote(name)} ({names}) VALUES ({marks})", zip(*values, strict=True)
        )

    def distinct(self, field: Field, left: str, right: str) -> str:
        field = base_field(field)
        if isinstance(field, models.JSONField):
            return f"modelsync_json({left}) IS NOT modelsync_json({right})"
        if getattr(field, "db_collation", None) and isinstance(field, TEXTS):
            return f"({left} COLLATE BINARY) IS NOT {right}"
        return f"{left} IS NOT {right}"

    def key_text(self, field: Field, value: str) -> str:
        if isinstance(base_field(field), models.UUIDField):
            cuts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
            return "(" + " || '-' || ".join(f"substr({value}, {a}, {n})" for a, n in cuts) + ")"
        return f"CAST({value} AS TEXT)"

    def key_value(self, field: Field, text: str) -> str:
        field = base_field(field)
        if isinstance(field, models.UUIDField):
            return f"REPLACE({text}, '-', '')"
        return f"CAST({text} AS INTEGER)" if isinstance(field, models.IntegerField) else text

    def update(
        self, table: str, alias: str, assignments: Sequence[tuple[str, str]], source: str, where: str
    ) -> str:
        sets = ", ".join(f"{self.quote(column)} = {value}" for column, value in assignments)
        return f"UPDATE {self.quote(table)} AS {alias} SET {sets} FROM {source} WHERE {where}"

    def draw_keys(self, cursor: Any, model: type[models.Model], count: int) -> Sequence[int]:
        first, _ = self.first_id(cursor, model)
        return range(first, first + count)

    def first_id(self, cursor: Any, model: type[models.Model]) -> tuple[int, int]:
        table = model._meta.db_table
        pk = self.quote(column_of(model._meta.pk))
        cursor.execute(f"SELECT COALESCE(MAX({pk}), 0) FROM {self.quote(table)}")
        (highest,) = cursor.fetchone()
        cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        (used,) = cursor.fetchone()
        return max(highest, used) + 1, 1


def _canonical(text: str | None) -> str | None:
    """JSON with its keys in order, so that a reordered object is unchanged."""
    if text is None:
        return None
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
