"""Objects that come without primary keys: found by natural keys, whatever they refer to and in any order."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import serializers
from django.db import connection, models
from django.db.models import signals
from django.test.utils import CaptureQueriesContext

from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.core.results import Report, Status
from modelsync.formats.wire import ModelHeader, make_header
from modelsync.pulling import PullOptions, pull
from modelsync.targets.django.mirror.tracing import lookup_of
from tests.blog.models import Author, Blog, Book, Comment, Post
from tests.integration.mirror.test_mirror import Remote, Row, counts
from tests.named.models import (
    PLANNED,
    Account,
    Folder,
    Footnote,
    Nickname,
    Page,
    Place,
    Remark,
    Restaurant,
    Token,
    Topic,
    Visit,
    Word,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]
CODE = "12345678-1234-5678-1234-567812345678"


def sync(*objects: tuple[str, Row], batch_rows: int = 1000, **options: Any) -> Report:
    """Pull these objects."""
    return pull(Remote(*objects, batch_rows=batch_rows), PullOptions(**options))


def named(label: str, **fields: Any) -> tuple[str, Row]:
    """An object without its primary key."""
    return f"named.{label}", {"pk": None, **fields}


def topic(slug: str, **more: Any) -> tuple[str, Row]:
    """A topic."""
    return named("topic", slug=slug, **more)


def told(report: Report) -> list[str]:
    """Why objects were refused."""
    return [rejection.reason for rejection in report.rejections]


def test_an_object_is_found_by_its_natural_key_and_keeps_its_primary_key() -> None:
    """A new one gets one from the sequence, an equal one is not touched."""
    Topic.objects.create(pk=50, slug="a", title="old")
    Topic.objects.create(pk=60, slug="b", title="B")
    report = sync(topic("c", title="C"), topic("b", title="B"), topic("a", title="A"))
    assert counts(report) == {"created": 1, "updated": 1, "unchanged": 1}
    assert dict(Topic.objects.values_list("pk", "slug")).items() >= {50: "a", 60: "b"}.items()
    assert Topic.objects.get(pk=50).title == "A"
    made = Topic.objects.get(slug="c").pk
    assert made not in (50, 60)
    assert Topic.objects.create(slug="next").pk > made
    with CaptureQueriesContext(connection) as queries:
        report = sync(topic("c", title="C"), topic("b", title="B"), topic("a", title="A"))
    assert counts(report) == {"unchanged": 3}
    written = re.compile(r"(UPDATE|INSERT INTO|DELETE( t)? FROM) .named_topic(?!.* WHERE 0$)")
    assert [q["sql"] for q in queries if written.match(q["sql"])] == []


def test_any_number_of_objects_takes_the_same_statements() -> None:
    """In sets: neither objects that are here nor new ones are looked up one by one."""

    def statements(number: int) -> int:
        objects = [topic(f"t{n}", parent=[f"t{n // 2}"]) for n in range(number)]
        with CaptureQueriesContext(connection) as queries:
            assert sync(*objects).total == number
        return len(queries)

    statements(1)
    assert statements(5) == statements(200)


def test_any_number_of_objects_elsewhere_takes_few_statements() -> None:
    """What names objects that did not come looks them up together, those that are not there one by one."""
    Topic.objects.bulk_create(Topic(slug=f"t{n}", title=f"T{n}") for n in range(600))

    def statements(number: int, *more: tuple[str, Row]) -> int:
        objects = [named("page", topic=[f"t{n}"], number=1) for n in range(number)]
        with CaptureQueriesContext(connection) as queries:
            assert sync(*objects, *more).total == number + len(more)
        assert dict(Page.objects.values_list("topic__slug", "number")) == {
            f"t{n}": 1 for n in range(0 if more else number)
        }
        Page.objects.all().delete()
        return len(queries)

    statements(1)
    assert statements(1) == statements(200)
    assert statements(600) == statements(200) + 2
    few = [named("page", topic=[f"no{n}"], number=1) for n in range(3)]
    assert statements(1, *few) > statements(1, *few[:1])


def test_names_that_a_query_may_see_otherwise() -> None:
    """They are found, or not, as the model's manager finds them, and so are others beside them."""
    for slug in ("a", "b", "5", "None"):
        Topic.objects.create(slug=slug)
    expected: dict[int, int | None] = {}
    asked: list[Any] = ["a", "B", 5, None, ["a"], "b", {"a": 1}, "c"]
    for number, key in enumerate(asked):
        found = Topic.objects.filter(slug=key) if isinstance(key, str | int) else Topic.objects.none()
        expected[number] = found.values_list("pk", flat=True).first()
    pages = [named("page", topic=[key], number=number) for number, key in enumerate(asked)]
    report = sync(*pages)
    refused = {rejection.number for rejection in report.rejections}
    assert refused == {number for number, key in expected.items() if key is None}
    assert sync(*(page for number, page in enumerate(pages) if number not in refused)).ok
    assert dict(Page.objects.values_list("number", "topic")) == {
        number: key for number, key in expected.items() if key is not None
    }


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
def test_references_in_any_order(batch_rows: int) -> None:
    """Forward, to oneself, in a circle, over several references, many-to-many, to what is here already."""
    objects = [
        named("remark", page=["a", 1], code=CODE, text="first"),
        named("remark", page=["b", 1], code=CODE, text="second"),
        named("page", topic=["b"], number=1, text="b1"),
        named("page", topic=["a"], number=1, text="a1"),
        topic("c", parent=["a"], best=["a", 1], related=[["c"], ["a"]]),
        topic("a", parent=["c"], best=["b", 1], related=[]),
        topic("b", parent=["b"], best=None, related=[["a"], ["c"], ["a"]]),
    ]
    Topic.objects.create(pk=70, slug="b")
    assert counts(sync(*objects, batch_rows=batch_rows)) == {"created": 6, "updated": 1}
    a, b, c = (Topic.objects.get(slug=slug) for slug in "abc")
    assert (a.parent, c.parent, b.parent, b.pk) == (c, a, b, 70)
    assert (a.best, c.best) == (Page.objects.get(text="b1"), Page.objects.get(text="a1"))
    assert [set(each.related.all()) for each in (a, b, c)] == [set(), {a, c}, {a, c}]
    assert dict(Remark.objects.values_list("text", "page__topic__slug")) == {"first": "a", "second": "b"}
    keys = [set(model.objects.values_list("pk")) for model in (Topic, Page, Remark)]
    assert counts(sync(*objects[::-1], batch_rows=batch_rows, clean=True)) == {"unchanged": 7}
    assert keys == [set(model.objects.values_list("pk")) for model in (Topic, Page, Remark)]
    assert counts(sync(named("page", topic=["a"], number=1, text="new"))) == {"updated": 1}
    assert Page.objects.get(text="new").topic == a


