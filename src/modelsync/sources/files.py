"""A file as a source: any format, compressed or not, on this machine or elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from modelsync.core.errors import ConfigurationError
from modelsync.core.ports import Extent
from modelsync.core.records import Batch, Cursor
from modelsync.formats import FORMATS, SEEKING, Document, Reading, Table, format_named, format_of
from modelsync.sources.batches import DEFAULT_ROWS, Labels, batches
from modelsync.sources.opening import STDIN, Content, readable


class FileSource:
    """The records of one file, streamed.

    Args:
        path: a path, `-` for stdin, or an address that fsspec knows.
        model: the label of the model that the records are for.
        system: the name of the external system that they come from.
        format: of `FORMATS`; by default the file's suffix says it, and stdin is CSV.
        reading: encoding, delimiter, quote character and sheet, where they are known.
        batch_rows: how many records a batch has at most; wide files have fewer.
        extent: whether the file holds everything that there is (the default), or only changes.

    `notes` is what a person should know about how the file was read. A source is for one run: it
    refuses a file that has changed since it was first read.
    """

    reads_apart = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        model: str | None = None,
        system: str | None = None,
        format: str | None = None,  # noqa: A002  # the field's word
        reading: Reading | None = None,
        batch_rows: int = DEFAULT_ROWS,
        extent: Extent = Extent.SNAPSHOT,
    ) -> None:
        if format is not None and format not in FORMATS:
            format_named(format)
        self.content = Content(path)
        self.extent = extent
        self.format = format
        self.reading = reading or Reading()
        self.batch_rows = batch_rows
        self.labels = Labels(name=self.content.name, model=model, system=system)
        self.notes: list[str] = []
        self._total: int | None = None
        self._done = 0

    @property
    def name(self) -> str:
        """What messages and run history call it."""
        return self.content.name

    def columns(self) -> tuple[str, ...] | None:
        """The header, where the format has one before its records."""
        with readable(self.name), self._table() as table:
            return table.columns

    def fraction(self) -> float | None:
        """How much of the file has been read in this pass, from 0 to 1."""
        if self._total is not None:
            return min(1.0, self._done / self._total) if self._total else 1.0
        return self.content.fraction()

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The file's records from the start, or after a cursor.

        Raises Permanent for what is no such file or changes meanwhile, Transient for what could not
        be fetched.
        """
        with readable(self.name), self._table() as table:
            self._total, self._done = table.total, 0
            for batch in batches(
                table.chunks(self.batch_rows),
                self.labels,
                unit=table.unit,
                is_text=table.is_text,
                seal=self.content.seal(),
                after=after,
            ):
                self._done = batch.start + len(batch) + len(batch.broken)
                yield batch
            self.content.check()

    @contextmanager
    def _table(self) -> Iterator[Table]:
        """The file as a table; what the first opening found out helps the next."""
        format_ = self._format()
        with self.content.open(seekable=format_ in SEEKING, followed=True) as file:
            document = Document(
                name=self.name, format=format_, file=file, reopen=self.content.open, reading=self.reading
            )
            table = format_named(format_)(document)
            if table.encoding:
                self.reading = replace(self.reading, encoding=table.encoding)
            self.notes += [note for note in table.notes if note not in self.notes]
            yield table

    def _format(self) -> str:
        found = self.format or format_of(self.content.inner) or format_of(self.name)
        if found is None and self.content.path == STDIN:
            return "csv"
        if found is None:
            raise ConfigurationError(
                f"the name of {self.name} does not say its format; say it with --format "
                f"({', '.join(FORMATS)})"
            )
        return found
