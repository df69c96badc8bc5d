"""Fetching records by their ids, in all languages at once, and never for more than a query may cost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelsync.core.errors import Permanent
from modelsync.dato.datocms.client import DatoClient, TooComplexError
from modelsync.dato.datocms.manifest import PAGE
from modelsync.dato.datocms.schema import Root
from modelsync.dato.datocms.selection import Selection

#: Of what a query may cost, how much we use.
_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is read of the records of a model.

    Args:
        root: where they are.
        selection: what is selected in the default language.
        locale: that language; None for a CMS without any.
        translated: what is selected in the other languages; None for nothing.
        locales: these languages.
    """

    root: Root
    selection: Selection
    locale: str | None = None
    translated: Selection | None = None
    locales: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A record, and the same in other languages, by locale."""

    record: Mapping[str, Any]
    translations: Mapping[str, Mapping[str, Any]]


def fetch(client: DatoClient, wanted: Wanted, ids: Sequence[str], *, size: int = PAGE) -> Iterator[Fetched]:
    """Fetch records, up to `size` in a request; those that are gone by now do not come.

    What the first answers cost tells how many the next requests may have; a query that is too complex is
    halved. Raises what `DatoClient.ask` raises, and Permanent for a record that is too complex by itself.
    """
    query = _query(wanted)
    left = deque(ids)
    while left:
        some = [left.popleft() for _ in range(min(size, len(left)))]
        variables = {} if wanted.root.is_single else {"ids": some, "first": len(some)}
        try:
            data = client.ask(query, variables)
        except TooComplexError as error:
            if len(some) == 1:
                raise Permanent(
                    f"a single record of {wanted.root.field} is too complex to be read at once ({error}); "
                    f"map fewer fields of it, or split its options in two"
                ) from error
            left.extendleft(reversed(some))
            size = len(some) // 2
            continue
        yield from _fetched(wanted, data)
        if client.cost and client.limit:
            size = max(min(int(client.limit * _SHARE * len(some) / client.cost), PAGE), 1)


def _query(wanted: Wanted) -> str:
    root, is_single = wanted.root, wanted.root.is_single
    parts = []
    for alias, locale, selection in _parts(wanted):
        arguments = [f"locale: {locale}"] if locale else []
        if not is_single:
            arguments += ["first: $first", "filter: {id: {in: $ids}}", "orderBy: [id_ASC]"]
        given = f"({', '.join(arguments)})" if arguments else ""
        parts.append(f"{alias}: {root.field}{given} {selection.text()}")
    return f"query{'' if is_single else '($ids: [ItemId!], $first: IntType)'} {{ {' '.join(parts)} }}"


def _parts(wanted: Wanted) -> Iterator[tuple[str, str | None, Selection]]:
    yield "base", wanted.locale, wanted.selection
    for number, locale in enumerate(wanted.locales):
        assert wanted.translated
        yield f"in{number}", locale, wanted.translated


def _fetched(wanted: Wanted, data: Mapping[str, Any]) -> Iterator[Fetched]:
    """The records of an answer; each language has them by id, whatever their order."""
    found: dict[str | None, dict[str, Mapping[str, Any]]] = {}
    for number, (alias, locale, selection) in enumerate(_parts(wanted)):
        said = selection.plain(data[alias])
        records = [said] if isinstance(said, Mapping) else said or []
        found[locale if number else None] = {each["id"]: each for each in records}
    for key, record in found.pop(None).items():
        translations = {str(locale): some[key] for locale, some in found.items() if key in some}
        yield Fetched(record=record, translations=translations)
