"""What the server of the pull benchmark serves: each way of pulling has a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.serializers import serialize
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path

from modelsync.routing import Route
from tests.bench.pull_limit import TABLES
from tests.shop.models import Product, Supplier, Tag

route = Route()


def objects() -> list[QuerySet[Any]]:
    return [Supplier.objects.all(), Tag.objects.all(), Product.objects.all()]


route.queryset("products")(objects)


def original(request: HttpRequest) -> HttpResponse:
    """As django-synctool answers, `serialize_querysets` in its routing.py."""
    found = (each for queryset in objects() for each in queryset)
    return HttpResponse(serialize("json", found), content_type="application/json")


def copy(request: HttpRequest, table: str) -> StreamingHttpResponse:
    """A table as COPY gives it."""

    def blocks() -> Iterator[bytes]:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(TABLES[table])}) TO STDOUT") as rows,
        ):
            pending = bytearray()
            for row in rows:
                pending += row
                if len(pending) >= 1 << 16:
                    yield bytes(pending)
                    pending.clear()
            yield bytes(pending)

    return StreamingHttpResponse(blocks(), content_type="text/plain")


urlpatterns = [
    path("sync/", include(route.urlpatterns)),
    path("original/", original),
    path("copy/<str:table>/", copy),
]