def test_clean_leaves_exactly_what_was_sent() -> None:
    """By natural keys; what hangs on what goes goes too."""
    sync(topic("a"), topic("b"), named("page", topic=["a"], number=1), named("page", topic=["b"], number=1))
    kept = Topic.objects.get(slug="a").pk
    report = sync(topic("a"), topic("c"), named("page", topic=["c"], number=1), clean=True)
    assert (counts(report), report.removed) == ({"created": 2, "unchanged": 1}, 3)
    assert set(Topic.objects.values_list("slug", flat=True)) == {"a", "c"}
    assert Topic.objects.get(slug="a").pk == kept
    assert Page.objects.get().topic.slug == "c"


def test_a_dry_run_and_its_preview() -> None:
    """They say what would happen; nothing is left."""
    Topic.objects.create(pk=5, slug="a", title="old")
    Topic.objects.create(pk=6, slug="gone")
    objects = [topic("a", title="new"), topic("b", title="B")]
    report = sync(*objects, clean=True, dry_run=True, changes=20)
    assert counts(report) == {"created": 1, "updated": 1}
    assert [(c.outcome.label, c.fields) for c in report.changes] == [
        ("deleted", {}),
        ("updated", {"title": ("old", "new")}),
        ("created", {"slug": (None, "b"), "title": (None, "B")}),
    ]
    assert [c.pk for c in report.changes[:2]] == [6, 5]
    assert dict(Topic.objects.values_list("slug", "title")) == {"a": "old", "gone": ""}


def test_what_comes_twice_counts_once() -> None:
    """Trap: two rows that match the same object; the last one counts, of new objects, too."""
    Topic.objects.create(pk=5, slug="a")
    objects = [topic("a", title="1"), topic("b", title="1"), topic("a", title="2"), topic("b", title="2")]
    assert counts(sync(*objects)) == {"updated": 1, "created": 1, "skipped": 2}
    assert set(Topic.objects.values_list("slug", "title")) == {("a", "2"), ("b", "2")}


