"""Two sites that differ in everything, and what their databases hold."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connections, models, transaction

from tests.blog.models import (
    Author,
    Badge,
    Blog,
    Book,
    Category,
    City,
    Comment,
    Country,
    Member,
    Note,
    Person,
    Post,
    Review,
    Ring,
    Seat,
    Shelf,
    Team,
    Volume,
)
from tests.integration.pull import urls
from tests.shop.models import Everything

#: The tables that a pull of all blogs is about, and the only other one that it may write.
APP: Final = "blog"
HISTORY: Final = "modelsync_run"
_TEMPORARY: Final = re.compile(r"CREATE TEMPORARY TABLE\s+[\"`]?(\w+)")


def there(alias: str) -> None:
    """What the other site has: every model, with circles and references that point forward."""
    # Version 1 has milliseconds.
    when = dt.datetime(2026, 10, 25, 1, 30, 59, 123000, tzinfo=dt.UTC)
    posts = [
        Post(pk=n, blog_id=1 + n % 2, slug=f"post-{n}", title=f"Größer {n}", body=f"Line\n\u2028 {n}" * n)
        for n in range(1, 31)
    ]
    posts[0].rating, posts[0].published, posts[0].meta = Decimal("4.50"), when, {"n": [1, None, "ü"]}
    posts[0].best_id = 3
    _put(
        alias,
        [
            Member(pk=1, email="ada@example.org", password="!", last_login=when),
            Blog(pk=1, slug="news", title="News", user_id=1),
            Blog(pk=2, slug="other", title='Other "\\'),
            Category(pk=1, slug="trees", parent_id=3),
            Category(pk=2, slug="oaks", parent_id=1),
            Category(pk=3, slug="plants"),
            *posts,
            Review(pk=31, blog_id=1, slug="review", score=5),
            Comment(pk=1, post_id=1, text="First!", reply_to_id=2),
            Comment(pk=2, post_id=2, text="No", reply_to_id=1),
            Comment(pk=3, post_id=1, text="Best"),
            Ring(pk=1, name="one", next_id=2),
            Ring(pk=2, name="two", next_id=1),
            Person(pk=1, name="Ada", cv="cvs/ada.txt"),
            Person(pk=2, name="Bob"),
            Team(pk=1, name="Red"),
            Seat(pk=1, team_id=1, person_id=2, role="coach"),
            Badge(pk=uuid.UUID(int=1), label="gold", holder_id=1),
            Country(pk="AT", name="Austria"),
            City(pk=1, name="Vienna", country_id="Austria"),
            Shelf(pk=1, label="top"),
            Volume(pk=1, shelf_id=1),
            Author(pk=1, name="Mary", born=dt.date(1797, 8, 30)),
            Book(pk=1, title="Frankenstein", author_id=1, pages=280),
            Note(pk=1, content_type=_content_type(alias), object_id=1, text="About Ada"),
        ],
        [(n, 1 + n % 3) for n in range(1, 31)] + [(1, 1), (1, 3)],
    )


def here(alias: str) -> None:
    """What this site has: other values, unique ones that change places, rows that go, tables of its own."""
    _put(
        alias,
        [
            Member(pk=1, email="old@example.org", password="!"),
            Blog(pk=1, slug="other", title="Old"),
            Blog(pk=2, slug="news", title="Old", user_id=1),
            Blog(pk=9, slug="ours"),
            Category(pk=1, slug="plants"),
            Category(pk=9, slug="trees", parent_id=1),
            *(Post(pk=n, blog_id=2, slug=f"old-{n}", best_id=9 if n == 1 else None) for n in (1, 2, 8)),
            Post(pk=90, blog_id=9, slug="ours"),
            Review(pk=91, blog_id=9, slug="review", score=1),
            Comment(pk=1, post_id=8, text="Old"),
            Comment(pk=9, post_id=90, text="Ours"),
            Ring(pk=1, name="two", next_id=1),
            Person(pk=1, name="Bob", cv="cvs/bob.txt"),
            Person(pk=9, name="Zoe"),
            Team(pk=9, name="Red"),
            Seat(pk=1, team_id=9, person_id=9),
            Badge(pk=uuid.UUID(int=9), label="gold", holder_id=9),
            Country(pk="DE", name="Germany"),
            City(pk=1, name="Berlin", country_id="Germany"),
            Shelf(pk=9, label="top"),
            Volume(pk=9, shelf_id=9),
            Author(pk=9, name="Mary"),
            Book(pk=1, title="The Last Man", author_id=9),
            Note(pk=9, content_type=_content_type(alias), object_id=9, text="About Zoe"),
            Everything(pk=1, code="ours", f_binary=b"\0\xff"),
        ],
        [(1, 1), (1, 9), (8, 9), (90, 1)],
    )


def contents(alias: str) -> dict[str, list[str]]:
    """Every row of every table but the history of runs."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - {HISTORY}
        found = {}
        for table in sorted(tables):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = sorted(map(repr, cursor.fetchall()))
    return found


