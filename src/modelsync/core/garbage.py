"""Python's garbage collector, while rows by the hundred thousand come and go.

It looks through new lists and tuples after every few hundred of them. Rows live longer than that, never form
cycles, and are gone soon: looking at them took a third of the time of a pull.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

#: Containers, made and still there, after which the collector looks at them.
_RARELY: Final = 100_000


class _Use:
    """How many blocks are open, in all threads, and what the thresholds were before the first."""

    lock = Lock()
    count = 0
    before = (0, 0, 0)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within the block the collector runs less often, in the whole process; who has it off keeps it off."""
    with _Use.lock:
        if _Use.count == 0:
            _Use.before = gc.get_threshold()
            first, *others = _Use.before
            if 0 < first < _RARELY:
                gc.set_threshold(_RARELY, *others)
        _Use.count += 1
    try:
        yield
    finally:
        with _Use.lock:
            _Use.count -= 1
            if _Use.count == 0:
                gc.set_threshold(*_Use.before)