def test_what_only_the_other_database_tells_apart() -> None:
    """Trap: what the database calls equal; MariaDB does not tell letter case apart."""
    Topic.objects.create(pk=5, slug="TEA")
    report = sync(topic("tea"))
    if connection.vendor != "mysql":
        assert counts(report) == {"created": 1}
        return
    assert counts(report) == {"updated": 1}
    assert Topic.objects.get(pk=5).slug == "tea"
    report = sync(topic("Tea"), topic("tea"))
    assert "its natural key is the same as 'tea' for this database" in told(report)[0]
    assert "have the same slug for this database" in told(sync(topic("cup"), topic("CUP")))[0]


def test_errors_name_objects_by_their_natural_keys() -> None:
    """References to nothing, unique values that are taken, what `natural_key()` does not get."""
    report = sync(named("page", topic=["nowhere"], number=1))
    assert told(report) == [
        "there is no named.Topic with the natural key 'nowhere', neither here nor in what the other site sent"
    ]
    report = sync(("named.visit", {"pk": 1, "restaurant": ["x"], "day": "2026-01-01"}), topic("a"))
    assert "no named.Restaurant with the natural key 'x'" in told(report)[0]
    Topic.objects.create(pk=5, slug="a")
    report = sync(topic("b", best=["b", 1]), named("page", topic=["b"], number=1))
    assert report.ok
    report = sync(named("page", number=1, text="x"))
    assert "natural_key() of named.Page wants more than what the other site sent" in told(report)[0]
    assert (report.status, report.rejections[0].origin) == (Status.REJECTED, report.rejections[0].origin)


def test_what_names_what_was_refused_is_told_too() -> None:
    """All of them, with and without many-to-many relations; and nothing of it stays."""
    report = sync(topic("b", parent=["c"], related=[["b"]]), topic("a", parent=None, related=[["a"], ["b"]]))
    assert [(rejection.column, rejection.number) for rejection in report.rejections] == [
        ("parent", 0),
        ("related", 1),
    ]
    absent = "neither here nor among the objects of the other site that are not refused themselves"
    assert told(report)[1] == f"named.Topic 'a' names named.Topic 'b', which is {absent}"
    report = sync(named("word", name="new"), named("place", name="x", words=[["new"]]))
    assert [rejection.model for rejection in report.rejections] == ["named.Word", "named.Place"]
    report = sync(
        named("nickname", name="x"), named("restaurant", place_ptr=["y"], stars=1), named("place", name="x")
    )
    assert [rejection.model for rejection in report.rejections] == ["named.Restaurant"]
    assert not any(model._base_manager.exists() for model in (Topic, Word, Place, Nickname))
    if connection.vendor != "mysql":
        Account.objects.bulk_create(Account(email=email) for email in ("A@x", "a@x"))
        accounts = [named("account", email=email, topics=[["t"]]) for email in ("a@X", "b@x")]
        report = sync(*accounts, topic("t"))
        assert told(report) == [
            "named.Account 'a@X': there are several objects of named.Account here with its natural key"
        ]


def test_what_names_nothing_any_more_is_told() -> None:
    """A reference to what goes: the object that has it, by its natural key."""
    sync(topic("a"), topic("b"))
    report = sync(topic("a", parent=["b"]), clean=True)
    assert "there is no named.Topic with the natural key 'b'" in told(report)[0]
    sync(named("page", topic=["b"], number=1))
    report = sync(topic("a"), named("page", topic=["b"], number=1, text="x"), clean=True)
    assert told(report)[0].startswith("named.Page 'b', 1 names named.Topic 'b', which is neither here nor")
    assert Topic.objects.count() == 2


def test_primary_keys_of_every_kind() -> None:
    """A default makes one; where nothing does, what is here is changed and what is new is refused."""
    held = Token.objects.create(name="one", note="old")
    objects = [
        topic("t"),
        named("token", topic=None, name="one", note="new"),
        named("token", topic=["t"], name="one", note="x"),
        named("token", topic=["t"], name="two", note="y"),
    ]
    assert counts(sync(*objects)) == {"created": 3, "updated": 1}
    assert Token.objects.get(note="new").pk == held.pk
    assert len({held.pk, *Token.objects.values_list("pk", flat=True)}) == 3
    assert all(isinstance(key, uuid.UUID) for key in Token.objects.values_list("pk", flat=True))
    assert counts(sync(*objects)) == {"unchanged": 4}
    Word.objects.create(code="w", name="word")
    assert counts(sync(named("word", name="word", text="x"))) == {"updated": 1}
    report = sync(named("word", name="word", text="y"), named("word", name="new", text="z"))
    assert told(report)[0].startswith(
        "named.Word 'new': it is new, and nothing here makes the primary key (code)"
    )
    assert Word.objects.get().text == "x"


