"""What capture costs: statements, counted."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from modelsync.tracking.models import Change
from tests.hub.models import Article, Author, Label, Note

pytestmark = [pytest.mark.django_db, pytest.mark.database]
#: Where one statement both writes and captures.
AT_ONCE = connection.vendor == "postgresql"
_APPENDS = re.compile(r"(\d+ times: )?INSERT INTO .modelsync_tracking_change")


def first() -> Note:
    return Note.objects.order_by("pk")[0]


def counted(write: Callable[[], object]) -> tuple[int, int]:
    """The statements of a write, and how many of them append to the log (and do nothing else)."""
    Change.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        write()
    appended = [query for query in queries if _APPENDS.match(query["sql"])]
    return len(queries), len(appended)


@pytest.mark.parametrize(
    ("write", "plain", "more"),
    [
        (lambda: Note(text="x").save(), 1, 1),
        (lambda: Note(pk=first().pk, text="x").save(force_update=True), 2, not AT_ONCE),
        (lambda: Note.objects.update(text="x"), 1, not AT_ONCE),
        (lambda: Note.objects.bulk_create([Note(text=f"{n}") for n in range(30)]), 1, 1),
        (lambda: Note.objects.bulk_update(list(Note.objects.all()), ["text"]), 2, not AT_ONCE),
        (
            lambda: Note.objects.bulk_update(list(Note.objects.all()), ["text"], batch_size=5),
            3,
            2 - 2 * AT_ONCE,
        ),
        (lambda: Note.objects.filter(text="1").delete(), 3, 1),
        (lambda: Note.objects.all().delete(), 3, 1),
        (lambda: first().delete(), 3, 1),
    ],
)
def test_one_statement_more(write: Callable[[], object], plain: int, more: int) -> None:
    """For a save, and for each bulk statement; PostgreSQL needs none where it is known what is written."""
    Note.objects.bulk_create([Note(text=f"{n}") for n in range(10)])
    assert counted(write) == (plain + more, more)
    assert Change.objects.count() > 0


def test_relations() -> None:
    """One for each change of a relation, whatever the number of objects."""
    notes = Note.objects.bulk_create([Note(text=f"{n}") for n in range(10)])
    label, other = (Label.objects.create(name=name) for name in "xy")
    for write in (
        lambda: notes[0].labels.add(label, other),
        lambda: label.note_set.add(*notes),
        lambda: notes[0].labels.remove(other),
        label.note_set.clear,
    ):
        assert counted(write)[1] == 1


@pytest.mark.parametrize("is_instance", [True, False])
def test_cascades(is_instance: bool) -> None:
    """As many statements for a thousand dependants as for three."""
    found = []
    for count in (3, 1_000):
        author = Author.objects.create(name="Ada")
        Article.objects.bulk_create([Article(title=f"t{n}", author=author) for n in range(count)])
        write = author.delete if is_instance else Author.objects.filter(pk=author.pk).delete
        found.append(counted(write)[1])
        assert Change.objects.filter(op="delete").count() == count + 1
    assert found[0] == found[1] <= 5
