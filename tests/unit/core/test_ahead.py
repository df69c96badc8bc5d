"""Reading ahead: nothing is lost, doubled or told too early."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelsync.core.ahead import ReadAhead
from modelsync.core.errors import Transient
from modelsync.core.records import Batch, ByColumn, Origin


def batches(count: int, *, fails: bool = False) -> Iterator[Batch]:
    """So many batches of one row; then a failure, if wanted."""
    for number in range(count):
        yield Batch(
            columns=("a",), rows=[[number]], start=number, places=lambda index: Origin("rows", index + 1)
        )
    if fails:
        raise Transient("the line went dead")


@pytest.mark.parametrize("looks", [0, 1, 3])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_every_batch_comes_once_and_in_order(count: int, looks: int) -> None:
    """However often somebody looks ahead."""
    ahead = ReadAhead(batches(count))
    seen = []
    for batch in ahead:
        for _ in range(looks):
            ahead.look()
        seen.append(batch.start)
    assert seen == list(range(count))
    ahead.look()
    assert next(ahead, None) is None


def test_a_failure_comes_with_the_batch_that_it_is_about() -> None:
    """Looking ahead never fails, and the batch in hand is finished first."""
    ahead = ReadAhead(batches(1, fails=True))
    ahead.look()
    assert next(ahead).start == 0
    ahead.look()
    for _ in range(2):
        with pytest.raises(Transient, match="went dead"):
            next(ahead)


def test_rows_by_column() -> None:
    """They are rows like any others."""
    rows = ByColumn(2)
    assert list(rows) == []
    rows.extend([["a", "1"], ["b", "2"]])
    rows.extend([])
    rows.extend([["c", "3"]])
    assert (len(rows), rows[1], rows[-1]) == (3, ("b", "2"), ("c", "3"))
    assert list(rows) == [("a", "1"), ("b", "2"), ("c", "3")]
    assert rows[1:] == [("b", "2"), ("c", "3")]
    with pytest.raises(IndexError):
        rows[3]
