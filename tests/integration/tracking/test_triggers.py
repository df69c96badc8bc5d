"""Triggers of PostgreSQL see whatever is written, by whomever, in the transaction that writes it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from modelsync import sync
from modelsync.tracking.capture.triggers import difference, install, loosen
from modelsync.tracking.checks import check_tracking, check_triggers
from modelsync.tracking.models import Change, Ledger
from modelsync.tracking.registry import REGISTRY, Capture, Tracked
from modelsync.tracking.sequencing import sequence
from tests.hub.models import Article, Atlas, Book, Label, Shelf, Switch

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.database,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has these triggers"),
]


def run(sql: str, *params: object) -> None:
    """What psql would write."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)


def logged() -> set[tuple[str, str, str]]:
    """Model, key and what was done; the log is empty afterwards."""
    found = set(Change.objects.values_list("model", "object_pk", "op"))
    Change.objects.all().delete()
    return found


def shelved(*, count: int = 3) -> tuple[Shelf, list[Book]]:
    """A shelf with books; nothing of it is in the log."""
    shelf = Shelf.objects.create(code="A", name="a")
    books = Book.objects.bulk_create(Book(title=f"b{n}", shelf=shelf) for n in range(count))
    logged()
    return shelf, books


def of(*books: Book, op: str = "upsert", label: str = "hub.Book") -> set[tuple[str, str, str]]:
    return {(label, str(each.pk), op) for each in books}


def test_raw_sql() -> None:
    """Rows that come, change and go; keys as text are those of Python."""
    key = uuid.uuid4()
    run("INSERT INTO hub_book (id, title, pages) VALUES (%s, 'x', 1)", key)
    assert logged() == {("hub.Book", str(key), "upsert")}
    run("UPDATE hub_book SET pages = pages + 1")
    assert logged() == {("hub.Book", str(key), "upsert")}
    run("UPDATE hub_book SET pages = 0 WHERE false")
    assert logged() == set()
    run("DELETE FROM hub_book")
    assert logged() == {("hub.Book", str(key), "delete")}


def test_copy_and_upserts() -> None:
    """As other programs write."""
    with connection.cursor() as cursor, cursor.copy("COPY hub_shelf (code, name, dust) FROM STDIN") as copy:
        copy.write("A\ta\t0\nB\tb\t0\n")
    assert logged() == {("hub.Shelf", "A", "upsert"), ("hub.Shelf", "B", "upsert")}
    run(
        "INSERT INTO hub_shelf (code, name, dust) VALUES ('B', 'bb', 0), ('C', 'c', 0) "
        "ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name"
    )
    assert logged() == {("hub.Shelf", "B", "upsert"), ("hub.Shelf", "C", "upsert")}


@pytest.mark.parametrize(
    ("statement", "counts"),
    [
        ("UPDATE hub_shelf SET dust = dust + 1", False),
        ("UPDATE hub_shelf SET name = name", False),
        ("UPDATE hub_shelf SET name = upper(name)", True),
        ("UPDATE hub_shelf SET room = '{\"a\": 1}'", True),
        ("UPDATE hub_shelf SET room = NULL", False),
        ("UPDATE hub_shelf SET dust = 1, name = 'x'", True),
    ],
)
def test_only_the_fields_that_count(statement: str, counts: bool) -> None:
    """And only where they differ."""
    shelved()
    run(statement)
    assert logged() == ({("hub.Shelf", "A", "upsert")} if counts else set())


def test_keys_that_change() -> None:
    """Both are other objects than before, whether all fields count or some."""
    run("INSERT INTO hub_shelf (code, name, dust) VALUES ('A', 'a', 0)")
    (book,) = Book.objects.bulk_create([Book(title="b")])
    logged()
    run("UPDATE hub_shelf SET code = 'Z'")
    assert logged() == {("hub.Shelf", "A", "upsert"), ("hub.Shelf", "Z", "upsert")}
    other = uuid.uuid4()
    run("UPDATE hub_book SET id = %s", other)
    assert logged() == of(book) | {("hub.Book", str(other), "upsert")}


def test_truncate() -> None:
    """All objects are looked at then, those that go with it, too."""
    shelved()
    Change.objects.create(model="hub.Book", object_pk="", op="upsert", created_at=timezone.now())
    assert sequence() == 3
    run("TRUNCATE hub_book_labels")
    assert {(model, key) for model, key, _ in logged()} == {("hub.Book", ""), ("hub.Atlas", "")}
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("TRUNCATE hub_shelf CASCADE")
    sequence()
    assert set(Ledger.objects.filter(model="hub.Book").values_list("deleted", flat=True)) == {True}


def test_the_log_is_empty_when_all_was_emptied() -> None:
    """As tests do it between them."""
    shelved()
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("TRUNCATE hub_shelf, hub_book, modelsync_tracking_change CASCADE")
    assert logged() == set()


