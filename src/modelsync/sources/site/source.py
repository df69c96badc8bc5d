"""A remote Django site as a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import stamina

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.core.ports import Extent
from modelsync.core.records import Batch, Cursor
from modelsync.formats import wire
from modelsync.sources.batches import DEFAULT_ROWS
from modelsync.sources.remote import shown
from modelsync.sources.retrying import TRIES, again
from modelsync.sources.site.addresses import checked, insecurity
from modelsync.sources.site.http import Answer, Connection
from modelsync.sources.site.version1 import Version1
from modelsync.sources.site.version2 import Version2

_ACCEPT: Final = f"{wire.NDJSON}, {wire.JSON};q=0.5"


class SiteSource:
    """The objects that one address of another site's `Route` serves, streamed.

    Args:
        url: the address, https or http.
        token: what the other site's route asks for; None where it asks for nothing.
        connection: what to ask with; by default one of its own for each reading.
        tries: how often to ask, until the first object or the header has come.
        require_https: whether to refuse plain http beyond this machine.
        batch_rows: how many objects a batch has at most.
        extent: whether the address holds everything that there is (the default), or only changes.

    `name` is the address without what may be secret. `notes` is what a person should know about it.
    `header` is the header of the stream that was read last, None for version 1. Raises
    ConfigurationError for an address that cannot be asked.
    """

    reads_apart = True

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        connection: Connection | None = None,
        tries: int = TRIES,
        require_https: bool = False,
        batch_rows: int = DEFAULT_ROWS,
        extent: Extent = Extent.SNAPSHOT,
    ) -> None:
        self.url = str(checked(url))
        self.token = token
        self.connection = connection
        self.tries = tries
        self.batch_rows = batch_rows
        self.extent = extent
        self.name = shown(self.url)
        note = insecurity(self.url, has_token=bool(token))
        if note and require_https:
            raise ConfigurationError(f"{note} (require_https is set)")
        self.notes: list[str] = [note] if note else []
        self.header: wire.Header | None = None
        self._done = 0

    def fraction(self) -> float | None:
        """How much has been read in this pass, from 0 to 1; None where the site does not say."""
        if self.header is None or self.header.count is None:
            return None
        return min(1.0, self._done / self.header.count) if self.header.count else 1.0

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The objects, from the start; each reading asks the site anew.

        The end of the stream is checked after its last batch: until then, nothing may be kept.
        Raises Permanent and Transient, and ConfigurationError for a cursor: it cannot go on in the
        middle.
        """
        if after is not None:
            raise ConfigurationError(f"{self.name} cannot be resumed; start again without --resume")
        self._done = 0
        with ExitStack() as stack:
            stream = self._opened(stack)
            self.header = stream.header
            for batch in stream.batches(self.batch_rows):
                self._done = batch.start + len(batch)
                yield batch

    def _opened(self, stack: ExitStack) -> Version1 | Version2:
        """A stream of which the beginning has come; later failures are not tried again."""
        connection = self.connection or stack.enter_context(Connection())
        for attempt in stamina.retry_context(on=again, attempts=self.tries, timeout=None):
            with attempt, ExitStack() as opening:
                answer = opening.enter_context(connection.get(self.url, self.token, accept=_ACCEPT))
                stream = self._stream(answer)
                stack.push(opening.pop_all())
                return stream
        raise AssertionError("the last attempt raises")

    def _stream(self, answer: Answer) -> Version1 | Version2:
        match answer.media_type:
            case wire.NDJSON:
                return Version2(answer.pieces(), self.name)
            case wire.JSON:
                return Version1(answer.pieces(), self.name)
            case other:
                raise Permanent(
                    f"{answer.name} answers with {other or 'no media type'}, not with {wire.NDJSON} or "
                    f"{wire.JSON}; is that address a route? It begins: {answer.beginning()}"
                )
