"""From what the driver gives to what the wire wants, a whole column of a page at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connections, models

from modelsync.kinds import Kind, kind_of, make_writer
from modelsync.serving.errors import UnservableValue
from modelsync.serving.hiding import Field
from modelsync.serving.layout import Style, is_parent_link
from modelsync.serving.natural import NaturalKeys, is_natural
from modelsync.serving.shortcuts import Step, Values, quick_step, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Steps from the driver's values: to Python's, and to those that are written."""

    field: Field
    python: tuple[Step, ...]
    wire: tuple[Step, ...]

    def written(self, values: Values) -> Values:
        """What is written of these values."""
        return run(self.wire, values)


def make_column(field: Field, style: Style, using: str, converters: Sequence[Any], expression: Any) -> Column:
    """The column of a field that a query selects by `expression`, with Django's converters for it."""
    connection = connections[using]
    python = tuple(_converting(convert, expression, connection) for convert in converters)
    wire = python + wire_steps(field, style, using)
    if not is_special(field, style):
        if kind_of(field) is Kind.JSON:
            wire = (each(_as_text),)  # the database has the text
        elif python:
            quick = quick_step(field, connection, wire)
            wire = wire if quick is None else (quick,)
    return Column(field=field, python=python, wire=wire)


def wire_steps(field: Field, style: Style, using: str) -> tuple[Step, ...]:
    """The steps from Python's values to those that are written."""
    steps: list[Step] = []
    mask = style.hiding.mask(field)
    if mask is not None:
        steps.append(each(mask))
    target = _natural_target(field, style)
    if target is not None:
        steps.append(NaturalKeys(target.model, target.attname, using).of)
        return tuple(steps)
    match kind_of(field):
        case Kind.FLOAT:
            steps.append(_finite_floats(field))
        case Kind.DECIMAL:
            steps.append(_finite_decimals(field))
    writer = make_writer(field)
    if writer is not None:
        steps.append(each(writer))
    return tuple(steps)


def related_steps(field: models.ManyToManyField[Any, Any], style: Style, using: str) -> tuple[Step, ...]:
    """The steps from the keys that a many-to-many relation names to what is written."""
    target: type[models.Model] = field.remote_field.model
    if is_natural(target, wanted=style.natural_foreign):
        return (NaturalKeys(target, target._meta.pk.attname, using).of,)
    writer = make_writer(target._meta.pk)
    return () if writer is None else (each(writer),)


def each(function: Callable[[Any], Any]) -> Step:
    """A step that changes every value but None."""
    return lambda values: [None if value is None else function(value) for value in values]


def _natural_target(field: Field, style: Style) -> Field | None:
    """What a foreign key refers to, if natural keys stand for it."""
    if not isinstance(field, models.ForeignKey):
        return None
    wanted = style.natural_foreign
    if field.primary_key:
        # An object without its primary key has none that a parent's could be told by.
        wanted = style.natural_primary
        if not wanted or not is_parent_link(field):
            return None
    target: Field = field.target_field
    return target if is_natural(target.model, wanted=wanted) else None


def is_special(field: Field, style: Style) -> bool:
    """Whether something else stands for its values: a mask's, or natural keys."""
    return _natural_target(field, style) is not None or style.hiding.mask(field) is not None


def _converting(convert: Any, expression: Any, connection: Any) -> Step:
    return lambda values: [convert(value, expression, connection) for value in values]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _finite_floats(field: Field) -> Step:
    def check(values: Values) -> Values:
        if not math.isfinite(sum(filter(None, values))):
            for place, value in enumerate(values):
                if value is not None and not math.isfinite(value):
                    raise UnservableValue(field, place)
        return values

    return check


def _finite_decimals(field: Field) -> Step:
    def check(values: Values) -> Values:
        for place, value in enumerate(values):
            if isinstance(value, Decimal) and not value.is_finite():
                raise UnservableValue(field, place)
        return values

    return check