def test_new_primary_keys_are_nobodys() -> None:
    """Trap: rows with given keys have left the sequence behind them; a default makes what is there."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ALTER SEQUENCE named_topic_id_seq RESTART")
    for n in (1, 2, 3):
        Topic.objects.create(pk=n, slug=f"old{n}")
    report = sync(topic("a"), topic("b"), dry_run=True, changes=9)
    assert not {change.pk for change in report.changes} & {1, 2, 3}
    assert counts(sync(topic("a"), topic("b"), reset=False)) == {"created": 2}
    assert set(Topic.objects.values_list("slug", flat=True)) == {"old1", "old2", "old3", "a", "b"}
    Topic.objects.create(slug="next")
    PLANNED.append(Token.objects.create(name="there").pk)
    with pytest.raises(ConflictError, match=r"primary key of a new named\.Token, but one has it already"):
        sync(named("token", topic=None, name="new"))
    assert Token.objects.get().name == "there"


def test_the_first_key_after_a_pull_of_one_object() -> None:
    """Trap: a sequence that nothing was drawn from yet."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ALTER SEQUENCE named_topic_id_seq RESTART")
    sync(("named.topic", {"pk": 1, "slug": "a"}))
    assert [Topic.objects.create(slug=slug).pk for slug in "bc"] == [2, 3] or connection.vendor == "mysql"


def test_what_only_the_manager_can_find() -> None:
    """Keys that are compared otherwise, and keys of any length: one by one, with the same result."""
    Account.objects.create(pk=5, email="Ada@example.org")
    objects = [
        named("account", email="ada@example.org", name="Ada", topics=[["t"]]),
        named("account", email="bob@example.org", name="Bob", topics=[]),
        topic("t"),
        named("folder", name="c", parent=["a", "b"]),
        named("folder", name="b", parent=["a"]),
        named("folder", name="a", parent=None),
        named("folder", name="b", parent=None),
    ]
    assert counts(sync(*objects)) == {"created": 6, "updated": 1}
    assert (Account.objects.get(pk=5).email, Account.objects.get(pk=5).topics.get().slug) == (
        "ada@example.org",
        "t",
    )
    assert {folder.natural_key() for folder in Folder.objects.all()} == {
        ("a",),
        ("b",),
        ("a", "b"),
        ("a", "b", "c"),
    }
    assert counts(sync(*objects, clean=True)) == {"unchanged": 7}


def test_a_natural_key_of_several_objects_is_refused() -> None:
    """Trap: an ambiguous match is never the first hit."""
    Nickname.objects.create(name="x")
    assert counts(sync(named("nickname", name="x", text="1"))) == {"updated": 1}
    Nickname.objects.create(name="x")
    Nickname.objects.create(name=None)
    assert counts(sync(named("nickname", name=None, text="1"))) == {"updated": 1}
    Nickname.objects.create(name=None)
    report = sync(named("nickname", name="x", text="2"), named("nickname", name=None, text="2"))
    assert told(report) == [
        f"named.Nickname {name}: there are several objects of named.Nickname here with its natural key"
        for name in ("'x'", "None")
    ]


def test_models_with_and_without_natural_keys() -> None:
    """In one stream; a model without them is served with primary keys."""
    objects = [
        ("named.visit", {"pk": 7, "restaurant": ["Joe's"], "day": "2026-01-02"}),
        named("restaurant", place_ptr=["Joe's"], stars=2, chef=["joe@example.org"]),
        named("place", name="Joe's", words=[]),
        named("place", name="Park", words=[]),
        named("account", email="joe@example.org"),
    ]
    assert counts(sync(*objects)) == {"created": 5}
    joe = Visit.objects.get(pk=7, day=dt.date(2026, 1, 2)).restaurant
    assert (joe.name, joe.stars, joe.chef and joe.chef.email) == ("Joe's", 2, "joe@example.org")
    assert counts(sync(*objects, clean=True)) == {"unchanged": 5}
    objects[1] = named("restaurant", place_ptr=["Park"], stars=1, chef=None)
    objects[0] = ("named.visit", {"pk": 7, "restaurant": ["Park"], "day": "2026-01-02"})
    assert sync(*objects, clean=True).ok
    assert (Restaurant.objects.get().name, Place.objects.count()) == ("Park", 2)
    report = sync(named("restaurant", place_ptr=["nowhere"], stars=1))
    assert "no named.Place with the natural key 'nowhere'" in told(report)[0]
    assert counts(sync(named("restaurant", place_ptr=["Park"], stars=4))) == {"updated": 1}


