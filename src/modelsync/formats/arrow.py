"""Arrow: IPC files and streams, and the record batches of anything that speaks Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.table import Chunk, Document, header, rows_per_chunk


def need_pyarrow(what: str) -> Any:
    """pyarrow; raises ConfigurationError when it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise ConfigurationError(f"{what} needs an extra: pip install 'django-modelsync[parquet]'") from None
    return pyarrow


def open_table(document: Document) -> ArrowTable:
    """An Arrow IPC file or stream."""
    pyarrow = need_pyarrow("Arrow")
    try:
        try:
            reader = pyarrow.ipc.open_file(document.file)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        except pyarrow.ArrowInvalid:
            reader = pyarrow.ipc.open_stream(document.reopen())
            batches = iter(reader)
    except pyarrow.ArrowException as error:
        raise Permanent(f"{document.name} is no Arrow file that can be read: {error}") from error
    return ArrowTable(document.name, reader.schema.names, lambda rows: batches)


class ArrowTable:
    """Record batches as a table; `batches(rows)` gives them, at most about `rows` rows each."""

    unit = "row"
    is_text = False

    def __init__(self, name: str, names: Iterable[str], batches: Any) -> None:
        self.name = name
        self.notes: list[str] = []
        self.columns: tuple[str, ...] = header(list(names), name)
        self.batches = batches

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The rows, by their number."""
        pyarrow = need_pyarrow("Arrow")
        size = rows_per_chunk(rows, len(self.columns))
        before = 0
        try:
            for batch in self.batches(size):
                for start in range(0, batch.num_rows, size):
                    part = batch.slice(start, size)
                    cells = [column.to_pylist() for column in part.columns]
                    number = before + start + 1
                    yield Chunk(
                        columns=self.columns, rows=list(zip(*cells, strict=True)), place=number.__add__
                    )
                before += batch.num_rows
        except pyarrow.ArrowException as error:
            raise Permanent(f"{self.name} cannot be read after row {before}: {error}") from error
