"""How the work of the database grows with a file: in proportion, however its rows hang together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import modelsync
from modelsync.models import ExternalKeyMapping
from tests.shop.models import Product, Supplier
from tests.work import assert_proportional, needs_count

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.slow]
Rows = list[dict[str, Any]]


def rows(count: int, **more: Any) -> Rows:
    """Products with keys and suppliers."""
    return [
        {"sku": f"p{n}", "name": f"P{n}", "external_key": f"k{n}", "supplier=>code": f"s{n % 7}", **more}
        for n in range(count)
    ]


def with_doubles(count: int) -> Rows:
    """One in fifty comes twice, in another state."""
    found = rows(count)
    return found + [{**each, "name": "again"} for each in found[::50]]


def renamed(count: int) -> Rows:
    """One in fifty has another match value than its key remembers, and some come twice."""
    found = with_doubles(count)
    for each in found[::50]:
        each["sku"] = f"new-{each['sku']}"
    return found


def sync(given: Rows) -> None:
    report = modelsync.sync(given, "shop.Product", system="ERP", match_on="sku", actions="cu*")
    assert report.ok, report.rejections[:3]
    assert report.writers["shop.Product"].startswith("staged")


@needs_count
@pytest.mark.parametrize(
    ("before", "after"), [(None, rows), (rows, rows), (with_doubles, with_doubles), (with_doubles, renamed)]
)
def test_work_is_in_proportion(before: Callable[[int], Rows] | None, after: Callable[[int], Rows]) -> None:
    """Four times the rows are not much more than four times the work, with others' keys in the table."""

    def prepare(count: int) -> Callable[[], None]:
        ExternalKeyMapping.objects.all().delete()
        Product.objects.all().delete()
        for n in range(7):
            Supplier.objects.get_or_create(code=f"s{n}", name=f"S{n}")
        if before:
            sync(before(count))
        return lambda: sync(after(count))

    assert_proportional(prepare, small=2000)
