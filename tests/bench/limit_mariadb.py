"""The limit on MariaDB: multi-row inserts of what csv.reader gives, then a plan and four statements."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from django.db import connection, transaction

_COLUMNS = ("sku", "name", "description", "price", "stock", "active", "released", "updated")
# Text as it comes; it is converted once, while the plan is made.
_STAGE = """
    CREATE TEMPORARY TABLE stage (
        external_key varchar(255) COLLATE utf8mb4_bin, sku varchar(32), name varchar(100),
        description longtext, price varchar(20), stock varchar(20), active varchar(5), released varchar(10),
        updated varchar(30), supplier varchar(20)
    )
"""
_CONVERTED = {
    "price": "CAST(NULLIF(s.price, '') AS DECIMAL(10, 2))",
    "stock": "CAST(s.stock AS SIGNED)",
    "active": "(s.active = 'true')",
    "released": "CAST(NULLIF(s.released, '') AS DATE)",
    "updated": "CAST(NULLIF(LEFT(s.updated, 19), '') AS DATETIME(6))",
}
_TEXTS = ("name", "description")


def run(path: Path, *, reference: bool, system: int, kind: int) -> None:
    """Bring the file into the table."""
    given = ("external_key", *_COLUMNS, "supplier") if reference else ("external_key", *_COLUMNS)
    with transaction.atomic(), connection.cursor() as cursor, path.open(newline="", encoding="utf-8") as file:
        cursor.execute("DROP TEMPORARY TABLE IF EXISTS stage, plan")
        cursor.execute(_STAGE)
        rows = csv.reader(file)
        next(rows)
        marks = ", ".join(["%s"] * len(given))
        for some in _parts(rows):
            cursor.executemany(f"INSERT INTO stage ({', '.join(given)}) VALUES ({marks})", some)
        _merge(cursor, reference, system, kind)
        cursor.execute("DROP TEMPORARY TABLE stage, plan")


def _parts(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    while some := list(islice(rows, 10_000)):
        yield some


def _merge(cursor, reference: bool, system: int, kind: int) -> None:
    columns = (*_COLUMNS, "supplier_id") if reference else _COLUMNS
    values = [_CONVERTED.get(c, f"s.{c}") for c in _COLUMNS] + (["r.id"] if reference else [])
    join = " LEFT JOIN shop_supplier r ON r.code = s.supplier" if reference else ""
    differs = " OR ".join(
        f"NOT ({'BINARY ' if c in _TEXTS else ''}t.{c} <=> {'BINARY ' if c in _TEXTS else ''}{v})"
        for c, v in zip(columns[1:], values[1:], strict=True)
    )
    cursor.execute(
        "CREATE TEMPORARY TABLE plan (n integer AUTO_INCREMENT PRIMARY KEY) "
        "SELECT t.id AS id, k.id AS mapping, "
        f"k.object_id AS object_id, s.external_key AS external_key, "
        f"{', '.join(f'{v} AS {c}' for v, c in zip(values, columns, strict=True))} "
        f"FROM stage s LEFT JOIN shop_product t ON t.sku = s.sku{join} "
        f"LEFT JOIN modelsync_externalkeymapping k ON k.external_system_id = {system} "
        f"AND k.content_type_id = {kind} AND k.external_key = s.external_key "
        f"WHERE t.id IS NULL OR k.id IS NULL OR k.object_id <> CAST(t.id AS CHAR) OR {differs}"
    )
    cursor.execute(
        f"UPDATE shop_product t, plan p SET {', '.join(f't.{c} = p.{c}' for c in columns[1:])} "
        "WHERE t.id = p.id"
    )
    cursor.execute("SELECT COALESCE(MAX(id), 0) FROM shop_product FOR UPDATE")
    (last,) = cursor.fetchone()
    cursor.execute(
        f"INSERT INTO shop_product (id, {', '.join(columns)}) "
        f"SELECT {last} + n, {', '.join(columns)} FROM plan WHERE id IS NULL"
    )
    cursor.execute(
        "INSERT INTO modelsync_externalkeymapping "
        "(external_system_id, content_type_id, external_key, object_id) "
        f"SELECT {system}, {kind}, external_key, COALESCE(id, {last} + n) FROM plan WHERE mapping IS NULL"
    )
    cursor.execute(
        f"UPDATE modelsync_externalkeymapping k, plan p SET k.object_id = COALESCE(p.id, {last} + p.n) "
        f"WHERE k.id = p.mapping AND p.object_id <> COALESCE(p.id, {last} + p.n)"
    )
