"""The mirror: any order, any graph, only the difference, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import signals
from django.test.utils import CaptureQueriesContext

from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.core.ports import Extent
from modelsync.core.records import Batch, Cursor, Origin
from modelsync.core.results import Report, Status
from modelsync.formats.wire import Header
from modelsync.pulling import PullOptions, pull
from tests.blog.models import (
    Badge,
    Blog,
    Book,
    City,
    Comment,
    Country,
    Note,
    Person,
    Post,
    Review,
    Ring,
    Volume,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]

Row = Mapping[str, Any]
NOWHERE = "which is neither here nor in what the other site sent"


class Remote:
    """What another site would send: (label, row) pairs in this order."""

    extent = Extent.SNAPSHOT
    name = "https://headquarters.example/sync/"

    def __init__(
        self, *objects: tuple[str, Row], batch_rows: int = 1000, header: Header | None = None
    ) -> None:
        self.objects = objects
        self.header = header
        self.batch_rows = batch_rows
        self.notes: list[str] = []

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        start = 0
        for (label, columns), run in groupby(self.objects, lambda each: (each[0], tuple(each[1]))):
            rows = [list(row.values()) for _, row in run]
            for at in range(0, len(rows), self.batch_rows):
                part = rows[at : at + self.batch_rows]
                yield Batch(
                    columns=columns,
                    rows=part,
                    start=start,
                    places=lambda index, start=start: Origin("stream", start + index + 2),  # type: ignore[misc]
                    model=label,
                )
                start += len(part)


def sync(*objects: tuple[str, Row], batch_rows: int = 1000, **options: Any) -> Report:
    """Pull these objects."""
    return pull(Remote(*objects, batch_rows=batch_rows), PullOptions(**options))


def blog(pk: int, slug: str, **more: Any) -> tuple[str, Row]:
    """A blog."""
    return "blog.blog", {"pk": pk, "slug": slug, **more}


def post(pk: int, blog: int, slug: str, **more: Any) -> tuple[str, Row]:
    """A post."""
    return "blog.post", {"pk": pk, "blog": blog, "slug": slug, **more}


def counts(report: Report) -> dict[str, int]:
    """Outcomes that occur."""
    return {outcome.label: count for outcome, count in report.counts.items() if count}


def test_objects_come_with_their_keys_and_again_nothing_is_written() -> None:
    """The documented case: create, change, leave alone what is equal."""
    assert counts(sync(blog(1, "a", title="A"), blog(2, "b", title="B"))) == {"created": 2}
    assert set(Blog.objects.values_list("pk", "slug", "title")) == {(1, "a", "A"), (2, "b", "B")}
    report = sync(blog(1, "a", title="A"), blog(2, "b", title="Bee"), blog(3, "c", title="C"))
    assert counts(report) == {"created": 1, "updated": 1, "unchanged": 1}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert counts(sync(blog(1, "a", title="A"))) == {"unchanged": 1}
    tables = ('"blog_blog"', "`blog_blog`")
    written = [
        q["sql"]
        for q in queries
        if q["sql"].startswith(tuple(f"{w} {t}" for w in ("UPDATE", "INSERT INTO") for t in tables))
    ]
    assert written == []


def test_any_order_works() -> None:
    """Trap: forward references, references to oneself, and circles that cannot be opened."""
    report = sync(
        ("blog.comment", {"pk": 5, "post": 7, "text": "yes", "reply_to": 6}),
        ("blog.comment", {"pk": 6, "post": 7, "text": "no", "reply_to": None}),
        post(7, 1, "p", best=5),
        blog(1, "a"),
        ("blog.ring", {"pk": 1, "name": "one", "next": 2}),
        ("blog.ring", {"pk": 2, "name": "two", "next": 3}),
        ("blog.ring", {"pk": 3, "name": "three", "next": 1}),
    )
    assert counts(report) == {"created": 7}
    assert Post.objects.get().best.reply_to.pk == 6  # type: ignore[union-attr]
    assert Ring.objects.get(pk=3).next.next.next.pk == 3


def test_a_dangling_reference_is_told_with_its_object_and_nothing_is_written() -> None:
    """All of them, not the first."""
    report = sync(blog(1, "a"), post(1, 1, "p"), post(2, 8, "q"), post(3, 9, "r"))
    assert (report.status, report.committed) == (Status.REJECTED, False)
    assert [str(r) for r in report.rejections] == [
        f"stream:4: blog = 8: blog.Post 2 names blog.Blog 8, {NOWHERE}",
        f"stream:5: blog = 9: blog.Post 3 names blog.Blog 9, {NOWHERE}",
    ]
    assert not Blog.objects.exists()


def test_many_to_many() -> None:
    """Pairs are added and removed; a relation that is not sent stays."""
    categories = [("blog.category", {"pk": n, "slug": f"c{n}", "parent": None}) for n in (1, 2, 3)]
    sync(blog(1, "a"), *categories, post(1, 1, "p", categories=[1, 2]), post(2, 1, "q", categories=[]))
    assert set(Post.objects.get(pk=1).categories.values_list("pk", flat=True)) == {1, 2}
    report = sync(post(1, 1, "p", categories=[2, 3, 3]), post(2, 1, "q", categories=[]))
    assert counts(report) == {"updated": 1, "unchanged": 1}
    assert set(Post.objects.get(pk=1).categories.values_list("pk", flat=True)) == {2, 3}
    assert counts(sync(post(1, 1, "p", categories=[3, 2]))) == {"unchanged": 1}
    assert counts(sync(post(1, 1, "p"))) == {"unchanged": 1}
    assert Post.objects.get(pk=1).categories.count() == 2
    report = sync(post(1, 1, "p", categories=[2, 99]))
    assert "names blog.Category 99" in report.rejections[0].reason
    assert Post.objects.get(pk=1).categories.count() == 2


def test_clean_leaves_exactly_what_was_sent() -> None:
    """What goes takes along what hangs on it, and only that."""
    sync(blog(1, "a"), blog(2, "b"), post(1, 1, "p"), post(2, 2, "q"), post(3, 2, "r"))
    Comment.objects.create(pk=1, post_id=2, text="goes")
    Comment.objects.create(pk=2, post_id=3, text="stays")
    report = sync(blog(1, "a"), post(1, 1, "p"), post(3, 1, "r"), clean=True)
    assert counts(report) == {"unchanged": 2, "updated": 1}
    assert report.removed == 2
    assert set(Blog.objects.values_list("pk", flat=True)) == {1}
    assert set(Post.objects.values_list("pk", "blog_id")) == {(1, 1), (3, 1)}
    assert set(Comment.objects.values_list("pk", flat=True)) == {2}


def test_unique_values_change_places() -> None:
    """Trap: two rows swap a unique value, and a chain of renames."""
    sync(blog(1, "a"), blog(2, "b"), blog(3, "c"))
    assert counts(sync(blog(1, "b"), blog(2, "a"))) == {"updated": 2}
    assert dict(Blog.objects.values_list("pk", "slug")) == {1: "b", 2: "a", 3: "c"}
    assert counts(sync(blog(1, "a"), blog(2, "c"), blog(3, "d"), blog(4, "b"))) == {
        "updated": 3,
        "created": 1,
    }
    assert dict(Blog.objects.values_list("pk", "slug")) == {1: "a", 2: "c", 3: "d", 4: "b"}


def test_a_row_of_ours_with_the_same_unique_value() -> None:
    """Without clean an error that names both; with clean the other site wins."""
    Blog.objects.create(pk=10, slug="a")
    report = sync(blog(1, "a"))
    assert "blog.Blog 1 has the slug of blog.Blog 10 here" in report.rejections[0].reason
    assert set(Blog.objects.values_list("pk", flat=True)) == {10}
    assert counts(sync(blog(1, "a"), clean=True)) == {"created": 1}
    assert set(Blog.objects.values_list("pk", flat=True)) == {1}


def test_an_empty_answer_empties_nothing_unless_it_is_meant() -> None:
    """Trap: an empty source that answered 200."""
    sync(blog(1, "a"))
    report = sync(clean=True)
    assert report.status is Status.STOPPED
    assert "allow-empty" in (report.error or "")
    assert Blog.objects.count() == 1


def test_what_protects_stops_a_clean_pull() -> None:
    """Trap: PROTECT."""
    Country.objects.create(code="de", name="Germany")
    City.objects.create(name="Kiel", country_id="Germany")
    report = sync(("blog.country", {"pk": "fr", "name": "France"}), clean=True)
    assert report.status is Status.STOPPED
    assert "blog.City" in (report.error or "")
    assert "protects" in (report.error or "")
    assert set(Country.objects.values_list("pk", flat=True)) == {"de"}


def test_keys_of_every_kind() -> None:
    """UUIDs, texts, `to_field`, one-to-one."""
    uid = "12345678-1234-5678-1234-567812345678"
    report = sync(
        ("blog.badge", {"pk": uid, "label": "gold", "holder": 4}),
        ("blog.city", {"pk": 1, "name": "Kiel", "country": "Germany"}),
        ("blog.country", {"pk": "de", "name": "Germany"}),
        ("blog.person", {"pk": 4, "name": "Ada", "photo": "photos/ada.png", "cv": None}),
    )
    assert counts(report) == {"created": 4}
    assert str(Badge.objects.get(holder__name="Ada").pk) == uid
    assert City.objects.get().country.pk == "de"
    assert Person.objects.get().photo.name == "photos/ada.png"


def test_multi_table_inheritance() -> None:
    """A child's row and its parent's come as two objects."""
    parent = {"pk": 7, "blog": 1, "slug": "p", "title": "A review"}
    report = sync(("blog.review", {"pk": 7, "score": 5}), blog(1, "a"), ("blog.post", parent))
    assert counts(report) == {"created": 3}
    assert (Review.objects.get().title, Review.objects.get().score) == ("A review", 5)


def test_generic_foreign_keys_by_the_name_of_the_model() -> None:
    """Trap: content type ids differ from site to site."""
    report = sync(
        blog(1, "a"),
        ("blog.note", {"pk": 1, "content_type": ["blog", "blog"], "object_id": 1, "text": "hm"}),
    )
    assert counts(report) == {"created": 2}
    assert Note.objects.get().about == Blog.objects.get()


def test_natural_keys_of_what_comes_later() -> None:
    """An object may be named by its natural key before it is there; a name that is nobody's is told."""
    report = sync(
        ("blog.book", {"pk": 1, "title": "Emma", "author": ["Austen"], "pages": 400}),
        ("blog.book", {"pk": 2, "title": "Persuasion", "author": ["Austen"], "pages": 200}),
        ("blog.author", {"pk": 7, "name": "Austen", "born": "1775-12-16"}),
    )
    assert counts(report) == {"created": 3}
    assert set(Book.objects.values_list("title", "author_id")) == {("Emma", 7), ("Persuasion", 7)}
    book = ("blog.book", {"pk": 1, "title": "Emma", "author": ["Austen"], "pages": 400})
    assert counts(sync(book)) == {"unchanged": 1}
    report = sync(("blog.book", {"pk": 1, "title": "Emma", "author": ["Nobody"], "pages": 400}))
    assert "no blog.Author with the natural key 'Nobody'" in report.rejections[0].reason


