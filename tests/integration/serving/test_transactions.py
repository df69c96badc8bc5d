"""Streams from a database that others write to: one snapshot, and nothing left open. Real ASGI, too."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.db import connections
from django.urls import include, path

from modelsync.routing import Route
from modelsync.serving.paging import PAGE
from tests.integration.serving.asking import NDJSON, ask, basic
from tests.separate import SeparateDatabase
from tests.shop.models import Tag

pytestmark = [pytest.mark.django_db(databases=["default", "other"]), pytest.mark.database]

ROWS = 3 * PAGE
urlpatterns: list[Any] = []


@pytest.fixture
def database(separate_database: SeparateDatabase) -> SeparateDatabase:
    """Has committed rows, and readers that do not keep writers away."""
    alias = separate_database.alias
    if separate_database.kind == "sqlite":
        connections[alias].cursor().execute("PRAGMA journal_mode=WAL")
    Tag.objects.using(alias).bulk_create([Tag(slug=f"t{n}", name="old") for n in range(ROWS)], batch_size=500)
    return separate_database


def elsewhere(alias: str, work: Callable[[], object]) -> None:
    """Do it with a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connections[alias].close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.mark.parametrize("headers", [{}, NDJSON])
def test_a_stream_is_one_snapshot(
    database: SeparateDatabase, headers: dict[str, str], django_db_blocker: Any
) -> None:
    """What others commit meanwhile is not in it."""
    rows = Tag.objects.using(database.alias)
    view = Route(api_token="token", using=database.alias).app("x", "shop.Tag")
    stream = iter(ask(view, headers=headers).streaming_content)
    blocks = [next(stream), next(stream)]
    elsewhere(database.alias, lambda: rows.filter(pk__gt=10).update(name="new"))
    elsewhere(database.alias, lambda: rows.create(slug="late", name="new"))
    text = b"".join([*blocks, *stream])
    assert text.count(b"old") == ROWS
    assert b"new" not in text
    assert not connections[database.alias].in_atomic_block
    assert rows.filter(name="new").count() == ROWS - 10 + 1


@pytest.mark.parametrize("headers", [{}, NDJSON])
def test_a_stream_that_is_closed_leaves_nothing_open(
    database: SeparateDatabase, headers: dict[str, str]
) -> None:
    """Neither the transaction nor its settings."""
    connection = connections[database.alias]
    view = Route(api_token="token", using=database.alias).app("x", "shop.Tag")
    response = ask(view, headers=headers)
    next(iter(response.streaming_content))
    assert connection.in_atomic_block
    response.close()
    assert not connection.in_atomic_block
    Tag.objects.using(database.alias).create(slug="after", name="written")


async def _exchange(headers: dict[str, str], blocks: int | None) -> list[bytes]:
    """Ask a real ASGI application; leave after so many blocks."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/tags", "query_string": b"", "headers": raw}
    application = ApplicationCommunicator(get_asgi_application(), scope)
    await application.send_input({"type": "http.request", "body": b""})
    start = await application.receive_output(10)
    assert start["status"] == 200
    found = []
    while blocks is None or len(found) < blocks:
        message = await application.receive_output(10)
        found.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    if blocks is not None:
        await application.send_input({"type": "http.disconnect"})
    await application.wait(10)
    return found


@pytest.mark.parametrize("blocks", [None, 2])
def test_a_real_asgi_application_streams(
    database: SeparateDatabase, settings: Any, blocks: int | None, django_db_blocker: Any
) -> None:
    """Block by block, with a connection of the request's thread; who leaves early harms nobody."""
    route = Route(api_token="token", using=database.alias)
    route.app("tags", "shop.Tag")
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    urlpatterns[:] = [path("", include(route.urlpatterns))]
    found = asyncio.run(_exchange(NDJSON | basic("token"), blocks))
    lines = b"".join(found).splitlines()
    if blocks is None:
        assert json.loads(lines[-1]) == {"end": True, "count": ROWS, "cursor": None}
    assert len(found) > 1
    Tag.objects.using(database.alias).create(slug="after", name="written")
