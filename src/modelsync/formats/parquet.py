"""Parquet, by pyarrow, one row group after the other."""

from __future__ import annotations

from modelsync.core.errors import Permanent
from modelsync.formats.arrow import ArrowTable, need_pyarrow
from modelsync.formats.table import Document


def open_table(document: Document) -> ArrowTable:
    """A Parquet file. Raises ConfigurationError without pyarrow."""
    pyarrow = need_pyarrow("Parquet")
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(document.file)
    except (pyarrow.ArrowException, OSError) as error:
        raise Permanent(f"{document.name} is no Parquet file that can be read: {error}") from error
    return ArrowTable(
        document.name,
        file.schema_arrow.names,
        # One thread and no read-ahead: memory stays flat whatever the size of the file.
        lambda rows: file.iter_batches(batch_size=rows, use_threads=False),
        total=file.metadata.num_rows,
    )
