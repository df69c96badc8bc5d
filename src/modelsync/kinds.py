"""How a field's values are written on the wire (docs/reference/pull-protocol.md, "An object")."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from django.db import models
from django.utils.duration import duration_iso_string

Field: TypeAlias = "models.Field[Any, Any]"
#: A value that is not None, as Python has it -> what msgspec writes.
Writer: TypeAlias = Callable[[Any], object]


class Kind(Enum):
    """A row of the protocol's table of values."""

    PLAIN = auto()  # msgspec writes it as the protocol wants it
    FLOAT = auto()
    DECIMAL = auto()
    DURATION = auto()
    UUID = auto()
    DATETIME = auto()
    BOOLEAN = auto()
    JSON = auto()
    FILE = auto()
    OTHER = auto()  # value_to_string(), which needs an instance


_KINDS: Final[tuple[tuple[type[Field], Kind], ...]] = (
    (models.BooleanField, Kind.BOOLEAN),
    (models.FloatField, Kind.FLOAT),
    (models.DecimalField, Kind.DECIMAL),
    (models.DurationField, Kind.DURATION),
    (models.UUIDField, Kind.UUID),
    (models.DateTimeField, Kind.DATETIME),
    (models.JSONField, Kind.JSON),
    (models.FileField, Kind.FILE),
    (models.IntegerField, Kind.PLAIN),
    (models.CharField, Kind.PLAIN),
    (models.TextField, Kind.PLAIN),
    (models.DateField, Kind.PLAIN),
    (models.TimeField, Kind.PLAIN),
    (models.BinaryField, Kind.PLAIN),
    (models.GenericIPAddressField, Kind.PLAIN),
    (models.FilePathField, Kind.PLAIN),
)
#: What a field class of a project may override to have values of its own.
_MEANING: Final = ("from_db_value", "get_db_converters", "to_python", "value_from_object", "value_to_string")
# A Decimal with more places than this may be written with an exponent: Decimal("0.0000000") is "0E-7".
_PLAIN_PLACES: Final = 6


def column_of(field: Field) -> Field:
    """The field whose values are in the column: of a foreign key, the one that it refers to."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def kind_of(field: Field) -> Kind:
    """The kind of a field, or of what a foreign key refers to.

    A field class of a project is what it inherits from, unless it changes what values mean.
    """
    if isinstance(field, models.ForeignKey) and not _is_plain(field, models.ForeignKey):
        return Kind.OTHER
    field = column_of(field)
    for base, kind in _KINDS:
        if isinstance(field, base):
            return kind if _is_plain(field, base) else Kind.OTHER
    return Kind.OTHER


def make_writer(field: Field) -> Writer | None:
    """What makes a value of the field ready for msgspec; None where it is already."""
    column = column_of(field)
    match kind_of(field):
        case Kind.DECIMAL if isinstance(column, models.DecimalField) and _has_long_scale(column):
            return lambda value: format(value, "f")
        case Kind.DURATION:
            return duration_iso_string
        case Kind.JSON if isinstance(column, models.JSONField):
            return make_json_writer(column)
        case Kind.FILE:
            return str
        case _:
            return None


def make_json_writer(field: models.JSONField[Any, Any]) -> Writer:
    """The text of a JSON value. `Value(None, JSONField())` is how Django says JSON's null."""

    def write(value: object) -> str:
        if isinstance(value, models.Value):
            value = value.value
        return json.dumps(value, cls=field.encoder)

    return write


def _is_plain(field: Field, base: type[Field]) -> bool:
    """Whether the values of the field mean what those of Django's own class mean."""
    known = next(cls for cls in type(field).__mro__ if cls.__module__.startswith("django.db.models."))
    if not issubclass(known, base):
        known = base
    return all(getattr(type(field), name, None) is getattr(known, name, None) for name in _MEANING)


def _has_long_scale(field: models.DecimalField[Any, Any]) -> bool:
    return (field.decimal_places or 0) > _PLAIN_PLACES
