"""Querysets whose pages cannot be found by the key: read once, in their order, with flat memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Length

from modelsync.media.refs import images
from modelsync.routing import Route
from modelsync.serving import paging
from modelsync.serving.files import file_index
from tests.integration.serving.asking import NDJSON, array, ask, lines, make_products, objects
from tests.shop.models import Portrait, Product, Tag, Worded

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MANY = 2 * paging.PAGE + 1


def view_of(given: Any) -> Any:
    """A view that serves this."""
    return Route(api_token="token").queryset("x")(lambda: given)


def some(**lookups: Any) -> Any:
    """Products of which each page has a few."""
    return Product.objects.filter(**lookups)


QUERYSETS = {
    "ordered": Product.objects.order_by("-sku"),
    "ordered by what is worked out": Product.objects.annotate(n=Length("sku")).order_by("n", "-pk"),
    "extra order": Product.objects.extra(order_by=["-sku"]),
    "sliced": Product.objects.order_by("-pk")[1 : MANY - 1],
    "distinct": Product.objects.order_by("-pk").distinct(),
    "united": some(stock=0).union(some(sku__endswith="1"), all=True).order_by("-sku"),
    "multiplied": Product.objects.filter(tags__slug__startswith="t").order_by("-pk"),
}


@pytest.mark.parametrize("name", QUERYSETS)
def test_rows_come_in_their_order_and_as_often(name: str) -> None:
    """Several pages of them, in both versions, each with its own relations."""
    make_products(MANY)
    few = Product.objects.filter(sku__in=["p1", "p2001", "p4000"])
    for product in few:
        product.tags.set(Tag.objects.all())
    tags = {product.pk: len(product.tags.all()) for product in few}
    rows = QUERYSETS[name].all()
    expected = [(product.pk, tags.get(product.pk, 1)) for product in rows.all()]
    assert len(expected) >= MANY - 2
    assert [(found["pk"], len(found["tags"])) for found in objects(view_of(rows.all()))] == expected
    found_by_1 = array(view_of(rows.all()))
    assert [(found["pk"], len(found["fields"]["tags"])) for found in found_by_1] == expected


def peak(reading: Callable[[int], Iterable[object]], pages: int) -> int:
    """The most bytes that reading so many pages took."""
    tracemalloc.start()
    try:
        for _ in reading(pages):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def products(pages: int) -> Iterable[object]:
    """Products with long texts, served in an order of their own."""
    view = view_of(Product.objects.order_by("-sku")[: pages * paging.PAGE])
    content: Iterable[object] = ask(view, headers=NDJSON).streaming_content
    return content


def named(pages: int) -> Iterable[object]:
    """The files that portraits name."""
    return images(Portrait.objects.order_by("-pk")[: pages * paging.PAGE], "photo")


def indexed(pages: int) -> Iterable[object]:
    """The same files, for other sites."""
    return file_index([Portrait.objects.order_by("-pk")[: pages * paging.PAGE]])


@pytest.mark.slow
@pytest.mark.parametrize("reading", [products, named, indexed])
def test_memory_does_not_grow_with_the_rows(reading: Callable[[int], Iterable[object]]) -> None:
    """The drivers of MariaDB would hold all of them.

    The lesser of two peaks counts: into one of them Python's table of interned strings may grow.
    """
    count = 8 * paging.PAGE
    if reading is products:
        text = "x" * 500
        Product.objects.bulk_create(
            [Product(sku=f"p{n}", name="P", description=text) for n in range(count)], batch_size=500
        )
    else:
        Portrait.objects.bulk_create(
            [Portrait(employee_id=str(n), photo=f"{n:0150}.png") for n in range(count)], batch_size=500
        )
    peak(reading, 1)
    assert min(peak(reading, 8) for _ in range(2)) < 1.3 * peak(reading, 2)


def test_a_stream_that_nobody_reads_on_leaves_the_connection_free() -> None:
    """And no file open."""
    make_products(MANY)
    stream = ask(view_of(Product.objects.order_by("-sku")), headers=NDJSON)
    blocks = iter(stream.streaming_content)
    assert next(blocks)
    assert next(blocks)
    assert Product.objects.count() == MANY
    del blocks, stream
    gc.collect()
    assert Product.objects.count() == MANY


def test_one_query_reads_all_rows_and_is_told(django_assert_num_queries: Any) -> None:
    """Besides the count."""
    make_products(MANY)
    view = Route(api_token="token", exclude={"shop.Product": ["tags"]}).queryset("x")(
        lambda: Product.objects.order_by("-sku")
    )
    with django_assert_num_queries(1 + 1) as told:
        assert len(objects(view)) == MANY
    assert "ORDER BY" in told.captured_queries[1]["sql"]


def test_a_query_that_fails_is_an_error_line() -> None:
    """Told by the class that Django gives errors."""
    rows = Worded.objects.order_by("-word").annotate(n=F("pk"))
    rows = rows.extra(select={"wrong": "SELECT 1, 2"}, order_by=["wrong"])
    *_, error = lines(view_of(rows))
    assert error["error"] in {"OperationalError", "ProgrammingError"}
    if connection.vendor != "postgresql":  # where a failure ends the transaction
        assert Worded.objects.count() == 0
