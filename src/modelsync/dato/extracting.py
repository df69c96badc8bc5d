"""Objects and their values, out of records as the CMS gives them. Nothing here knows Django or a network.

A record is a tree of dicts and lists with the API's names. An object is the record, or a block within it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Tree: TypeAlias = Mapping[str, Any]
_ID: Final = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One value of an object.

    Args:
        field: the name of the field here.
        steps: the names that lead to it.
        depth: where they start: 0 is the record, 1 a block of it, and so on to the object.
        locale: the language of the CMS in which it is read; None for what has no languages.
        collects: whether all values are taken where the way leads through lists; else the first one is.
        links: whether records stand at its end, of which the ids are the values.
    """

    field: str
    steps: tuple[str, ...]
    depth: int = 0
    locale: str | None = None
    collects: bool = False
    links: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object: `trees` lead from its record to itself, `place` is its place among its siblings, from 0."""

    trees: tuple[Tree, ...]
    place: int = 0

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.trees[-1][_ID])


def objects(record: Tree, blocks: Sequence[str]) -> Iterator[Found]:
    """The objects of a record: the blocks that this way leads to, in their order, or the record itself.

    Empty fields, and blocks that have no such field, lead to none.
    """
    return _below(Found(trees=(record,)), blocks)


def values(
    record: Tree, translations: Mapping[str, Tree], blocks: Sequence[str], columns: Sequence[Column]
) -> Iterator[tuple[Found, dict[str, Any]]]:
    """Each object of a record, with its values by field.

    `translations` are the same record in other languages, by locale. Blocks in other languages are known by
    their ids; what is not there in a language has no value in it.
    """
    others = {locale: _by_place(other, blocks) for locale, other in translations.items()}
    for found in objects(record, blocks):
        yield found, {each.field: _value(found, others, each) for each in columns}


def _below(found: Found, steps: Sequence[str]) -> Iterator[Found]:
    if not steps:
        yield found
        return
    inner = found.trees[-1].get(steps[0])
    for place, tree in enumerate(inner if isinstance(inner, list) else [inner]):
        if isinstance(tree, Mapping):
            yield from _below(Found(trees=(*found.trees, tree), place=place), steps[1:])


def _by_place(record: Tree, blocks: Sequence[str]) -> dict[tuple[int, str], Tree]:
    """The record and its blocks on the way, by depth and id."""
    return {
        (depth, found.id): found.trees[-1]
        for depth in range(len(blocks) + 1)
        for found in objects(record, blocks[:depth])
    }


def _value(found: Found, others: Mapping[str, Mapping[tuple[int, str], Tree]], column: Column) -> Any:
    start: Tree | None = found.trees[column.depth]
    if column.locale is not None and start is not None:
        start = others.get(column.locale, {}).get((column.depth, start[_ID]))
    taken = list(_ends(start, (*column.steps, _ID) if column.links else column.steps))
    if column.collects:
        return taken
    return taken[0] if taken else None


def _ends(tree: Any, steps: Sequence[str]) -> Iterator[Any]:
    """The values at the end of a way."""
    if not steps:
        yield tree
    elif isinstance(tree, list):
        for each in tree:
            yield from _ends(each, steps)
    elif isinstance(tree, Mapping) and steps[0] in tree:
        yield from _ends(tree[steps[0]], steps[1:])
