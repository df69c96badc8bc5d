"""Requests at the same time, by real connections of their own."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connections
from django.db.models.signals import pre_delete

from modelsync.push.models import Awaited, HeldBack, Received
from modelsync.push.receiver import pre_save
from modelsync.push.receiving.hooks import REGISTERED
from tests.branch.models import Category, Product, Review
from tests.branch.pushing import change, push
from tests.separate import SeparateDatabase, separate_database

pytestmark = pytest.mark.database

A, B = (str(uuid.UUID(int=number)) for number in (0xA, 0xB))


class _Router:
    """Everything is in the database that has connections for all threads."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def db_for_read(self, model: object, **hints: object) -> str:
        return self.alias

    db_for_write = db_for_read


@pytest.fixture(scope="module")
def database(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[SeparateDatabase]:
    with django_db_blocker.unblock(), separate_database(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def shared(database: SeparateDatabase, settings: Any, django_db_blocker: Any) -> Iterator[str]:
    settings.DATABASE_ROUTERS = [_Router(database.alias)]
    with django_db_blocker.unblock():
        yield database.alias
        REGISTERED.clear()
        for model in (Review, Product, Category, Received, Awaited, HeldBack):
            model._base_manager.using(database.alias).all().delete()


def started(function: Callable[[], object]) -> Thread:
    def run() -> None:
        try:
            function()
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    return thread


class Pause:
    """The first of two requests stops somewhere, until the second has had time enough to do it wrong."""

    def __init__(self) -> None:
        self.inside, self.go_on = Event(), Event()

    def here(self) -> None:
        if not self.inside.is_set():
            self.inside.set()
            assert self.go_on.wait(60)

    def meanwhile(self, first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[list[str]]:
        """Push the second while the first one stops; what became of their changes."""
        answers: list[list[str]] = [[], []]

        def pushing(number: int, changes: list[dict[str, Any]]) -> None:
            answers[number] = [each["status"] for each in push(changes).json()["results"]]

        one = started(lambda: pushing(0, first))
        assert self.inside.wait(60)
        other = started(lambda: pushing(1, second))
        other.join(0.3)  # it decides nothing
        self.go_on.set()
        for thread in (one, other):
            thread.join(90)
            assert not thread.is_alive()
        return answers


def meanwhile(model: str, first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[list[str]]:
    """Push `second` while an object of the model, that `first` brings, is about to be saved."""
    pause = Pause()

    @pre_save(f"branch.{model}")
    def wait(new_object: bool, obj: Any, data: Any) -> Any:
        pause.here()
        return obj

    return pause.meanwhile(first, second)


@pytest.mark.parametrize("is_here", [False, True])
@pytest.mark.parametrize("newer_first", [False, True])
def test_two_requests_for_one_object(shared: str, newer_first: bool, is_here: bool) -> None:
    """The newer one wins, whichever began first."""
    if is_here:
        push([change("Category", 1, 1, {"code": "one"})])
    changes = [change("Category", 1, version, {"code": str(version)}) for version in (2, 3)]
    first, second = reversed(changes) if newer_first else changes
    answers = meanwhile("Category", [first], [second])
    assert answers == [["ok"], ["stale"]] if newer_first else [["ok"], ["ok"]]
    assert Category.objects.get().code == "3"
    assert Received.objects.get(model="branch.Category").version == 3


def test_a_deletion_and_an_older_change(shared: str) -> None:
    """What is deleted at the same time stays deleted."""
    push([change("Category", 1, 1, {"code": "one"})])
    assert meanwhile("Category", [change("Category", 1, 2, {"code": "two"})], [change("Category", 1, 3)]) == [
        ["ok"],
        ["ok"],
    ]
    assert not Category.objects.exists()


def test_what_is_awaited_comes_while_it_is_missed(shared: str) -> None:
    """Whoever brings it waits until it is known who needs it."""
    push([change("Product", B, 1, {"name": "b"})])
    first = [change("Review", number, 1, {"product": key}) for number, key in ((1, A), (2, B))]
    meanwhile("Review", first, [change("Product", A, 1, {"name": "a"})])
    assert Review.objects.count() == 2
    assert not Awaited.objects.exists()
    assert not HeldBack.objects.exists()


def test_what_is_awaited_is_about_to_come(shared: str) -> None:
    """Whoever needs it waits until it is there."""
    meanwhile("Product", [change("Product", A, 1, {"name": "a"})], [change("Review", 1, 1, {"product": A})])
    assert Review.objects.count() == 1
    assert not Awaited.objects.exists()


def test_what_a_deletion_waits_for_goes_at_the_same_time(shared: str) -> None:
    """One of the two sees the other."""
    push([change("Product", A, 1, {"name": "a"}), change("Review", 1, 1, {"product": A})])
    push([change("Product", B, 1, {"name": "b"})])
    meanwhile("Review", [change("Review", 1, 2, {"product": B})], [change("Product", A, 2)])
    assert [str(each.pk) for each in Product.objects.all()] == [B]
    assert not HeldBack.objects.exists()


def test_a_deletion_is_held_back_while_what_it_waits_for_goes(shared: str) -> None:
    """Nobody would do it, if that went without seeing it."""
    push([change("Product", key, 1, {"name": "x"}) for key in (A, B)])
    push([change("Review", 1, 1, {"product": A}), change("Category", 1, 1, {"code": "x"})])
    pause = Pause()

    def wait(**_: object) -> None:
        pause.here()

    pre_delete.connect(wait, sender=Category)
    try:
        # The category goes after the product, whose deletion has been held back by then.
        first = [change("Category", 1, 2), change("Product", A, 2)]
        pause.meanwhile(first, [change("Review", 1, 2, {"product": B})])
    finally:
        pre_delete.disconnect(wait, sender=Category)
    assert [str(each.pk) for each in Product.objects.all()] == [B]
    assert not HeldBack.objects.exists()


def test_many_requests_in_any_order(shared: str) -> None:
    """All objects end as their newest versions say, though everybody is in everybody's way."""
    keys = [str(uuid.UUID(int=number)) for number in range(1, 5)]
    random_ = random.Random(5)
    changes = [
        change("Product", key, version, {"name": f"{key[-1]} {version}", "category": random_.choice([1, 2])})
        for key in keys
        for version in range(1, 9)
    ]
    changes += [
        change("Category", number, version, {"code": str(version), "parent": 3 - number})
        for number in (1, 2)
        for version in range(1, 9)
    ]
    changes += [
        change("Review", number, version, {"product": random_.choice(keys), "text": str(version)})
        for number in range(1, 5)
        for version in range(1, 9)
    ]
    failures: list[int] = []

    def pushing(seed: int) -> None:
        mine = random.Random(seed)
        some = mine.sample(changes, len(changes))
        while some:
            batch, some = some[:6], some[6:]
            while push(batch).status_code != 200:
                failures.append(seed)

    threads = [started(lambda seed=seed: pushing(seed)) for seed in range(3)]  # type: ignore[misc]
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    newest = {
        (each["model"][3:], str(each["pk"])): each["fields"] for each in changes if each["version"] == 8
    }
    assert {str(each.pk): each.name for each in Product.objects.all()} == {
        key: fields["name"] for (model, key), fields in newest.items() if model == "Product"
    }
    for number in (1, 2):
        assert Category.objects.get(pk=number).parent_id == 3 - number
    for review in Review.objects.all():
        fields = newest["Review", str(review.pk)]
        assert (str(review.product_id), review.text) == (fields["product"], "8")
    assert Review.objects.count() == 4
    assert not Awaited.objects.exists()
    assert not HeldBack.objects.exists()
    assert len(failures) < 10, "the database was in its own way too often"
