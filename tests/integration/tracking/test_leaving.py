"""Objects that stay when what they name is deleted have changed, too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection, transaction
from django.db.models.signals import pre_delete

from modelsync.tracking.models import Change
from tests.hub.models import Article, Author, Book, Label, Note, Review, Shelf, Shown

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def logged() -> set[tuple[str, str]]:
    """Model and key; the log is empty afterwards."""
    found = set(Change.objects.values_list("model", "object_pk"))
    Change.objects.all().delete()
    return found


@pytest.mark.parametrize("delete", [lambda x: x.delete(), lambda x: type(x).objects.filter(pk=x.pk).delete()])
def test_labels_that_go(delete: Callable[[Label], object]) -> None:
    """Whatever had them, inherited or not."""
    label, other = (Label.objects.create(name=name) for name in "xy")
    article, review, note, book = (
        Article.objects.create(title="a"),
        Review.objects.create(title="r"),
        Note.objects.create(text="n"),
        Book.objects.create(title="b"),
    )
    for each in (article, review, note, book):
        each.labels.add(label, other)
    Note.objects.create(text="has none")
    logged()
    delete(label)
    assert logged() == {
        ("hub.Article", str(article.pk)),
        ("hub.Article", str(review.pk)),
        ("hub.Review", str(review.pk)),
        ("hub.Note", str(note.pk)),
        ("hub.Book", str(book.pk)),
    }


def test_objects_that_named_one_another() -> None:
    """The one that stays."""
    a, b, c = (Article.objects.create(title=title) for title in "abc")
    a.related.add(b)
    c.follows.add(b)
    logged()
    key = str(b.pk)
    Shown.objects.get(pk=b.pk).delete()
    assert logged() == {("hub.Article", each) for each in (key, str(a.pk), str(c.pk))}


def test_what_was_inherited_changes_too() -> None:
    """A review whose editor goes."""
    editor = Author.objects.create(name="Eve")
    review = Review.objects.create(title="r", editor=editor)
    logged()
    key = str(editor.pk)
    editor.delete()
    assert logged() == {
        ("hub.Author", key),
        ("hub.Article", str(review.pk)),
        ("hub.Review", str(review.pk)),
    }
    book = Book.objects.create(title="b", second=Shelf.objects.create(code="A"))
    logged()
    Shelf.objects.get().delete()
    assert logged() == {("hub.Shelf", "A"), ("hub.Book", str(book.pk))}


def test_what_stays_after_all() -> None:
    """A deletion that fails leaves nothing behind."""

    def refuse(**_: object) -> None:
        raise ZeroDivisionError

    label = Label.objects.create(name="x")
    Note.objects.create(text="n").labels.add(label)
    logged()
    pre_delete.connect(refuse, sender=Label)
    try:
        with suppress(ZeroDivisionError), transaction.atomic():
            label.delete()
    finally:
        pre_delete.disconnect(refuse, sender=Label)
    assert logged() == set()
    assert connection.execute_wrappers == []
    label.delete()
    assert len(logged()) == 1
