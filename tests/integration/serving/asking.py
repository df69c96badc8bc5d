"""Asking a route: requests, and what their answers hold."""

from __future__ import annotations

import base64
import json
from typing import Any

from django.http.response import HttpResponseBase
from django.test import RequestFactory

from tests.shop.models import Product, Supplier, Tag

NDJSON = {"Accept": "application/x-ndjson"}


def basic(user: str, password: str = "") -> dict[str, str]:
    """The header of a basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ask(view: Any, *, headers: dict[str, str] | None = None, method: str = "get", **kwargs: Any) -> Any:
    """The response of a view to a request with the token `token`, unless the headers have another."""
    request = getattr(RequestFactory(), method)("/", headers=basic("token") | (headers or {}))
    return view(request, **kwargs)


def body(response: HttpResponseBase) -> bytes:
    """All that a response holds."""
    content = getattr(response, "streaming_content", None)
    return b"".join(content) if content is not None else response.content  # type: ignore[attr-defined]


def array(view: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """What version 1 gives."""
    found: list[dict[str, Any]] = json.loads(body(ask(view, **kwargs)))
    return found


def lines(view: Any, **kwargs: Any) -> list[Any]:
    """What version 2 gives: the header, the objects, the end."""
    return [json.loads(line) for line in body(ask(view, headers=NDJSON, **kwargs)).splitlines()]


def objects(view: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """The objects of version 2, by the names of the header."""
    header, *rows, end = lines(view, **kwargs)
    assert end == {"end": True, "count": len(rows), "cursor": None}
    assert header["count"] == len(rows)
    found = []
    for place, key, *values in rows:
        model = header["models"][place]
        names = [*model["fields"], *model.get("many", [])]
        found.append({"model": model["model"], "pk": key} | dict(zip(names, values, strict=True)))
    return found


def make_products(number: int) -> None:
    """Products with tags."""
    supplier = Supplier.objects.create(code="s", name="S")
    Tag.objects.bulk_create([Tag(slug=f"t{n}") for n in range(2)])
    tags = list(Tag.objects.order_by("pk"))
    Product.objects.bulk_create(
        [Product(sku=f"p{n}", name="P", price="1.50", supplier=supplier) for n in range(number)],
        batch_size=500,
    )
    through = Product.tags.through
    keys = Product.objects.order_by("pk").values_list("pk", flat=True)
    through.objects.bulk_create(
        [through(product_id=key, tag_id=tags[n % 2].pk) for n, key in enumerate(keys)], batch_size=500
    )
