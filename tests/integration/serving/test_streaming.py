"""Streams: their first bytes, compression, failures, and ASGI."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import zstandard
from asgiref.sync import async_to_sync
from django.db.models import F
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.test import AsyncRequestFactory, RequestFactory

from modelsync.routing import Route
from modelsync.serving import paging
from modelsync.serving.responses import _Threaded
from tests.integration.serving.asking import NDJSON, ask, basic, body, lines, make_products
from tests.shop.models import Product, Tag

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MANY = 2 * paging.PAGE + 1


def view_of(given: Any) -> Any:
    """A view that serves this."""
    return Route(api_token="token").queryset("x")(lambda: given)


def test_the_first_block_does_not_wait_for_the_last_row(django_assert_num_queries: Any) -> None:
    """It comes after a count."""
    make_products(MANY)
    stream = iter(ask(view_of(Product.objects.all()), headers=NDJSON).streaming_content)
    with django_assert_num_queries(1):
        assert json.loads(next(stream))["count"] == MANY
    with django_assert_num_queries(2):
        assert next(stream).count(b"\n") == paging.PAGE


def unzipped(packed: bytes) -> bytes:
    """The content of a Zstandard frame."""
    return zstandard.ZstdDecompressor().stream_reader(BytesIO(packed)).read()


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpack"),
    [("gzip, deflate", "gzip", gzip.decompress), ("gzip, zstd", "zstd", unzipped), ("br", None, bytes)],
)
@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_streams_are_compressed_as_asked(accepted: str, encoding: Any, unpack: Any, accept: str) -> None:
    """Django's own middleware leaves them alone."""
    make_products(20)
    view = view_of(Product.objects.all())
    headers = basic("token") | {"Accept": accept, "Accept-Encoding": accepted}
    response = GZipMiddleware(view)(RequestFactory().get("/", headers=headers)) if encoding else None
    response = response or ask(view, headers=headers)
    assert response.get("Content-Encoding") == encoding
    assert response["Vary"] == "Accept, Accept-Encoding, Authorization"
    plain = body(ask(view, headers={"Accept": accept}))
    assert unpack(body(response)) == plain


def test_compressed_blocks_come_at_once() -> None:
    """The header can be read before the rest is there."""
    make_products(20)
    for encoding, decoder in (("gzip", None), ("zstd", zstandard.ZstdDecompressor().decompressobj())):
        headers = NDJSON | {"Accept-Encoding": encoding}
        stream = iter(ask(view_of(Product.objects.all()), headers=headers).streaming_content)
        unpack: Any = decoder or zlib.decompressobj(31)
        assert json.loads(unpack.decompress(next(stream)))["count"] == 20


class _Breaking(list[Any]):
    """A list of objects whose second page cannot be read."""

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice) and place.start:
            raise ZeroDivisionError("a secret value")
        return super().__getitem__(place)


def breaking() -> Any:
    """A queryset that was evaluated, and breaks in its middle."""
    rows: Any = Tag.objects.all()
    rows._result_cache = _Breaking(Tag(pk=n, slug=f"t{n}") for n in range(1, MANY))
    return rows


def test_a_failure_ends_version_2_with_an_error_line(caplog: pytest.LogCaptureFixture) -> None:
    """Its class is told and logged; what it holds is not."""
    with caplog.at_level(logging.ERROR):
        *_, row, error = lines(view_of(breaking()))
    assert len(row) > 1
    assert error == {"error": "ZeroDivisionError"}
    assert [record.error_class for record in caplog.records] == ["ZeroDivisionError"]  # type: ignore[attr-defined]
    assert "secret" not in caplog.text


def test_a_failure_breaks_version_1_off(caplog: pytest.LogCaptureFixture) -> None:
    """The JSON is not complete."""
    stream = iter(ask(view_of(breaking())).streaming_content)
    sent = next(stream)
    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError):
        next(stream)
    assert sent.startswith(b"[{")
    assert not sent.endswith(b"]")
    assert "secret" not in caplog.text


def test_a_failing_query_is_an_error_line() -> None:
    """Even where it is the count."""
    (error,) = lines(view_of(Product.objects.filter(stock=F("stock") / 0).extra(where=["nothing = 1"])))
    assert set(error) == {"error"}


def ask_asynchronously(view: Any, headers: dict[str, str]) -> tuple[HttpResponseBase, list[bytes]]:
    """The response under ASGI, and its blocks."""
    request = AsyncRequestFactory().get("/", headers=basic("token") | headers)
    response = view(request)

    async def read() -> list[bytes]:
        return [block async for block in response]

    return response, async_to_sync(read)()


@pytest.mark.parametrize("headers", [{}, NDJSON, NDJSON | {"Accept-Encoding": "gzip"}])
def test_asgi_gets_the_same_in_blocks(headers: dict[str, str]) -> None:
    """Made in one thread, with this test's connection."""
    make_products(MANY)
    view = view_of(Product.objects.all())
    response, blocks = ask_asynchronously(view, headers)
    assert response.is_async  # type: ignore[attr-defined]
    assert len(blocks) > 3
    assert b"".join(blocks) == body(ask(view, headers=headers))
    response.close()


def test_closing_an_asynchronous_response_ends_its_stream() -> None:
    """And with it the transaction."""
    ended = []

    def given() -> Iterator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            ended.append(True)

    stream = _Threaded(given())
    assert asyncio.run(anext(stream)) == b"1"
    stream.close()
    assert ended == [True]
