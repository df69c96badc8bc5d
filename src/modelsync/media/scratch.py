"""Tables on disk for what may be too much for memory; they are gone when they are closed."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterable, Sequence
from typing import Any


class Scratch:
    """A database of its own, in a temporary file without a name. May be used by several threads."""

    def __init__(self, table: str) -> None:
        # A blank name is a file that SQLite deletes; what fits into its small cache never gets there.
        self._database = sqlite3.connect("", check_same_thread=False)
        self._lock = threading.Lock()
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(table)
        self.close = weakref.finalize(self, self._database.close)

    def write(self, statement: str, rows: Iterable[Sequence[object]] = ((),)) -> None:
        """Run a statement for each row."""
        with self._lock, self._database:
            self._database.executemany(statement, rows)

    def read(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of a query."""
        with self._lock:
            return self._database.execute(query, values).fetchall()
