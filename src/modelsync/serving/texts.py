"""Columns that PostgreSQL itself writes (nearly) as the wire wants them: texts that need no parsing."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import models
from django.db.models.functions import Cast

from modelsync.kinds import Kind, column_of, kind_of
from modelsync.serving.columns import is_special
from modelsync.serving.errors import UnservableValue
from modelsync.serving.hiding import Field
from modelsync.serving.layout import Style
from modelsync.serving.shortcuts import Step, Values

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_DATE: Final = len("2026-01-02")


def text_step(field: Field, style: Style, connection: BaseDatabaseWrapper) -> Step | None:
    """What turns the texts of a field's values into what is written; None where they are of no use."""
    if connection.vendor != "postgresql" or field.primary_key or is_special(field, style):
        return None
    has_iso_dates = str(connection.connection.info.parameter_status("DateStyle")).startswith("ISO")
    match kind_of(field):
        case Kind.DECIMAL:
            return _decimals(field)
        case Kind.UUID:
            return lambda values: values
        case Kind.DATETIME if has_iso_dates and settings.USE_TZ and connection.timezone is datetime.UTC:
            return _moments(field)
        case Kind.PLAIN if has_iso_dates and type(column_of(field)) is models.DateField:
            return _dates(field)
        case _:
            return None


def as_text(field: Field) -> Cast:
    """What a query selects for it."""
    return Cast(field.attname, models.TextField())


def _decimals(field: Field) -> Step:
    def check(values: Values) -> Values:
        for place, value in enumerate(values):
            if value is not None and not value[-1].isdigit():
                raise UnservableValue(field, place)
        return values

    return check


def _dates(field: Field) -> Step:
    def check(values: Values) -> Values:
        for place, value in enumerate(values):
            if value is not None and len(value) != _DATE:
                raise UnservableValue(field, place)
        return values

    return check


def _moments(field: Field) -> Step:
    """2026-01-02 03:04:05.6+00 is written as 2026-01-02T03:04:05.6Z."""

    def write(values: Values) -> Values:
        for place, value in enumerate(values):
            if value is not None and (value[_DATE : _DATE + 1] != " " or value[-3:] != "+00"):
                raise UnservableValue(field, place)
        return [None if value is None else f"{value[:10]}T{value[11:-3]}Z" for value in values]

    return write
