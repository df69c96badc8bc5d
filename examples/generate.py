#!/usr/bin/env python
"""Write what two systems export, with all that is wrong with such files in practice.

The same seed and number of rows give the same bytes.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

from erp import BROKEN, Erp, make_erp
from warehouse import Warehouse, make_warehouse

SEED = 4711
ROWS = 100_000
FOLDER = Path(__file__).resolve().parent / "headquarters" / "incoming"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the files hold, as far as the demo checks it afterwards."""

    suppliers: int
    categories: int
    products: int  # distinct ones that can be taken as they are
    broken: int
    stock: int  # pieces
    erp_rows: int
    wms_rows: int
    label_rows: int


def generate(folder: Path = FOLDER, rows: int = ROWS, seed: int = SEED) -> Written:
    """Write all files into `folder`; `rows` is the number of product rows of the ERP, 1,000 or more."""
    rng = random.Random(seed)
    erp = make_erp(rng, rows)
    warehouse = make_warehouse(rng, erp.goods)
    folder.mkdir(parents=True, exist_ok=True)
    erp.write(folder)
    warehouse.write(folder)
    return _written(erp, warehouse)


def _written(erp: Erp, warehouse: Warehouse) -> Written:
    tables = (erp.suppliers, erp.categories, erp.products, erp.tags)
    return Written(
        suppliers=len({row[3] for row in erp.suppliers}),
        categories=len(erp.categories),
        products=len(erp.goods),
        broken=BROKEN,
        stock=warehouse.stock,
        erp_rows=sum(map(len, tables)),
        wms_rows=len(warehouse.records),
        label_rows=len(warehouse.labels),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the files of the demo.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument(
        "--rows", type=int, default=ROWS, help="product rows of the ERP (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    written = generate(options.folder, options.rows, options.seed)
    wms_rows = written.wms_rows + written.label_rows
    print(f"{written.erp_rows:,} rows of the ERP and {wms_rows:,} of the WMS in {options.folder}")


if __name__ == "__main__":
    main()
