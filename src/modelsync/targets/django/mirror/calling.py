"""What objects that come without primary keys are called: what `natural_key()` gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from django.db import connections, models

from modelsync.core.errors import RecordError
from modelsync.core.ports import Group
from modelsync.targets.django.mirror.sheet import Column, Sheet
from modelsync.targets.django.mirror.tracing import (
    Lookup,
    QueryNeeded,
    has_natural_keys,
    lookup_of,
    make_bare,
    no_query,
)
from modelsync.targets.django.schema import target_of

_ENCODE = json.JSONEncoder(default=msgspec.to_builtins).encode


def hash_of(said: str) -> int:
    """A number to join by, where a database cannot have an index on texts of any length."""
    return int.from_bytes(blake2b(said.encode(), digest_size=8).digest(), signed=True)


def said_of(key: Sequence[object]) -> str:
    """A natural key as it is kept: JSON."""
    return _ENCODE(list(key))


def note_keys(sheet: Sheet, group: Group, using: str) -> None:
    """See by the first records of a model whether they come without primary keys, and how they are found."""
    if group.cells[sheet.key.index][0] is not None:
        return
    if sheet.link is not None:
        sheet.is_unkeyed = isinstance(group.cells[sheet.link][0], list)
        return
    sheet.is_unkeyed = has_natural_keys(sheet.model)
    lookup = lookup_of(sheet.model, using)
    if lookup is not None and sheet.sent.issuperset(lookup.fields):
        sheet.lookup = lookup


class Calling:
    """Works out what the records of one model are called."""

    def __init__(self, sheet: Sheet, using: str) -> None:
        self.sheet = sheet
        self.using = using
        self.lookup = sheet.lookup
        self.related: dict[type[models.Model], Lookup | None] = {}

    def said(self, group: Group, faults: dict[int, RecordError]) -> list[str | None]:
        """The natural key of each record; `faults` says whose cannot be worked out."""
        columns = [(column, self._values(column, group, faults)) for column in self._columns()]
        said: list[str | None] = []
        with connections[self.using].execute_wrapper(no_query):
            for position in range(len(group)):
                try:
                    said.append(said_of(self._object(columns, position).natural_key()))
                except Exception as error:  # users' code; the record ends as refused
                    said.append(None)
                    faults.setdefault(position, _fault(self.sheet.label, error))
        return said

    def _columns(self) -> Iterator[Column]:
        """What a natural key may be made of: the fields of the lookup, if it is known."""
        for column in self.sheet.values:
            if self.lookup is None or column.field in self.lookup.fields:
                yield column

    def _values(self, column: Column, group: Group, faults: dict[int, RecordError]) -> list[Any]:
        """Python's values, but lists where objects are named by natural keys."""
        cells = group.cells[column.index]
        is_reference = isinstance(column.field, models.ForeignKey)
        named = {p for p, cell in enumerate(cells) if is_reference and isinstance(cell, list)}
        places = [p for p, cell in enumerate(cells) if p not in named and cell is not None]
        values, wrong = column.converter.python([cells[p] for p in places])
        for place, error in wrong.items():
            faults.setdefault(places[place], error)
        found: list[Any] = [cells[p] if p in named else None for p in range(len(cells))]
        for place, value in zip(places, values, strict=True):
            found[place] = value
        return found

    def _object(self, columns: list[tuple[Column, list[Any]]], position: int) -> Any:
        """The object, as far as its natural key may want it."""
        values, related = {}, {}
        for column, found in columns:
            value = found[position]
            if isinstance(column.field, models.ForeignKey) and value is not None:
                related[column.field.name] = self._named(column.field, value)
            if not isinstance(value, list):
                values[column.field.attname] = value
        made = make_bare(self.sheet.model, values, self.using)
        made._state.fields_cache.update(related)
        return made

    def _named(self, field: models.ForeignKey[Any, Any], value: Any) -> models.Model:
        """What a reference names; of it is known what names it."""
        model: Any = field.related_model
        if not isinstance(value, list):
            return make_bare(model, {target_of(field).attname: value}, self.using)
        if model not in self.related:
            self.related[model] = lookup_of(model, self.using)
        lookup = self.related[model]
        names = lookup.names if lookup and len(lookup.names) == len(value) else ()
        made: Any = make_bare(model, dict(zip(names, value, strict=False)), self.using)
        made.natural_key = lambda: tuple(value)
        return made  # type: ignore[no-any-return]  # an object of the model


def _fault(label: str, error: Exception) -> RecordError:
    if isinstance(error, QueryNeeded):
        return RecordError(
            f"natural_key() of {label} wants more than what the other site sent of it; let it call "
            f"natural_key() of what it refers to, and have the other site serve with natural_foreign=True"
        )
    return RecordError(f"natural_key() of {label} fails: {type(error).__name__}: {error}")
