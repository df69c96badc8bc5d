"""Binding arrivals to a model: which of their fields it has, its key, and the shape that writers want."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelsync.core.errors import RecordError
from modelsync.core.records import Match
from modelsync.push.receiving.accepting import Accepted
from modelsync.push.receiving.arrivals import Arrival, Item
from modelsync.push.receiving.converting import Converters
from modelsync.targets.django.schema import Field, Schema
from modelsync.targets.django.shape import Shape, ValueColumn

#: The column of the primary key, whatever the field is called.
KEY: Final = "pk"
_LONGEST: Final = 255


def bind(accepted: Accepted, arrival: Arrival, number: int, convert: Converters) -> Item:
    """The item for an arrival, with those of its fields that the model has and takes.

    Raises RecordError where its primary key cannot be one of the model's.
    """
    values, errors = convert(accepted.key, KEY).python([arrival.key])
    if errors:
        raise errors[0]
    key = str(values[0])
    if len(key) > _LONGEST:
        raise RecordError(f"it is longer than {_LONGEST} characters", column=KEY)
    item = Item(accepted=accepted, key=key, value=values[0], arrival=arrival, number=number)
    return item.with_fields(fields_of(accepted, arrival))


def fields_of(accepted: Accepted, arrival: Arrival) -> dict[str, object]:
    """The values that the model takes, by the names of its fields; of a deletion, what it changes."""
    if arrival.deletes:
        return {"inactive": True} if accepted.keeps_deleted else {}
    found: dict[str, object] = {}
    for name, value in arrival.fields.items():
        field = accepted.fields.get(name)
        if field is not None:
            found.setdefault(field.name, value)
        elif name in accepted.many:
            found[name] = value
    return found


def column_names(item: Item) -> tuple[str, ...]:
    """The fields of an item that are columns of its table, in an order that is always the same."""
    return tuple(sorted(name for name in item.fields if name in item.accepted.fields))


def make_shape(accepted: Accepted, names: Sequence[str], convert: Converters, *, is_text: bool) -> Shape:
    """The shape of rows that have the key and these columns."""
    fields: list[tuple[str, Field]] = [(KEY, accepted.key)]
    fields += [(name, accepted.fields[name]) for name in names]
    return Shape(
        schema=Schema(accepted.model),
        match=Match((KEY,)),
        values=tuple(
            ValueColumn(
                index=index,
                name=name,
                field=field,
                converter=convert(field, name, is_text=is_text),
            )
            for index, (name, field) in enumerate(fields)
        ),
        references=(),
        properties=(),
    )
