"""Several sources as one: one after the other, with ordinals that run through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

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

    def fraction(self) -> float | None:
        """How much has been read, every source taken for as long as the others."""
        inner = getattr(self.sources[self.current], "fraction", None)
        inside = inner() if inner else None
        return (self.current + (inside or 0.0)) / len(self.sources)

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The batches after a cursor `{source, before, at}`, or all."""
        first = int(str(after["source"])) if after else 0
        before = int(str(after["before"])) if after else 0
        for self.current, source in enumerate(self.sources[first:], first):
            inner = after.get("at") if after and self.current == first else None
            end = before
            for batch in source.read(inner):  # type: ignore[arg-type]  # a cursor, by contract
                moved = _moved(batch, before, {"source": self.current, "before": before, "at": batch.after})
                end = moved.start + len(moved.rows) + len(moved.broken)
                yield moved
            before = max(end, before)


def _moved(batch: Batch, by: int, after: Cursor) -> Batch:
    broken = [replace(each, number=each.number + by) for each in batch.broken] if by else batch.broken
    return replace(batch, start=batch.start + by, broken=broken, after=after)
