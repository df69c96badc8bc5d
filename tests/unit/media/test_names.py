"""The files that rows name are noted while a source is read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import InMemoryStorage

from modelsync.core.errors import ConfigurationError
from modelsync.core.ports import Extent
from modelsync.core.records import OMITTED, Batch, ByColumn, Cursor, Origin
from modelsync.media import FileNames, FileRef, WithFiles, field_storage, images
from tests.blog.models import Person

COLUMNS = ("pk", "name", "photo", "cv")


def batch(*rows: tuple[object, ...], model: str | None = "blog.person", columns: Any = COLUMNS) -> Batch:
    return Batch(columns=columns, rows=rows, start=0, places=lambda index: Origin("x"), model=model)


class Given:
    """A source of given batches."""

    name = "https://example.org/api/blog/"
    extent = Extent.SNAPSHOT

    def __init__(self, *batches: Batch) -> None:
        self.batches = batches
        self.header: str | None = None

    def fraction(self) -> float:
        return 0.5

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        self.header = "read"
        yield from self.batches


def noted(*batches: Batch) -> list[FileRef]:
    source = WithFiles(Given(*batches), "default")
    assert list(source.read(None)) == list(batches)
    with source.files as files:
        return list(files)


def ref(pk: str, field: str, name: str) -> FileRef:
    return FileRef(model="blog.person", pk=pk, field=field, name=name, is_image=field == "photo")


def test_files_are_noted_with_their_objects() -> None:
    """Blank ones, and what is no name at all, are not."""
    found = noted(batch((1, "x", "a.png", None), (2, "x", "", "b.txt"), (3, "x", OMITTED, 5)))
    assert found == [ref("1", "photo", "a.png"), ref("2", "cv", "b.txt")]


def test_each_name_is_noted_once() -> None:
    """For the first object that has it, also across batches and fields of one storage."""
    found = noted(batch((1, "x", "a", "a"), (2, "x", "a", "b")), batch((3, "x", "b", "c")))
    assert [each.name for each in found] == ["a", "b", "c"]
    assert {each.pk for each in found} == {"1", "2", "3"}


@pytest.mark.parametrize("model", [None, "", "blog", "blog.nobody", "nowhere.person", "blog.team"])
def test_unknown_models_are_passed_over(model: str | None) -> None:
    """So are those without files."""
    assert noted(batch((1, "x", "a", "b"), model=model)) == []


class Elsewhere:
    """A router by which only the database `other` has the models."""

    def allow_migrate(self, database: str, label: str, **hints: object) -> bool:
        return database == "other"


@pytest.mark.parametrize(("using", "found"), [("default", 0), ("other", 1)])
def test_models_of_other_databases_are_passed_over(using: str, found: int, settings: Any) -> None:
    """They are not pulled into this one."""
    settings.DATABASE_ROUTERS = [Elsewhere()]
    source = WithFiles(Given(batch((1, "x", "a", ""))), using)
    list(source.read(None))
    with source.files as files:
        assert len(files) == found


def test_natural_keys_have_no_primary_key() -> None:
    """It is blank then; the files are noted."""
    assert noted(batch((None, "a"), columns=("pk", "photo"))) == [ref("", "photo", "a")]
    assert noted(batch(("a",), columns=("photo",))) == [ref("", "photo", "a")]


def test_batches_that_are_kept_by_column_are_read_so() -> None:
    """As sites send them."""
    rows = ByColumn(2)
    rows.extend([(1, "a"), (2, "b")])
    whole = Batch(
        columns=("pk", "photo"), rows=rows, start=0, places=lambda index: Origin("x"), model="blog.person"
    )
    assert noted(whole) == [ref("1", "photo", "a"), ref("2", "photo", "b")]


def test_everything_else_is_that_of_the_source() -> None:
    """Also what changes while it is read."""
    given = Given(batch((1, "x", "a", "")))
    source: Any = WithFiles(given, "default")
    assert (source.name, source.extent, source.fraction(), source.header) == (
        given.name,
        Extent.SNAPSHOT,
        0.5,
        None,
    )
    list(source.read(None))
    assert source.header == "read"
    with pytest.raises(AttributeError):
        _ = source.nothing
    source.files.close()


def test_a_second_reading_begins_anew() -> None:
    """What a failed reading noted counts no more."""
    given = Given(batch((1, "x", "old", "")))
    source = WithFiles(given, "default")
    list(source.read(None))
    given.batches = (batch((1, "x", "new", "")),)
    list(source.read(None))
    with source.files as files:
        assert [each.name for each in files] == ["new"]


def test_names_that_are_no_text_are_kept_until_they_are_refused() -> None:
    """JSON may hold half a character."""
    assert [each.name for each in noted(batch((1, "x", "a\ud800", "")))] == ["a\ud800"]


def test_memory_stays_flat() -> None:
    """However many files there are."""

    def many(first: int) -> Iterator[FileRef]:
        return (ref(str(number), "cv", f"cvs/{number:090}") for number in range(first, first + 30_000))

    with FileNames(many(0)) as files:
        tracemalloc.start()
        try:
            files.add(many(30_000))
            assert sum(1 for _ in files) == len(files) == 60_000
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()


def test_storages_are_told_apart_by_the_object() -> None:
    """Each is asked for once for each field."""
    asked: list[str] = []

    def storage_of(ref: FileRef) -> InMemoryStorage:
        asked.append(ref.field)
        return InMemoryStorage()

    with FileNames(
        [ref("1", "photo", "a"), ref("2", "photo", "a"), ref("1", "cv", "a")], storage_of
    ) as files:
        assert [each.field for each in files] == ["photo", "cv"]
    assert asked == ["photo", "cv"]


@pytest.mark.parametrize(("model", "field"), [("blog.nobody", "photo"), ("blog.person", "name"), ("x", "y")])
def test_a_field_without_files_has_no_storage(model: str, field: str) -> None:
    """One line that names it."""
    with pytest.raises(ConfigurationError, match="holds files"):
        field_storage(FileRef(model=model, pk="1", field=field, name="a"))


@pytest.mark.django_db
def test_the_files_of_a_queryset() -> None:
    """Filtered and sliced ones, too; blank names are passed over."""
    people = [Person.objects.create(name=str(n), photo=f"{n}.png" if n else "", cv="a.txt") for n in range(4)]
    assert list(images(Person.objects.order_by("pk")[:3], "photo")) == [
        ref(str(people[1].pk), "photo", "1.png"),
        ref(str(people[2].pk), "photo", "2.png"),
    ]
    assert [each.is_image for each in images(Person.objects.filter(name="1"), "cv")] == [False]
    for wrong in ("name", "nothing"):
        with pytest.raises(ConfigurationError, match="holds files"):
            list(images(Person.objects.all(), wrong))
