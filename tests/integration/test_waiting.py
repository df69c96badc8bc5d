"""What is done while a database works, and what comes of a statement that fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import DatabaseError, connection, transaction

from modelsync.targets.django.sql import dialect_for

pytestmark = [pytest.mark.django_db, pytest.mark.database]
#: PostgreSQL alone lets us send a statement without waiting for it.
IS_BESIDE = connection.vendor == "postgresql"


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


def answers() -> bool:
    """Whether the connection takes statements."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 2")
        return bool(cursor.fetchone() == (2,))
