"""The fast paths: a whole column of clean input of one type, looked at together.

Each gives what the database driver binds, or None where some value is not clean: then the scalar path tells
which, and why.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django.conf import settings
from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from modelsync.targets.django.converters.columns import Converter

Fast: TypeAlias = Callable[[Sequence[Any]], "list[Any] | None"]

#: The fields of Django whose values are text.
TEXT: Final = (
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
_UUID: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AFTER_SECONDS: Final = re.compile(r"(?P<fraction>\.[0-9]{1,6})?(?P<zone>Z|\+00:00)?")


def fast_path(converter: Converter) -> Fast | None:
    """The fast path of a field that is exactly one of Django's own; None for any other."""
    field = converter.field
    if type(field) in TEXT:
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
