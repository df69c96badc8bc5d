"""Committed changes get versions and positions, in the order of their commits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from modelsync.tracking.models import Change, Feed, Ledger
from modelsync.tracking.registry import REGISTRY
from modelsync.tracking.sequencing import Entry, sequence, sequenced
from modelsync.tracking.states import digests
from tests.hub.models import Article, Author, Book, Label, Note
from tests.separate import SeparateDatabase

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ROOT = Path(__file__).resolve().parents[3]


def ledger() -> dict[str, tuple[int, int, bool]]:
    """Version, position and whether it is gone, by key."""
    rows = Ledger.objects.values_list("object_pk", "version", "feed_position", "deleted")
    return {key: (version, position, gone) for key, version, position, gone in rows}


def test_versions_rise_with_changes() -> None:
    """From 1, by one for whatever happened since; not for what is the same as before."""
    made = Article.objects.create(title="a")
    key = str(made.pk)
    assert (sequence(), ledger()) == (1, {key: (1, 1, False)})
    for title in ("b", "c"):
        made.title = title
        made.save()
    assert (sequence(), ledger()) == (1, {key: (2, 2, False)})
    made.save()
    assert (sequence(), ledger(), Change.objects.count()) == (0, {key: (2, 2, False)}, 0)
    made.labels.add(Label.objects.create(name="x"))
    assert (sequence(), ledger()) == (1, {key: (3, 3, False)})
    assert Feed.objects.get().position == 3


def test_tombstones() -> None:
    """A ledger outlives its object, and goes on when it comes back."""
    made = Author.objects.create(name="Ada")
    key = made.pk
    sequence()
    made.delete()
    assert (sequence(), ledger()) == (1, {str(key): (2, 2, True)})
    Author.objects.create(pk=key, name="Ada")
    assert (sequence(), ledger()) == (1, {str(key): (3, 3, False)})
    Author.objects.get().delete()
    Author.objects.create(pk=key, name="Ada")
    assert (sequence(), ledger()) == (0, {str(key): (3, 3, False)})


def test_what_came_and_went_was_never_there() -> None:
    """Nobody was told of it."""
    Article.objects.create(title="a").delete()
    assert (sequence(), ledger(), Change.objects.count()) == (0, {}, 0)


def test_positions_follow_the_last_changes() -> None:
    """Each is given once, whatever the steps."""
    a, b, c = (Article.objects.create(title=title) for title in "abc")
    b.title = "again"
    b.save()
    assert sequence(most=2) == 3
    positions = {key: position for key, (_, position, _) in ledger().items()}
    assert sorted(positions.values()) == [1, 2, 3]
    a.title, c.title = "x", "y"
    c.save()
    a.save()
    assert sequence() == 2
    positions = {key: position for key, (_, position, _) in ledger().items()}
    assert (positions[str(b.pk)], positions[str(c.pk)], positions[str(a.pk)]) == (2, 4, 5)


def test_fields_that_do_not_count_change_nothing() -> None:
    """A whole save of what differs in them only."""
    author = Author.objects.create(name="Ada")
    sequence()
    author.mood = "gloomy"
    author.save()
    assert sequence() == 0


def test_what_is_no_longer_tracked_is_dropped() -> None:
    """And what is no key any more."""
    for model, key in (("hub.Gone", "1"), ("hub.Author", "no uuid")):
        now = Author.objects.create(name="x")
        Change.objects.create(model=model, object_pk=key, op="upsert", created_at="2026-01-01T00:00:00Z")
        now.delete()
    assert (sequence(), Change.objects.count()) == (0, 0)


@contextmanager
def listening() -> Iterator[list[Entry]]:
    """What the signal tells."""
    told: list[Entry] = []

    def listen(entries: list[Entry], **_: Any) -> None:
        assert connection.in_atomic_block
        told.extend(entries)

    sequenced.connect(listen)
    try:
        yield told
    finally:
        sequenced.disconnect(listen)


def test_listeners_are_told_within_the_transaction() -> None:
    """Once of each entry."""
    with listening() as told:
        made = Article.objects.create(title="a")
        sequence()
        sequence()
    (entry,) = told
    assert (entry.label, entry.key, entry.version, entry.position, entry.deleted) == (
        "hub.Article",
        str(made.pk),
        1,
        1,
        False,
    )


@pytest.mark.django_db(transaction=True)
def test_it_happens_after_each_commit() -> None:
    """Once for all that a transaction did; not for what is rolled back, with a savepoint or as a whole."""
    calls: list[int] = []
    with listening() as told, transaction.atomic():
        for title in "abc":
            Article.objects.create(title=title)
        with suppress(ZeroDivisionError), transaction.atomic():
            Author.objects.create(name="rolled back")
            raise ZeroDivisionError
        with transaction.atomic():
            Author.objects.create(name="Ada")
        calls.append(len(connection.run_on_commit))
        assert told == []
    assert len(told) == 4
    assert calls == [1]
    assert (Change.objects.count(), Feed.objects.get().position) == (0, 4)
    with listening() as told:
        Article.objects.create(title="d")
        assert len(told) == 1


@pytest.mark.slow
def test_a_follower_misses_nothing(separate_database: SeparateDatabase) -> None:
    """Trap: rows committed late with an earlier id. Processes wait before they commit, a reader follows."""
    alias, cursor = separate_database.alias, 0
    seen: dict[tuple[str, str], tuple[int, bool, bytes]] = {}
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.hub.writer", str(seed), "12"],
            cwd=ROOT,
            env=separate_database.environment,
        )
        for seed in range(4)
    ]
    is_over = False
    while not is_over:
        is_over = all(writer.poll() is not None for writer in writers)
        rows = Ledger.objects.using(alias).filter(feed_position__gt=cursor).order_by("feed_position")
        for entry in rows:
            before, *_ = seen.get((entry.model, entry.object_pk), (0,))
            assert (entry.version > before, entry.feed_position > cursor) == (True, True)
            seen[entry.model, entry.object_pk] = (entry.version, entry.deleted, bytes(entry.digest))
            cursor = entry.feed_position
    assert [writer.returncode for writer in writers] == [0] * 4
    assert not Change.objects.using(alias).exists()
    for model in (Article, Book, Note):
        label = model._meta.label
        there = {key for (of, key), (_, gone, _) in seen.items() if of == label and not gone}
        assert there == {str(pk) for pk in model.objects.using(alias).values_list("pk", flat=True)}
        tracked = REGISTRY.of(label)
        assert tracked
        now = digests(tracked, sorted(there), alias)
        assert {key: seen[label, key][2] for key in there} == now
