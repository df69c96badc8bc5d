"""JSON: an array of objects, or an object that holds one, streamed by ijson."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.records import chunks_of
from modelsync.formats.table import Chunk, Document, Fault


def open_table(document: Document) -> JsonTable:
    """A JSON file. Raises ConfigurationError without ijson."""
    try:
        import ijson
    except ImportError:
        raise ConfigurationError("JSON needs an extra: pip install 'django-modelsync[json]'") from None
    return JsonTable(document, ijson)


class JsonTable:
    """An open JSON file. Numbers keep every digit."""

    unit = "record"
    is_text = False
    columns = None

    def __init__(self, document: Document, ijson: Any) -> None:
        self.document = document
        self.ijson = ijson
        self.notes: list[str] = []

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The records, by their number in the array."""
        return chunks_of(self._records(), rows)

    def _records(self) -> Iterator[tuple[int, object] | Fault]:
        name = self.document.name
        try:
            path = self._path()
            yield from enumerate(self.ijson.items(self.document.file, path), 1)
        except (self.ijson.JSONError, UnicodeDecodeError) as error:
            raise Permanent(f"{name} is no complete JSON: {error}") from error

    def _path(self) -> str:
        """Where the records are: the array itself, or the first array in the object around it."""
        with self.document.reopen() as file:
            events = self.ijson.parse(file)
            for prefix, event, _ in events:
                if event == "start_array":
                    return f"{prefix}.item" if prefix else "item"
                if event in ("end_map", "string", "number", "boolean", "null") and not prefix:
                    break
        raise Permanent(f"{self.document.name} holds no array of objects")
