"""Pages: every row once, whatever the query, with few queries and without instances."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Count, Prefetch
from django.db.models.signals import post_init

from modelsync.core.errors import ConfigurationError
from modelsync.routing import Route
from modelsync.serving import paging
from tests.integration.serving.asking import array, ask, make_products, objects
from tests.shop.models import Product, Supplier, Tag, Worded

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MANY = 2 * paging.PAGE + 1


def view_of(given: Any) -> Any:
    """A view that serves this."""
    return Route(api_token="token").queryset("x")(lambda: given)


@pytest.mark.parametrize(
    "rows",
    [
        Product.objects.all(),
        Product.objects.filter(sku__startswith="p"),
        Product.objects.order_by("-sku"),
        Product.objects.filter(tags__slug__in=["t0", "t1"]).distinct(),
        Product.objects.filter(supplier__code="s"),
        Product.objects.annotate(tagged=Count("tags")).filter(tagged=1),
        Product.objects.only("sku"),
        Product.objects.select_related("supplier").prefetch_related("tags"),
        Product.objects.filter(stock=0).union(Product.objects.filter(stock=1)),
    ],
    ids=range(9),
)
def test_every_row_is_there_once_whatever_the_query(rows: Any) -> None:
    """Over several pages, with its own tags."""
    make_products(MANY)
    tags = list(Tag.objects.order_by("pk").values_list("pk", flat=True))
    served = objects(view_of(rows))
    assert len(served) == MANY
    assert {found["sku"] for found in served} == {f"p{n}" for n in range(MANY)}
    assert all(found["tags"] == [tags[int(found["sku"][1:]) % 2]] for found in served)
    assert served[0]["price"] == "1.50"


def test_a_join_that_repeats_rows_repeats_them() -> None:
    """As the queryset does; no page cuts them off."""
    make_products(3)
    for product in Product.objects.all():
        product.tags.set(Tag.objects.all())
    assert len(objects(view_of(Product.objects.filter(tags__slug__startswith="t")))) == 6


def test_pages_follow_keys_that_are_texts() -> None:
    """And pages of exactly one page end."""
    Worded.objects.bulk_create([Worded(word=f"w{n:05}") for n in range(paging.PAGE)], batch_size=500)
    assert len(objects(view_of(Worded.objects.all()))) == paging.PAGE


def test_version_1_goes_over_pages() -> None:
    """Still one array."""
    make_products(MANY)
    assert len({found["pk"] for found in array(view_of(Product.objects.all()))}) == MANY


def test_no_instances_are_made() -> None:
    """Receivers of post_init are not called."""
    make_products(3)
    made = []

    def note(sender: Any, **kwargs: Any) -> None:
        made.append(sender)

    post_init.connect(note)
    try:
        assert len(objects(view_of([Product.objects.all(), Supplier.objects.order_by("name")[:1]]))) == 4
    finally:
        post_init.disconnect(note)
    assert made == []


def test_the_queries_of_a_page_are_few(django_assert_num_queries: Any) -> None:
    """One for the count, and for each page one for its rows and one for each relation."""
    make_products(MANY)
    with django_assert_num_queries(1 + 3 * 2):
        assert len(objects(view_of(Product.objects.all()))) == MANY
    few = Product.objects.filter(sku__in=["p1", "p2"])
    with django_assert_num_queries(1 + 2):
        assert len(objects(view_of(few))) == 2
    with django_assert_num_queries(2):
        assert len(array(view_of(few))) == 2


def test_a_prefetch_of_the_functions_own_is_respected() -> None:
    """It says which related objects are served."""
    make_products(2)
    rows = Product.objects.prefetch_related(Prefetch("tags", Tag.objects.filter(slug="t0"))).order_by("sku")
    assert [len(found["tags"]) for found in objects(view_of(rows))] == [1, 0]
    assert [len(found["fields"]["tags"]) for found in array(view_of(rows))] == [1, 0]


@pytest.mark.parametrize(
    "rows", [Product.objects.values(), Product.objects.values_list("pk"), "text", 5, None]
)
def test_what_is_no_object_is_refused(rows: Any) -> None:
    """At once."""
    with pytest.raises(ConfigurationError, match="route"):
        ask(view_of(rows))
