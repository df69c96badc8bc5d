"""Changes that are pushed by version 2 of the wire."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from modelsync.push.models import HeldBack, Received
from tests.branch.models import Category, Fussy, Label, Machine, Product, Review
from tests.branch.pushing import ADDRESS, EPOCH, SECRET, change, push, settings_with, signed, statuses

pytestmark = [pytest.mark.django_db, pytest.mark.database]

A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)
LATER = uuid.UUID(int=2)


def test_an_object_comes_changes_and_goes() -> None:
    """With values as the pull protocol writes them."""
    label = Label.objects.create(name="new")
    fields = {
        "name": "Chair",
        "price": "12.50",
        "facts": '{"legs": 4}',
        "labels": [str(label.pk)],
        "version": 7,
        "creation": "2026-01-02T03:04:05.000006Z",
        "last_edition": "2026-02-02T03:04:05Z",
        "inactive": True,
        "unheard": "of",
    }
    assert statuses(change("Product", str(A), 1, fields)) == ["ok"]
    product = Product.objects.get()
    assert (product.pk, product.name, product.price, product.facts) == (
        A,
        "Chair",
        Decimal("12.50"),
        {"legs": 4},
    )
    assert (product.version, product.inactive) == (7, True)
    assert product.creation == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert [*product.labels.all()] == [label]
    assert statuses(change("Product", str(A), 2, {"price": None, "facts": "null", "labels": []})) == ["ok"]
    product = Product.objects.get()
    assert (product.name, product.price, product.labels.count()) == ("Chair", None, 0)
    assert Product.objects.filter(facts__isnull=False).exists()  # JSON's null, not SQL's
    assert statuses(change("Product", str(A), 3)) == ["ok"]
    assert not Product.objects.exists()
    known = Received.objects.get(model="branch.Product")
    assert (known.object_pk, known.version, known.deleted) == (str(A), 3, True)


def test_what_is_older_is_stale() -> None:
    """An equal version, too; and a deleted object stays deleted."""
    assert statuses(change("Category", 1, 5, {"code": "five"})) == ["ok"]
    assert statuses(change("Category", 1, 5, {"code": "again"})) == ["stale"]
    assert statuses(change("Category", 1, 4)) == ["stale"]
    assert Category.objects.get().code == "five"
    assert statuses(change("Category", 1, 6)) == ["ok"]
    assert statuses(change("Category", 1, 5, {"code": "late"})) == ["stale"]
    assert not Category.objects.exists()
    assert statuses(change("Category", 1, 7, {"code": "back"})) == ["ok"]
    assert Category.objects.get().code == "back"


def test_of_two_changes_of_an_object_the_newer_counts() -> None:
    """Whatever their order in a request."""
    changes = [change("Category", 1, version, {"code": str(version)}) for version in (2, 3, 1)]
    assert statuses(*changes) == ["stale", "ok", "stale"]
    assert Category.objects.get().code == "3"


def test_a_later_epoch_wins() -> None:
    """With lower versions; what is late of the former one is stale."""
    assert statuses(change("Category", 1, 9, {"code": "before"})) == ["ok"]
    assert statuses(change("Category", 1, 2, {"code": "restored"}), epoch=LATER) == ["ok"]
    assert statuses(change("Category", 1, 10, {"code": "late"})) == ["stale"]
    assert statuses(change("Category", 1, 3, {"code": "on"}), epoch=LATER) == ["ok"]
    assert Category.objects.get().code == "on"


def test_unknown_models_are_ignored() -> None:
    """Also those that are here, but not taken."""
    answer = push([change("Note", 1, 1, {"text": "x"}), change("Category", 1, 1, {"code": "x"})])
    assert answer.status_code == 200
    assert [each["status"] for each in answer.json()["results"]] == ["ignored", "ok"]


def test_names_with_and_without_an_app(settings: Any) -> None:
    """A name with the app is meant by that one alone, where there are both."""
    settings.MODELSYNC = settings_with(models={"hq.Category": "branch.Category"})
    assert statuses(change("Category", 1, 1, {"code": "x"})) == ["ok"]
    body = {"type": "CREATE_OR_UPDATE", "model": "Category", "uuid": 2, "data": {"code": "y"}}
    headers = {"Authorization": "Api-Key the key"}
    answer = Client().post(ADDRESS, body, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert Category.objects.count() == 2


@pytest.mark.parametrize(
    ("model", "pk", "fields", "error"),
    [
        ("Product", "no uuid", {"name": "x"}, "pk: it is no UUID"),
        ("Product", str(A), {"name": "x" * 101}, "name: it is 101 characters long, name takes 100"),
        ("Product", str(A), {"name": None}, "name: it is null, and name allows no NULL"),
        ("Product", str(A), {"name": "x", "price": "-1"}, "it breaks the constraint branch_product_price"),
        ("Product", str(A), {"name": "x", "category": "no number"}, "category: it is no whole number"),
        ("Product", str(A), {"name": "x", "labels": 5}, "labels: it must be a list of keys"),
        ("Product", str(A), {"name": "x", "labels": ["?"]}, "labels: one of its members: it is no UUID"),
        (
            "Product",
            str(A),
            {"name": "x", "labels": [None]},
            "labels: one of its members: it is null, and id allows no NULL",
        ),
        (
            "Product",
            str(A),
            {"name": "x", "category": ["a", 1]},
            "category: branch.Category has no natural keys here",
        ),
        ("Review", 1, {"text": "x"}, "product: a new branch.Review needs product"),
        ("Fussy", 1, {"name": "bad"}, "bad is bad"),
        ("Fussy", 1, {"name": "worse"}, "code of the receiving site failed: RuntimeError"),
    ],
)
def test_what_is_refused_is_refused_alone(model: str, pk: object, fields: dict[str, Any], error: str) -> None:
    """With its reason; it may come again by the same version."""
    changes = [change("Category", 1, 1, {"code": "x"}), change(model, pk, 1, fields)]
    answer = push(changes)
    assert answer.status_code == 200
    first, second = answer.json()["results"]
    assert (first["status"], first["error"], second["status"]) == ("ok", None, "rejected")
    assert second["error"] == error
    assert (second["model"], second["pk"], second["version"]) == (f"hq.{model}", pk, 1)
    assert Category.objects.exists()
    assert not Product.objects.exists()
    assert not Fussy.objects.exists()
    if pk != "no uuid":
        Product.objects.create(uuid=B, name="b")
        good = {"name": "x", "text": "y"} | ({"product": str(B)} if model == "Review" else {})
        assert statuses(change(model, pk, 1, good)) == ["ok"]


def test_unique_values_that_change_hands_within_a_request() -> None:
    """Whoever is in the way may be gone by the end of the request."""
    assert statuses(change("Product", str(A), 1, {"name": "a", "sku": "x"})) == ["ok"]
    taken = change("Product", str(B), 1, {"name": "b", "sku": "x"})
    assert statuses(taken) == ["rejected"]
    freed = change("Product", str(A), 2, {"name": "a", "sku": "y"})
    assert statuses(taken, freed) == ["ok", "ok"]
    assert {each.name: each.sku for each in Product.objects.all()} == {"a": "y", "b": "x"}


def test_fields_that_are_not_allowed_are_left_out(settings: Any) -> None:
    """But for those that every versioned object has."""
    settings.MODELSYNC = settings_with(models={"Product": {"model": "branch.Product", "fields": ["name"]}})
    fields = {"name": "a", "price": "1.00", "labels": [str(A)], "version": 3}
    assert statuses(change("Product", str(A), 1, fields)) == ["ok"]
    product = Product.objects.get()
    assert (product.name, product.price, product.version) == ("a", None, 3)


def test_what_is_deleted_may_stay_as_inactive(settings: Any) -> None:
    """And is active again when it comes back."""
    models = {"Product": {"model": "branch.Product", "on_delete": "inactive"}}
    settings.MODELSYNC = settings_with(models=models)
    fields = {"name": "a", "inactive": False}
    assert statuses(change("Product", str(A), 1, fields), change("Product", str(B), 4)) == ["ok", "ok"]
    assert statuses(change("Product", str(A), 2)) == ["ok"]
    assert Product.objects.get().inactive
    assert statuses(change("Product", str(A), 1, fields)) == ["stale"]
    assert statuses(change("Product", str(A), 3, fields)) == ["ok"]
    assert not Product.objects.get().inactive


def test_times_that_fields_take_by_themselves_are_the_senders() -> None:
    """When an object is new, and later."""
    Product.objects.create(uuid=A, name="a")
    one, two = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
    stamps = {"written_at": one, "moderated_at": one}
    assert statuses(change("Review", 1, 1, {"product": str(A), "text": "x", **stamps})) == ["ok"]
    assert statuses(change("Review", 1, 2, {"text": "y", "moderated_at": two})) == ["ok"]
    review = Review.objects.get()
    assert (review.written_at.year, review.moderated_at.year, review.text) == (2020, 2021, "y")


def test_a_child_with_the_fields_of_its_parent() -> None:
    """Multi-table inheritance: all of them come together."""
    fields = {"name": "Saw", "power": 5, "version": 2, "uuid": str(A), "product_ptr": str(A)}
    assert statuses(change("Machine", str(A), 1, fields)) == ["ok"]
    assert statuses(change("Machine", str(A), 2, {"power": 6, "price": "1.00"})) == ["ok"]
    machine = Machine.objects.get()
    assert (machine.pk, machine.name, machine.power, machine.price) == (A, "Saw", 6, Decimal("1.00"))
    assert statuses(change("Machine", str(A), 3)) == ["ok"]
    assert not Product.objects.exists()


def close(*models: str, epoch: uuid.UUID = LATER, secret: str = SECRET) -> Any:
    """Tell that all of these models was sent in an epoch."""
    complete = [f"hq.{model}" for model in models]
    body = json.dumps({"epoch": str(epoch), "changes": [], "complete": complete}).encode()
    return Client().post(ADDRESS, body, content_type="application/json", headers=signed(body, secret=secret))


def test_what_a_new_epoch_does_not_have_is_no_more() -> None:
    """When all of it has come: what the restored sender has never heard of goes, and stays away."""
    old = [change("Category", number, 5, {"code": "x"}) for number in (1, 2, 3)]
    assert statuses(*old, change("Review", 1, 1, {"product": str(A)})) == ["ok"] * 4
    Category.objects.create(pk=9, code="our own")
    assert statuses(change("Category", 2, 1, {"code": "y"}), epoch=LATER) == ["ok"]
    assert Category.objects.count() == 4
    for _ in range(2):
        answer = close("Category", "Review", "Unheard")
        assert (answer.status_code, answer.json()) == (200, {"results": []})
        assert [each.pk for each in Category.objects.order_by("pk")] == [2, 9]
    assert not HeldBack.objects.exists()
    assert statuses(change("Category", 1, 6, {"code": "late"})) == ["stale"]
    assert statuses(change("Category", 1, 1, {"code": "back"}), epoch=LATER) == ["ok"]
    assert Category.objects.count() == 3


def test_only_what_came_from_the_same_sender_goes(settings: Any) -> None:
    """Senders are told apart by their secrets, also when these are replaced one by one."""
    new = "whsec_" + base64.b64encode(b"another secret of the same length").decode()
    settings.MODELSYNC = settings_with(secrets=[SECRET, new])
    assert statuses(change("Category", 1, 1, {"code": "x"})) == ["ok"]
    assert close("Category", secret=new).status_code == 200
    assert Category.objects.exists()
    both = json.dumps({"epoch": str(EPOCH), "changes": [change("Category", 2, 1, {"code": "x"})]}).encode()
    headers = signed(both)
    headers["webhook-signature"] += " " + signed(both, secret=new)["webhook-signature"]
    assert Client().post(ADDRESS, both, content_type="application/json", headers=headers).status_code == 200
    assert close("Category", secret=new).status_code == 200
    assert not Category.objects.exists()


def test_a_new_epoch_does_not_empty_a_table_unasked(settings: Any) -> None:
    """The guard of deletions that are implied holds here, too."""
    assert statuses(*(change("Category", number, 1, {"code": "x"}) for number in range(1, 21))) == ["ok"] * 20
    answer = close("Category")
    assert answer.status_code == 409
    assert "20 of 20 branch.Category objects" in answer.json()["error"]
    assert Category.objects.count() == 20
    settings.MODELSYNC = {**settings.MODELSYNC, "max_deletes": "100%"}
    assert close("Category").status_code == 200
    assert not Category.objects.exists()


def test_what_was_deleted_before_is_not_deleted_again_with_an_epoch() -> None:
    """Nor does the guard count it."""
    numbers = range(1, 21)
    assert statuses(*(change("Category", number, 1, {"code": "x"}) for number in numbers)) == ["ok"] * 20
    assert statuses(*(change("Category", number, 2, op="delete") for number in numbers)) == ["ok"] * 20
    assert close("Category").status_code == 200
