#!/usr/bin/env python
"""Two systems that disagree, one database: `make demo`.

Every step runs the commands as a user does, in a process of their own, shows what they print, and
checks what they did. The first promise that is not kept ends the demo with exit status 1.
DEMO_DATABASE=postgresql or mariadb runs it on a server (see headquarters/settings.py).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path
from textwrap import shorten
from typing import Any

from erp import DANGLING, TOP_CATEGORIES
from generate import ROWS, Written, generate
from stage import PROJECT, BrokenPromiseError, Stage, check, heading, look, promise

ERP = "incoming/ERP_*.csv"  # in the order of their names: products come before their suppliers
REFUSED = "rejected/ERP_*.csv"
STOCK = (
    *("syncfile", "WMS", "catalogue", "Product", "incoming/WMS_catalogue_Product.ndjson.gz"),
    *("--match-on", "sku", "--key-column", "item_no"),
    *("--map", "article=sku", "--map", "designation=name", "--map", "text=description"),
    *("--map", "on_hand=stock"),
)
LABELS = (
    *("syncfile", "WMS", "catalogue", "Product", "incoming/WMS_labels.tsv"),
    *("--match-on", "sku", "--actions", "u*"),
)


def prepare(stage: Stage, rows: int) -> Written:
    heading("0. A fresh database, and files from two systems")
    fresh_database()
    stage.manage("migrate", "--verbosity=0")
    for pattern in (ERP, "incoming/WMS_*", REFUSED):
        for left_over in stage.folder.glob(pattern):
            left_over.unlink()
    written = generate(stage.folder / "incoming", rows)
    for path in sorted((stage.folder / "incoming").iterdir()):
        print(f"  incoming/{path.name:36} {path.stat().st_size:>12,} bytes")
    return written


def what_would_happen(stage: Stage, written: Written) -> None:
    heading("1. What would happen? A dry run decides and checks everything, and writes nothing")
    look(f"{written.broken} rows are malformed: each is listed with file, line, column and reason.")
    output = stage.manage("syncfiles", ERP, "--create_external_system", "--dry-run", status=1)
    for words in ("2023-02-30", "decimal point", "characters long", "the header has"):
        promise(f"it says {words!r}", words in output)
    check("products after the dry run", objects("Product").count(), 0)


def load_the_erp(stage: Stage, written: Written) -> None:
    heading("2. Load it: children before parents, products before their suppliers, broken rows put aside")
    look("Exit status 1 says that rows were refused; the good ones are in, the others in rejected/.")
    stage.manage(
        *("syncfiles", ERP, "--create_external_system", "--smart_ordering"),
        *("--skip-errors", "--rejects", "rejected/"),
        status=1,
        rows=written.erp_rows,
        title="ERP, into an empty database",
    )
    check("products", objects("Product").count(), written.products)
    check("suppliers", objects("Supplier").count(), written.suppliers)
    check("categories", objects("Category").count(), written.categories)
    check("categories at the top", objects("Category").filter(parent=None).count(), TOP_CATEGORIES)
    check(
        "products of a supplier that nobody knows", objects("Product").filter(supplier=None).count(), DANGLING
    )


def add_the_warehouse(stage: Stage, written: Written) -> None:
    heading("3. A second system: other names, other keys, its own opinion")
    look("Its counted stock is forced (u*); its texts (u) fill only what the ERP left blank.")
    names = dict(objects("Product").values_list("sku", "name"))
    stage.manage(*STOCK, "--create_external_system", rows=written.wms_rows, title="WMS, stock and texts")
    check("pieces in stock", sum(objects("Product").values_list("stock", flat=True)), written.stock)
    same = dict(objects("Product").values_list("sku", "name")) == names
    promise("none of the ERP's names was replaced", same)
    promise("blank texts were filled", objects("Product").filter(description__startswith="Regal").exists())
    look("UTF-16 with tabs, as Excel's \"Unicode text\": labels that are added to the products' tags.")
    stage.manage(*LABELS, rows=written.label_rows, title="WMS, labels")
    check("labels", objects("Product_tags").count(), written.label_rows)


def mend_the_refused(stage: Stage, written: Written) -> None:
    heading("4. Mend the refused rows, and feed the same file again")
    look("They have the original's columns, and some that say what was wrong; those are ignored now.")
    check("refused rows mended", sum(map(mend, sorted(stage.folder.glob(REFUSED)))), written.broken)
    stage.manage("syncfiles", REFUSED)
    check("products", objects("Product").count(), written.products + written.broken)


def everything_once_more(stage: Stage, written: Written) -> None:
    heading("5. Everything once more: a second run changes nothing")
    look("Only the rows that are still broken in the ERP's file are refused again.")
    erp = ("syncfiles", ERP, "--smart_ordering", "--skip-errors")
    no_op(stage, *erp, rows=written.erp_rows, rejected=written.broken, title="ERP, again")
    no_op(stage, *STOCK, rows=written.wms_rows, title="WMS, stock and texts, again")
    no_op(stage, *LABELS, rows=written.label_rows, title="WMS, labels, again")


def declared_syncs(stage: Stage, written: Written) -> None:
    heading("6. The same, declared once in catalogue/syncs.py")
    listed = stage.manage("sync", "--list")
    promise("both declared syncs are listed", "products" in listed and "stock" in listed)
    look("Nothing is left to do; what is still broken is told again.")
    stage.manage("sync", "products", "--dry-run", status=1)


def summary(stage: Stage, seconds: float) -> None:
    heading("7. What there is now")
    for model in ("Supplier", "Category", "Tag", "Product"):
        found = objects(model)
        print(f"  {found.count():>9,} {found.model._meta.verbose_name_plural}")
    print("\n       rows   seconds    rows/s   (with the start of the command)")
    for title, rows, took in stage.timings:
        print(f"  {rows:>9,} {took:>9.1f} {rows / took:>9,.0f}   {title}")
    print(f"\nEverything was as promised, in {seconds:.0f} s.")


# How the steps do it.


def no_op(stage: Stage, *arguments: str, rows: int, title: str, rejected: int = 0) -> None:
    """Run a command again, and check by its JSON report that it changed nothing."""
    status = 1 if rejected else 0
    output = stage.manage(*arguments, "--report", "json", status=status, rows=rows, title=title, show=False)
    report = json.loads(output)
    for name in ("created", "updated", "deleted"):
        check(name, report[name], 0)
    check("rejected", report["rejected"], rejected)
    check("rows", report["total"], rows)


def mend(path: Path) -> int:
    """Rewrite the offending cells of a file of refused rows, as a person would; give their number."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        column = row["_error_column"] or "active"  # a short row has no `active`, among others
        before = row.get(column, "")
        row[column] = MENDED[column](before)
        print(f"  {row['_origin']}: {column}: {shorten(before, 40)} -> {shorten(row[column], 40)}")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


