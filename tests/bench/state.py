"""The tables between the runs: emptied, tidied up, and compared with what the file says."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.models import QuerySet

from modelsync.models import Checkpoint, ExternalKeyMapping, Rejection, Run
from tests.bench.data import KEY, REFERENCE, supplier_codes
from tests.shop.models import Product, Supplier

SYSTEM = "bench"
_CHUNK = 10_000
_TABLES = (Product.tags.through, Product, ExternalKeyMapping, Rejection, Checkpoint, Run)


class WrongResultError(Exception):
    """A contestant's table does not hold what the file says."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a table or a file holds: so many rows, with these checksums whatever their order.

    `objects` is of the rows, `keys` of the key mappings; None where there is not one for each row.
    """

    rows: int
    objects: int
    keys: int | None


def fill_suppliers(alias: str) -> None:
    """Make the suppliers that the files refer to."""
    Supplier.objects.using(alias).bulk_create(
        [Supplier(code=code, name=f"Supplier {code}") for code in supplier_codes()]
    )


def empty(alias: str) -> None:
    """Make the tables as they are after the migrations."""
    connection = connections[alias]
    names = [connection.ops.quote_name(model._meta.db_table) for model in _TABLES]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY")
        elif connection.vendor == "mysql":
            cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
            for name in names:
                cursor.execute(f"TRUNCATE {name}")
            cursor.execute("SET FOREIGN_KEY_CHECKS = 1")
        else:
            for name in names:
                cursor.execute(f"DELETE FROM {name}")
            cursor.execute("VACUUM")


def settle(alias: str) -> None:
    """Do now what the server would do at a time of its own, perhaps within the next run."""
    connection = connections[alias]
    names = [connection.ops.quote_name(m._meta.db_table) for m in (Product, ExternalKeyMapping, Supplier)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for name in names:
                cursor.execute(f"VACUUM (ANALYZE) {name}")
            cursor.execute("CHECKPOINT")
        elif connection.vendor == "mysql":
            cursor.execute(f"ANALYZE TABLE {', '.join(names)}")
            cursor.fetchall()


@cache
def content_of_file(path: Path) -> Content:
    """What the tables must hold after this file."""
    rows = objects = keys = 0
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows += 1
            objects ^= hash(
                (
                    *(row["sku"], row["name"], row["description"], row["price"] or None, int(row["stock"])),
                    *(row["active"] == "true", row["released"] or None),
                    row["updated"].removesuffix("Z").replace("T", " ") or None,
                    row.get(REFERENCE),
                )
            )
            keys ^= hash((row[KEY], row["sku"]))
    return Content(rows, objects, keys)


def content_of_tables(alias: str) -> Content:
    """What they hold."""
    skus: dict[str, str] = {}
    objects = 0
    fields = ("sku", "name", "description", "price", "stock", "active", "released", "updated")
    for pk, sku, name, description, price, stock, active, released, updated, supplier in _chunked(
        Product.objects.using(alias).values_list("pk", *fields, "supplier__code")
    ):
        skus[str(pk)] = sku
        moment = str(updated.replace(tzinfo=None)) if updated else None
        day = str(released) if released else None
        number = str(price) if price is not None else None
        objects ^= hash((sku, name, description, number, stock, active, day, moment, supplier))
    mappings = ExternalKeyMapping.objects.using(alias).filter(
        external_system__name=SYSTEM,
        content_type=ContentType.objects.db_manager(alias).get_for_model(Product),
    )
    keys = count = 0
    for _, key, object_id in _chunked(mappings.values_list("pk", "external_key", "object_id")):
        keys ^= hash((key, skus.get(object_id)))
        count += 1
    return Content(len(skus), objects, keys if count == len(skus) else None)


def _chunked(found: QuerySet[Any, Any]) -> Iterator[tuple[Any, ...]]:
    """All rows, without having them all in memory; the first value is the primary key."""
    last = 0
    while chunk := list(found.filter(pk__gt=last).order_by("pk")[:_CHUNK]):
        yield from chunk
        last = chunk[-1][0]


def check(alias: str, path: Path, *, has_keys: bool) -> None:
    """Raise WrongResultError unless table, and key mappings if there must be any, are as the file says."""
    wanted, got = content_of_file(path), content_of_tables(alias)
    if (got.rows, got.objects) != (wanted.rows, wanted.objects):
        raise WrongResultError(f"the table has {got.rows} rows, the file {wanted.rows}, or the values differ")
    if has_keys and got.keys != wanted.keys:
        raise WrongResultError("keys are not mapped once each to the objects that the file says")
