"""The syncs that this app declares; `settings.SHOP_DATA` is where their files are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from modelsync import Sync


class Products(Sync):
    """The catalogue, every night.

    From all files that the ERP has put there.
    """

    model = "shop.Product"
    system = "ERP"
    match_on = "sku"
    actions = "cu*"
    key_column = "No"

    def source(self) -> Path:
        """A pattern under a folder that only the settings know."""
        return Path(settings.SHOP_DATA) / "products-*.csv"


class Suppliers(Sync):
    """Who delivers."""

    model = "shop.Supplier"
    match_on = "code"

    def source(self) -> Iterator[dict[str, object]]:
        """Rows that are made, not read."""
        yield {"code": "ACME", "name": "Acme"}
        yield {"code": "GLOBEX", "name": "Globex"}
