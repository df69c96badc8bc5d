"""Syncs that this app declares: `manage.py sync --list` shows them, `manage.py sync NAME` runs one."""

from modelsync import Sync


class Products(Sync):
    """Products from the ERP, every night."""

    model = "catalogue.Product"
    source = "incoming/ERP_catalogue_Product.csv"
    system = "ERP"
    skip_errors = True


class Stock(Sync):
    """Stock from the warehouse: its own names for everything, mapped to ours."""

    model = "catalogue.Product"
    source = "incoming/WMS_catalogue_Product.ndjson.gz"
    system = "WMS"
    match_on = "sku"
    key_column = "item_no"
    map = {"article": "sku", "designation": "name", "text": "description", "on_hand": "stock"}  # noqa: RUF012