def test_what_the_models_do_not_have_in_common() -> None:
    """Ours keeps its value, theirs is left out with one warning, a missing model is an error."""
    sync(blog(1, "a", title="ours"))
    report = sync(blog(1, "b", colour="red"), blog(2, "c", colour="blue"))
    assert [str(w) for w in report.warnings] == [
        "colour: blog.Blog has no field 'colour' here; its values are left out"
    ]
    assert Blog.objects.get(pk=1).title == "ours"
    with pytest.raises(ConfigurationError, match=r"sends shop\.nothing, which is no model here"):
        sync(("shop.nothing", {"pk": 1}))
    assert counts(sync(("shop.nothing", {"pk": 1}), blog(1, "b"), ignore_models=True)) == {
        "skipped": 1,
        "unchanged": 1,
    }


def test_models_that_may_come() -> None:
    """A list of them, and never what belongs to a site."""
    with pytest.raises(ConfigurationError, match="not among the models that may come"):
        sync(blog(1, "a"), models=["blog.Post"])
    with pytest.raises(ConfigurationError, match="belongs to a site"):
        sync(("contenttypes.contenttype", {"pk": 1, "app_label": "x", "model": "y"}))
    assert counts(sync(blog(1, "a"), models=["blog.Blog"])) == {"created": 1}


