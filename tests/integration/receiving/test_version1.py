"""Objects that are pushed by version 1 of the wire, as django-objectsyncer does it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from modelsync.core.errors import ConfigurationError
from modelsync.push.models import Received
from modelsync.push.receiver import RestAPIJobChangePushHandler, pre_save
from modelsync.push.receiving.hooks import REGISTERED
from tests.branch.models import Category, Product, Review
from tests.branch.pushing import change, send, statuses

pytestmark = [pytest.mark.django_db, pytest.mark.database]

A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)
FIRST, SECOND = "2026-01-01T00:00:00.123Z", "2026-02-01T00:00:00Z"


def state(version: int, name: str = "", creation: str = FIRST, **more: Any) -> dict[str, Any]:
    return {"version": version, "name": name or str(version), "creation": creation, **more}


def names() -> list[str]:
    return sorted(Product.objects.values_list("name", flat=True))


@pytest.fixture
def _no_hooks_remain() -> Iterator[None]:
    yield
    REGISTERED.clear()


def test_an_object_comes_changes_and_goes() -> None:
    """With values as Django's serializer writes them, and fields that are not known here."""
    Category.objects.create(pk=3, code="c")
    data = state(
        2, "Chair", price="1.50", facts={"a": [1]}, category=3, labels=[], colour="red", inactive=True
    )
    answer = send("Product", A, data)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    product = Product.objects.get()
    assert (product.name, product.facts, product.category_id, product.version) == ("Chair", {"a": [1]}, 3, 2)
    assert product.creation == datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)
    assert product.inactive
    assert send("Product", A, state(3, "Table")).status_code == 200
    assert names() == ["Table"]
    for _ in range(2):
        answer = send("Product", A, {}, deletes=True)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert names() == []
    assert Received.objects.get(model="branch.Product").deleted


def test_a_lower_version_is_ignored_and_an_equal_one_applied() -> None:
    """A sender that heard no answer sends the same again."""
    send("Product", A, state(5))
    assert send("Product", A, state(4)).status_code == 200
    assert names() == ["5"]
    send("Product", A, state(5, "again"))
    assert names() == ["again"]


def test_deleted_and_made_again() -> None:
    """A newer creation tells it, in whatever order the two lives arrive."""
    send("Product", A, state(5))
    send("Product", A, state(1, "second", SECOND))
    assert names() == ["second"]
    send("Product", A, state(9, "late of the first"))
    assert names() == ["second"]
    send("Product", A, state(2, "on", SECOND))
    assert names() == ["on"]


def test_a_deleted_object_stays_deleted() -> None:
    """Until something newer comes than what was deleted."""
    send("Product", A, state(5))
    send("Product", A, None, deletes=True)
    for late in (state(4), state(5)):
        assert send("Product", A, late).status_code == 200
        assert names() == []
    send("Product", A, state(1, "second", SECOND))
    assert names() == ["second"]
    send("Product", A, state(1, creation=SECOND), deletes=True)
    assert names() == []
    send("Product", A, state(2, "in the filter again", SECOND))
    assert names() == ["in the filter again"]
    assert send("Product", A, state(1, creation=SECOND), deletes=True).status_code == 200
    assert names() == ["in the filter again"]


def test_what_was_here_before_the_tables() -> None:
    """The object's own version counts; its creation may be the time when it came here."""
    Product.objects.create(uuid=A, name="here", version=5)
    assert send("Product", A, state(4, creation="2020-01-01T00:00:00Z")).status_code == 200
    assert names() == ["here"]
    send("Product", A, state(6, creation="2020-01-01T00:00:00Z"))
    assert names() == ["6"]


def test_models_that_have_no_versions() -> None:
    """What comes is taken."""
    send("Category", 1, {"code": "a"})
    send("Category", 1, {"code": "b"})
    assert Category.objects.get().code == "b"


def test_a_sender_may_change_the_wire() -> None:
    """The versions of the two have nothing to do with one another."""
    send("Product", A, state(7, "one"))
    assert statuses(change("Product", str(A), 1, {"name": "two"})) == ["ok"]
    send("Product", A, state(3, "one again"))
    assert names() == ["one again"]


