"""The limit on PostgreSQL: COPY of what csv.reader gives, ANALYZE, then a plan and four statements."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from django.db import connection, transaction

_COLUMNS = ("sku", "name", "description", "price", "stock", "active", "released", "updated")
_STAGE = """
    CREATE TEMPORARY TABLE stage (
        external_key varchar(255), sku varchar(32), name varchar(100), description text, price numeric(10, 2),
        stock integer, active boolean, released date, updated timestamptz, supplier varchar(20)
    ) ON COMMIT DROP
"""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def run(path: Path, *, reference: bool, system: int, kind: int) -> None:
    """Bring the file into the table."""
    given = ", ".join(("external_key", *_COLUMNS, "supplier") if reference else ("external_key", *_COLUMNS))
    with transaction.atomic(), connection.cursor() as cursor, path.open(newline="", encoding="utf-8") as file:
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(_STAGE)
        rows = csv.reader(file)
        next(rows)
        with cursor.copy(f"COPY stage ({given}) FROM STDIN WITH (NULL '')") as copy:
            for block in _blocks(rows):
                copy.write(block)
        cursor.execute("ANALYZE stage (sku)")  # the size is what matters; other columns only cost time
        _merge(cursor, reference, system, kind)


def _blocks(rows: Iterator[list[str]]) -> Iterator[str]:
    while some := list(islice(rows, 2_000)):
        block = "\n".join(map("\t".join, some))
        ends, tabs = len(some) - 1, len(some) * (len(some[0]) - 1)
        is_plain = "\\" not in block and "\r" not in block
        if not is_plain or block.count("\n") != ends or block.count("\t") != tabs:
            block = "\n".join("\t".join(cell.translate(_ESCAPES) for cell in row) for row in some)
        yield block + "\n"


def _merge(cursor, reference: bool, system: int, kind: int) -> None:
    columns = (*_COLUMNS, "supplier_id") if reference else _COLUMNS
    values = [f"s.{column}" for column in _COLUMNS] + (["r.id"] if reference else [])
    values[2] = "COALESCE(s.description, '')"
    join = " LEFT JOIN shop_supplier r ON r.code = s.supplier" if reference else ""
    differs = f"(t.{', t.'.join(columns[1:])}) IS DISTINCT FROM ({', '.join(values[1:])})"
    cursor.execute(
        "CREATE TEMPORARY TABLE plan ON COMMIT DROP AS SELECT "
        "COALESCE(t.id, nextval('shop_product_id_seq')) AS id, t.id IS NULL AS is_new, k.id AS mapping, "
        f"k.object_id AS object_id, s.external_key AS external_key, "
        f"{', '.join(f'{v} AS {c}' for v, c in zip(values, columns, strict=True))} "
        f"FROM stage s LEFT JOIN shop_product t ON t.sku = s.sku{join} "
        f"LEFT JOIN modelsync_externalkeymapping k ON k.external_system_id = {system} "
        f"AND k.content_type_id = {kind} AND k.external_key = s.external_key "
        f"WHERE t.id IS NULL OR k.id IS NULL OR k.object_id <> t.id::text OR {differs}"
    )
    cursor.execute(
        f"UPDATE shop_product t SET {', '.join(f'{c} = p.{c}' for c in columns[1:])} FROM plan p "
        "WHERE t.id = p.id AND NOT p.is_new"
    )
    cursor.execute(
        f"INSERT INTO shop_product (id, {', '.join(columns)}) "
        f"SELECT id, {', '.join(columns)} FROM plan WHERE is_new"
    )
    cursor.execute(
        "INSERT INTO modelsync_externalkeymapping "
        "(external_system_id, content_type_id, external_key, object_id) "
        f"SELECT {system}, {kind}, external_key, id::text FROM plan WHERE mapping IS NULL"
    )
    cursor.execute(
        "UPDATE modelsync_externalkeymapping k SET object_id = p.id::text FROM plan p "
        "WHERE k.id = p.mapping AND p.object_id <> p.id::text"
    )
