"""What the ERP exports: CSV as Windows writes it (cp1252, semicolons, CRLF), in no useful order.

Each row says itself what to do with it: `action_flags`, `match_on` and `external_key`.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

Row = list[str]

CONTROL = ("action_flags", "match_on", "external_key")
SUPPLIER_COLUMNS = (*CONTROL, "code", "name")
CATEGORY_COLUMNS = (*CONTROL, "code", "title", "parent=>code")
TAG_COLUMNS = (*CONTROL, "slug", "name")
PRODUCT_COLUMNS = (
    *(*CONTROL, "sku", "name", "description", "price", "active", "released"),
    *("supplier=>code", "category=>code"),
)
FLAGS, KEY, CODE, NAME, DESCRIPTION, PRICE, RELEASED = 0, 2, 3, 4, 5, 6, 8

BROKEN_KINDS = 4
BROKEN = 6 * BROKEN_KINDS  # rows that nobody can take as they are
DANGLING = 3  # products of a supplier that does not exist
GONE = 20  # rows that delete what was never here
TOP_CATEGORIES = 8

THINGS = (
    "Dübel",
    "Sechskantschraube",
    "Stahlträger",
    "Hängeleuchte",
    "Türgriff",
    "Bürste",
    "Kühlbox",
    "Säge",
)
SIZES = ("M4 x 20", "M6 x 30", "M8 x 40", "½ Zoll", "10 m²", "75 µm", "groß", "für außen")
FINISHES = ("verzinkt", "weiß", "schwarz", "natur", "edelstahl", "Café", "„Profi“", "±0,1 mm")
PLACES = ("Köln", "Görlitz", "Zürich", "Malmö", "Orléans", "Tromsø", "Gijón")
TAGS = ("Flammbar", "Zerbrechlich", "Sperrig", "Kühl", "Gefahrgut", "Neu", "Auslauf", "Aktion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erp:
    """Its tables. `products` are the rows of the file, `goods` those of them that are right and the first."""

    suppliers: list[Row]
    categories: list[Row]
    goods: list[Row] = field(repr=False)
    products: list[Row] = field(repr=False)
    tags: list[Row]

    def write(self, folder: Path) -> None:
        """Write one file for each table."""
        _write(folder / "ERP_catalogue_Supplier.csv", SUPPLIER_COLUMNS, self.suppliers)
        _write(folder / "ERP_catalogue_Category.csv", CATEGORY_COLUMNS, self.categories)
        _write(folder / "ERP_catalogue_Product.csv", PRODUCT_COLUMNS, self.products)
        _write(folder / "ERP_catalogue_Tag.csv", TAG_COLUMNS, self.tags)


def make_erp(rng: random.Random, rows: int) -> Erp:
    """The tables, with `rows` rows of products."""
    suppliers = [_supplier(rng, number) for number in range(max(20, rows // 200))]
    categories = _categories(rng)
    count = rows - rows // 20 - BROKEN - GONE
    goods = [_product(rng, number, suppliers, categories) for number in range(count)]
    return Erp(
        suppliers=[*suppliers, *suppliers[3::50]],  # some are listed twice
        categories=categories,
        goods=goods,
        products=_with_mess(rng, goods, rows // 20),
        tags=[["cu*", "slug", "", slug(tag), tag] for tag in TAGS],
    )


def slug(tag: str) -> str:
    """What the systems call a tag."""
    return tag.lower().replace("ü", "ue")


def _supplier(rng: random.Random, number: int) -> Row:
    return ["cu*", "code", f"K{number:05}", f"S{number:04}", f"Müller & Söhne {rng.choice(PLACES)} {number}"]


def _categories(rng: random.Random) -> list[Row]:
    """A tree of three levels in no order: children come before their parents."""
    top = [(f"{a:02}", "") for a in range(TOP_CATEGORIES)]
    middle = [(f"{parent}.{b}", parent) for parent, _ in top for b in range(8)]
    low = [(f"{parent}.{c}", parent) for parent, _ in middle for c in range(5)]
    rows = [
        ["cu*", "code", f"WG{code}", code, f"Warengruppe {code}", parent]
        for code, parent in top + middle + low
    ]
    rng.shuffle(rows)
    return rows


def _product(rng: random.Random, number: int, suppliers: list[Row], categories: list[Row]) -> Row:
    """A product as it should be: most are looked after (forced), one in ten is neglected."""
    neglected = number % 10 == 3
    name = f"{rng.choice(THINGS)} {rng.choice(SIZES)} {rng.choice(FINISHES)}"
    return [
        "cu" if neglected else "cu*",
        "sku",
        f"MAT{number:08}",
        f"{number % 89:02}-{number:06}",
        name,
        "" if neglected else _description(rng, name),
        "" if rng.random() < 0.02 else f"{rng.randrange(99, 250_000) / 100:.2f}",
        rng.choice(("1", "1", "1", "0", "yes", "TRUE")),
        "" if neglected else (date(2009, 1, 1) + timedelta(days=rng.randrange(6000))).isoformat(),
        "S8888" if number < DANGLING else rng.choice(suppliers)[CODE],
        "" if rng.random() < 0.05 else rng.choice(categories)[CODE],
    ]


def _description(rng: random.Random, name: str) -> str:
    """A text that needs quotes now and then: for a semicolon, a quote or a line break in it."""
    match rng.randrange(20):
        case 0:
            return f'{name}; auch als "Set" erhältlich'
        case 1:
            return f"{name}\r\nPreis in €, ab Werk {rng.choice(PLACES)}"
        case _:
            return f"{name}, ab Werk {rng.choice(PLACES)}"


def _with_mess(rng: random.Random, goods: list[Row], doubles: int) -> list[Row]:
    """The goods, with second rows of the same product, broken rows and deletes among them."""
    end = len(goods)
    placed = [(float(index), row) for index, row in enumerate(goods)]
    for number, index in enumerate(rng.sample(range(end), doubles)):
        placed.append((rng.uniform(index, end), _again(number, goods[index])))
    for number in range(BROKEN):
        placed.append((rng.uniform(0, end), _broken(number, goods[rng.randrange(DANGLING, end)])))
    for number in range(GONE):
        gone = ["d", "sku", f"MAT8{number:07}", f"98-{number:06}", *[""] * (len(PRODUCT_COLUMNS) - 4)]
        placed.append((rng.uniform(0, end), gone))
    placed.sort(key=lambda each: each[0])
    return [row for _, row in placed]


def _again(number: int, row: Row) -> Row:
    """The same product once more: word for word, from an old export, or with what was missing."""
    again = list(row)
    match number % 3:
        case 1:
            again[FLAGS], again[NAME] = "c", f"ALT {row[NAME]}"
        case 2:
            again[FLAGS], again[KEY] = "cu", f"OLD{row[KEY][3:]}"
            again[DESCRIPTION] = row[DESCRIPTION] or f"{row[NAME]} (nachgetragen)"
    return again


def _broken(number: int, row: Row) -> Row:
    """The row of a new product, with one thing wrong with it."""
    broken = list(row)
    broken[FLAGS], broken[KEY], broken[CODE] = "cu*", f"MAT9{number:07}", f"99-{number:06}"
    match number % BROKEN_KINDS:
        case 0:
            return broken[: PRICE + 1]
        case 1:
            broken[PRICE] = f"{number + 1},50"
        case 2:
            broken[NAME] = f"{row[NAME]} " + "sehr " * 20 + "lang"
        case _:
            broken[RELEASED] = "2023-02-30"
    return broken


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(rows)
