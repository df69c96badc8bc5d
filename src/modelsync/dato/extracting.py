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
        of_record: whether they start at the record, and not at the object.
        locale: the language of the CMS in which it is read; None for what has no languages.
        collects: whether all values are taken where the way leads through lists; else the first one is.
        links: whether records stand at its end, of which the ids are the values.
    """

    field: str
    steps: tuple[str, ...]
    of_record: bool = False
    locale: str | None = None
    collects: bool = False
    links: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object within its record; `place` is its place among its siblings, from 0."""

    tree: Tree
    record: Tree
    place: int

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.tree[_ID])


def objects(record: Tree, blocks: Sequence[str]) -> Iterator[Found]:
    """The objects of a record: the blocks that this way leads to, in their order, or the record itself."""
    for place, tree in _walk(record, blocks, 0):
        yield Found(tree=tree, record=record, place=place)


def values(
    record: Tree, translations: Mapping[str, Tree], blocks: Sequence[str], columns: Sequence[Column]
) -> Iterator[tuple[Found, dict[str, Any]]]:
    """Each object of a record, with its values by field.

    `translations` are the same record in other languages, by locale. Blocks in other languages are known by
    their ids; what is not there in a language has no value in it.
    """
    others = {
        locale: {found.id: found for found in objects(other, blocks)}
        for locale, other in translations.items()
    }
    for found in objects(record, blocks):
        yield found, {each.field: _value(found, others, translations, each) for each in columns}


def _value(
    found: Found, others: Mapping[str, Mapping[str, Found]], translations: Mapping[str, Tree], column: Column
) -> Any:
    start: Tree | None = found.record if column.of_record else found.tree
    if column.locale is not None:
        if column.of_record:
            start = translations.get(column.locale)
        else:
            there = others.get(column.locale, {}).get(found.id)
            start = there.tree if there else None
    taken = list(_ends(start, (*column.steps, _ID) if column.links else column.steps))
    if column.collects:
        return taken
    return taken[0] if taken else None


def _walk(tree: Any, steps: Sequence[str], place: int) -> Iterator[tuple[int, Tree]]:
    """The trees at the end of a way; empty fields, and blocks that have no such field, lead nowhere."""
    if not isinstance(tree, Mapping):
        return
    if not steps:
        yield place, tree
        return
    inner = tree.get(steps[0])
    for number, each in enumerate(inner if isinstance(inner, list) else [inner]):
        yield from _walk(each, steps[1:], number)


def _ends(tree: Any, steps: Sequence[str]) -> Iterator[Any]:
    """The values at the end of a way."""
    if not steps:
        yield tree
    elif isinstance(tree, list):
        for each in tree:
            yield from _ends(each, steps)
    elif isinstance(tree, Mapping) and steps[0] in tree:
        yield from _ends(tree[steps[0]], steps[1:])
