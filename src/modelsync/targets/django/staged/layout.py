"""What is staged: the columns of the temporary table, and what new objects get that no row gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models

from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.context import Context
from modelsync.targets.django.schema import Field, stamps_itself
from modelsync.targets.django.shape import Shape
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A field that the input does not give, and what a new object gets in it.

    `constant` is one value for all, already as the driver binds it; `make` makes one for each row.
    """

    field: Field
    constant: object = None
    make: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The stage of one shape: names of its columns, and what has to be filled in for new objects.

    `lacking` names a field that a new object needs and that nothing gives; `sent` are the fields that
    the input has values for, which therefore do not fill themselves.
    """

    shape: Shape
    columns: tuple[StageColumn, ...]
    fills: tuple[Fill, ...]
    lacking: str | None
    has_keys: bool
    sent: frozenset[Field]


def make_layout(context: Context, shape: Shape, dialect: Dialect) -> Layout:
    """The layout of a shape."""
    integer = "integer"
    key_field = ExternalKeyMapping._meta.get_field("external_key")
    columns = [
        StageColumn("n", type=f"{integer} PRIMARY KEY" if context.connection.vendor == "sqlite" else integer),
        StageColumn("w", type=integer, default="0"),
        StageColumn("a", type=integer),
    ]
    if context.system is not None:
        columns.append(StageColumn("k", field=key_field))
    for column in shape.values:
        columns.append(StageColumn(f"v{column.index}", field=column.field))
        columns.append(StageColumn(f"h{column.index}", type=integer))
    for reference in shape.references:
        columns += [StageColumn(f"l{lookup.index}", field=lookup.field) for lookup in reference.lookups]
    fills, lacking = _fills(shape, dialect)
    columns += [StageColumn(f"d_{fill.field.column}", field=fill.field) for fill in fills if fill.make]
    return Layout(
        shape=shape,
        columns=tuple(columns),
        fills=tuple(fills),
        lacking=lacking,
        has_keys=context.system is not None,
        sent=_given(shape),
    )


def _given(shape: Shape) -> frozenset[Field]:
    return frozenset(
        [*(column.field for column in shape.values), *(r.field for r in shape.references if r.field)]
    )


def _fills(shape: Shape, dialect: Dialect) -> tuple[list[Fill], str | None]:
    given = _given(shape)
    fills: list[Fill] = []
    lacking = None
    for each in shape.schema.fields:
        if each in given or _is_automatic(each) or each.has_db_default():
            continue
        default = each.default
        if each.has_default() and callable(default):
            fills.append(Fill(field=each, make=lambda f=each: dialect.adapt(f, f.get_default())))
            continue
        value = each.get_default()
        if value is None and not each.null:
            lacking = lacking or each.name
        fills.append(Fill(field=each, constant=dialect.adapt(each, value)))
    return fills, lacking


def _is_automatic(each: Field) -> bool:
    return isinstance(each, models.AutoField) or stamps_itself(each)
