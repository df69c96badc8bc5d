"""Reading ahead: the next batch is read while a target waits for its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelsync.core.records import Batch


class ReadAhead:
    """Batches one by one; `look` reads the next one before it is asked for, and tells `foresee` of it.

    What fails then fails when that batch is asked for. There is no thread: whoever waits calls `look`.
    """

    def __init__(self, batches: Iterator[Batch], foresee: Callable[[Batch], None] | None = None) -> None:
        self._batches = batches
        self._foresee = foresee
        self._next: Batch | None = None
        self._failed: Exception | None = None
        self._ended = False

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._failed:
            raise self._failed
        if self._ended:
            raise StopIteration
        batch, self._next = self._next or next(self._batches), None
        return batch

    def look(self) -> None:
        """Read the next batch, unless that is done."""
        if self._next is not None or self._failed or self._ended:
            return
        try:
            self._next = next(self._batches, None)
            if self._next is not None and self._foresee:
                self._foresee(self._next)
        except Exception as error:  # whatever it is: the one who asks for the batch is told
            self._failed = error
        else:
            self._ended = self._next is None
