"""Getting one file over HTTP, continued where an earlier try was cut off."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from mimetypes import guess_type
from time import monotonic
from typing import Final
from urllib.parse import quote

from modelsync.core.errors import ConfigurationError, Permanent, Transient
from modelsync.media.parts import Part, Stopped, Version
from modelsync.media.redirects import Redirects
from modelsync.sources.remote import shown
from modelsync.sources.site.addresses import checked
from modelsync.sources.site.http import Answer, Connection

_MISSING: Final = (404, 410)
_FORBIDDEN: Final = (401, 403)
_ANSWERS: Final = (200, *_MISSING, *_FORBIDDEN)
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_PAGES: Final = ("text/html", "application/xhtml+xml")
# Packed bytes cannot be continued in the middle.
_UNPACKED: Final = {"Accept-Encoding": "identity"}


class MissingFile(Permanent):
    """The other site does not have the file."""


class TooSlow(Transient):
    """The file took more time than it may; a later run may continue it."""


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
    """Fetches files, each of `most` bytes in `seconds` at most, until `stop` is set."""

    connection: Connection
    redirects: Redirects
    most: int
    seconds: float
    stop: threading.Event
    clock: Callable[[], float] = monotonic

    def deadline(self) -> float:
        """When a file that is begun now must be here, by the clock."""
        return self.clock() + self.seconds

    def fetch(self, url: str, part: Part, until: float) -> None:
        """Have the whole file in `part`.

        Raises MissingFile, Permanent or Transient; after Transient, another try may continue, after
        TooSlow only with another deadline. No token is sent: media are public, and who serves them
        need not know it.
        """
        begun = part.version()
        if begun is None or not self._continue(url, part, begun, until):
            with self._ask(url, _UNPACKED, _ANSWERS, until) as answer:
                self._anew(answer, part, until)

    def _continue(self, url: str, part: Part, begun: Version, until: float) -> bool:
        """Whether the server sent the rest, or all of it."""
        size = part.size
        headers = _UNPACKED | {"Range": f"bytes={size}-", "If-Range": begun.condition}
        with self._ask(url, headers, (*_ANSWERS, 206, 416), until) as answer:
            if answer.status == 206 and _fits(answer, begun, size):
                self._write(answer, part, begun.total, until)
                return True
            if answer.status in (206, 416):
                return False
            self._anew(answer, part, until)
            return True

    @contextmanager
    def _ask(
        self, url: str, headers: Mapping[str, str], statuses: Container[int], until: float
    ) -> Iterator[Answer]:
        """What the server answers, or another one to which it redirects."""
        self._check_time(until, shown(url))
        with self.connection.get(
            url, headers=headers, statuses=statuses, follow=self.redirects.follow
        ) as answer:
            if answer.hops:
                self.redirects.check(answer)
                _refuse_page(url, answer)
            yield answer

    def _anew(self, answer: Answer, part: Part, until: float) -> None:
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
        self._write(answer, part, total, until)

    def _write(self, answer: Answer, part: Part, total: int | None, until: float) -> None:
        part.write(self._pieces(answer, part.size, until))
        if total not in (None, part.size):
            raise Transient(f"{answer.name} was cut off after {part.size:,} of {total:,} bytes")

    def _pieces(self, answer: Answer, size: int, until: float) -> Iterator[bytes]:
        for piece in answer.pieces():
            if self.stop.is_set():
                raise Stopped
            self._check_time(until, answer.name)
            size += len(piece)
            self._check(size, answer.name)
            yield piece

    def _check(self, size: int, name: str) -> None:
        if size > self.most:
            raise Permanent(f"{name} has more than {self.most:,} bytes; allow more if it is meant to")

    def _check_time(self, until: float, name: str) -> None:
        if self.clock() > until:
            raise TooSlow(
                f"{name} took more than {self.seconds:,.0f} seconds; pull again to go on, or allow it more"
            )


def _refuse_page(url: str, answer: Answer) -> None:
    """Raise Permanent for a page that came in place of a file: one to log in at, most often."""
    if answer.status == 200 and answer.media_type in _PAGES and guess_type(url)[0] not in _PAGES:
        raise Permanent(
            f"{shown(url)} redirects to {answer.name}, which is a page and not the file; is a login wanted?"
        )


def _fits(answer: Answer, begun: Version, size: int) -> bool:
    """Whether what comes is the rest of what was begun."""
    found = _RANGE.fullmatch(str(answer.response.headers.get("Content-Range", "")).strip())
    if found is None or answer.response.headers.get("Content-Encoding"):
        return False
    first, last, total = map(int, found.groups())
    told = Version.told(answer.response.headers, total)
    same = told.etag == begun.etag if begun.etag else told.modified == begun.modified
    return same and (first, last + 1) == (size, total) and total == begun.total