MENDED = {
    "price": lambda cell: cell.replace(",", "."),
    "name": lambda cell: cell.replace("sehr ", ""),
    "released": lambda cell: "2023-02-28",
    "active": lambda cell: "1",
}


def fresh_database() -> None:
    """An empty database, whatever was there before."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        Path(name).unlink(missing_ok=True)
        return
    quoted = connection.ops.quote_name(name)
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted}")
        cursor.execute(f"CREATE DATABASE {quoted}")


def objects(model: str) -> Any:
    """The manager of a model of the catalogue."""
    from django.apps import apps

    return apps.get_model("catalogue", model).objects


def run(stage: Stage, rows: int) -> None:
    """All steps, in order."""
    started = time.perf_counter()
    written = prepare(stage, rows)
    for step in (
        what_would_happen,
        load_the_erp,
        add_the_warehouse,
        mend_the_refused,
        everything_once_more,
        declared_syncs,
    ):
        step(stage, written)
    summary(stage, time.perf_counter() - started)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the demo.")
    parser.add_argument(
        "--rows", type=int, default=ROWS, help="product rows of the ERP (default: %(default)s)"
    )
    parser.add_argument("--folder", type=Path, default=PROJECT, help="where files and database go")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.path.insert(0, str(PROJECT))
    os.environ.update(DJANGO_SETTINGS_MODULE="settings", DEMO_FOLDER=str(folder))
    import django

    django.setup()
    try:
        run(Stage(folder), options.rows)
    except BrokenPromiseError as error:
        print(f"\nNOT AS PROMISED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
