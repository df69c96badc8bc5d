"""A whole column at once: the fast paths, the scalar path behind them, and the limits."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations
from django.utils import timezone

from modelsync.core.errors import RecordError
from modelsync.core.records import OMITTED
from modelsync.targets.django.converters import scalars
from modelsync.targets.django.converters.scalars import Refused, Scalar

_UUID: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AFTER_SECONDS: Final = re.compile(r"(?P<fraction>\.[0-9]{1,6})?(?P<zone>Z|\+00:00)?")

Errors = dict[int, RecordError]
Fast = Callable[[Sequence[Any]], "list[Any] | None"]

_TEXT: Final = (
    models.CharField,
    models.TextField,
    models.SlugField,
    models.EmailField,
    models.URLField,
    models.FilePathField,
    models.FileField,
    models.ImageField,
)
_BOOLS: Final = {
    **{
        word: True
        for base in ("true", "t", "yes", "y", "on", "1")
        for word in (base, base.upper(), base.title())
    },
    **{
        word: False
        for base in ("false", "f", "no", "n", "off", "0")
        for word in (base, base.upper(), base.title())
    },
}


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
        self.is_texty = isinstance(field, _TEXT)
        self.check = check
        self.exact = exact
        #: Whether values come from a parser, which makes texts of Python's own type only.
        self.is_parsed = is_text or exact
        self.choices = _choices(field) if check and not exact else None
        self.max_length: int | None = getattr(field, "max_length", None) if check and self.is_texty else None
        self.range = _range(field) if check else (None, None)
        self.scalar = _scalar(field, is_text=is_text)
        self.fast = _fast(self)

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
        *((kind, lambda: scalars.to_text) for kind in _TEXT),
    )
    for kind, make in known:
        if isinstance(field, kind):
            plain = type(field).to_python in {k.to_python for k, _ in known}
            return make() if plain else _chained(make(), scalars.generic_converter(field))
    return scalars.generic_converter(field)


def _chained(first: Scalar, second: Scalar) -> Scalar:
    return lambda value: second(first(value))


def _fast(converter: Converter) -> Fast | None:
    """The fast path of a field that is exactly one of Django's own; None for any other."""
    field = converter.field
    if type(field) in _TEXT:
        return lambda values: _fast_text(converter, values)
    if converter.choices is not None:
        return None
    if type(field).__module__ != "django.db.models.fields":
        return None
    if isinstance(field, models.IntegerField):
        return lambda values: _fast_int(converter, values)
    if type(field) is models.DecimalField:
        places, digits = field.decimal_places or 0, field.max_digits or 0
        fraction = rf"(?:\.[0-9]{{1,{places}}})?" if places else ""
        shape = re.compile(rf"-?[0-9]{{1,{digits - places}}}{fraction}") if digits > places else None
        return (lambda values: _fast_shaped(converter, values, shape)) if shape else None
    quick = _QUICK.get(type(field))
    return (lambda values: quick(converter, values)) if quick else None


def _filled(converter: Converter, values: Sequence[Any]) -> Sequence[str] | None:
    """The values that are not blank, if all are text and blanks are allowed; else None."""
    if not _are_texts(converter, values):
        return None
    if "" in values:
        return [v for v in values if v] if converter.null else None
    return values


def _are_texts(converter: Converter, values: Sequence[Any]) -> bool:
    if not converter.is_parsed:
        return set(map(type, values)) == {str}
    try:
        "".join(values)
    except TypeError:
        return False
    return True


def _rejoined(values: Sequence[Any], filled: Sequence[Any], converted: list[Any]) -> list[Any]:
    if len(filled) == len(values):
        return converted
    rest = iter(converted)
    return [next(rest) if v else None for v in values]


def _fast_text(converter: Converter, values: Sequence[Any]) -> list[Any] | None:
    if not _are_texts(converter, values):
        return None
    if converter.max_length is not None and max(map(len, values)) > converter.max_length:
        return None
    joined = "".join(values)
    if "\x00" in joined:
        return None
    if not joined.isascii():
        try:
            joined.encode()
        except UnicodeEncodeError:
            return None
    if converter.choices is not None and not set(values) - {""} <= converter.choices.keys():
        return None
    if "" in values:
        if converter.null and not converter.exact:
            return [v or None for v in values]
        if converter.choices is not None and not converter.field.blank:
            return None
    return list(values)


def _fast_int(converter: Converter, values: Sequence[Any]) -> list[Any] | None:
    if set(map(type, values)) == {int}:
        filled, numbers = values, list(values)
    else:
        text = _filled(converter, values)
        if not text or "_" in "".join(text):
            return None
        try:
            filled, numbers = text, list(map(int, text))
        except ValueError:
            return None
    low, high = converter.range
    if (low is not None and min(numbers) < low) or (high is not None and max(numbers) > high):
        return None
    return _rejoined(values, filled, numbers)


