"""The manifest: which records there are, and when each was changed last. It tells what to fetch.

Pages are asked for by number, so an edit between two requests may shift records past the border between them.
So all pages are asked for at once. Where they are too many for that, everything is read until it comes twice
the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelsync.dato.datocms.client import DatoClient
from modelsync.dato.datocms.schema import Root, Schema

#: Records of a page, the most that the API gives.
PAGE: Final = 500
#: Pages of one request: 50,000 records, some megabytes.
PAGES: Final = 100
#: How often a model is read that is edited meanwhile.
_TRIES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """When a record was changed and published last, as the API writes it, and its place among its siblings.

    The place is None where records have no order. To compare stamps is to ask whether they are equal.
    """

    updated: str
    published: str | None
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The records of a model, by id.

    `is_complete` says that none is missing: only then may the absence of a record mean anything.
    """

    stamps: Mapping[str, Stamp]
    is_complete: bool


def read_manifest(
    client: DatoClient, schema: Schema, root: Root, expected: int = 0, *, most: int = PAGES
) -> Manifest:
    """Read the manifest of a model.

    `expected` is about how many records it has, so that one request may do; a request has `most` pages.
    Raises what `DatoClient.ask` raises.
    """
    fields = _fields(schema, root)
    if root.is_single:
        found = client.ask(f"{{ one: {root.field} {{ {fields} }} }}")["one"]
        return Manifest(stamps=dict(map(_stamp, [found] if found else [])), is_complete=True)
    pages, before = _pages_of(expected), None
    for _ in range(_TRIES):
        stamps, count = _read(client, root, fields, pages, most)
        if len(stamps) == count if pages <= most else stamps == before:
            return Manifest(stamps=stamps, is_complete=True)
        pages, before = max(pages, _pages_of(count)), stamps
    return Manifest(stamps=stamps, is_complete=False)


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


def _fields(schema: Schema, root: Root) -> str:
    has_order = schema.has_field(root.type, "position")
    return "id _updatedAt _publishedAt" + (" position" if has_order else "")


def _pages_of(count: int) -> int:
    return max(-(-count // PAGE), 1)


def _read(client: DatoClient, root: Root, fields: str, pages: int, most: int) -> tuple[dict[str, Stamp], int]:
    """The records of so many pages, and how many records there are."""
    stamps: dict[str, Stamp] = {}
    count = 0
    for start in range(0, pages, most):
        some = range(start, min(start + most, pages))
        data = client.ask(_query(root, fields, some))
        count = data["total"]["count"]
        for number in some:
            stamps.update(map(_stamp, data[f"page{number}"]))
    return stamps, count


def _query(root: Root, fields: str, pages: Sequence[int]) -> str:
    parts = [
        f"page{number}: {root.field}(first: {PAGE}, skip: {number * PAGE}, orderBy: [id_ASC]) {{ {fields} }}"
        for number in pages
    ]
    return f"{{ total: {root.meta} {{ count }} {' '.join(parts)} }}"


def _stamp(record: Mapping[str, Any]) -> tuple[str, Stamp]:
    stamp = Stamp(
        updated=record["_updatedAt"],
        published=record.get("_publishedAt"),
        position=record.get("position"),
    )
    return record["id"], stamp
