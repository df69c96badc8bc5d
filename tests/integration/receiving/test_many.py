"""Many objects of one model in a request: written through a stage, with the same result."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from modelsync.push.models import Awaited, HeldBack
from tests.branch.models import Category, Offer, Price, Product
from tests.branch.pushing import change, push, statuses

pytestmark = [pytest.mark.django_db, pytest.mark.database]

KEYS = [str(uuid.UUID(int=number)) for number in range(1, 61)]


def product(number: int, version: int, **fields: Any) -> dict[str, Any]:
    """A change of one of many products, with all that makes them fit for the stage."""
    time = "2026-01-01T00:00:00Z"
    said = {
        "name": str(number),
        "version": version,
        "creation": time,
        "last_edition": time,
        "inactive": False,
    }
    return change("Product", KEYS[number], version, {**said, **fields})


def test_all_that_becomes_of_them() -> None:
    """Each has its own answer, and what waits for them is told."""
    Category.objects.create(pk=1, code="here")
    statuses(change("Price", 1, 1, {"code": "p", "product": KEYS[50]}))
    changes = [product(number, 1, sku=f"s{number}", price=None, category=1) for number in range(60)]
    changes[3] = product(3, 1, sku="s3", price=None, category=7)
    changes[4] = product(4, 1, sku="s4", price="much", category=1)
    changes[5] = product(5, 1, sku="s6", price=None, category=1)
    changes[7] = product(7, 1, sku="s7", price="-1", category=1)
    answer = push(changes).json()["results"]
    told = {number: each["status"] for number, each in enumerate(answer) if each["status"] != "ok"}
    # Of two that want one unique value, the first one written has it.
    assert told == {4: "rejected", 6: "rejected", 7: "rejected"}
    assert Product.objects.count() == 57
    assert Product.objects.filter(category=1).count() == 56
    assert Price.objects.filter(product=KEYS[50]).exists()
    statuses(change("Category", 7, 1, {"code": "seven"}))
    assert Product.objects.get(pk=KEYS[3]).category_id == 7
    for model in (Awaited, HeldBack):
        assert not model.objects.exists()
    again = [
        product(number, version, sku=f"s{number}") for number, version in ((n, n % 2 + 1) for n in range(60))
    ]
    # Those that were refused were not received: the same version is taken now.
    wanted = ["ok" if number % 2 or number in (4, 6) else "stale" for number in range(60)]
    assert statuses(*again) == wanted


def test_what_others_wait_for_by_another_field() -> None:
    """It is told, too."""
    product = Product.objects.create(name="x")
    statuses(*(change("Offer", number, 1, {"price": f"c{number}"}) for number in range(1, 31)))
    prices = [
        change("Price", n, 1, {"code": f"c{n}", "product": str(product.pk), "amount": n})
        for n in range(1, 31)
    ]
    assert statuses(*prices) == ["ok"] * 30
    assert Offer.objects.exclude(price=None).count() == 30
    assert not Awaited.objects.exists()


def test_the_number_of_statements_does_not_grow_with_them() -> None:
    """Where nothing waits and nothing is refused."""
    counted = []
    statuses(*(product(number, 1) for number in range(60)))
    for numbers in (range(30), range(60)):
        with CaptureQueriesContext(connection) as queries:
            assert set(statuses(*(product(number, len(numbers)) for number in numbers))) == {"ok"}
        counted.append(len(queries))
    assert counted[1] == counted[0]
    assert counted[1] < 45
