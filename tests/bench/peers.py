"""How it is done without us: `update_or_create`, `bulk_create`, django-import-export."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from django.db import connection, transaction

from tests.bench.data import COLUMNS, REFERENCE
from tests.shop.models import Product, Supplier

_BATCH = 1_000


def update_or_create(path: Path, *, reference: bool) -> None:
    """Row by row, in one transaction."""
    with transaction.atomic():
        for values in _typed(path, reference):
            Product.objects.update_or_create(sku=values.pop("sku"), defaults=values)


def bulk_create(path: Path, *, reference: bool) -> None:
    """`update_conflicts`, in batches, in one transaction."""
    written = [column for column in COLUMNS if column != "sku"] + (["supplier_id"] if reference else [])
    target = {"unique_fields": ["sku"]} if connection.features.supports_update_conflicts_with_target else {}
    rows = _typed(path, reference)
    with transaction.atomic():
        while some := [Product(**values) for values in islice(rows, _BATCH)]:
            Product.objects.bulk_create(some, update_conflicts=True, update_fields=written, **target)


def _typed(path: Path, reference: bool) -> Iterator[dict[str, Any]]:
    suppliers = dict(Supplier.objects.values_list("code", "pk")) if reference else {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = {
                "sku": row["sku"],
                "name": row["name"],
                "description": row["description"],
                "price": Decimal(row["price"]) if row["price"] else None,
                "stock": int(row["stock"]),
                "active": row["active"] == "true",
                "released": dt.date.fromisoformat(row["released"]) if row["released"] else None,
                "updated": dt.datetime.fromisoformat(row["updated"]) if row["updated"] else None,
            }
            if reference:
                values["supplier_id"] = suppliers[row[REFERENCE]]
            yield values


def import_export(path: Path, *, reference: bool) -> None:
    """django-import-export in bulk mode, with everything off that costs time and one query for all rows."""
    import tablib
    from import_export import fields, resources, widgets
    from import_export.instance_loaders import CachedInstanceLoader

    known = {code: Supplier(pk=pk, code=code) for code, pk in Supplier.objects.values_list("code", "pk")}

    class SupplierWidget(widgets.ForeignKeyWidget):
        """Asks once for all suppliers."""

        def clean(self, value, row=None, **kwargs):
            return known[value]

    class ProductResource(resources.ModelResource):
        if reference:
            supplier = fields.Field(
                attribute="supplier", column_name=REFERENCE, widget=SupplierWidget(Supplier, field="code")
            )

        class Meta:
            model = Product
            fields = (*COLUMNS, "supplier") if reference else COLUMNS
            import_id_fields = ("sku",)
            instance_loader_class = CachedInstanceLoader
            use_bulk = True
            batch_size = _BATCH
            use_transactions = True
            skip_unchanged = True
            # skip_diff would switch skip_unchanged off, and cost more than the diff does.
            skip_diff = False
            skip_html_diff = True
            report_skipped = False
            force_init_instance = False
            widgets: ClassVar = {"updated": {"format": "%Y-%m-%dT%H:%M:%SZ"}}

    with path.open(newline="", encoding="utf-8") as file:
        dataset = tablib.Dataset().load(file.read(), format="csv")
    result = ProductResource().import_data(dataset, raise_errors=True, dry_run=False)
    assert not result.has_errors()
