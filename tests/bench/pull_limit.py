"""The limit of a pull, on PostgreSQL: COPY out, HTTP, COPY in, and statements for these very tables.

Nothing is checked and nothing is general. What must be right is the result.
"""

from __future__ import annotations

from typing import Any
from urllib.request import urlopen

from django.db import connection, transaction

#: The tables, each with the columns that are read; the first is the key, but for the table of links.
TABLES = {
    "shop_supplier": ("id", "code", "name"),
    "shop_tag": ("id", "slug", "name"),
    "shop_product": (
        *("id", "sku", "name", "description", "price", "stock", "weight", "active", "released", "updated"),
        "supplier_id",
    ),
    "shop_product_tags": ("product_id", "tag_id"),
}
_LINKS = "shop_product_tags"
_BLOCK = 1 << 16


def run(address: str) -> None:
    """Make the tables equal to those that this address gives."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        # A table that is being filled is thought to be empty, and would be read once for each row.
        cursor.execute("SET LOCAL enable_nestloop = off")
        for table, columns in TABLES.items():
            given = ", ".join(columns)
            cursor.execute(
                f"CREATE TEMPORARY TABLE new_{table} ON COMMIT DROP AS SELECT {given} FROM {table} LIMIT 0"
            )
            with (
                urlopen(f"{address}/copy/{table}/") as response,
                cursor.copy(f"COPY new_{table} ({given}) FROM STDIN") as copy,
            ):
                while block := response.read(_BLOCK):
                    copy.write(block)
            cursor.execute(f"ANALYZE new_{table} ({columns[0]})")
        for table, columns in TABLES.items():
            (_merge_links if table == _LINKS else _merge)(cursor, table, columns)
        for table in TABLES:
            cursor.execute(
                f"SELECT setval('{table}_id_seq', GREATEST(max(id), nextval('{table}_id_seq'))) FROM {table}"
            )


def _merge(cursor: Any, table: str, columns: tuple[str, ...]) -> None:
    key, *values = columns
    cursor.execute(
        f"DELETE FROM {table} t WHERE NOT EXISTS (SELECT FROM new_{table} n WHERE n.{key} = t.{key})"
    )
    cursor.execute(
        f"UPDATE {table} t SET {', '.join(f'{v} = n.{v}' for v in values)} FROM new_{table} n "
        f"WHERE n.{key} = t.{key} AND "
        f"(t.{', t.'.join(values)}) IS DISTINCT FROM (n.{', n.'.join(values)})"
    )
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM new_{table} n "
        f"WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.{key} = n.{key})"
    )


def _merge_links(cursor: Any, table: str, columns: tuple[str, ...]) -> None:
    same = " AND ".join(f"n.{column} = t.{column}" for column in columns)
    cursor.execute(f"DELETE FROM {table} t WHERE NOT EXISTS (SELECT FROM new_{table} n WHERE {same})")
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM new_{table} n "
        f"WHERE NOT EXISTS (SELECT FROM {table} t WHERE {same})"
    )