def test_an_object_that_comes_twice() -> None:
    """Trap: the last one counts."""
    report = sync(blog(2, "b"), blog(1, "a"), blog(2, "bee"))
    assert counts(report) == {"created": 2, "skipped": 1}
    assert Blog.objects.get(pk=2).slug == "bee"


def test_a_dry_run_is_the_run_undone() -> None:
    """The same report, and nothing is left."""
    report = sync(blog(1, "a"), post(1, 1, "p"), dry_run=True)
    assert counts(report) == {"created": 2}
    assert not Blog.objects.exists()


def test_new_objects_after_a_pull_get_keys_of_their_own() -> None:
    """Trap: sequences go forward only."""
    sync(blog(500, "a"), ("blog.category", {"pk": 700, "slug": "c", "parent": None}))
    assert Blog.objects.create(slug="new").pk > 500
    later = Blog.objects.create(slug="later").pk
    sync(blog(3, "b"))
    assert Blog.objects.create(slug="last").pk > later


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
def test_batches_make_no_difference(batch_rows: int) -> None:
    """Whatever the size of the pieces."""
    objects: Sequence[tuple[str, Row]] = [blog(n, f"b{n}") for n in range(1, 8)]
    assert counts(sync(*objects, batch_rows=batch_rows)) == {"created": 7}
    assert counts(sync(*objects[1:], batch_rows=batch_rows, clean=True)) == {"unchanged": 6}
    assert Blog.objects.count() == 6


