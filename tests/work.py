"""How much work a database does: the steps of SQLite's virtual machine, or the rows that MariaDB's tables are
asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

#: How many times as much there is to do in the second run.
FACTOR = 4
#: Sorting costs a little more than in proportion; what looks through one table for each row of another
#: would cost `FACTOR` times more.
_MOST = FACTOR * 1.5

needs_count = pytest.mark.skipif(
    connection.vendor == "postgresql", reason="it does not tell, and joins by hash"
)


def assert_proportional(prepare: Callable[[int], Callable[[], Any]], small: int) -> None:
    """What is prepared for `FACTOR` times as much takes not much more than `FACTOR` times the work."""
    work = []
    for count in (small, small * FACTOR):
        run = prepare(count)
        with counting() as done:
            run()
        work += done
    assert work[0] > small / 100
    assert work[1] < work[0] * _MOST, work


@contextmanager
def counting() -> Iterator[list[int]]:
    """Gives what the database did, at the end."""
    done: list[int] = []
    if connection.vendor == "sqlite":
        steps = [0]

        def step() -> None:
            steps[0] += 1

        connection.ensure_connection()
        connection.connection.set_progress_handler(step, 100)
        try:
            yield done
        finally:
            connection.connection.set_progress_handler(None, 0)
        done.append(steps[0])
    else:
        before = _handled()
        yield done
        done.append(_handled() - before)


def _handled() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(count) for _, count in cursor.fetchall())
