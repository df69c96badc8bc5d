"""The index of files that a route serves: name, size and hash, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, TypeAlias

import msgspec
import stamina

from modelsync.core.errors import Permanent
from modelsync.formats import wire
from modelsync.media.scratch import Scratch
from modelsync.sources.retrying import again
from modelsync.sources.site.blocks import blocks
from modelsync.sources.site.faults import printable
from modelsync.sources.site.http import Connection

_TABLE: Final = "CREATE TABLE files (name BLOB PRIMARY KEY, size INTEGER, sha256 TEXT) WITHOUT ROWID"
_ADD: Final = "INSERT OR REPLACE INTO files VALUES (?, ?, ?)"


class FileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line: the name as rows have it, the size in bytes, the SHA-256 in hex."""

    name: str
    size: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


_Row: TypeAlias = "tuple[bytes, int, str]"


class FileIndex:
    """What the other site says about its files, kept on disk. May be asked by several threads."""

    def __init__(self) -> None:
        self._scratch = Scratch(_TABLE)

    def find(self, name: str) -> tuple[int, str] | None:
        """The size and hash of a file; None where it is not known there."""
        rows = self._scratch.read("SELECT size, sha256 FROM files WHERE name = ?", (name.encode(),))
        return rows[0] if rows else None

    def fetch(self, connection: Connection, url: str, token: str | None, *, tries: int) -> None:
        """Read the index anew. Raises Permanent and Transient; an index without its end is none."""
        for attempt in stamina.retry_context(on=again, attempts=tries, timeout=None):
            with attempt, connection.get(url, token, accept=wire.NDJSON) as answer:
                self._scratch.write("DELETE FROM files")
                for rows in read_index(answer.pieces(), answer.name):
                    self._scratch.write(_ADD, rows)

    def close(self) -> None:
        """Give the disk back."""
        self._scratch.close()


def read_index(pieces: Iterator[bytes], name: str) -> Iterator[list[_Row]]:
    """The files of an index, some at a time. Raises Permanent for what is none, or not the whole."""
    decode = msgspec.json.Decoder().decode_lines
    seen, ended = 0, False
    for block in blocks(pieces, name=name):
        try:
            lines = decode(block)
            ended = _end(lines.pop(), name, seen + len(lines)) if _is_end(lines) else False
            files = msgspec.convert(lines, list[FileLine])
            rows = [(file.name.encode(), file.size, file.sha256) for file in files]
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Permanent(f"{name} is no index of files ({error}); is that address a route's?") from error
        seen += len(rows)
        yield rows
    if not ended:
        raise Permanent(f"the index {name} was cut off, its last line is missing; pull again")


def _is_end(lines: list[object]) -> bool:
    last = lines[-1] if lines else None
    return isinstance(last, dict) and ("end" in last or "error" in last)


def _end(line: object, name: str, seen: int) -> bool:
    if isinstance(line, dict) and "error" in line:
        raise Permanent(f"{name} could not finish: {printable(str(line['error']), 300)}")
    end = msgspec.convert(line, wire.End)
    if end.count != seen:
        raise Permanent(f"the index {name} has {seen} files but counted {end.count}; pull again")
    return end.end
