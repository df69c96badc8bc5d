"""MariaDB: multi-row inserts into a temporary table, <=>, keys counted on from LAST_INSERT_ID()."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from django.db import models

from modelsync.core.errors import ConflictError
from modelsync.targets.django.schema import Field, base_field, column_of
from modelsync.targets.django.sql.base import TEXTS, Dialect, StageColumn

_LOCK_SECONDS = 600
#: The key that the table would give next, and how keys go on from there.
_NEXT_KEY = """
    SELECT AUTO_INCREMENT, @@auto_increment_increment, @@auto_increment_offset
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s
"""
_COLLATION = """
    SELECT CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = %s
"""


class MariaDB(Dialect):
    """MariaDB 10.7 and newer."""

    folds_text = True
    ids_after = True
    lookup_join = "STRAIGHT_JOIN"

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.locks: list[str] = []
        self.collations: dict[tuple[str, str], tuple[str, str]] = {}

    def why_unable(self) -> str | None:
        if self.connection.mysql_version < (10, 7):  # type: ignore[attr-defined]  # Django's for MySQL has it
            return "MariaDB is older than 10.7"
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT @@innodb_autoinc_lock_mode")
            (mode,) = cursor.fetchone()
        # Then the keys of one insert need not follow each other.
        return "innodb_autoinc_lock_mode is 2" if mode == 2 else None

    def begin(self, cursor: Any, tables: Sequence[str]) -> None:
        database = self.connection.settings_dict["NAME"]
        for table in sorted(tables):
            # One run at a time per table: two would deadlock, or both create the same object.
            lock = f"modelsync.{zlib.crc32(f'{database}.{table}'.encode()):08x}"
            cursor.execute("SELECT GET_LOCK(%s, %s)", [lock, _LOCK_SECONDS])
            if cursor.fetchone() != (1,):
                raise ConflictError(
                    f"another run has been writing {table} for {_LOCK_SECONDS} s; try again later"
                )
            self.locks.append(lock)

    def end(self, cursor: Any) -> None:
        for lock in self.locks:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [lock])
        self.locks = []

    def create_stage(
        self, cursor: Any, name: str, columns: Sequence[StageColumn], indexed: Sequence[str] = ()
    ) -> None:
        self.drop(cursor, name)
        selected: list[str] = []
        tables: dict[str, str] = {}
        declared = []
        for column in columns:
            if column.field is None:
                default = f" DEFAULT {column.default}" if column.default else ""
                declared.append(f"{self.quote(column.name)} {column.type}{default}")
                selected.append(f"{column.default or 'NULL'} AS {self.quote(column.name)}")
                continue
            table = column.field.model._meta.db_table
            alias = tables.setdefault(table, f"t{len(tables)}")
            selected.append(f"{alias}.{self.quote(column_of(column.field))} AS {self.quote(column.name)}")
        keys = [f"KEY ({self.quote(column)})" for column in indexed]
        # Outer joins make every column nullable and leave type and collation as they are.
        joins = "".join(f" LEFT JOIN {self.quote(table)} AS {alias} ON 0" for table, alias in tables.items())
        cursor.execute(
            f"CREATE TEMPORARY TABLE {self.quote(name)} ({', '.join([*declared, 'PRIMARY KEY (n)', *keys])}) "
            f"SELECT {', '.join(selected)} FROM (SELECT 1 AS one) AS one{joins} WHERE 0"
        )

    def create_from(self, cursor: Any, name: str, query: str, indexed: str) -> None:
        cursor.execute(
            f"CREATE TEMPORARY TABLE {self.quote(name)} (INDEX ({self.quote(indexed)})) AS {query}"
        )

    def drop(self, cursor: Any, name: str) -> None:
        # TEMPORARY: a plain DROP TABLE would commit the transaction.
        cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {self.quote(name)}")

    def load(self, cursor: Any, name: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        names = ", ".join(self.quote(column) for column in columns)
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(
            f"INSERT INTO {self.quote(name)} ({names}) VALUES ({marks})", list(zip(*values, strict=True))
        )

    def distinct(self, field: Field, left: str, right: str) -> str:
        field = base_field(field)
        if isinstance(field, models.JSONField):
            return f"NOT (JSON_NORMALIZE({left}) <=> JSON_NORMALIZE({right}))"
        if isinstance(field, TEXTS):
            return f"NOT (BINARY {left} <=> BINARY {right})"
        return f"NOT ({left} <=> {right})"

    def key_text(self, field: Field, value: str) -> str:
        return f"CAST({value} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin"

    def key_value(self, field: Field, text: str) -> str:
        field = base_field(field)
        if isinstance(field, models.IntegerField):
            return f"CAST({text} AS SIGNED)"
        if isinstance(field, TEXTS):
            # Mappings have a binary collation, which would win over the one of the primary key.
            charset, collation = self._collation(field)
            return f"CONVERT({text} USING {charset}) COLLATE {collation}"
        return text

    def _collation(self, field: Field) -> tuple[str, str]:
        """The character set and the collation of a text field's column."""
        column = (field.model._meta.db_table, column_of(field))
        if column not in self.collations:
            with self.connection.cursor() as cursor:
                cursor.execute(_COLLATION, column)
                self.collations[column] = cursor.fetchone()
        return self.collations[column]

    def update(
        self, table: str, alias: str, assignments: Sequence[tuple[str, str]], source: str, where: str
    ) -> str:
        sets = ", ".join(f"{alias}.{self.quote(column)} = {value}" for column, value in assignments)
        return f"UPDATE {self.quote(table)} AS {alias}, {source} SET {sets} WHERE {where}"

    def delete_from(self, table: str, column: str, gone: str) -> str:
        # A subquery would be looked through for every row of the table.
        joined = f"(SELECT DISTINCT k FROM ({gone}) AS a) AS g ON g.k = t.{self.quote(column)}"
        return f"DELETE t FROM {self.quote(table)} AS t JOIN {joined}"

    def draw_keys(self, cursor: Any, model: type[models.Model], count: int) -> Sequence[int]:
        # Another writer may take one of them meanwhile: then the insert fails, and nothing was written.
        table, pk = model._meta.db_table, self.quote(column_of(model._meta.pk))
        cursor.execute(f"SELECT COALESCE(MAX({pk}), 0) + 1 FROM {self.quote(table)}")
        (free,) = cursor.fetchone()
        cursor.execute(_NEXT_KEY, [table])
        counter, step, offset = cursor.fetchone()
        first = max(free, counter or 1)
        first += (offset - first) % step
        return range(first, first + count * step, step)

    def first_id(self, cursor: Any, model: type[models.Model]) -> tuple[int, int]:
        cursor.execute("SELECT LAST_INSERT_ID(), @@auto_increment_increment")
        first, step = cursor.fetchone()
        return first, step
