"""The limit on SQLite: `executemany` of what csv.reader gives, then four statements."""

from __future__ import annotations

import csv
from pathlib import Path

from django.db import connection, transaction

_COLUMNS = ("sku", "name", "description", "price", "stock", "active", "released", "updated")
# What comes as text is converted while it is staged.
_MOMENT = "NULLIF(REPLACE(SUBSTR(?, 1, 19), 'T', ' '), '')"
_MARKS = f"?, ?, ?, ?, NULLIF(?, ''), ?, ? = 'true', NULLIF(?, ''), {_MOMENT}"
_STAGE = """
    CREATE TEMPORARY TABLE stage (
        external_key varchar(255), sku varchar(32), name varchar(100), description text, price decimal,
        stock integer, active bool, released date, updated datetime, supplier varchar(20)
    )
"""


def run(path: Path, *, reference: bool, system: int, kind: int) -> None:
    """Bring the file into the table."""
    columns = (*_COLUMNS, "supplier_id") if reference else _COLUMNS
    values = [f"s.{column}" for column in _COLUMNS] + (["r.id"] if reference else [])
    join = " LEFT JOIN shop_supplier r ON r.code = s.supplier" if reference else ""
    differs = " OR ".join(f"t.{c} IS NOT {v}" for c, v in zip(columns[1:], values[1:], strict=True))
    # New objects need what the file does not say; ids count on from the highest.
    with transaction.atomic(), connection.cursor() as cursor, path.open(newline="", encoding="utf-8") as file:
        raw = cursor.connection
        raw.execute("DROP TABLE IF EXISTS temp.stage")
        raw.execute(_STAGE)
        rows = csv.reader(file)
        next(rows)
        marks = f"{_MARKS}, {'?' if reference else 'NULL'}"
        raw.executemany(f"INSERT INTO stage VALUES ({marks})", rows)
        raw.execute(
            "CREATE TEMPORARY TABLE plan AS SELECT s.rowid AS n, t.id AS id, k.id AS mapping, k.object_id AS "
            f"object_id, {'r.id' if reference else 'NULL'} AS supplier_id, ({differs}) AS changed "
            f"FROM stage s LEFT JOIN shop_product t ON t.sku = s.sku{join} "
            f"LEFT JOIN modelsync_externalkeymapping k ON k.external_system_id = {system} "
            f"AND k.content_type_id = {kind} AND k.external_key = s.external_key "
            f"WHERE t.id IS NULL OR k.id IS NULL OR k.object_id <> CAST(t.id AS TEXT) OR {differs}"
        )
        _write(raw, columns, system, kind)
        raw.execute("DROP TABLE plan")
        raw.execute("DROP TABLE stage")


def _write(raw, columns: tuple[str, ...], system: int, kind: int) -> None:
    values = ", ".join("p.supplier_id" if c == "supplier_id" else f"s.{c}" for c in columns)
    sets = ", ".join(f"{c} = {'p' if c == 'supplier_id' else 's'}.{c}" for c in columns[1:])
    raw.execute(
        f"UPDATE shop_product SET {sets} FROM plan p JOIN stage s ON s.rowid = p.n "
        f"WHERE p.changed AND shop_product.id = p.id"
    )
    (last,) = raw.execute(
        "SELECT MAX(COALESCE((SELECT MAX(id) FROM shop_product), 0), "
        "COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'shop_product'), 0))"
    ).fetchone()
    raw.execute(
        f"INSERT INTO shop_product (id, {', '.join(columns)}) "
        f"SELECT {last} + p.rowid, {values} FROM plan p JOIN stage s ON s.rowid = p.n WHERE p.id IS NULL"
    )
    raw.execute(
        "INSERT INTO modelsync_externalkeymapping "
        "(external_system_id, content_type_id, external_key, object_id) "
        f"SELECT {system}, {kind}, s.external_key, CAST(COALESCE(p.id, {last} + p.rowid) AS TEXT) "
        "FROM plan p JOIN stage s ON s.rowid = p.n WHERE p.mapping IS NULL"
    )
    raw.execute(
        "UPDATE modelsync_externalkeymapping "
        f"SET object_id = CAST(COALESCE(p.id, {last} + p.rowid) AS TEXT) FROM plan p "
        "WHERE p.mapping = modelsync_externalkeymapping.id AND p.object_id IS NOT CAST(p.id AS TEXT)"
    )
