"""Version 2 of the protocol: a header, a line for each object, and an end line."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec

from modelsync.core.errors import ModelSyncError
from modelsync.formats.wire import End, Failure, encode_line
from modelsync.serving.arranging import Arrangement
from modelsync.serving.layout import Style
from modelsync.serving.snapshot import snapshot

log = logging.getLogger(__name__)


def version2(arrangement: Arrangement, style: Style, path: str) -> Iterator[bytes]:
    """The stream, in blocks of whole lines. Where it fails, an error line is the last."""
    try:
        yield from _lines(arrangement, style)
    except Exception as error:
        # Messages of databases and of users' code may hold values: they go neither out nor to the log.
        log.error(
            "A stream of a route broke off", extra={"route_path": path, "error_class": type(error).__name__}
        )
        told = str(error) if isinstance(error, ModelSyncError) else type(error).__name__
        yield encode_line(Failure(error=told))


def _lines(arrangement: Arrangement, style: Style) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode_lines
    count = 0
    with snapshot(arrangement.aliases):
        yield encode_line(arrangement.header())
        for arranged in arrangement.parts:
            for page in arranged.reader(style).pages():
                count += len(page)
                yield encode(page)
    yield encode_line(End(count=count))
