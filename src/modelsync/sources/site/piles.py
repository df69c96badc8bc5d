"""Runs of records of one shape as batches of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from modelsync.core.records import Batch, ByColumn, Origin


@dataclass(frozen=True, slots=True)
class Shape:
    """What the records of a batch have in common."""

    model: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """How a person counts the records of a stream: the first one is `first`, and what each one is."""

    name: str
    unit: str
    first: int


#: Consecutive records of one shape: their rows, from the cell at `skip` on.
Run = tuple[Shape, Sequence[Sequence[object]]]


def batches(runs: Iterable[Run], most: int, numbering: Numbering, *, skip: int = 0) -> Iterator[Batch]:
    """The runs as batches of at most `most` rows; runs that follow one another are put together.

    A run is short (a thousand rows), so that it is turned while it is in the processor's cache.
    """
    start = 0
    pile: ByColumn | None = None
    last: Shape | None = None
    for shape, rows in runs:
        while rows:
            if pile is not None and last is not None and (shape != last or len(pile) >= most):
                yield _batch(last, pile, start, numbering)
                start, pile = start + len(pile), None
            pile, last = pile or ByColumn(len(shape.columns)), shape
            room = most - len(pile)
            taken = rows if len(rows) <= room else rows[:room]
            rows = rows[room:]
            turned = islice(zip(*taken, strict=True), skip, None)
            for column, cells in zip(pile.columns, turned, strict=True):
                column.extend(cells)
    if pile is not None and last is not None:
        yield _batch(last, pile, start, numbering)


def _batch(shape: Shape, pile: ByColumn, start: int, numbering: Numbering) -> Batch:
    first = numbering.first + start
    return Batch(
        columns=shape.columns,
        rows=pile,
        start=start,
        places=lambda index: Origin(numbering.name, first + index, numbering.unit),
        model=shape.model,
    )
