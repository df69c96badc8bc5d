"""Getting one file over HTTP, continued where an earlier try was cut off."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from modelsync.core.errors import ConfigurationError, Permanent, Transient
from modelsync.media.parts import Part, Stopped, Version
from modelsync.sources.site.addresses import checked
from modelsync.sources.site.http import Answer, Connection

_MISSING: Final = (404, 410)
_FORBIDDEN: Final = (401, 403)
_ANSWERS: Final = (200, *_MISSING, *_FORBIDDEN)
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
# Packed bytes cannot be continued in the middle.
_UNPACKED: Final = {"Accept-Encoding": "identity"}


class MissingFile(Permanent):
    """The other site does not have the file."""


def media_base(media_url: str) -> str:
    """The address that names are added to. Raises ConfigurationError for what is none."""
    address = checked(media_url)
    if address.query:
        raise ConfigurationError(
            f"the media address {address.copy_with(query=None)} has a query, names cannot be added to it"
        )
    return f"{str(address).rstrip('/')}/"


def file_url(base: str, name: str) -> str:
    """The address of a file."""
    return base + "/".join(quote(segment, safe="") for segment in name.split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Fetches files, each of `most` bytes at most, until `stop` is set."""

    connection: Connection
    most: int
    stop: threading.Event

    def fetch(self, url: str, part: Part) -> None:
        """Have the whole file in `part`.

        Raises MissingFile, Permanent or Transient; after Transient, another try may continue. No
        token is sent: media are public, and who serves them need not know it.
        """
        begun = part.version()
        if begun is None or not self._continue(url, part, begun):
            with self.connection.get(url, headers=_UNPACKED, statuses=_ANSWERS) as answer:
                self._anew(answer, part)

    def _continue(self, url: str, part: Part, begun: Version) -> bool:
        """Whether the server sent the rest, or all of it."""
        size = part.size
        headers = _UNPACKED | {"Range": f"bytes={size}-", "If-Range": begun.condition}
        with self.connection.get(url, headers=headers, statuses=(*_ANSWERS, 206, 416)) as answer:
            if answer.status == 206 and _fits(answer, begun, size):
                self._write(answer, part, begun.total)
                return True
            if answer.status in (206, 416):
                return False
            self._anew(answer, part)
            return True

    def _anew(self, answer: Answer, part: Part) -> None:
        if answer.status in _MISSING:
            raise MissingFile(f"{answer.name} answered {answer.status}: the file is missing there")
        if answer.status in _FORBIDDEN:
            raise Permanent(
                f"{answer.name} answered {answer.status}: the file is not public; no token is sent to "
                f"where media are"
            )
        headers = answer.response.headers
        packed = bool(headers.get("Content-Encoding"))
        length = str(headers.get("Content-Length", ""))
        total = int(length) if length.isdecimal() and not packed else None
        self._check(total or 0, answer.name)
        part.begin(Version() if packed else Version.told(headers, total))
        self._write(answer, part, total)

    def _write(self, answer: Answer, part: Part, total: int | None) -> None:
        part.write(self._pieces(answer, part.size))
        if total not in (None, part.size):
            raise Transient(f"{answer.name} was cut off after {part.size:,} of {total:,} bytes")

    def _pieces(self, answer: Answer, size: int) -> Iterator[bytes]:
        for piece in answer.pieces():
            if self.stop.is_set():
                raise Stopped
            size += len(piece)
            self._check(size, answer.name)
            yield piece

    def _check(self, size: int, name: str) -> None:
        if size > self.most:
            raise Permanent(f"{name} has more than {self.most:,} bytes; allow more if it is meant to")


def _fits(answer: Answer, begun: Version, size: int) -> bool:
    """Whether what comes is the rest of what was begun."""
    found = _RANGE.fullmatch(str(answer.response.headers.get("Content-Range", "")).strip())
    if found is None or answer.response.headers.get("Content-Encoding"):
        return False
    first, last, total = map(int, found.groups())
    told = Version.told(answer.response.headers, total)
    same = told.etag == begun.etag if begun.etag else told.modified == begun.modified
    return same and (first, last + 1) == (size, total) and total == begun.total
