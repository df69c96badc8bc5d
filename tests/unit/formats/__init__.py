"""Files written and read by the tests of the formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelsync.core.records import Batch
from modelsync.formats import Reading
from modelsync.sources import FileSource


class Read:
    """A file that was read to its end: its rows, their places, and what could not be read."""

    def __init__(self, path: Path | str, *, batch_rows: int = 10_000, **said: Any) -> None:
        self.source = FileSource(path, batch_rows=batch_rows, reading=Reading(**said))
        self.batches: Sequence[Batch] = list(self.source.read(None))
        self.columns = self.batches[-1].columns if self.batches else ()
        self.rows = [list(row) for batch in self.batches for row in batch.rows]
        self.places = [b.places(i).place for b in self.batches for i in range(len(b))]
        self.broken = [each for batch in self.batches for each in batch.broken]
        self.notes = self.source.notes


def written(folder: Path, content: bytes | str, name: str = "rows.csv") -> Path:
    """A file with this content; text is written as UTF-8, its newlines as they are."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
