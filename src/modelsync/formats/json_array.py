"""JSON: an array of objects, or an object that holds one, streamed by ijson."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.encoding import in_utf8
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
    total = None
    encoding = None

    def __init__(self, document: Document, ijson: Any) -> None:
        self.document = document
        self.ijson = ijson
        self.notes: list[str] = []
        with self._complete():
            self.path = self._path()

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The records, by their number in the array."""
        return chunks_of(self._records(), rows)

    def _records(self) -> Iterator[tuple[int, object] | Fault]:
        with self._complete():
            yield from enumerate(self.ijson.items(in_utf8(self.document), self.path), 1)

    @contextmanager
    def _complete(self) -> Iterator[None]:
        try:
            yield
        except (self.ijson.JSONError, UnicodeError) as error:
            # The lines after the first show the text around the place.
            reason = (str(error).splitlines() or [""])[0]
            raise Permanent(
                f"{self.document.name} is no complete JSON ({reason}); if it was cut off, fetch it again"
            ) from error

    def _path(self) -> str:
        """Where the records are: the array itself, or the first array of objects in the object around it."""
        with self.document.reopen() as file:
            events = self.ijson.parse(in_utf8(replace(self.document, file=file)))
            _, event, _ = next(events)
            if event == "start_array":
                return "item"
            found = self._key(events) if event == "start_map" else None
        if found is None:
            raise Permanent(f"{self.document.name} holds no array of objects; that is what it is read for")
        self.notes.append(f"{self.document.name} is one object; its {found!r} were taken as the records")
        return f"{found}.item"

    def _key(self, events: Iterator[tuple[str, str, object]]) -> str | None:
        """The key of the first array of objects in the outermost object, else of the first empty array."""
        depth, empty, opened = 1, None, None
        for prefix, event, _ in events:
            if opened is not None and event == "start_map":
                return str(opened)
            if opened is not None and event == "end_array":
                empty = opened if empty is None else empty
            opened = prefix if event == "start_array" and depth == 1 else None
            depth += {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}.get(event, 0)
        return empty
