"""What the server of the pull benchmark holds: made, changed, and compared with what the client has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db import connections
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat, Mod

from tests.bench import state
from tests.bench.data import _rows as texts
from tests.shop.models import Product, Supplier, Tag

TAGS = 200
#: Of so many products one changes.
EVERY = 10
_CHUNK = 10_000
_LINKS = Product.tags.through
_MODELS: tuple[Any, ...] = (Supplier, Tag, Product)


def fill(alias: str, products: int) -> int:
    """Make so many products, each with a supplier and two tags; the number of objects there are then."""
    suppliers = dict(Supplier.objects.using(alias).values_list("code", "pk"))
    Tag.objects.using(alias).bulk_create([Tag(slug=f"tag-{n}", name=f"Tag {n}") for n in range(TAGS)])
    tags = list(Tag.objects.using(alias).order_by("pk").values_list("pk", flat=True))
    rows = _typed(products, suppliers)
    number = 0
    while some := [Product(pk=pk, **values) for pk, values in enumerate(islice(rows, _CHUNK), number + 1)]:
        Product.objects.using(alias).bulk_create(some, batch_size=2_000)
        links = [
            _LINKS(product_id=each.pk, tag_id=tags[(each.pk * 7 + step) % TAGS])
            for each in some
            for step in (0, 31)
        ]
        _LINKS.objects.using(alias).bulk_create(links, batch_size=5_000)
        number += len(some)
    return number + len(suppliers) + len(tags)


def change(alias: str) -> None:
    """Change a tenth of the products: the stock of each, of a quarter the price, the words, a tag, too."""
    numbered = Product.objects.using(alias).annotate(place=Mod("pk", EVERY * 4))
    numbered.filter(place__in=range(3, EVERY * 4, EVERY)).update(stock=F("stock") + 1)
    numbered.filter(place=3).update(price=F("price") + Decimal("1.00"))
    numbered.filter(place=13).update(description=Concat("description", Value(" (new)")))
    links = _LINKS.objects.using(alias).annotate(place=Mod("product_id", EVERY * 4))
    # Five on from here no product has a tag yet: its two are 31 apart.
    links.filter(place=23).update(tag_id=Mod(F("tag_id") + 4, TAGS) + 1)


def empty(alias: str) -> None:
    """Leave nothing in the tables."""
    state.empty(alias)
    for model in (Tag, Supplier):
        model._base_manager.using(alias).all()._raw_delete(alias)  # type: ignore[attr-defined]


def settle(alias: str) -> None:
    """Do now what the server would do at a time of its own, perhaps within the next run."""
    state.settle(alias)
    connection = connections[alias]
    names = [connection.ops.quote_name(model._meta.db_table) for model in (_LINKS, Tag)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for name in names:
                cursor.execute(f"VACUUM (ANALYZE) {name}")
        elif connection.vendor == "mysql":
            cursor.execute(f"ANALYZE TABLE {', '.join(names)}")
            cursor.fetchall()


def content(alias: str) -> dict[str, tuple[int, int]]:
    """How many rows each table holds, and their checksum whatever their order."""
    found = {}
    for model in _MODELS:
        fields = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
        found[model.__name__] = _summed(model._base_manager.using(alias).values_list("pk", *fields))
    links = _LINKS.objects.using(alias).values_list("pk", "product_id", "tag_id")
    found["tags of products"] = _summed(links, skipped=1)
    return found


def check(alias: str, wanted: dict[str, tuple[int, int]]) -> None:
    """Raise WrongResultError unless the tables hold this."""
    got = content(alias)
    for name, (rows, _) in wanted.items():
        if got[name] != wanted[name]:
            raise state.WrongResultError(
                f"{name}: {got[name][0]} rows here, {rows} there, or the values differ"
            )


def _typed(products: int, suppliers: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The rows of the other benchmark's files, as Django has them."""
    for row in texts(products, reference=True, changed=False):
        _, sku, name, description, price, stock, active, released, updated, supplier = row
        yield {
            "sku": sku,
            "name": name,
            "description": description,
            "price": Decimal(price) if price else None,
            "stock": int(stock),
            "active": active == "true",
            "released": dt.date.fromisoformat(released) if released else None,
            "updated": dt.datetime.fromisoformat(updated) if updated else None,
            "supplier_id": suppliers[supplier],
        }


def _summed(found: QuerySet[Any, Any], *, skipped: int = 0) -> tuple[int, int]:
    rows = total = 0
    for row in _chunked(found):
        rows += 1
        total ^= hash(row[skipped:])
    return rows, total


def _chunked(found: QuerySet[Any, Any]) -> Iterator[tuple[Any, ...]]:
    last = 0
    while chunk := list(found.filter(pk__gt=last).order_by("pk")[:_CHUNK]):
        yield from chunk
        last = chunk[-1][0]
