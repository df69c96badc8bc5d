"""Changes as people know them: databases keep some values in another form."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from modelsync.core.results import Change


def readable(change: Change) -> Change:
    """The same change; decimals have the digits of their field (4.50), UUIDs their dashes."""
    try:
        model = apps.get_model(change.model)
    except (LookupError, ValueError):
        return change
    fields = {}
    for name, values in change.fields.items():
        old, new = (_readable(value, _field(model, name)) for value in values)
        fields[name] = (old, new)
    return replace(change, pk=_readable(change.pk, _field(model, model._meta.pk.name)), fields=fields)


def _field(model: type[models.Model], name: str) -> Any:
    """The field of that name; of a reference, the one that it refers to. None where there is none."""
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def _readable(value: object, field: Any) -> object:
    with suppress(InvalidOperation, ValueError):
        match field, value:
            case (_, None):
                pass
            case models.DecimalField(decimal_places=int(places)), _:
                number = Decimal(str(value))  # SQLite has floats
                return f"{number:.{places}f}" if number.is_finite() else value
            case models.UUIDField(), str():
                return str(UUID(value))
            case models.DurationField(), int():
                return timedelta(microseconds=value)
    return value
