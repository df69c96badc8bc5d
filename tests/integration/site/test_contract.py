"""The suite for sources, over both versions of the protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from modelsync.core.ports import Source
from modelsync.formats import wire
from modelsync.sources.site import SiteSource
from modelsync.testing.sources import OmittedCells, Row, SourceContract
from tests.integration.site.serving import serving
from tests.unit.sources import stream

COLUMNS = ("sku", "name", "amount", "note")
MODELS = (wire.ModelHeader(model="shop.product", fields=COLUMNS),)


class OnASite(SourceContract):
    """Rows that a server has, with their primary keys."""

    resumes = False

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with serving(framing="chunks") as self.server:
            yield

    def rows(self, count: int) -> list[Row]:
        return [{"pk": number, **row} for number, row in enumerate(super().rows(count), 1)]

    def source(self, content: bytes, media_type: str) -> Source:
        self.server.body, self.server.media_type = content, media_type
        return SiteSource(self.server.url, "token", batch_rows=self.batch_rows or 4)


class TestVersion2(OnASite):
    """A header, lines and an end; the count is known."""

    def make(self, rows: list[Row]) -> Source:
        objects = [[0, row["pk"], *(row[name] for name in COLUMNS)] for row in rows]
        return self.source(
            stream(objects, models=MODELS, count=len(rows)), "application/x-ndjson; charset=utf-8"
        )


class TestVersion1(OnASite, OmittedCells):
    """Django's JSON."""

    def make(self, rows: list[Row]) -> Source:
        objects = [
            {"model": "shop.product", "pk": row["pk"], "fields": {n: v for n, v in row.items() if n != "pk"}}
            for row in rows
        ]
        return self.source(json.dumps(objects).encode(), "application/json")