def pulled(alias: str, path: str) -> dict[str, list[str]]:
    """Every row of the tables that the path serves; pairs without the keys that each site gives them."""
    found = {}
    for model in served(path):
        fields = model._meta.concrete_fields
        names = [each.attname for each in fields if not (each.primary_key and model._meta.auto_created)]
        found[model._meta.label] = sorted(map(repr, model._base_manager.using(alias).values_list(*names)))
    return found


def served(path: str) -> list[type[models.Model]]:
    """The models of what the path serves, many-to-many relations too."""
    if path == "posts":
        return [*urls.POSTS, Post.categories.through]
    return [*apps.get_app_config(APP).get_models(include_auto_created=True)]


def left_alone(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those of the contents that are not pulled."""
    return {table: rows for table, rows in found.items() if not table.startswith(f"{APP}_")}


@contextmanager
def temporary_tables(alias: str) -> Iterator[set[str]]:
    """The names of the temporary tables that are made within."""
    names: set[str] = set()

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        names.update(_TEMPORARY.findall(sql))
        return execute(sql, *rest)

    with connections[alias].execute_wrapper(note):
        yield names


def still_there(alias: str, tables: set[str]) -> set[str]:
    """Those of the tables that the session of this alias can read."""
    found = set()
    for table in tables:
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute(f"SELECT 1 FROM {connections[alias].ops.quote_name(table)}")
        except DatabaseError:
            continue
        found.add(table)
    return found


def checks_references(alias: str) -> bool:
    """Whether the session of this alias is outside a transaction, and checks foreign keys."""
    connection = connections[alias]
    asked = {
        "sqlite": "PRAGMA foreign_keys",
        "mysql": "SELECT @@foreign_key_checks",
        "postgresql": "SELECT 1",
    }
    with connection.cursor() as cursor:
        cursor.execute(asked[connection.vendor])
        return cursor.fetchone() == (1,) and not connection.in_atomic_block


def _put(alias: str, rows: list[models.Model], categories: list[tuple[int, int]]) -> None:
    """Make the tables hold these rows, and no others."""
    pairs = Post.categories.through
    kinds: list[type[models.Model]] = [*served("all"), Everything]
    with transaction.atomic(using=alias), connections[alias].constraint_checks_disabled():
        for kind in kinds:
            kind._base_manager.using(alias).all()._raw_delete(alias)
        for row in rows:
            # What is raw has no parents.
            row.save_base(raw=not row._meta.parents, using=alias, force_insert=True)
        pairs._base_manager.using(alias).bulk_create(
            pairs(post_id=post, category_id=category) for post, category in dict.fromkeys(categories)
        )


def _content_type(alias: str) -> ContentType:
    return ContentType.objects.db_manager(alias).get_by_natural_key(APP, "person")
