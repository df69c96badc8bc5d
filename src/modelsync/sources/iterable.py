"""Mappings from Python, and anything that speaks Arrow, as a source."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any
from weakref import finalize

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.core.ports import Extent
from modelsync.core.records import Batch, Cursor
from modelsync.formats.arrow import ArrowTable, need_pyarrow
from modelsync.formats.records import chunks_of
from modelsync.formats.table import Chunk
from modelsync.sources.batches import DEFAULT_ROWS, Labels, batches

_SPOOL_IN_MEMORY = 16 << 20  # bytes


class IterableSource:
    """The mappings (column -> value) of an iterable, or the rows of an Arrow stream.

    An iterator is used up as it is read, so its rows are kept on disk for the passes after the first.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, object]] | object,
        *,
        model: str | None = None,
        system: str | None = None,
        name: str = "rows",
        batch_rows: int = DEFAULT_ROWS,
        extent: Extent = Extent.SNAPSHOT,
    ) -> None:
        if isinstance(rows, (str, bytes, Mapping)) or not (
            hasattr(rows, "__iter__") or hasattr(rows, "__arrow_c_stream__")
        ):
            raise ConfigurationError(
                f"a source is a path, an iterable of mappings or something that speaks Arrow, "
                f"not a {type(rows).__name__}"
            )
        self.rows: Any = rows
        self.extent = extent
        self.batch_rows = batch_rows
        self.labels = Labels(name=name, model=model, system=system)
        self.is_arrow = hasattr(rows, "__arrow_c_stream__")
        #: What lies in memory. All else may ask the database that is written to, on its connection.
        self.reads_apart = isinstance(rows, (list, tuple)) or (self.is_arrow and not self._once())
        self.spool: _Spool | None = _Spool(name, self._chunks()) if self._once() else None

    @property
    def name(self) -> str:
        """What messages and run history call it."""
        return self.labels.name

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The records from the start, or after a cursor."""
        chunks = self.spool.chunks() if self.spool else self._chunks()
        yield from batches(chunks, self.labels, unit="record", is_text=False, seal="", after=after)

    def _once(self) -> bool:
        """Whether the rows can be read only once: an iterator, or an Arrow stream (it has no length)."""
        return not hasattr(self.rows, "__len__") if self.is_arrow else isinstance(self.rows, Iterator)

    def _chunks(self) -> Iterator[Chunk]:
        if self.is_arrow:
            pyarrow = need_pyarrow("Arrow")
            reader = pyarrow.RecordBatchReader.from_stream(self.rows)
            return ArrowTable(self.name, reader.schema.names, lambda rows: reader).chunks(self.batch_rows)
        return chunks_of(enumerate(_each_its_own(self.rows), 1), self.batch_rows)


def _each_its_own(rows: Iterable[object]) -> Iterator[object]:
    """The rows, as long as an iterator does not give one mapping again and again with other values.

    A chunk of such rows would be the last of them, many times.
    """
    if not isinstance(rows, Iterator):
        return iter(rows)
    return _checked(rows)


def _checked(rows: Iterator[object]) -> Iterator[object]:
    last = None
    for row in rows:
        if row is last and isinstance(row, Mapping):
            raise ConfigurationError(
                "the rows are one mapping that changes; yield a new one for each, as dict(row)"
            )
        last = row
        yield row


class _Spool:
    """Chunks that come only once, kept in a temporary file while they are read for the first time."""

    def __init__(self, name: str, source: Iterator[Chunk]) -> None:
        self.name = name
        self.source = source
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOL_IN_MEMORY)  # noqa: SIM115  # lives with the source
        finalize(self, self.file.close)
        self.kept = 0
        self.broke_off = False

    def chunks(self) -> Iterator[Chunk]:
        """All chunks: those that were kept, then what the source still has."""
        at, number = 0, 0
        while True:
            if number < self.kept:
                self.file.seek(at)
                columns, rows, places, faults = pickle.load(self.file)  # noqa: S301  # our own file
                at = self.file.tell()
                chunk = Chunk(columns=columns, rows=rows, place=places.__getitem__, faults=faults)
            else:
                following = self._next()
                if following is None:
                    return
                chunk = following
                at = self._keep(chunk)
            number += 1
            yield chunk

    def _next(self) -> Chunk | None:
        """The next chunk that the source gives. One that failed must not seem to be at its end later."""
        if self.broke_off:
            raise Permanent(f"{self.name} broke off when they were read before; make a new source of them")
        self.broke_off = True
        chunk = next(self.source, None)
        self.broke_off = False
        return chunk

    def _keep(self, chunk: Chunk) -> int:
        places = [chunk.place(i) for i in range(len(chunk.rows))]
        try:
            kept = pickle.dumps((chunk.columns, chunk.rows, places, list(chunk.faults)))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            self.broke_off = True
            raise ConfigurationError(
                f"{self.name} come only once and hold something that cannot be kept for a second reading "
                f"({error}); give a list of them"
            ) from error
        self.file.seek(0, 2)
        self.file.write(kept)
        self.kept += 1
        return self.file.tell()
