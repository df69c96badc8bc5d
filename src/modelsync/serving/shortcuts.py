"""Quick ways from what SQLite and MariaDB give to the wire, where Django's converters are slow.

Each is taken only for values that look as Django writes them; any other goes the long way.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django.conf import settings
from django.db import models

from modelsync.kinds import Field, Kind, column_of, kind_of

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

Values: TypeAlias = "Sequence[Any]"
#: A column of a page -> the same, one step further.
Step: TypeAlias = Callable[[Values], Values]
_One: TypeAlias = Callable[[Any], Any]

# What a double holds exactly, and what Django reads back from SQLite.
_EXACT_DIGITS: Final = 15
_HEX: Final = 32
_HYPHENED: Final = 36


def run(steps: Sequence[Step], values: Values) -> Values:
    """The values after all steps."""
    for step in steps:
        values = step(values)
    return values


def quick_step(field: Field, connection: BaseDatabaseWrapper, slow: Sequence[Step]) -> Step | None:
    """A step that does what `slow` does; None where there is no quicker one."""
    if connection.vendor not in ("sqlite", "mysql"):
        return None

    def one(value: object) -> object:
        return None if value is None else run(slow, [value])[0]

    column = column_of(field)
    match kind_of(field):
        case Kind.BOOLEAN:
            return _booleans(one)
        case Kind.UUID:
            return _uuids(one)
        case Kind.DATETIME if settings.USE_TZ and connection.timezone is datetime.UTC:
            return _datetimes(one)
        case Kind.PLAIN if type(column) is models.DateField:
            return _dates(one)
        case Kind.DECIMAL if isinstance(column, models.DecimalField) and _fits_a_double(column):
            return _decimals(one, column.decimal_places)
        case _:
            return None


def _booleans(slow: _One) -> Step:
    return lambda values: [
        (value == 1) if value is True or value is False or value in (0, 1) else slow(value)
        for value in values
    ]


def _uuids(slow: _One) -> Step:
    def written(value: object) -> object:
        if isinstance(value, str) and len(value) == _HEX and value.isalnum():
            return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"
        if isinstance(value, str) and len(value) == _HYPHENED:
            return value
        return slow(value)

    return lambda values: [written(value) for value in values]


def _datetimes(slow: _One) -> Step:
    utc = datetime.UTC
    naive = datetime.datetime
    return lambda values: [
        value.replace(tzinfo=utc) if type(value) is naive and value.tzinfo is None else slow(value)
        for value in values
    ]


def _dates(slow: _One) -> Step:
    date = datetime.date
    return lambda values: [value if type(value) is date else slow(value) for value in values]


def _decimals(slow: _One, places: int) -> Step:
    """SQLite keeps decimals as doubles, whose shortest text has the digits that were stored."""

    def written(value: object) -> object:
        if type(value) is int:
            return f"{value}.{'0' * places}" if places else str(value)
        if type(value) is float:
            whole, point, rest = repr(value).partition(".")
            if point and len(rest) <= places and rest.isdigit():
                return f"{whole}.{rest.ljust(places, '0')}"
        return slow(value)

    return lambda values: [written(value) for value in values]


def _fits_a_double(field: models.DecimalField[Any, Any]) -> bool:
    return 0 < (field.max_digits or 0) <= _EXACT_DIGITS
