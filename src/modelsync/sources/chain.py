"""Several sources as one: one after the other, with ordinals that run through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from modelsync.core.ports import Extent, Source
from modelsync.core.records import Batch, Cursor


class ChainSource:
    """All records of the first source, then of the second, and so on."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.current = 0

    @property
    def extent(self) -> Extent:
        """A snapshot only if all of them are."""
        complete = all(source.extent is Extent.SNAPSHOT for source in self.sources)
        return Extent.SNAPSHOT if complete else Extent.DELTA

    @property
    def reads_apart(self) -> bool:
        """Only if all of them do."""
        return all(getattr(source, "reads_apart", False) for source in self.sources)

    def fraction(self) -> float | None:
        """How much has been read, every source taken for as long as the others."""
        if not self.sources:
            return None
        inner = getattr(self.sources[self.current], "fraction", None)
        inside = inner() if inner else None
        return (self.current + (inside or 0.0)) / len(self.sources)

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The batches after a cursor, or all.

        A cursor is `{source, before, done, at, earlier}`: the index of a source, the number of records
        before it and up to the cursor, that source's own cursor, and the last ones of those before it,
        which know whether their content is still the same.
        """
        first, before, done = 0, 0, 0
        at: Cursor | None = None
        earlier: list[Cursor | None] = []
        if after is not None:
            first, before, done = (int(str(after[name])) for name in ("source", "before", "done"))
            at = cast("Cursor | None", after["at"])
            earlier = list(cast("Sequence[Cursor | None]", after["earlier"]))
            self._check(earlier)
        for index in range(first, len(self.sources)):
            self.current = index
            last = at
            for batch in self.sources[index].read(at):
                done = before + batch.start + len(batch.rows) + len(batch.broken)
                last = batch.after
                cursor = {
                    "source": index,
                    "before": before,
                    "done": done,
                    "at": last,
                    "earlier": list(earlier),
                }
                yield _moved(batch, before, cursor)
            before, at = done, None
            earlier.append(last)

    def _check(self, earlier: Sequence[Cursor | None]) -> None:
        """Have the sources before the cursor refuse what has changed since."""
        for source, last in zip(self.sources, earlier, strict=False):
            if last is not None:
                next(source.read(last), None)


def _moved(batch: Batch, by: int, after: Cursor) -> Batch:
    """A batch that comes after `by` records; there is no cursor where its source has none."""
    broken = [replace(each, number=each.number + by) for each in batch.broken] if by else batch.broken
    return replace(
        batch, start=batch.start + by, broken=broken, after=after if batch.after is not None else None
    )
