"""What arrives before what it refers to, or is to go before what refers to it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from modelsync.push.models import Awaited, HeldBack
from modelsync.push.receiver import pre_save
from modelsync.push.receiving.hooks import REGISTERED
from tests.branch.models import Category, Label, Note, Offer, Price, Product, Review
from tests.branch.pushing import change, push, statuses

pytestmark = [pytest.mark.django_db, pytest.mark.database]

A, B, C = (str(uuid.UUID(int=number)) for number in (0xA, 0xB, 0xC))


def nothing_waits() -> bool:
    return not (Awaited.objects.exists() or HeldBack.objects.exists())


def test_a_nullable_reference_is_filled_in_later() -> None:
    """The sender is told that all is well; the object is there without it."""
    assert statuses(change("Product", A, 1, {"name": "a", "category": 7})) == ["ok"]
    assert Product.objects.get().category is None
    assert statuses(change("Category", 8, 1, {"code": "other"})) == ["ok"]
    assert Product.objects.get().category is None
    assert statuses(change("Category", 7, 1, {"code": "x"})) == ["ok"]
    assert (Product.objects.get().category_id, nothing_waits()) == (7, True)


def test_a_newer_reference_replaces_one_that_waits() -> None:
    """And one that does not tell of it does not."""
    statuses(change("Product", A, 1, {"name": "a", "category": 7}))
    statuses(change("Product", A, 2, {"name": "b"}))
    assert statuses(change("Category", 7, 1, {"code": "7"})) == ["ok"]
    assert Product.objects.get().category_id == 7
    statuses(change("Product", A, 3, {"category": 8}), change("Product", B, 1, {"name": "b", "category": 8}))
    statuses(change("Product", A, 4, {"category": 7}), change("Product", B, 2, {"category": None}))
    assert statuses(change("Category", 8, 1, {"code": "8"})) == ["ok"]
    assert Product.objects.get(pk=A).category_id == 7
    assert (Product.objects.get(pk=B).category_id, nothing_waits()) == (None, True)


def test_an_object_is_held_back_until_what_it_needs_is_there() -> None:
    """Whole, with the newest that arrived of it."""
    assert statuses(change("Review", 1, 1, {"product": A, "text": "one"})) == ["ok"]
    assert statuses(change("Review", 1, 2, {"text": "two"})) == ["ok"]
    assert statuses(change("Review", 1, 1, {"text": "stale"})) == ["stale"]
    assert not Review.objects.exists()
    assert statuses(change("Product", A, 1, {"name": "a"})) == ["ok"]
    review = Review.objects.get()
    assert (str(review.product_id), review.text, nothing_waits()) == (A, "two", True)


def test_what_is_held_back_waits_for_what_its_newest_state_names() -> None:
    """And for nothing that an older one named."""
    statuses(change("Review", 1, 1, {"product": A, "text": "one"}))
    statuses(change("Review", 1, 2, {"product": B}))
    assert [row.target_key for row in Awaited.objects.all()] == [B]
    statuses(change("Product", A, 1, {"name": "a"}))
    assert not Review.objects.exists()
    statuses(change("Product", B, 1, {"name": "b"}))
    assert (str(Review.objects.get().product_id), nothing_waits()) == (B, True)


def test_what_is_held_back_may_need_several() -> None:
    """And others may wait for it."""
    assert statuses(change("Offer", 1, 1, {"title": "o", "price": "p"})) == ["ok"]
    assert statuses(change("Price", 1, 1, {"code": "p", "product": A})) == ["ok"]
    assert Offer.objects.get().price is None
    assert statuses(change("Product", A, 1, {"name": "a"})) == ["ok"]
    assert (Price.objects.get().code, Offer.objects.get().price_id, nothing_waits()) == ("p", "p", True)


@pytest.mark.parametrize("coming", [["Review", "Product"], ["Product", "Review"], ["Product+Review"]])
def test_what_is_held_back_may_miss_something_else_too(coming: list[str]) -> None:
    """A reference that it could be without; whichever comes first."""
    push([change("Product", B, 1, {"name": "b"})])
    assert statuses(change("Review", 1, 1, {"product": A, "text": "x", "author": 2})) == ["ok"]
    changes = {
        "Product": change("Product", A, 1, {"name": "a"}),
        "Review": change("Review", 2, 1, {"product": B}),
    }
    for some in coming:
        push([changes[model] for model in some.split("+")])
    review = Review.objects.get(pk=1)
    assert (str(review.product_id), review.author_id, nothing_waits()) == (A, 2, True)


def test_a_change_of_what_is_here_is_held_back_too() -> None:
    """It stays as it is meanwhile."""
    statuses(change("Product", A, 1, {"name": "a"}), change("Review", 1, 1, {"product": A, "text": "one"}))
    assert statuses(change("Review", 1, 2, {"product": B, "text": "two"})) == ["ok"]
    assert Review.objects.get().text == "one"
    assert statuses(change("Product", B, 1, {"name": "b"})) == ["ok"]
    review = Review.objects.get()
    assert (str(review.product_id), review.text, nothing_waits()) == (B, "two", True)


def test_a_deletion_takes_what_is_held_back() -> None:
    """It does not come when what it waited for does."""
    statuses(change("Review", 1, 1, {"product": A}), change("Product", B, 1, {"name": "b", "category": 7}))
    assert statuses(change("Review", 1, 2), change("Product", B, 2)) == ["ok", "ok"]
    assert nothing_waits()
    assert (
        statuses(change("Product", A, 1, {"name": "a"}), change("Category", 7, 1, {"code": "x"}))
        == ["ok"] * 2
    )
    assert not Review.objects.exists()


def test_members_come_later() -> None:
    """Those that are there are members at once."""
    here = Label.objects.create()
    assert statuses(change("Product", A, 1, {"name": "a", "labels": [B, str(here.pk), C]})) == ["ok"]
    product = Product.objects.get()
    assert [*product.labels.all()] == [here]
    assert statuses(change("Label", B, 1, {"name": "b"})) == ["ok"]
    assert {str(each.pk) for each in product.labels.all()} == {B, str(here.pk)}
    assert statuses(change("Label", C, 1, {"name": "c"})) == ["ok"]
    assert (product.labels.count(), nothing_waits()) == (3, True)


def test_members_that_are_no_more_do_not_come() -> None:
    """A newer list says which."""
    statuses(change("Product", A, 1, {"name": "a", "labels": [B, C]}))
    statuses(change("Product", A, 2, {"labels": [C]}))
    statuses(change("Label", B, 1, {"name": "b"}), change("Label", C, 1, {"name": "c"}))
    assert ([str(each.pk) for each in Product.objects.get().labels.all()], nothing_waits()) == ([C], True)


def test_a_family_in_one_request() -> None:
    """In the worst order, of one model and of several."""
    changes = [
        change("Review", 2, 1, {"product": A, "text": "2", "author": 1}),
        change("Category", 2, 1, {"code": "child", "parent": 1}),
        change("Review", 1, 1, {"product": A, "text": "1"}),
        change("Product", A, 1, {"name": "a", "category": 2}),
        change("Category", 1, 1, {"code": "root"}),
    ]
    assert statuses(*changes) == ["ok"] * 5
    assert Category.objects.get(pk=2).parent_id == 1
    assert (Product.objects.get().category_id, Review.objects.get(pk=2).author_id) == (2, 1)
    assert nothing_waits()
    assert statuses(*(change(each["model"][3:], each["pk"], 2) for each in reversed(changes))) == ["ok"] * 5
    for model in (Review, Product, Category):
        assert not model._base_manager.exists()
    assert nothing_waits()


@pytest.mark.parametrize("model", ["Review", "Price"])
def test_a_deletion_waits_for_what_was_received_and_refers_to_it(model: str) -> None:
    """Whether it would protect the object or go with it: its own change is on the way."""
    statuses(change("Product", A, 1, {"name": "a"}), change(model, 1, 1, {"product": A}))
    assert statuses(change("Product", A, 2)) == ["ok"]
    assert Product.objects.exists()
    assert statuses(change(model, 1, 2)) == ["ok"]
    assert (Product.objects.exists(), nothing_waits()) == (False, True)


def test_a_deletion_that_was_overtaken() -> None:
    """What was made again in the meantime keeps what refers to it."""
    statuses(change("Product", A, 1, {"name": "a"}))
    assert statuses(change("Review", 1, 3, {"product": A, "text": "of the second"})) == ["ok"]
    assert statuses(change("Product", A, 2)) == ["ok"]
    assert statuses(change("Product", A, 3, {"name": "second"})) == ["ok"]
    assert statuses(change("Review", 1, 2)) == ["stale"]
    assert (Product.objects.get().name, Review.objects.get().text, nothing_waits()) == (
        "second",
        "of the second",
        True,
    )


def test_what_nobody_pushed_does_not_hold_up_a_deletion() -> None:
    """It goes with the object, or forbids it."""
    statuses(change("Product", A, 1, {"name": "a"}), change("Product", B, 1, {"name": "b"}))
    Note.objects.create(product_id=A)
    Price.objects.create(code="mine", product_id=B)
    answer = push([change("Product", A, 2), change("Product", B, 2)]).json()["results"]
    assert [each["status"] for each in answer] == ["ok", "rejected"]
    assert "protect it (branch.Price)" in answer[1]["error"]
    assert (Note.objects.exists(), Product.objects.get().name) == (False, "b")


def test_what_is_refused_when_its_turn_comes_is_kept() -> None:
    """With the reason: nobody waits for an answer any more. A newer change is taken."""
    Price.objects.create(code="taken", product=Product.objects.create(name="other"))
    assert statuses(change("Price", 9, 1, {"code": "taken", "product": A})) == ["ok"]
    assert statuses(change("Product", A, 1, {"name": "a"})) == ["ok"]
    held = HeldBack.objects.get()
    assert "unique" in held.reason
    assert not Awaited.objects.exists()
    assert statuses(change("Price", 9, 2, {"code": "free"})) == ["ok"]
    assert (Price.objects.filter(code="free", product=A).exists(), nothing_waits()) == (True, True)


def test_hooks_are_called_for_what_was_held_back() -> None:
    """With all that was sent; not for references that are filled in."""
    called: list[Any] = []

    @pre_save("branch.Review")
    def hook(new_object: bool, obj: Review, data: Any) -> Review:
        called.append((new_object, data))
        return obj

    try:
        statuses(change("Review", 1, 1, {"product": A, "author": 5, "mood": "good"}))
        assert called == []
        statuses(change("Product", A, 1, {"name": "a"}))
        assert called == [(True, {"product": A, "author": 5, "mood": "good"})]
        statuses(change("Review", 5, 1, {"product": A}))
        assert (len(called), Review.objects.get(pk=1).author_id) == (2, 5)
    finally:
        REGISTERED.clear()
