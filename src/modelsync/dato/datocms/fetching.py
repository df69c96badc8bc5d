"""Fetching records by their ids, in all languages at once, and never for more than a query may cost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelsync.core.errors import Permanent
from modelsync.dato.datocms.asking import Record, Wanted
from modelsync.dato.datocms.client import DatoClient, TooComplexError
from modelsync.dato.datocms.manifest import PAGE

#: Of what a query may cost, how much we use.
_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A record, and the same in other languages, by locale."""

    record: Record
    translations: Mapping[str, Record]


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
    if wanted.root.is_single:
        return f"{{ {wanted.query()} }}"
    arguments = "first: $first, filter: {id: {in: $ids}}, orderBy: [id_ASC]"
    return f"query($ids: [ItemId!], $first: IntType) {{ {wanted.query(arguments)} }}"


def _fetched(wanted: Wanted, data: Mapping[str, Any]) -> Iterator[Fetched]:
    found = wanted.records(data)
    for key, record in found.pop(None).items():
        translations = {str(locale): some[key] for locale, some in found.items() if key in some}
        yield Fetched(record=record, translations=translations)
