"""The manifest: which records there are, and a stamp of each that changes with anything that is read of it.

Pages are asked for by number, so an edit between two requests may shift records past the border between them.
So all pages are asked for at once. Where they are too many for that, or cost too much, everything is read
until it comes twice the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from modelsync.core.errors import Permanent
from modelsync.dato.datocms.asking import Wanted
from modelsync.dato.datocms.client import DatoClient, TooComplexError
from modelsync.dato.datocms.schema import Root

#: Records of a page, the most that the API gives.
PAGE: Final = 500
#: Pages of one request: 50,000 records, some megabytes.
PAGES: Final = 100
#: How often a model is read that is edited meanwhile.
_TRIES: Final = 4
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The stamps of the records of a model, by id.

    `is_complete` says that none is missing: only then may the absence of a record mean anything.
    """

    stamps: Mapping[str, str]
    is_complete: bool


def read_manifest(client: DatoClient, wanted: Wanted, expected: int = 0, *, most: int = PAGES) -> Manifest:
    """Read the manifest of what is wanted of a model.

    `expected` is about how many records it has, so that one request may do; a request has `most` pages.
    Raises what `DatoClient.ask` raises.
    """
    reading = _Reading(client, wanted.stamps(), most)
    if wanted.root.is_single:
        return Manifest(stamps=reading.single(), is_complete=True)
    pages, before = _pages_of(expected), None
    for _ in range(_TRIES):
        stamps, count = reading.pages(pages)
        if len(stamps) == count if pages <= reading.most else stamps == before:
            return Manifest(stamps=stamps, is_complete=True)
        pages, before = max(pages, _pages_of(count)), stamps
    return Manifest(stamps=stamps, is_complete=False)


class _Reading:
    """`most` becomes less where a request costs more than it may."""

    def __init__(self, client: DatoClient, wanted: Wanted, most: int) -> None:
        self.client = client
        self.wanted = wanted
        self.most = most

    def single(self) -> dict[str, str]:
        """That of the only record, if it is there."""
        return self._stamps(self.client.ask(f"{{ {self.wanted.query()} }}"), "")

    def pages(self, many: int) -> tuple[dict[str, str], int]:
        """Those of so many pages, and how many records there are."""
        while True:
            try:
                return self._pages(many)
            except TooComplexError as error:
                if self.most == 1:
                    raise Permanent(
                        f"{PAGE} records of {self.wanted.root.field} are too complex to be looked at at once "
                        f"({error}); map fewer fields of blocks and links, or split the options in two"
                    ) from error
                self.most = max(min(self.most, many) // 2, 1)

    def _pages(self, many: int) -> tuple[dict[str, str], int]:
        stamps: dict[str, str] = {}
        count = 0
        for start in range(0, many, self.most):
            numbers = range(start, min(start + self.most, many))
            parts = [
                self.wanted.query(f"first: {PAGE}, skip: {number * PAGE}, orderBy: [id_ASC]", f"_{number}")
                for number in numbers
            ]
            data = self.client.ask(f"{{ total: {self.wanted.root.meta} {{ count }} {' '.join(parts)} }}")
            count = data["total"]["count"]
            for number in numbers:
                stamps |= self._stamps(data, f"_{number}")
        return stamps, count

    def _stamps(self, data: Mapping[str, Any], suffix: str) -> dict[str, str]:
        found = self.wanted.records(data, suffix)
        return {
            key: blake2b(_encode([some.get(key) for some in found.values()]), digest_size=16).hexdigest()
            for key in found[None]
        }


def _pages_of(count: int) -> int:
    return max(-(-count // PAGE), 1)


def present(client: DatoClient, root: Root, ids: Sequence[str]) -> set[str]:
    """Those of these records that are there."""
    if root.is_single:
        found = client.ask(f"{{ one: {root.field} {{ id }} }}")["one"]
        return {found["id"]} & set(ids) if found else set()
    here: set[str] = set()
    query = f"query ($ids: [ItemId!]) {{ some: {root.field}(first: {PAGE}, {_FILTER}) {{ id }} }}"
    for start in range(0, len(ids), PAGE):
        some = client.ask(query, {"ids": list(ids[start : start + PAGE])})["some"]
        here.update(each["id"] for each in some)
    return here


_FILTER: Final = "filter: {id: {in: $ids}}, orderBy: [id_ASC]"
