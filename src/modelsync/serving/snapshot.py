"""One state of the database for a whole stream, however long it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from django.db import connections, transaction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_FIRST = {
    "postgresql": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",),
    "mysql": (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
}


@contextmanager
def snapshot(aliases: Iterable[str]) -> Iterator[None]:
    """Read these databases as they are at its first query. A transaction that is open already stays."""
    with ExitStack() as stack:
        for alias in dict.fromkeys(aliases):
            connection = connections[alias]
            if not connection.in_atomic_block:
                stack.enter_context(_transaction(alias, connection))
        yield


@contextmanager
def _transaction(alias: str, connection: BaseDatabaseWrapper) -> Iterator[None]:
    with ExitStack() as stack:
        with _begin_deferred(connection):
            stack.enter_context(transaction.atomic(using=alias))
        statements = _FIRST.get(connection.vendor, ())
        if statements:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        yield


@contextmanager
def _begin_deferred(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """SQLite's `transaction_mode` may be IMMEDIATE, which would keep others from writing meanwhile."""
    connection.ensure_connection()
    mode = getattr(connection, "transaction_mode", None)
    if mode is None:
        yield
        return
    connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]  # SQLite's only
    try:
        yield
    finally:
        connection.transaction_mode = mode  # type: ignore[attr-defined]  # SQLite's only
