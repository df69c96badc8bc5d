"""What Django writes without signals is captured by the queryset, with one statement more."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext

from modelsync.tracking.checks import check_tracking
from modelsync.tracking.models import Change, Ledger
from modelsync.tracking.registry import REGISTRY, Tracked
from modelsync.tracking.sequencing import sequence
from tests.hub.models import Article, Author, Label, Review

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def articles() -> list[Article]:
    """Six of them, sequenced."""
    author = Author.objects.create(name="Ada")
    made = Article.objects.bulk_create(
        [Article(title=f"t{n}", author=author if n % 2 else None) for n in range(6)]
    )
    assert sequence() == 7
    return made


def captured(*, once: bool = True) -> set[tuple[str, str]]:
    """Model and key of what is in the log; the log is empty afterwards."""
    found = list(Change.objects.values_list("model", "object_pk"))
    assert not once or len(set(found)) == len(found)
    Change.objects.all().delete()
    return set(found)


def keys(*articles: Article) -> set[tuple[str, str]]:
    return {("hub.Article", str(each.pk)) for each in articles}


@pytest.mark.parametrize(
    ("write", "places"),
    [
        (lambda: Article.objects.update(title="x"), range(6)),
        (lambda: Article.objects.filter(title="t3").update(title="x"), [3]),
        (lambda: Article.objects.filter(title="none").update(title="x"), []),
        (
            lambda: Article.objects.filter(author__name="Ada").update(title=Concat("title", Value("!"))),
            [1, 3, 5],
        ),
        (lambda: Article.objects.filter(author__name="Ada").update(author=None), [1, 3, 5]),
        (lambda: Article.objects.order_by("-title").exclude(title__gt="t1").update(title=F("title")), [0, 1]),
        (lambda: Author.objects.get().article_set.update(body={"a": 1}), [1, 3, 5]),
    ],
)
def test_update(articles: list[Article], write: Callable[[], int], places: list[int]) -> None:
    """Exactly the rows that are written, though they may not fit the filter any more."""
    expected = [articles[place] for place in places]
    with CaptureQueriesContext(connection) as queries:
        assert write() == len(expected)
    assert sum(bool(re.search(r"UPDATE \S+ SET", query["sql"])) for query in queries) == 1
    # One more for reviews, which have a part in the table; PostgreSQL does all in one.
    appends = sum("modelsync_tracking_change" in query["sql"] for query in queries)
    assert appends == (1 if connection.vendor == "postgresql" else 2)
    assert captured() == keys(*expected)


def test_update_of_keys_that_are_no_numbers() -> None:
    """As text, the key is what it is for a single save."""
    made = [Author.objects.create(pk=uuid.UUID(int=n << 64), name=f"a{n}") for n in range(3)]
    captured()
    Author.objects.exclude(name="a1").update(name="x")
    assert captured() == {("hub.Author", str(made[n].pk)) for n in (0, 2)}
    Author.objects.update(mood="does not count")
    assert captured() == set()
    assert sequence() == 0


def test_update_of_what_inherits() -> None:
    """The part that is written, and whatever inherits it."""
    review, article = Review.objects.create(title="r", score=1), Article.objects.create(title="r")
    both = {("hub.Article", str(review.pk)), ("hub.Review", str(review.pk))}
    captured()
    Review.objects.filter(score=1).update(score=2)
    assert captured() == {("hub.Review", str(review.pk))}
    Review.objects.filter(title="r").update(title="s")
    assert captured() == both
    Review.objects.filter(title="s").update(title="t", score=3)
    assert captured() == both
    Article.objects.update(title="u")
    assert captured() == both | keys(article)
    Article.objects.get(pk=review.pk).save()
    assert captured() == both
    article.save()
    assert captured() == keys(article)


def test_update_says_what_is_wrong_as_ever(articles: list[Article]) -> None:
    """Unknown fields, and slices."""
    with pytest.raises(FieldDoesNotExist):
        Article.objects.update(titel="x")
    with pytest.raises(TypeError, match="slice"):
        Article.objects.all()[:2].update(title="x")
    assert captured() == set()


def test_bulk_update(articles: list[Article]) -> None:
    """By the statements that it consists of."""
    for each in articles[:4]:
        each.title += "!"
    Article.objects.bulk_update(articles[:4], ["title"])
    assert captured() == keys(*articles[:4])


def test_bulk_create() -> None:
    """One statement for all; where the database does not tell the keys, all objects are looked at."""
    with CaptureQueriesContext(connection) as queries:
        made = Article.objects.bulk_create([Article(title=f"t{n}") for n in range(5)])
    assert len(queries) == 2
    assert captured() == keys(*made)
    sequence()
    Author.objects.bulk_create([Author(name="Ada")], ignore_conflicts=True)
    Article.objects.bulk_create([Article(title="new")], ignore_conflicts=True)
    assert sequence() == 7
    assert Ledger.objects.count() == 7


def test_what_nobody_saw_is_found_by_looking_at_all(articles: list[Article]) -> None:
    """Objects that changed, came and went behind the back of Django."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hub_article SET title = 'x' WHERE title = 't0'")
        cursor.execute("DELETE FROM hub_article WHERE title = 't1'")
    new = Article(title="raw")
    super(type(Article.objects.all()), Article.objects.all()).bulk_create([new])
    assert sequence() == 0
    Change.objects.create(model="hub.Article", object_pk="", op="upsert", created_at="2026-01-01T00:00:00Z")
    assert sequence() == 3
    gone = Ledger.objects.filter(deleted=True).values_list("object_pk", flat=True)
    assert list(gone) == [str(articles[1].pk)]
    assert Ledger.objects.filter(model="hub.Article").count() == 7


