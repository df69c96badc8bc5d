"""What the warehouse (WMS) exports: gzipped NDJSON, and a table as Excel's "Unicode text".

It calls everything by other names and numbers, and has its own opinion of what a product is called.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from erp import CODE, NAME, TAGS, Row, slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """Its records and labels; `stock` is what lies there of the ERP's products, in pieces."""

    records: list[dict[str, object]] = field(repr=False)
    labels: list[tuple[str, str]] = field(repr=False)
    stock: int

    def write(self, folder: Path) -> None:
        """Write both files."""
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in self.records)
        path = folder / "WMS_catalogue_Product.ndjson.gz"
        path.write_bytes(gzip.compress(lines.encode(), 6, mtime=0))
        table = io.StringIO()
        writer = csv.writer(table, delimiter="\t", lineterminator="\r\n")
        writer.writerows([("sku", "tags=>+slug"), *self.labels])
        (folder / "WMS_labels.tsv").write_bytes(table.getvalue().encode("utf-16"))


def make_warehouse(rng: random.Random, goods: list[Row]) -> Warehouse:
    """Counted stock (forced), texts that fill only what is blank, and goods that only it knows."""
    counted = [(row, rng.randrange(900)) for row in rng.sample(goods, len(goods) * 3 // 10)]
    records: list[dict[str, object]] = []
    for row, pieces in counted:
        article = {"item_no": f"W{row[CODE][3:]}", "article": row[CODE]}
        records.append({"action_flags": "u*", **article, "on_hand": pieces})
        if rng.random() < 0.25:
            texts = {"designation": row[NAME].upper(), "text": f"Regal {rng.randrange(40)}, Łódź"}
            records.append({"action_flags": "u", **article, **texts})
    for number in range(max(5, len(goods) // 1000)):
        unknown = {"item_no": f"X{number}", "article": f"97-{number:06}", "on_hand": 1}
        records.append({"action_flags": "u*", **unknown})
    rng.shuffle(records)
    return Warehouse(
        records=records,
        labels=[(row[CODE], slug(rng.choice(TAGS))) for row in rng.sample(goods, len(goods) // 100)],
        stock=sum(pieces for _, pieces in counted),
    )
