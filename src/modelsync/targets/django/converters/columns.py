"""A whole column at once: the scalar path, which finds the cells at fault, and the limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations

from modelsync.core.errors import RecordError
from modelsync.core.records import OMITTED
from modelsync.targets.django.converters import scalars
from modelsync.targets.django.converters.fast import TEXT, fast_path
from modelsync.targets.django.converters.scalars import Refused, Scalar

Errors = dict[int, RecordError]


class Converter:
    """Converts one column of raw values for one field.

    `python(values)` gives the field's Python values, `stage(values)` what the database driver binds;
    both return a list of the same length (OMITTED stays OMITTED) and the errors by position. One that is
    `exact` takes what another Django holds: '' is no NULL, and what is not among the choices comes, too.
    """

    def __init__(
        self,
        field: models.Field[Any, Any],
        connection: BaseDatabaseWrapper,
        *,
        column: str,
        is_text: bool,
        check: bool = True,
        exact: bool = False,
    ) -> None:
        self.field = field
        self.connection = connection
        self.column = column
        self.null = field.null
        self.is_texty = isinstance(field, TEXT)
        self.check = check
        self.exact = exact
        #: Whether values come from a parser, which makes texts of Python's own type only.
        self.is_parsed = is_text or exact
        self.choices = _choices(field) if check and not exact else None
        self.max_length: int | None = getattr(field, "max_length", None) if check and self.is_texty else None
        self.range = _range(field) if check else (None, None)
        self.scalar = _scalar(field, is_text=is_text)
        self.fast = fast_path(self)

    def python(self, values: Sequence[object]) -> tuple[list[object], Errors]:
        """The column as the field's Python values."""
        errors: Errors = {}
        result: list[object] = []
        for position, value in enumerate(values):
            try:
                result.append(self._one(value))
            except Refused as error:
                result.append(None)
                errors[position] = RecordError(str(error), column=self.column, value=value)
        return result, errors

    def stage(self, values: Sequence[object]) -> tuple[list[object], Errors]:
        """The column as values that the driver binds."""
        quick = self.fast(values) if self.fast else None
        if quick is not None:
            return quick, {}
        result, errors = self.python(values)
        field, connection = self.field, self.connection
        return [
            value if value is None or value is OMITTED else field.get_db_prep_save(value, connection)
            for value in result
        ], errors

    def stage_one(self, value: object) -> object:
        """One Python value as the driver binds it."""
        return None if value is None else self.field.get_db_prep_save(value, self.connection)

    def _one(self, value: object) -> object:
        if value is OMITTED:
            return value
        blank = isinstance(value, str) and not (value if self.is_texty else value.strip())
        if value is None or blank:
            if self.null and not (blank and self.exact and self.is_texty):
                return None
            if blank and self.is_texty:
                return self._limited("")
            what = "it is blank" if blank else "it is null"
            raise Refused(f"{what}, and {self.field.name} allows no NULL")
        return self._limited(self.scalar(value))

    def _limited(self, value: object) -> object:
        if self.max_length is not None and len(str(value)) > self.max_length:
            raise Refused(
                f"it is {len(str(value))} characters long, {self.field.name} takes {self.max_length}"
            )
        low, high = self.range
        if low is not None and isinstance(value, int) and value < low:
            raise Refused(f"it is under {low}, the least that {self.field.name} takes")
        if high is not None and isinstance(value, int) and value > high:
            raise Refused(f"it is over {high}, the most that {self.field.name} takes")
        if self.choices is not None and value not in self.choices and not (value == "" and self.field.blank):
            known = ", ".join(repr(c) for c in list(self.choices)[:10])
            raise Refused(f"it is none of the choices of {self.field.name}: {known}")
        return value


def compile_converter(
    field: models.Field[Any, Any],
    connection: BaseDatabaseWrapper,
    *,
    column: str,
    is_text: bool,
    check: bool = True,
    exact: bool = False,
) -> Converter:
    """The converter of a field; a foreign key converts as what it refers to, and keeps its own NULL."""
    target = field
    while isinstance(target, models.ForeignKey):
        target = target.target_field
    converter = Converter(target, connection, column=column, is_text=is_text, check=check, exact=exact)
    if target is not field:
        converter.null = field.null
        converter.choices = None
        if converter.is_texty and not field.null:
            converter.is_texty = False
            converter.fast = None
    return converter


def _choices(field: models.Field[Any, Any]) -> dict[object, None] | None:
    if not field.choices or isinstance(field, models.FilePathField):
        return None
    try:
        return dict.fromkeys(value for value, _ in field.flatchoices)
    except TypeError:
        return None


def _range(field: models.Field[Any, Any]) -> tuple[int | None, int | None]:
    """The range of an integer field, the same on every database."""
    if not isinstance(field, models.IntegerField):
        return None, None
    low, high = BaseDatabaseOperations.integer_field_ranges.get(field.get_internal_type(), (None, None))
    return (0 if field.get_internal_type().startswith("Positive") else low), high


def _scalar(field: models.Field[Any, Any], *, is_text: bool) -> Scalar:
    known: Sequence[tuple[type[models.Field[Any, Any]], Callable[[], Scalar]]] = (
        (models.BooleanField, lambda: scalars.to_bool),
        (models.IntegerField, lambda: scalars.to_int),
        (models.FloatField, lambda: scalars.to_float),
        (models.DecimalField, lambda: scalars.decimal_converter(field)),  # type: ignore[arg-type]  # it is one
        (models.DateTimeField, lambda: scalars.to_datetime),
        (models.DateField, lambda: scalars.to_date),
        (models.TimeField, lambda: scalars.to_time),
        (models.DurationField, lambda: scalars.to_duration),
        (models.UUIDField, lambda: scalars.to_uuid),
        (models.JSONField, lambda: scalars.json_converter(is_text=is_text)),
        (models.BinaryField, lambda: scalars.to_bytes),
        (models.GenericIPAddressField, lambda: scalars.ip_converter(field)),  # type: ignore[arg-type]  # it is one
        *((kind, lambda: scalars.to_text) for kind in TEXT),
    )
    for kind, make in known:
        if isinstance(field, kind):
            plain = type(field).to_python in {k.to_python for k, _ in known}
            return make() if plain else _chained(make(), scalars.generic_converter(field))
    return scalars.generic_converter(field)


def _chained(first: Scalar, second: Scalar) -> Scalar:
    return lambda value: second(first(value))