def test_primary_keys_of_the_other_site_that_mean_nothing_here() -> None:
    """A reference by primary key to objects that come without them is refused before anything is written."""
    with pytest.raises(
        ConfigurationError, match=r"named\.Topic\.best names named\.Page 5 .*natural_foreign=True"
    ):
        sync(topic("a", best=5), named("page", topic=["a"], number=1))
    with pytest.raises(ConfigurationError, match=r"named\.Topic\.related names named\.Topic 5"):
        sync(topic("a", related=[5]))
    with pytest.raises(
        ConfigurationError, match=r"named\.Restaurant\.place_ptr names named\.Place 5 .*both with"
    ):
        sync(named("place", name="a"), named("restaurant", place_ptr=5, stars=1))
    with pytest.raises(ConfigurationError, match=r"named\.Topic come with and without primary keys"):
        sync(topic("a"), ("named.topic", {"pk": 5, "slug": "b"}))
    report = sync(topic("a"), named("page", topic=5, number=1))
    assert "natural_key() of named.Page wants more" in told(report)[0]
    assert "natural_foreign=True" in told(report)[0]
    assert not Topic.objects.exists()


def test_what_django_serializes() -> None:
    """`dumpdata --natural-primary --natural-foreign`, of models of the other tests, too."""
    austen = Author.objects.create(name="Austen")
    Book.objects.create(title="Emma", author=austen, pages=400)
    a = Topic.objects.create(slug="a")
    a.related.add(a)
    a.related.add(Topic.objects.create(slug="b", parent=a))
    Remark.objects.create(page=Page.objects.create(topic=a, number=3), code=uuid.UUID(CODE))
    Restaurant.objects.create(name="Joe's", stars=3)
    models_ = (Book, Author, Remark, Page, Topic, Restaurant, Place)

    def served() -> list[tuple[str, Row]]:
        found = serializers.serialize(
            "python",
            [each for model in models_ for each in model._base_manager.order_by("pk")],
            use_natural_foreign_keys=True,
            use_natural_primary_keys=True,
        )
        return [
            (each["model"], {"pk": None, **{k: _plain(v) for k, v in each["fields"].items()}})
            for each in found
        ]

    objects = served()
    assert counts(sync(*objects, clean=True)) == {"unchanged": len(objects)}
    for model in models_:
        model._base_manager.all().delete()
    assert counts(sync(*objects, clean=True)) == {"created": len(objects)}
    assert served() == objects


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, (uuid.UUID, dt.date)) else value


def test_by_which_fields_objects_are_found() -> None:
    """The database finds them at once where both methods say so; else the manager does."""

    def fields(model: type[models.Model]) -> list[str] | None:
        lookup = lookup_of(model, "default")
        return lookup and [field.name for field in lookup.fields]

    with CaptureQueriesContext(connection) as queries:
        found = {model: fields(model) for model in (Topic, Page, Remark, Book, Author, Word, Nickname, Token)}
        unknown = [fields(model) for model in (Account, Folder, Footnote, Blog, Comment, Post)]
    assert found == {
        Topic: ["slug"],
        Page: ["topic", "number"],
        Remark: ["page", "code"],
        Book: ["title", "author"],
        Author: ["name"],
        Word: ["name"],
        Nickname: ["name"],
        Token: ["name", "topic"],
    }
    assert unknown == [None] * 6
    assert len(queries) == 0


def test_a_model_that_is_announced_and_does_not_come() -> None:
    """Clean empties it."""
    Page.objects.create(topic=Topic.objects.create(slug="a"), number=1)
    header = make_header(
        (
            ModelHeader(model="named.topic", fields=("slug",)),
            ModelHeader(model="named.page", fields=("topic", "number")),
        ),
        1,
    )
    report = pull(Remote(topic("a"), header=header), PullOptions(clean=True))
    assert (counts(report), report.removed) == ({"unchanged": 1}, 1)


@pytest.fixture
def heard() -> Iterator[list[tuple[Any, ...]]]:
    """What the receivers of topics are told."""
    found: list[tuple[Any, ...]] = []

    def saved(instance: Any, created: bool, **more: Any) -> None:
        found.append((instance.slug, instance.pk is not None, created))

    signals.post_save.connect(saved, sender=Topic)
    yield found
    signals.post_save.disconnect(saved, sender=Topic)


def test_signals_know_the_primary_keys(heard: list[tuple[Any, ...]]) -> None:
    """As for any other pull."""
    Topic.objects.create(slug="a")
    heard.clear()
    sync(topic("a", title="new"), topic("b", title=""))
    assert heard == [("a", True, False), ("b", True, True)]
