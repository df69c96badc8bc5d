"""NDJSON (JSON Lines): one object a line; a line that is none is a fault of its own."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from modelsync.formats.records import chunks_of
from modelsync.formats.table import Chunk, Document, Fault


def open_table(document: Document) -> NdjsonTable:
    """An NDJSON file, in UTF-8 as the format demands."""
    return NdjsonTable(document)


class NdjsonTable:
    """An open NDJSON file. Numbers keep every digit."""

    unit = "line"
    is_text = False
    columns = None

    def __init__(self, document: Document) -> None:
        self.file = document.file
        self.notes: list[str] = []

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The records, by line."""
        return chunks_of(self._records(), rows)

    def _records(self) -> Iterator[tuple[int, object] | Fault]:
        decode = msgspec.json.Decoder(float_hook=Decimal).decode
        for number, line in enumerate(self.file, 1):
            text = line.removeprefix(b"\xef\xbb\xbf").strip()
            if not text:
                continue
            try:
                yield number, decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                yield Fault(place=number, reason=f"it is no JSON: {error}", raw=[text.decode(errors="replace")])
