"""What is done while a database works, and what comes of a statement that fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

import modelsync
from modelsync.core.ports import Extent
from modelsync.core.records import EVERYTHING, Batch, Cursor, Origin
from modelsync.feeds import make_mapping
from modelsync.sources import ChainSource, FileSource, IterableSource
from modelsync.targets.django.sql import dialect_for
from modelsync.targets.django.target import DjangoTarget, TargetOptions
from tests.rows import WRITERS, values
from tests.shop.models import Checked, Supplier

pytestmark = [pytest.mark.django_db, pytest.mark.database]
#: PostgreSQL alone lets us send a statement without waiting for it.
IS_BESIDE = connection.vendor == "postgresql"


def test_what_was_converted_beforehand_is_for_those_very_rows() -> None:
    """Of another group of the same shape nothing is taken."""
    rows = [{"name": f"n{n}", "code": f"c{n}"} for n in range(150)]
    target = DjangoTarget({("shop.Supplier", None): Supplier}, TargetOptions())
    batches = IterableSource(rows, model="shop.Supplier", batch_rows=50).read(None)
    mapping = make_mapping(match_on="code", has_system=False)
    first, second, third = (
        group for batch in batches for group in mapping.groups(batch, EVERYTHING, lambda *_: None)
    )
    with target.atomic():
        target.foresee(first)  # nothing is compiled yet
        target.apply(first)
        target.foresee(third)
        target.apply(second)
        target.foresee(third)
        for cells in third.cells:
            cells[0] = "changed after it was converted"  # type: ignore[index]  # a list
        target.apply(third)
    assert dict(Supplier.objects.values_list("code", "name")) == {f"c{n}": f"n{n}" for n in range(150)}


def execute(sql: str, params: list[object] | None, meanwhile: Callable[[], None]) -> None:
    """Execute a statement that takes its time."""
    dialect = dialect_for(connection)
    assert dialect
    with connection.cursor() as cursor:
        dialect.execute_while(cursor, sql, params, meanwhile)


def test_a_statement_is_done_when_the_call_returns() -> None:
    """On PostgreSQL other work is done meanwhile; nowhere more than once."""
    done: list[str] = []
    execute("CREATE TEMPORARY TABLE waited AS SELECT %s AS a", [5], lambda: done.append("meanwhile"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT a FROM waited")
        assert [int(row[0]) for row in cursor.fetchall()] == [5]
        cursor.execute(f"DROP {'TEMPORARY ' if connection.vendor == 'mysql' else ''}TABLE waited")
    assert done == (["meanwhile"] if IS_BESIDE else [])


def test_a_failure_is_djangos_and_leaves_a_usable_connection() -> None:
    """With the database's own words, and after what was done meanwhile."""
    done: list[str] = []
    with pytest.raises(DatabaseError, match="nowhere"), transaction.atomic():
        execute("SELECT %s FROM nowhere", [0], lambda: done.append("meanwhile"))
    assert done == (["meanwhile"] if IS_BESIDE else [])
    assert answers()


def test_an_answer_is_fetched_though_the_work_meanwhile_fails() -> None:
    """Or the next statement would find the connection busy."""
    failed: list[str] = []

    def fail() -> None:
        failed.append("meanwhile")
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        execute("SELECT 1", None, fail)
    assert failed == (["meanwhile"] if IS_BESIDE else [])
    assert answers()


class Suppliers:
    """A source of one's own: suppliers of this very database, a few at a time."""

    extent = Extent.SNAPSHOT

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        for start in range(0, 60, 20):
            found = Supplier.objects.order_by("code")[start : start + 20]
            yield Batch(
                columns=("code", "amount"),
                rows=[(each.code, 1) for each in found],
                start=start,
                places=lambda index, start=start: Origin("suppliers", start + index + 1),
            )


def generated() -> IterableSource:
    """The same from a generator."""
    found = Supplier.objects.order_by("code")
    # SQLite drops no table, not even a temporary one, while a query is open.
    each_in_turn = found.all() if connection.vendor == "sqlite" else found.iterator(20)
    rows = ({"code": each.code, "amount": 1} for each in each_in_turn)
    return IterableSource(rows, batch_rows=20)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("make", [Suppliers, generated])
def test_a_source_may_ask_the_database_that_is_written_to(
    make: Callable[[], Suppliers | IterableSource], writer: str
) -> None:
    """Its next batch is not read while a statement is on its way on the same connection."""
    Supplier.objects.bulk_create(Supplier(code=f"c{n:02}", name="S") for n in range(60))
    report = modelsync.sync(make(), Checked, match_on="code", writer=writer)
    assert (report.created, report.total) == (60, 60)
    assert values(Checked, "code") == [(f"c{n:02}",) for n in range(60)]


def test_what_is_read_ahead() -> None:
    """Files, and what lies in memory; of several sources only if all of them may be."""
    file = FileSource(Path("somewhere.csv"))
    listed = IterableSource([{"code": "a"}])
    assert file.reads_apart
    assert listed.reads_apart
    assert not IterableSource(iter([{"code": "a"}])).reads_apart
    assert not IterableSource(Supplier.objects.values("code")).reads_apart
    assert ChainSource([file, listed]).reads_apart
    assert not ChainSource([file, Suppliers()]).reads_apart


def answers() -> bool:
    """Whether the connection takes statements."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 2")
        return bool(cursor.fetchone() == (2,))