def test_models_that_are_not_tracked() -> None:
    """Their querysets cost nothing."""
    Label.objects.create(name="x")
    with CaptureQueriesContext(connection) as queries:
        Label.objects.update(name="y")
    assert (len(queries), captured()) == (1, set())


def test_delete(articles: list[Article]) -> None:
    """What goes, and what goes with it, by one statement."""
    author = Author.objects.get()
    with CaptureQueriesContext(connection) as queries:
        Author.objects.filter(name="Ada").delete()
    assert sum(bool(re.search(r"_change\W.* (VALUES|unnest)", query["sql"])) for query in queries) == 1
    assert captured() == keys(*articles[1::2]) | {("hub.Author", str(author.pk))}
    with pytest.raises(TypeError):
        Article.objects.all()[:2].delete()
    Article.objects.filter(title="none").delete()
    assert captured() == set()


def test_objects_that_stay_when_what_they_name_goes(articles: list[Article]) -> None:
    """`on_delete=SET_NULL` writes without a signal."""
    editor = Author.objects.create(name="Eve")
    Article.objects.filter(title__in=["t0", "t2"]).update(editor=editor)
    assert sequence() == 3
    key = str(editor.pk)
    editor.delete()
    assert captured(once=False) == keys(articles[0], articles[2]) | {("hub.Author", key)}
    ada = Author.objects.get()
    pupils = [Author.objects.create(name=name, mentor=ada) for name in ("Bo", "Cy")]
    captured()
    ada.delete()
    assert captured(once=False) >= {("hub.Author", str(pupil.pk)) for pupil in pupils}


def test_a_scan(articles: list[Article], capsys: pytest.CaptureFixture[str]) -> None:
    """Model by model, all of them or those that are named."""
    Author.objects.create(name="waiting")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hub_article SET title = 'x' WHERE title IN ('t0', 't1')")
    call_command("tracking_scan", "hub.Article", "hub.Review", "hub.Author")
    assert capsys.readouterr().out.splitlines() == [
        "1 captured changes were waiting",
        "hub.Article: 2 objects were written unseen",
        "hub.Review: 0 objects were written unseen",
        "hub.Author: 0 objects were written unseen",
    ]
    call_command("tracking_scan", "hub.author")
    assert capsys.readouterr().out == "hub.Author: 0 objects were written unseen\n"
    with pytest.raises(CommandError, match=r"hub\.Label is not tracked; tracked models are: hub\.Article"):
        call_command("tracking_scan", "hub.Label")


@pytest.mark.django_db(transaction=True)
def test_a_scan_counts_what_it_finds(capsys: pytest.CaptureFixture[str]) -> None:
    """Though each commit is followed by a sequencing."""
    Author.objects.create(name="Ada")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hub_author SET name = 'Eve'")
    call_command("tracking_scan", "hub.Author")
    assert capsys.readouterr().out == "hub.Author: 1 objects were written unseen\n"


def test_managers_that_see_no_bulk_writes() -> None:
    """A system check warns of them."""
    REGISTRY._tracked[Label] = Tracked(model=Label)
    try:
        (message,) = check_tracking()
    finally:
        del REGISTRY._tracked[Label]
    assert (message.id, "`objects.update()`" in message.msg) == ("modelsync.W101", True)


def test_related_managers(articles: list[Article]) -> None:
    """They write through the base manager, which sees it where the model says so."""
    author = Author.objects.create(name="Eve")
    captured()
    author.edited.add(articles[0], articles[1])
    assert captured() == keys(articles[0], articles[1])
    author.edited.clear()
    assert captured() == keys(articles[0], articles[1])
