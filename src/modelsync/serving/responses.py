"""A stream of bytes as Django's response, for WSGI and for ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from modelsync.core.garbage import rare_collections
from modelsync.formats.wire import JSON, NDJSON
from modelsync.serving.accepting import choose_encoding, wants_lines
from modelsync.serving.arranging import Arrangement
from modelsync.serving.compression import available_encodings, compressed
from modelsync.serving.layout import Style
from modelsync.serving.version1 import version1
from modelsync.serving.version2 import version2

_R = TypeVar("_R", bound=HttpResponseBase)
_VARY = "Accept, Accept-Encoding, Authorization"


def unauthorized() -> HttpResponse:
    """Asks for the token."""
    response = HttpResponse("HTTP Authentication failed\n", status=401, content_type="text/plain")
    response["WWW-Authenticate"] = 'Basic realm="Sync API"'
    return _uncached(response)


def streamed(request: HttpRequest, arrangement: Arrangement, style: Style) -> HttpResponseBase:
    """The objects in the version that the request asks for."""
    lines = wants_lines(request.headers.get("Accept", ""))
    version = version2 if lines else version1
    return answer(request, lambda: version(arrangement, style, request.path), NDJSON if lines else JSON)


def answer(
    request: HttpRequest, blocks: Callable[[], Iterator[bytes]], content_type: str
) -> HttpResponseBase:
    """Blocks, packed as the request asks for; of HEAD, only what stands before them."""
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""), available_encodings())
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=content_type)
    else:
        packed = _made(compressed(blocks(), encoding))
        content = _Threaded(packed) if isinstance(request, ASGIRequest) else packed
        response = StreamingHttpResponse(content, content_type=content_type)
    if encoding is not None:
        response["Content-Encoding"] = encoding
    return _uncached(response)


def _made(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks; while one is made, and only then, garbage may wait."""
    while True:
        with rare_collections():
            block = next(blocks, None)
        if block is None:
            return
        yield block


def _uncached(response: _R) -> _R:
    response["Cache-Control"] = "no-store"
    response["Vary"] = _VARY
    return response


class _Threaded:
    """Blocks for ASGI, each made in the request's own thread, which has the database connection."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks = blocks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = await sync_to_async(self._next, thread_sensitive=True)()
        if block is None:
            raise StopAsyncIteration
        return block

    def _next(self) -> bytes | None:
        return next(self.blocks, None)

    def close(self) -> None:
        """Django calls it in that thread when the response is over, also when it was broken off."""
        close = getattr(self.blocks, "close", None)
        if close is not None:
            close()
