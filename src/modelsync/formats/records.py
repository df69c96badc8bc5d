"""Chunks of mappings: what JSON, NDJSON and iterables of dicts have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice

from modelsync.formats.table import Chunk, Fault, Tabulator, rows_per_chunk


def chunks_of(records: Iterator[tuple[int, object] | Fault], rows: int) -> Iterator[Chunk]:
    """Chunks of (place, value) pairs; a value that is no mapping is a fault."""
    tabulator = Tabulator()
    first = next(records, None)
    if first is None:
        return
    # The first record says how wide they are, before so many of them are taken at once.
    width = 1 if isinstance(first, Fault) or not isinstance(first[1], Mapping) else len(first[1])
    records = chain([first], records)
    while taken := list(islice(records, rows_per_chunk(rows, max(width, len(tabulator.columns))))):
        faults = [item if isinstance(item, Fault) else _no_object(*item) for item in taken if _is_fault(item)]
        good = [item for item in taken if not _is_fault(item)] if faults else taken
        places = [item[0] for item in good]  # type: ignore[index]  # the faults are out
        mappings: list[Mapping[str, object]] = [item[1] for item in good]  # type: ignore[index,misc]  # as above
        cells = tabulator.rows(mappings)
        yield Chunk(columns=tabulator.columns, rows=cells, place=places.__getitem__, faults=faults)


def _is_fault(item: tuple[int, object] | Fault) -> bool:
    return isinstance(item, Fault) or not isinstance(item[1], Mapping)


def _no_object(place: int, value: object) -> Fault:
    kind = {"list": "an array", "str": "a text", "NoneType": "null"}.get(type(value).__name__, "no object")
    return Fault(
        place=place, reason=f"it is {kind}; a record is an object of column names and values", raw=[value]
    )
