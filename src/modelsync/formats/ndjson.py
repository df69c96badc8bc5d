"""NDJSON (JSON Lines): one object a line; a line that is none is a fault of its own."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from modelsync.core.errors import Permanent
from modelsync.formats.encoding import in_utf8
from modelsync.formats.records import chunks_of
from modelsync.formats.table import Chunk, Document, Fault


def open_table(document: Document) -> NdjsonTable:
    """An NDJSON file, in UTF-8 unless a byte order mark or the user says otherwise."""
    return NdjsonTable(document)


class NdjsonTable:
    """An open NDJSON file. Numbers keep every digit."""

    unit = "line"
    is_text = False
    columns = None
    total = None
    encoding = None

    def __init__(self, document: Document) -> None:
        self.name = document.name
        self.file = in_utf8(document)
        self.notes: list[str] = []

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The records, by line."""
        return chunks_of(self._records(), rows)

    def _records(self) -> Iterator[tuple[int, object] | Fault]:
        decode = msgspec.json.Decoder(float_hook=Decimal).decode
        for number, line in enumerate(self._lines(), 1):
            if line.isspace():
                continue
            try:
                yield number, decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield Fault(
                    place=number,
                    reason=f"it is no JSON: {error}",
                    raw=[line.decode(errors="replace").strip()],
                )

    def _lines(self) -> Iterator[bytes]:
        try:
            yield from self.file
        except UnicodeError as error:
            raise Permanent(
                f"{self.name} is not in the encoding that it says; say --encoding: {error}"
            ) from error