def test_what_the_database_does_by_itself() -> None:
    """The rows that a foreign key of the database takes along, and those that lose what they name."""
    shelf, books = shelved()
    for column, rule in (("shelf_id", "CASCADE"), ("second_id", "SET NULL")):
        run("SET CONSTRAINTS ALL IMMEDIATE")
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, "hub_book")
        (name,) = (
            name for name, each in found.items() if each["foreign_key"] and each["columns"] == [column]
        )
        run(f'ALTER TABLE hub_book DROP CONSTRAINT "{name}"')
        run(
            f'ALTER TABLE hub_book ADD CONSTRAINT "{name}" FOREIGN KEY ({column}) '
            f"REFERENCES hub_shelf ON DELETE {rule}"
        )
    run("INSERT INTO hub_shelf (code, name, dust) VALUES ('B', 'b', 0)")
    run("UPDATE hub_book SET second_id = 'A', shelf_id = 'B' WHERE title = 'b0'")
    logged()
    run("DELETE FROM hub_shelf WHERE code = 'A'")
    assert logged() == {("hub.Shelf", shelf.pk, "delete")} | of(books[0]) | of(*books[1:], op="delete")


def test_inheritance() -> None:
    """What is written in a parent's table is written of the object; of what it inherits only some counts."""
    atlas = Atlas.objects.create(title="a", scale=1)
    book = Book.objects.create(title="b")
    logged()
    run("UPDATE hub_book SET title = 'c'")
    assert logged() == of(atlas, book) | of(atlas, label="hub.Atlas")
    run("UPDATE hub_book SET pages = 3")
    assert logged() == of(atlas, book)
    run("UPDATE hub_atlas SET scale = 2")
    assert logged() == of(atlas, label="hub.Atlas")
    gone = of(atlas, op="delete") | of(atlas, op="delete", label="hub.Atlas")
    atlas.delete()
    assert logged() == gone


def test_keys_whose_text_is_another() -> None:
    """A boolean is `true` here and `True` there: all objects are looked at, of which there are not many."""
    Switch.objects.create(is_on=True, name="a")
    assert logged() == {("hub.Switch", "", "upsert")}
    run("UPDATE hub_switch SET name = 'b' WHERE NOT is_on")
    assert logged() == set()
    run("UPDATE hub_switch SET name = 'b'")
    assert sequence() == 1
    assert Ledger.objects.get().object_pk == "True"


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (lambda a, b, x: a.labels.add(x), "a"),
        (lambda a, b, x: x.book_set.add(a, b), "ab"),
        (lambda a, b, x: a.sequels.add(b), "a"),
        (
            lambda a, b, x: run(
                "INSERT INTO hub_book_labels (book_id, label_id) VALUES (%s, %s)", a.pk, x.pk
            ),
            "a",
        ),
        (lambda a, b, x: (a.labels.add(x), logged(), x.delete()), "a"),
        (lambda a, b, x: (a.labels.add(x), logged(), run("DELETE FROM hub_book_labels")), "a"),
        (
            lambda a, b, x: (a.labels.add(x), logged(), run("UPDATE hub_book_labels SET book_id = %s", b.pk)),
            "ab",
        ),
    ],
)
def test_many_to_many_relations(write: Callable[[Book, Book, Label], object], names: str) -> None:
    """Whoever names something else than before has changed."""
    _, (a, b) = shelved(count=2)
    write(a, b, Label.objects.create(name="x"))
    assert logged() == of(*({"a": a, "b": b}[name] for name in names))


def test_a_statement_appends_each_object_once() -> None:
    """However many rows it writes, after others that wrote one: sessions keep the plans of triggers."""
    shelf, _ = shelved(count=1)
    for count in (1, 2_000, 1):
        run(
            "INSERT INTO hub_book (id, title, pages, shelf_id) "
            "SELECT gen_random_uuid(), 'n', 0, 'A' FROM generate_series(1, %s)",
            count,
        )
        assert Change.objects.count() == len(logged()) == count
        run("UPDATE hub_book SET title = title || '!' WHERE title = 'n'")
        assert Change.objects.count() == len(logged()) == count
    shelf.delete()
    assert len(logged()) == 2_004


def test_many_rows_of_which_some_differ() -> None:
    """Fields that do not count, and those that stay as they are, are told apart in large statements, too."""
    run(
        "INSERT INTO hub_shelf (code, name, dust) "
        "SELECT 's' || n, CASE WHEN n % 2 = 0 THEN 'x' ELSE 'X' END, 0 FROM generate_series(1, 2000) AS n"
    )
    logged()
    run("UPDATE hub_shelf SET dust = 1, room = NULL")
    assert logged() == set()
    run("UPDATE hub_shelf SET name = 'x'")
    assert logged() == {("hub.Shelf", f"s{n}", "upsert") for n in range(1, 2001, 2)}
    run("UPDATE hub_shelf SET code = code || 'x' WHERE code < 's2'")
    moved = [n for n in range(1, 2001) if f"s{n}" < "s2"]
    assert len(logged()) == 2 * len(moved) > 1_000