def test_unsupported_models_are_accepted_and_ignored() -> None:
    """So the sender has done with them."""
    answer = send("Member", A, {"name": "x"})
    assert (answer.status_code, answer.json()) == (202, {"success": True})


def test_what_is_refused() -> None:
    """Nothing is stored, and the reason is told."""
    answer = send("Product", A, state(1, price="lots"))
    assert answer.status_code == 422
    assert answer.json() == {"success": False, "error": "price: it is no number"}
    assert not Received.objects.filter(version__gt=0).exists()
    assert send("Product", A, state(1, price="1.00")).status_code == 200


def test_references_wait() -> None:
    """On both versions alike."""
    assert send("Review", 1, {"product": str(A), "text": "x"}).status_code == 200
    assert not Review.objects.exists()
    assert send("Product", A, state(1)).status_code == 200
    assert Review.objects.get().product_id == A


@pytest.mark.usefixtures("_no_hooks_remain")
def test_hooks_of_the_view() -> None:
    """They have their say one after the other, and may refuse."""

    @pre_save("branch.Product")
    def first(new_object: bool, obj: Product, data: dict[str, Any]) -> Product:
        obj.name = f"{data['colour']} {obj.name} {'new' if new_object else 'old'}"
        return obj

    @pre_save(Product)
    def second(new_object: bool, obj: Product, data: dict[str, Any]) -> Product:
        if data["colour"] == "grey":
            raise ValidationError("not grey")
        if data["colour"] == "blue":
            raise KeyError("a secret of others")
        obj.name = obj.name.upper()
        return obj

    assert send("Product", A, state(1, "chair", colour="red")).status_code == 200
    assert names() == ["RED CHAIR NEW"]
    assert statuses(change("Product", str(A), 1, {"name": "chair", "colour": "green"})) == ["ok"]
    assert names() == ["GREEN CHAIR OLD"]
    answer = send("Product", A, state(2, "chair", colour="grey"))
    assert (answer.status_code, answer.json()["error"]) == (422, "not grey")
    answer = send("Product", A, state(2, "chair", colour="blue"))
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "code of the receiving site failed: KeyError",
    )
    assert names() == ["GREEN CHAIR OLD"]


def test_hooks_must_be_callable_and_models_named() -> None:
    """Mistakes are told at once."""
    with pytest.raises(ValueError, match="not callable"):
        pre_save("branch.Product")("no function")  # type: ignore[type-var]
    with pytest.raises(ConfigurationError, match="a model or its label"):
        pre_save("Product")
    with pytest.raises(ValueError, match="not callable"):
        RestAPIJobChangePushHandler("branch", []).add_pre_save_hooks("Product", None)  # type: ignore[arg-type]


def test_the_handler_answers_as_documented() -> None:
    """Its response says what its body says."""
    handler = RestAPIJobChangePushHandler("branch", ["Product", "Review", "Gone"])
    calls: list[Any] = []

    def hook(new_object: bool, obj: Product, data: dict[str, Any]) -> Product:
        calls.append((new_object, obj.name, data["name"]))
        obj.name += "!"
        return obj

    for _ in range(2):
        handler.add_pre_save_hooks("Product", hook)

    def process(model: str, data: Any, kind: str = "CREATE_OR_UPDATE") -> tuple[int, Any]:
        said = {"id": 1, "type": kind, "model": model, "uuid": str(A), "data": data}
        response = handler.process(said)
        assert response.data == json.loads(response.content)
        return response.status_code, response.data

    assert process("Product", state(1, "x")) == (200, {"success": True})
    assert (names(), calls) == (["x!!"], [(True, "x", "x"), (True, "x!", "x")])
    assert process("Product", state(2, "y")) == (200, {"success": True})
    assert (names(), calls[-1]) == (["y!!"], (False, "y!", "y"))
    assert process("Member", {}) == (202, {"success": True})
    assert process("Gone", {})[0] == 417
    status, said = process("Product", state(3, "x" * 200))
    assert (status, said["success"]) == (422, False)
    assert process("Product", {}, "RENAME")[0] == 400
    assert handler.process({"model": "Product"}).status_code == 400
    assert process("Product", {}, "DELETE") == (200, {"success": True})
    assert names() == []