@pytest.fixture
def told() -> Iterator[list[tuple[Any, ...]]]:
    """What the receivers of blogs and posts are told."""
    heard: list[tuple[Any, ...]] = []

    def saving(instance: Any, raw: bool, **more: Any) -> None:
        heard.append(("pre_save", instance.pk, raw))
        if instance.title == "mend me":
            instance.title = "mended"

    def saved(instance: Any, raw: bool, created: bool, **more: Any) -> None:
        heard.append(
            ("post_save", instance.pk, raw, created, type(instance).objects.get(pk=instance.pk).title)
        )

    def deleted(instance: Any, **more: Any) -> None:
        heard.append(("post_delete", instance.pk))

    def related(instance: Any, action: str, pk_set: set[int], **more: Any) -> None:
        heard.append((action, instance.pk, sorted(pk_set)))

    through = Post.categories.through
    signals.pre_save.connect(saving, sender=Blog)
    signals.post_save.connect(saved, sender=Blog)
    signals.post_delete.connect(deleted, sender=Blog)
    signals.m2m_changed.connect(related, sender=through)
    yield heard
    signals.pre_save.disconnect(saving, sender=Blog)
    signals.post_save.disconnect(saved, sender=Blog)
    signals.post_delete.disconnect(deleted, sender=Blog)
    signals.m2m_changed.disconnect(related, sender=through)


def test_signals_are_sent_raw_for_what_changes(told: list[tuple[Any, ...]]) -> None:
    """Invariant 7; what a receiver of pre_save changes is written."""
    sync(blog(1, "a", title="A"), blog(2, "b", title="B"))
    told.clear()
    sync(blog(1, "a", title="mend me"), blog(3, "c", title="C"), clean=True)
    assert told == [
        ("post_delete", 2),
        ("pre_save", 1, True),
        ("pre_save", 3, True),
        ("post_save", 1, True, False, "mended"),
        ("post_save", 3, True, True, "C"),
    ]
    told.clear()
    sync(blog(1, "a", title="mended"), blog(4, "d", title="D"), dry_run=True)
    assert told == []


def test_signals_of_relations(told: list[tuple[Any, ...]]) -> None:
    """Pairs that come and go."""
    categories = [("blog.category", {"pk": n, "slug": f"c{n}", "parent": None}) for n in (1, 2, 3)]
    sync(blog(1, "a"), *categories, post(1, 1, "p", categories=[1, 2]))
    told.clear()
    sync(post(1, 1, "p", categories=[2, 3]))
    assert told == [
        ("pre_remove", 1, [1]),
        ("post_remove", 1, [1]),
        ("pre_add", 1, [3]),
        ("post_add", 1, [3]),
    ]


def test_what_hangs_on_a_row_by_the_databases_own_rules_stays() -> None:
    """A row is taken out and put back for a unique value: nothing may go with it meanwhile."""
    shelves = [("blog.shelf", {"pk": n, "label": f"s{n}"}) for n in (1, 2)]
    sync(*shelves, ("blog.volume", {"pk": 1, "shelf": 1}))
    swapped = [("blog.shelf", {"pk": n, "label": f"s{3 - n}"}) for n in (1, 2)]
    if hasattr(models, "DB_CASCADE") and connection.vendor != "mysql":
        with pytest.raises(ConflictError, match=r"in step \(DB_CASCADE"):
            sync(*swapped)
    else:
        assert counts(sync(*swapped)) == {"updated": 2}
    assert Volume.objects.get().shelf_id == 1


def test_a_pooled_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary tables are those of one session, so all is one transaction there."""
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert counts(sync(blog(1, "a"), post(1, 1, "p"))) == {"created": 2}
    assert counts(sync(blog(1, "a"), post(1, 1, "q"))) == {"unchanged": 1, "updated": 1}


def test_keys_that_only_the_other_database_tells_apart() -> None:
    """Trap: what the database calls equal; MariaDB does not tell letter case apart."""
    report = sync(
        ("blog.country", {"pk": "de", "name": "Germany"}), ("blog.country", {"pk": "DE", "name": "Allemagne"})
    )
    if connection.vendor == "mysql":
        assert "is the same as 'DE' for this database" in report.rejections[0].reason
        assert not Country.objects.exists()
    else:
        assert counts(report) == {"created": 2}


def test_a_preview_shows_what_would_go() -> None:
    """With what hangs on it."""
    sync(blog(1, "a"), blog(2, "b"), post(5, 2, "p"))
    report = sync(blog(1, "a"), clean=True, dry_run=True, changes=20)
    assert [(c.model, c.pk, c.outcome.label) for c in report.changes] == [
        ("blog.Blog", 2, "deleted"),
        ("blog.Post", 5, "deleted"),
    ]
    assert Post.objects.exists()


def test_bad_input_is_told_clearly() -> None:
    """No primary key, no such database."""
    report = sync(("blog.blog", {"pk": None, "slug": "a"}))
    assert "have the other site's route send them" in report.rejections[0].reason
    with pytest.raises(ConfigurationError, match=r"there is no database 'nowhere'; settings\.DATABASES has"):
        sync(blog(1, "a"), using="nowhere")
