"""What Django writes of tracked models is in the log of changes when its transaction is committed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from modelsync.core.errors import ConfigurationError
from modelsync.tracking import track
from modelsync.tracking.checks import check_tracking
from modelsync.tracking.models import Change, Feed
from modelsync.tracking.registry import REGISTRY, Registry, Tracked
from tests.hub.models import Article, Author, Label, Review, Shown

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def logged() -> list[tuple[str, str, str]]:
    """Model, key and what was done, in order; the log is empty afterwards."""
    found = list(Change.objects.order_by("pk").values_list("model", "object_pk", "op"))
    Change.objects.all().delete()
    return found


def article(title: str = "a", **values: Any) -> Article:
    """An article whose making is no longer in the log."""
    made = Article.objects.create(title=title, **values)
    logged()
    return made


def test_saves_and_deletes() -> None:
    """One entry each, by the primary key as text."""
    author = Author.objects.create(name="Ada")
    made = Article.objects.create(title="a")
    made.save()
    key = str(made.pk)
    made.delete()
    assert logged() == [
        ("hub.Author", str(author.pk), "upsert"),
        ("hub.Article", key, "upsert"),
        ("hub.Article", key, "upsert"),
        ("hub.Article", key, "delete"),
    ]
    assert uuid.UUID(str(author.pk))
    Label.objects.create(name="nobody tracks it").delete()
    assert logged() == []


def test_what_inherits_and_what_stands_for_it() -> None:
    """A proxy is its model; of multi-table inheritance each part is captured once."""
    made = Shown.objects.create(title="a")
    assert logged() == [("hub.Article", str(made.pk), "upsert")]
    made.delete()
    assert [op for _, _, op in logged()] == ["delete"]
    review = Review.objects.create(title="r", score=3)
    key = str(review.pk)
    assert sorted(logged()) == [("hub.Article", key, "upsert"), ("hub.Review", key, "upsert")]
    review.delete()
    assert sorted(logged()) == [("hub.Article", key, "delete"), ("hub.Review", key, "delete")]


def test_cascades() -> None:
    """What goes with an object is captured, too."""
    author = Author.objects.create(name="Ada")
    keys = {str(Article.objects.create(title="a", author=author).pk) for _ in range(3)}
    logged()
    author.delete()
    found = logged()
    assert {key for model, key, op in found if (model, op) == ("hub.Article", "delete")} == keys
    assert len(found) == 4


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda a, b, x: a.labels.add(x), "a"),
        (lambda a, b, x: x.article_set.add(a, b), "ab"),
        (lambda a, b, x: x.article_set.set([b]), "b"),
        (lambda a, b, x: a.labels.clear(), "a"),
        (lambda a, b, x: a.related.add(b), "ab"),
        (lambda a, b, x: a.follows.add(b), "a"),
        (lambda a, b, x: a.followed_by.add(b), "b"),
        (lambda a, b, x: (a.labels.add(x), Change.objects.all().delete(), x.article_set.clear()), "a"),
        (lambda a, b, x: (a.labels.add(x), Change.objects.all().delete(), x.article_set.remove(a)), "a"),
        (lambda a, b, x: (a.related.add(b), Change.objects.all().delete(), b.related.clear()), "ab"),
        (lambda a, b, x: (a.follows.add(b), Change.objects.all().delete(), b.followed_by.clear()), "a"),
        (lambda a, b, x: (a.labels.add(x), Change.objects.all().delete(), a.labels.add(x)), ""),
    ],
)
def test_many_to_many_relations(write: Callable[[Article, Article, Label], object], expected: str) -> None:
    """From either side; whoever names something else has changed, of a symmetrical relation both have."""
    a, b, label = article("a"), article("b"), Label.objects.create(name="x")
    write(a, b, label)
    names = {str(a.pk): "a", str(b.pk): "b"}
    assert "".join(sorted({names[key] for _, key, _ in logged()})) == expected


def test_only_the_fields_that_count() -> None:
    """A save that names others is none."""
    author = Author.objects.create(name="Ada")
    logged()
    author.save(update_fields=["mood"])
    assert logged() == []
    author.save(update_fields=["mood", "name"])
    (change,) = Change.objects.values_list("changed_fields", flat=True)
    assert change == "mood name"


@pytest.mark.django_db(transaction=True)
def test_it_is_in_the_transaction_of_the_write() -> None:
    """What is rolled back was never captured; a save without a transaction makes one."""
    with suppress(ZeroDivisionError), transaction.atomic():
        Article.objects.create(title="a")
        raise ZeroDivisionError
    assert (Article.objects.count(), logged()) == (0, [])
    inside: list[bool] = []

    def note(**_: object) -> None:
        inside.append(connection.in_atomic_block)

    models.signals.post_save.connect(note, sender=Article)
    try:
        Article.objects.create(title="a")
        for found in serializers.deserialize(
            "python", serializers.serialize("python", Article.objects.all())
        ):
            found.save()
    finally:
        models.signals.post_save.disconnect(note, sender=Article)
    assert inside[0]
    assert Feed.objects.exists()


def test_a_save_costs_one_statement_more() -> None:
    """In a transaction; the capture itself is that statement. On PostgreSQL it is a part of the write."""
    author, is_fused = Author(name="Ada"), connection.vendor == "postgresql"
    with CaptureQueriesContext(connection) as queries:
        author.save(force_insert=True)
    assert [query["sql"].split()[0] for query in queries] == (["WITH"] if is_fused else ["INSERT"] * 2)
    with CaptureQueriesContext(connection) as queries:
        author.save(force_update=True)
    assert [query["sql"].split()[0] for query in queries] == (["WITH"] if is_fused else ["UPDATE", "INSERT"])


def test_what_cannot_be_tracked() -> None:
    """And what is tracked already."""

    class Base(models.Model):
        class Meta:
            abstract = True
            app_label = "hub"

    with pytest.raises(ConfigurationError, match="Base is abstract"):
        track(Base)
    assert track(Shown) is Shown
    with pytest.raises(ConfigurationError, match=r"hub\.Author is tracked twice"):
        track(Author)
    assert REGISTRY.of("hub.Label") is None


def test_listeners_are_told_of_all() -> None:
    """Of those that came before them, too, and of each once."""
    registry, told = Registry(), []
    first, second = Tracked(model=Article), Tracked(model=Author)
    registry.add(first)
    registry.on_track(told.append)
    registry.add(second)
    registry.add(first)
    assert told == [first, second]


def test_a_field_that_is_not_there() -> None:
    """The system check says so."""
    assert check_tracking() == []
    REGISTRY._tracked[Label] = Tracked(model=Label, fields=frozenset(["name", "nome"]))
    try:
        message, _ = check_tracking()
    finally:
        del REGISTRY._tracked[Label]
    assert (message.id, "'nome'" in message.msg) == ("modelsync.E101", True)
    with pytest.raises(FieldDoesNotExist):
        Label._meta.get_field("nome")
