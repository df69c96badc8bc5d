"""Arrow: IPC files and streams, and the record batches of anything that speaks Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from io import SEEK_END
from typing import Any, Final

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.table import Chunk, Document, header, rows_per_chunk

_FILE_MAGIC: Final = b"ARROW1"
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\0\0\0\0"


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
    with document.reopen() as file:
        is_file = file.read(len(_FILE_MAGIC)) == _FILE_MAGIC
    batches: Iterator[Any]
    try:
        if is_file:
            reader = pyarrow.ipc.open_file(document.file)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        else:
            reader = pyarrow.ipc.open_stream(document.file)
            batches = _complete(reader, document)
    except pyarrow.ArrowException as error:
        raise Permanent(f"{document.name} is no Arrow file that can be read: {error}") from error
    return ArrowTable(document.name, reader.schema.names, lambda rows: batches)


def _complete(reader: Iterable[Any], document: Document) -> Iterator[Any]:
    """The batches of a stream that has its end mark; without it, batches may be missing."""
    yield from reader
    document.file.seek(-len(_END_OF_STREAM), SEEK_END)
    if document.file.read() != _END_OF_STREAM:
        raise Permanent(f"{document.name} has no end mark: it is cut off, or its writer was not closed")


class ArrowTable:
    """Record batches as a table; `batches(rows)` gives them, at most about `rows` rows each."""

    unit = "row"
    is_text = False
    encoding = None

    def __init__(
        self,
        name: str,
        names: Iterable[str],
        batches: Callable[[int], Iterable[Any]],
        *,
        total: int | None = None,
    ) -> None:
        self.name = name
        self.total = total
        self.notes: list[str] = []
        self.columns: tuple[str, ...] = header(list(names), name)
        self.batches = batches
        if not self.columns:
            raise Permanent(f"{name} is empty: it has not even a column")

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The rows, by their number."""
        pyarrow = need_pyarrow("Arrow")
        size = rows_per_chunk(rows, len(self.columns))
        before = 0
        try:
            for batch in self.batches(size):
                for start in range(0, batch.num_rows, size):
                    part = batch.slice(start, size)
                    cells = [self._cells(part, i, before + start) for i in range(len(self.columns))]
                    number = before + start + 1
                    yield Chunk(
                        columns=self.columns, rows=list(zip(*cells, strict=True)), place=number.__add__
                    )
                before += batch.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            raise Permanent(f"{self.name} cannot be read after row {before}: {error}") from error

    def _cells(self, part: Any, index: int, before: int) -> list[object]:
        try:
            cells: list[object] = part.column(index).to_pylist()
        except ValueError as error:
            # Python has no nanoseconds, no year 10000, and text is UTF-8.
            raise Permanent(
                f"{self.name}: column {self.columns[index]!r} holds a value after row {before} that Python "
                f"does not know: {error}"
            ) from error
        return cells
