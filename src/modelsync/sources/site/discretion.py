"""What the HTTP library logs about our requests: to which site they went, and how it answered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import httpx2

from modelsync.sources.site.addresses import site

_OURS: Final[ContextVar[bool]] = ContextVar("modelsync_request", default=False)


@contextmanager
def discreet() -> Iterator[None]:
    """Requests within are logged with their site alone. Those of others are logged as they were.

    Queries hold signatures, and the paths of files are the values of fields.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_redact)  # adding it again changes nothing
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)


def _redact(record: logging.LogRecord) -> bool:
    """Whether a record may be written; its addresses lose all but the site."""
    if not _OURS.get():
        return True
    if isinstance(record.args, tuple):
        record.args = tuple(site(arg) if isinstance(arg, httpx2.URL) else arg for arg in record.args)
    # httpcore2 writes the headers of an answer as one text; cookies and signed addresses are in it.
    return not record.getMessage().startswith(_HEADERS)


#: Where httpx2 logs each request, and where httpcore2 logs what is on the wire when it is debugged.
_LOGGERS: Final = ("httpx2", "httpcore2.http11")
_HEADERS: Final = "receive_response_headers.complete"