@pytest.mark.parametrize(
    "write",
    [
        lambda shelf, books: Shelf(code="new", name="x").save(force_insert=True),
        lambda shelf, books: books[0].save(),
        lambda shelf, books: Book.objects.update(title="x"),
        lambda shelf, books: Book.objects.bulk_create([Book(title="x"), Book(title="y")]),
        lambda shelf, books: books[0].labels.through.objects.filter(book=books[0]).delete(),
    ],
)
def test_the_client_says_nothing_more(write: Callable[[Shelf, list[Book]], object]) -> None:
    """No statement is added to what Django writes; what is captured is in its transaction."""
    shelf, books = shelved()
    with CaptureQueriesContext(connection) as queries:
        write(shelf, books)
    assert len(queries) == 1
    assert "modelsync" not in queries[0]["sql"]


@pytest.mark.django_db(transaction=True)
def test_what_django_writes_is_given_its_place_at_once() -> None:
    """What others write waits for the next time."""
    shelf = Shelf.objects.create(code="A", name="a")
    book = Book.objects.create(title="b", shelf=shelf)
    label = Label.objects.create(name="x")
    writes: list[Callable[[], object]] = [
        book.save,
        lambda: Book.objects.update(title="y"),
        lambda: Book.objects.bulk_create([Book(title="z")]),
        lambda: book.labels.add(label),
        lambda: Book.objects.filter(title="z").delete(),
        book.delete,
        lambda: Atlas.objects.create(title="a"),
    ]
    for write in writes:
        write()
        assert Change.objects.count() == 0
    with suppress(ZeroDivisionError), transaction.atomic():
        run("UPDATE hub_shelf SET name = 'never'")
        raise ZeroDivisionError
    assert Change.objects.count() == 0
    run("UPDATE hub_shelf SET name = 'b'")
    assert (Change.objects.count(), sequence()) == (1, 1)


@pytest.fixture
def tracked_otherwise() -> Iterator[Callable[..., None]]:
    """Track a model in another way, until the test is over."""
    before = dict(REGISTRY._tracked)

    def change(model: Any, **how: Any) -> None:
        REGISTRY._tracked[model] = replace(REGISTRY._tracked.get(model, Tracked(model=model)), **how)

    yield change
    REGISTRY._tracked.clear()
    REGISTRY._tracked.update(before)


def test_triggers_follow_the_models(tracked_otherwise: Callable[..., None]) -> None:
    """`migrate` installs what is missing, and drops what is not wanted any more; a check says which."""
    assert check_triggers(databases=["default", "other"]) == []
    tracked_otherwise(Shelf, fields=frozenset(["dust"]))
    tracked_otherwise(Label, capture=Capture.TRIGGER)
    tracked_otherwise(Switch, capture=Capture.ORM)
    (message,) = check_triggers(databases=["default", "other"])
    assert (message.id, "hub_shelf, hub_label; no longer" in message.msg) == ("modelsync.W103", True)
    assert len(difference("default").superfluous) == 5
    call_command("migrate", verbosity=0)
    assert check_triggers(databases=["default"]) == []
    run("INSERT INTO hub_label (name) VALUES ('x')")
    run("INSERT INTO hub_switch VALUES (true, 'x')")
    run("INSERT INTO hub_shelf (code, name, dust) VALUES ('A', 'a', 0)")
    logged()
    run("UPDATE hub_shelf SET name = 'x'")
    assert logged() == set()
    run("UPDATE hub_shelf SET dust = 1")
    assert logged() == {("hub.Shelf", "A", "upsert")}


def test_a_trigger_that_is_off() -> None:
    """The check says so; `migrate` leaves it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'modelsync_truncate%' LIMIT 1")
        ((name,),) = cursor.fetchall()
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = %s", [name])
        ((table,),) = cursor.fetchall()
    run(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    install("default")
    (message,) = check_triggers(databases=["default"])
    assert f"disabled: {name}" in message.msg


def test_columns_may_go_while_migrations_write() -> None:
    """Meanwhile every update counts; `migrate` sees to it, and puts things right at its end."""
    shelved()
    loosen("default", {"blog"})
    run("UPDATE hub_shelf SET dust = 1")
    assert logged() == set()
    loosen("default", {"hub"})
    run("ALTER TABLE hub_shelf RENAME COLUMN name TO title")
    run("UPDATE hub_shelf SET dust = 2")
    assert logged() == {("hub.Shelf", "A", "upsert")}
    run("ALTER TABLE hub_shelf RENAME COLUMN title TO name")
    assert difference("default").missing.keys() == {"hub_shelf", "hub_book", "hub_atlas"}
    install("default")
    assert not difference("default").missing


def test_managers_do_not_matter(tracked_otherwise: Callable[..., None]) -> None:
    """Nothing that Django writes is missed."""
    tracked_otherwise(Label)
    assert [each.id for each in check_tracking()] == ["modelsync.W101"]
    tracked_otherwise(Label, capture=Capture.TRIGGER)
    assert check_tracking() == []


def test_syncs_are_captured_though_they_are_staged() -> None:
    """No signal and no instance is needed for it."""
    report = sync([{"code": f"s{n}", "name": "x"} for n in range(5)], Shelf, match_on="code")
    assert report.writers == {"hub.Shelf": "staged"}
    assert {model for model, _, _ in logged()} == {"hub.Shelf"}
    report = sync([{"title": "t"}], Article, match_on="title")
    assert report.writers["hub.Article"].startswith("objects")