def _fast_float(converter: Converter, values: Sequence[Any]) -> list[Any] | None:
    if set(map(type, values)) == {float}:
        return list(values) if all(map(isfinite, values)) else None
    filled = _filled(converter, values)
    if not filled or "_" in "".join(filled):
        return None
    try:
        numbers = list(map(float, filled))
    except ValueError:
        return None
    return _rejoined(values, filled, numbers) if all(map(isfinite, numbers)) else None


def _fast_shaped(converter: Converter, values: Sequence[Any], shape: re.Pattern[str]) -> list[Any] | None:
    """Decimals whose text has the digits that the field allows: the database reads them as they are."""
    filled = _filled(converter, values)
    if not filled or not all(map(shape.fullmatch, filled)):
        return None
    return _rejoined(values, filled, list(filled))


def _fast_bool(converter: Converter, values: Sequence[Any]) -> list[Any] | None:
    filled = _filled(converter, values)
    if not filled:
        return list(values) if set(map(type, values)) == {bool} else None
    try:
        return _rejoined(values, filled, [_BOOLS[v] for v in filled])
    except KeyError:
        return None


def _fast_date(converter: Converter, values: Sequence[Any]) -> list[Any] | None:
    filled = _filled(converter, values)
    if not filled or set(map(len, filled)) != {10} or "W" in "".join(filled):
        return None
    try:
        all(map(dt.date.fromisoformat, filled))
    except ValueError:
        return None
    return _rejoined(values, filled, list(filled))


def _fast_uuid(converter: Converter, values: Sequence[Any]) -> list[Any] | None:
    filled = _filled(converter, values)
    if not filled or not all(map(_UUID.fullmatch, filled)):
        return None
    if not converter.connection.features.has_native_uuid_field:
        return _rejoined(values, filled, [v.replace("-", "") for v in filled])
    return _rejoined(values, filled, list(filled))


def _fast_datetime(converter: Converter, values: Sequence[Any]) -> list[Any] | None:
    """Those in UTC, where neither the project nor the connection shifts them."""
    filled = _filled(converter, values)
    marks = _marks(filled) if filled else None
    if not filled or not marks:
        return None
    in_date, in_time, between, ends = marks
    if in_date != {"-"} or in_time != {":"}:
        return None
    tails = [_AFTER_SECONDS.fullmatch(end) for end in ends]
    zones = {tail and tail["zone"] for tail in tails}
    if not all(tails):
        return None
    if settings.USE_TZ:
        is_local = None in zones and str(timezone.get_current_timezone()) != "UTC"
        if is_local or str(converter.connection.timezone) not in {"UTC", "None"}:
            return None
    elif zones != {None}:
        return None
    try:
        moments = list(map(dt.datetime.fromisoformat, filled))
    except ValueError:
        return None
    if converter.connection.vendor == "postgresql" or (ends == {""} and between == {" "}):
        return _rejoined(values, filled, list(filled))
    if not any(tail and tail["fraction"] for tail in tails):
        return _rejoined(values, filled, [f"{v[:10]} {v[11:19]}" for v in filled])
    return _rejoined(values, filled, [str(moment.replace(tzinfo=None)) for moment in moments])


def _marks(moments: Sequence[str]) -> tuple[set[str], set[str], set[str], set[str]] | None:
    """What stands in texts like 2026-01-02T03:04:05Z between the parts of the date, of the time, between
    both, and at the end; None where it cannot be told at a glance.
    """
    lengths = set(map(len, moments))
    if min(lengths) < len("2026-01-02 03:04:05"):
        return None
    if len(lengths) > 1:
        date = {v[i] for v in moments for i in (4, 7)}
        time = {v[i] for v in moments for i in (13, 16)}
        return date, time, {v[10] for v in moments}, {v[19:] for v in moments}
    # Texts of one length are looked at all at once.
    (step,) = lengths
    joined = "".join(moments)
    columns = [set(joined[i::step]) for i in range(19, step)]
    if any(len(marks) > 1 for marks in columns):
        ends = {v[19:] for v in moments}
    else:
        ends = {"".join(map("".join, columns))}
    date = {*joined[4::step], *joined[7::step]}
    time = {*joined[13::step], *joined[16::step]}
    return date, time, set(joined[10::step]), ends


_QUICK: Final[dict[type[models.Field[Any, Any]], Callable[[Converter, Sequence[Any]], list[Any] | None]]] = {
    models.FloatField: _fast_float,
    models.BooleanField: _fast_bool,
    models.DateField: _fast_date,
    models.DateTimeField: _fast_datetime,
    models.UUIDField: _fast_uuid,
}
