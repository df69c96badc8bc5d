"""Which formats there are, and which one a file name means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import PurePosixPath
from typing import Final

from modelsync.core.errors import ConfigurationError
from modelsync.formats.table import Document, Table

OpenTable = Callable[[Document], Table]

#: Format -> the module that reads it (its `open_table`), and the suffixes of its files.
FORMATS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "csv": ("delimited", (".csv", ".txt")),
    "tsv": ("delimited", (".tsv", ".tab")),
    "json": ("json_array", (".json",)),
    "ndjson": ("ndjson", (".ndjson", ".jsonl")),
    "excel": ("excel", (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")),
    "parquet": ("parquet", (".parquet", ".pq")),
    "arrow": ("arrow", (".arrow", ".feather", ".ipc")),
}
COMPRESSIONS: Final = (".gz", ".zst", ".zip")
#: Formats that are read from their end, or here and there: their bytes must be seekable.
SEEKING: Final = frozenset(("parquet", "arrow"))


def format_of(name: str) -> str | None:
    """The format that a file name's suffix means, compression aside; None for an unknown one."""
    suffix = PurePosixPath(stem_of(name)).suffix.lower()
    return next((known for known, (_, suffixes) in FORMATS.items() if suffix in suffixes), None)


def stem_of(name: str) -> str:
    """A file name without its folder and without the suffix of its compression."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.stem if path.suffix.lower() in COMPRESSIONS else path.name


def format_named(name: str) -> OpenTable:
    """The function that opens a format; raises ConfigurationError for an unknown one."""
    if name not in FORMATS:
        raise ConfigurationError(f"there is no format {name!r}; the formats are {', '.join(FORMATS)}")
    opener: OpenTable = import_module(f"modelsync.formats.{FORMATS[name][0]}").open_table
    return opener
