"""Whatever the order: in the end, everything is as the sender has it."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings, strategies

from modelsync.push.models import Awaited, HeldBack
from tests.branch.models import Category, Label, Product, Review
from tests.branch.pushing import change, push, send

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PRODUCTS = [str(uuid.UUID(int=number)) for number in (1, 2, 3)]
LABELS = [str(uuid.UUID(int=number)) for number in (11, 12)]
KEYS: dict[str, list[Any]] = {"Category": [1, 2], "Label": LABELS, "Product": PRODUCTS, "Review": [1, 2, 3]}


@dataclass
class Headquarters:
    """A site that has objects, and tells of every change by its new version; with the rules of foreign keys.

    Labels never come back: that a product loses one which is deleted is no change of the product.
    """

    choose: random.Random
    now: dict[tuple[str, Any], dict[str, Any]] = field(default_factory=dict)
    versions: dict[tuple[str, Any], int] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    gone: set[tuple[str, Any]] = field(default_factory=set)
    ticks: int = 0

    def step(self) -> None:
        model = self.choose.choice([*KEYS, "Product", "Review"])
        key = self.choose.choice(KEYS[model])
        if (model, key) in self.now and self.choose.random() < 0.4:
            self.delete(model, key)
        elif (model, key) not in self.gone:
            self.write(model, key)

    def write(self, model: str, key: Any) -> None:
        self.ticks += 1
        here = {kind: [k for m, k in self.now if m == kind] for kind in KEYS}
        match model:
            case "Category":
                fields: dict[str, Any] = {"code": str(self.ticks), "parent": self.maybe(here["Category"])}
            case "Label":
                fields = {"name": str(self.ticks)}
            case "Product":
                labels = [each for each in here["Label"] if self.choose.random() < 0.5]
                fields = {"name": str(self.ticks), "category": self.maybe(here["Category"]), "labels": labels}
            case _ if here["Product"]:
                product = self.choose.choice(here["Product"])
                fields = {"product": product, "text": str(self.ticks), "author": self.maybe(here["Review"])}
            case _:
                return
        self.tell(model, key, fields)

    def maybe(self, keys: list[Any]) -> Any:
        return self.choose.choice([None, *keys])

    def delete(self, model: str, key: Any) -> None:
        self.tell(model, key, None)
        if model == "Label":
            self.gone.add((model, key))
        for (other, its), fields in list(self.now.items()):
            if (other, its) not in self.now:
                continue
            if model == "Label" and other == "Product":
                fields["labels"] = [each for each in fields["labels"] if each != key]
            for name, target in (("parent", "Category"), ("category", "Category"), ("author", "Review")):
                if target == model and name in fields and fields[name] == key and other in _having(name):
                    self.tell(other, its, {**fields, name: None})
            if model == "Product" and other == "Review" and fields["product"] == key:
                self.delete(other, its)

    def tell(self, model: str, key: Any, fields: dict[str, Any] | None) -> None:
        self.versions[model, key] = version = self.versions.get((model, key), 0) + 1
        if fields is None:
            self.now.pop((model, key), None)
        else:
            self.now[model, key] = dict(fields)
        self.told.append(change(model, key, version, None if fields is None else dict(fields)))

    def restore(self) -> list[dict[str, Any]]:
        """Versions begin again; everything is told anew, and what is gone, too."""
        for place in self.versions:
            self.versions[place] = 0
        before, self.told = self.told, []
        for model, key in list(self.versions):
            self.tell(model, key, self.now.get((model, key)))
        return before


def _having(name: str) -> tuple[str, ...]:
    return {"parent": ("Category",), "category": ("Product",), "author": ("Review",)}[name]


def state_here() -> dict[tuple[str, Any], dict[str, Any]]:
    found: dict[tuple[str, Any], dict[str, Any]] = {}
    for category in Category.objects.all():
        found["Category", category.pk] = {"code": category.code, "parent": category.parent_id}
    for label in Label.objects.all():
        found["Label", str(label.pk)] = {"name": label.name}
    for product in Product.objects.all():
        labels = sorted(str(each.pk) for each in product.labels.all())
        found["Product", str(product.pk)] = {
            "name": product.name,
            "category": product.category_id,
            "labels": labels,
        }
    for review in Review.objects.all():
        found["Review", review.pk] = {
            "product": str(review.product_id),
            "text": review.text,
            "author": review.author_id,
        }
    return found


def delivered(told: list[tuple[int, dict[str, Any]]], choose: random.Random) -> None:
    """Deliver in batches, some of them twice, those of the second epoch not before one of the first."""
    said = [*told, *choose.sample(told, len(told) // 3)]
    choose.shuffle(said)
    said.sort(key=lambda each: each[0] > 1 and choose.random() < 0.5)
    if not any(epoch == 1 for epoch, _ in said[:1]):
        said.insert(0, next(each for each in said if each[0] == 1))
    while said:
        epoch = said[0][0]
        some = [each for each in said[: choose.choice([1, 3, 10])] if each[0] == epoch]
        for each in some:
            said.remove(each)
        answer = push([each for _, each in some], uuid.UUID(int=epoch))
        assert answer.status_code == 200
        assert {each["status"] for each in answer.json()["results"]} <= {"ok", "stale"}, answer.content


@given(seed=strategies.integers(0, 2**32), steps=strategies.integers(1, 25), restored=strategies.booleans())
@settings(max_examples=40)
def test_version_2_ends_in_the_newest_state(seed: int, steps: int, restored: bool) -> None:
    """Reordered, repeated and late, with deletions, lives after them, and a restored sender."""
    choose = random.Random(seed)
    site = Headquarters(choose)
    for _ in range(steps):
        site.step()
    told = [(1, each) for each in site.told]
    if restored and told:
        site.restore()
        for _ in range(steps // 2):
            site.step()
        told += [(2, each) for each in site.told]
    if not told:
        return
    with transaction.atomic():
        delivered(told, choose)
        for fields in site.now.values():
            fields.pop("labels", None) if "labels" not in fields else fields["labels"].sort()
        assert state_here() == site.now
        assert not HeldBack.objects.exists()
        assert not Awaited.objects.exclude(target_model="branch.Label").exists()
        transaction.set_rollback(True)


@given(seed=strategies.integers(0, 2**32), lives=strategies.integers(1, 3))
@settings(max_examples=30)
def test_version_1_ends_in_the_newest_state(seed: int, lives: int) -> None:
    """By the versions and creations that the object itself has."""
    choose = random.Random(seed)
    told: list[tuple[str, dict[str, Any] | None, bool]] = []
    version, is_here = 0, False
    for life in range(lives):
        creation = f"2026-01-0{life + 1}T00:00:00Z"
        for version in range(1, choose.randint(2, 4)):
            told.append(
                (PRODUCTS[0], {"name": f"{life} {version}", "version": version, "creation": creation}, False)
            )
        is_here = life == lives - 1 and choose.random() < 0.5
        if not is_here:
            told.append((PRODUCTS[0], {"version": version, "creation": creation}, True))
    last = told[-1]
    said = [*told, *choose.sample(told, len(told) // 2)]
    choose.shuffle(said)
    with transaction.atomic():
        for key, data, deletes in said:
            assert send("Product", key, data, deletes=deletes).status_code == 200
        names = [each.name for each in Product.objects.all()]
        assert names == ([last[1]["name"]] if is_here and last[1] else [])
        transaction.set_rollback(True)
