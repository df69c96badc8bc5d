"""Results that wait in a file, for drivers that would hold them in memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import Any, Final, TypeAlias, TypeVar

from django.db import connections

T = TypeVar("T")
_Row: TypeAlias = "Sequence[Any]"

#: Rows that are in memory at once.
_ROWS: Final = 2_000
#: Bytes that wait in memory; what is more goes to a file without a name, in the folder for such files.
_IN_MEMORY: Final = 1 << 20


@contextmanager
def spooling(using: str) -> Iterator[None]:
    """The first query within is read to its end as it is made, and its rows wait in a file.

    The drivers of MySQL and MariaDB hold all rows of a query in memory, or keep the connection busy until
    the last one is read, so that no other query can be made meanwhile, and a slow reader is cut off by the
    server. Other databases have cursors for this; with them nothing is done.
    """
    connection: Any = connections[using]
    cursors = getattr(connection.Database, "cursors", None) if connection.vendor == "mysql" else None
    if cursors is None:
        yield
        return
    is_first = True

    def spool(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal is_first
        if not is_first:
            return execute(sql, params, many, context)
        is_first = False
        cursor = context["cursor"]
        # Django has wrapped the driver's cursor twice; the innermost is exchanged for an unbuffered one.
        unbuffered = cursor.cursor
        unbuffered.cursor = connection.connection.cursor(cursors.SSCursor)
        result = execute(sql, params, many, context)
        with connection.wrap_database_errors:
            cursor.cursor = Spooled(unbuffered)
        return result

    with connection.execute_wrapper(spool):
        yield


def spooled(rows: Iterator[T], using: str) -> Iterator[T]:
    """The same rows, of a query that is made when the first one is asked for."""
    with spooling(using):
        first = list(islice(rows, 1))
    yield from first
    yield from rows


class Spooled:
    """The rows of a cursor that has been read to its end, and closed; a cursor itself."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # `close` closes it
        self._rows = chain.from_iterable(self._read())
        try:
            while rows := cursor.fetchmany(_ROWS):
                pickle.dump(rows, self.file, pickle.HIGHEST_PROTOCOL)
        finally:
            cursor.close()
        self.file.seek(0)

    def __getattr__(self, name: str) -> Any:
        # What Django's log of queries asks the driver's cursor for.
        if name == "cursor":
            raise AttributeError(name)
        return getattr(self.cursor, name)

    def fetchone(self) -> _Row | None:
        """The next row; None after the last."""
        return next(self._rows, None)

    def fetchmany(self, size: int) -> Sequence[_Row]:
        """The next rows."""
        return tuple(islice(self._rows, size))

    def fetchall(self) -> Sequence[_Row]:
        """All rows that are left."""
        return tuple(self._rows)

    def close(self) -> None:
        """Give the disk back."""
        self.file.close()

    def _read(self) -> Iterator[Sequence[_Row]]:
        try:
            while True:
                yield pickle.load(self.file)  # noqa: S301  # our own file
        except EOFError:
            return
