"""The files that are synced: made from a fixed seed, row by row, so that they may be of any size."""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("sku", "name", "description", "price", "stock", "active", "released", "updated")
KEY = "external_key"
REFERENCE = "supplier=>code"
SUPPLIERS = 1_000

_WORDS = (
    *("steel", "oak", "brass", "linen", "folding", "round", "heavy", "light", "garden", "kitchen", "office"),
    *("travel", "lamp", "chair", "table", "shelf", "hook", "bucket", "kettle", "blanket", "mirror", "größer"),
    *("café", "naïve", "Łódź", "drill,", "saw,", '3/4"', '12"', "'soft'", "set", "of", "6"),
)
_SEED = 20_260_101
_START = dt.datetime(2020, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The file as it first comes, and as it comes when a tenth of its rows have changed."""

    rows: int
    reference: bool
    first: Path
    changed: Path

    @property
    def columns(self) -> tuple[str, ...]:
        """The header."""
        return header(self.reference)


def header(reference: bool) -> tuple[str, ...]:
    """The columns of a file, in order."""
    return (KEY, *COLUMNS, REFERENCE) if reference else (KEY, *COLUMNS)


def supplier_codes() -> list[str]:
    """The codes of all suppliers."""
    return [f"SUP-{number:05d}" for number in range(SUPPLIERS)]


def make_files(folder: Path, rows: int, *, reference: bool, changed: bool = True) -> Files:
    """Write both files, or only the first, unless they are there."""
    kind = "reference" if reference else "plain"
    files = Files(
        rows=rows,
        reference=reference,
        first=folder / f"{kind}-{rows}.csv",
        changed=folder / f"{kind}-{rows}-changed.csv",
    )
    for path, altered in ((files.first, False), (files.changed, True)):
        if not path.exists() and (changed or not altered):
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(files.columns)
                writer.writerows(_rows(rows, reference=reference, changed=altered))
    return files


def _rows(rows: int, *, reference: bool, changed: bool) -> Iterator[list[str]]:
    chance = random.Random(_SEED)
    change = random.Random(_SEED + 1)
    codes = supplier_codes()
    for number in range(rows):
        row = _row(chance, number)
        supplier = chance.choice(codes)
        altered = change.random() < 0.1  # drawn for both files, so that they differ in nothing else
        kind = change.randrange(4)
        if changed and altered:
            supplier = _alter(row, kind, supplier, codes) if reference else _alter(row, kind, "", ())
        yield [*row, supplier] if reference else row


def _row(chance: random.Random, number: int) -> list[str]:
    # The other system's keys are in another order than ours.
    key = f"{number * 7_919 % 100_003:06d}-{number}"
    words = chance.choices(_WORDS, k=16)
    moment = _START + dt.timedelta(seconds=chance.randrange(150_000_000))
    return [
        key,
        f"SKU-{number:08d}",
        " ".join(words[:4]),
        " ".join(words[4:]) if chance.random() < 0.95 else "",
        f"{chance.randrange(1_000_000) / 100:.2f}" if chance.random() < 0.98 else "",
        str(chance.randrange(1_000)),
        "true" if chance.random() < 0.8 else "false",
        moment.date().isoformat() if chance.random() < 0.97 else "",
        f"{moment.isoformat()}Z" if chance.random() < 0.97 else "",
    ]


def _alter(row: list[str], kind: int, supplier: str, codes: list[str] | tuple[()]) -> str:
    """Change what changes in a shop: stock, price, words, the supplier; the supplier's code afterwards."""
    row[5] = str(int(row[5]) + 1)
    if kind == 1:
        row[4] = f"{float(row[4] or 0) + 1:.2f}"
    elif kind == 2:
        row[3] = f"{row[3]} (new)".strip()
    elif kind == 3:
        row[6] = "false" if row[6] == "true" else "true"
        if codes:
            return codes[(codes.index(supplier) + 1) % len(codes)]
    return supplier
