"""One value to one field's Python value, or a RecordError that says why not."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import math
import uuid
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv4_address, validate_ipv46_address
from django.db import models
from django.db.models.expressions import Value
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

Scalar = Callable[[object], object]
TRUE = frozenset(("true", "t", "yes", "y", "on", "1"))
FALSE = frozenset(("false", "f", "no", "n", "off", "0"))
JSON_NULL = Value(None, models.JSONField())


class Refused(ValueError):
    """A value that the field does not take; the message is the reason."""


def to_text(value: object) -> str:
    """Text, and numbers as their digits."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, (int, float, Decimal, uuid.UUID, dt.date, dt.time)) and not isinstance(
        value, bool
    ):
        text = str(value)
    else:
        raise Refused(f"a {type(value).__name__} is no text")
    if "\x00" in text:
        raise Refused("it holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("it holds half of a surrogate pair, which is no character") from None
    return text


def to_int(value: object) -> int:
    """A whole number; from text, int, or a float or Decimal without a fraction."""
    if isinstance(value, str):
        try:
            if "_" in value:
                raise ValueError
            return int(value)
        except ValueError:
            raise Refused(f"it is no whole number{_comma(value)}") from None
    if isinstance(value, bool):
        raise Refused("true and false are no numbers")
    if isinstance(value, int):
        return value
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and value == int(value):
        return int(value)
    raise Refused("it is no whole number")


def to_float(value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise Refused("it is no number")
    try:
        if isinstance(value, str) and "_" in value:
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise Refused(f"it is no number{_comma(str(value))}") from None
    if not math.isfinite(number):
        raise Refused("it is not finite")
    return number


def decimal_converter(field: models.DecimalField[Any, Any]) -> Scalar:
    """A converter to Decimals of the field's scale: no digit is lost, none is invented."""
    places, digits = field.decimal_places or 0, field.max_digits or 0
    unit = Decimal(1).scaleb(-places)

    def convert(value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
            raise Refused("it is no number")
        try:
            text = repr(value) if isinstance(value, float) else str(value).strip()
            if "_" in text:
                raise InvalidOperation
            number = Decimal(text)
        except InvalidOperation:
            raise Refused(f"it is no number{_comma(str(value))}") from None
        if not number.is_finite():
            raise Refused("it is not finite")
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -places:
            rounded = number.quantize(unit) if number.adjusted() < digits else number
            noise = abs(number) * Decimal("1e-14") if isinstance(value, float) else Decimal(0)
            if abs(rounded - number) > noise:
                raise Refused(f"it has more than {places} decimal places")
            number = rounded
        if number and number.adjusted() >= digits - places:
            raise Refused(f"it has more than {digits - places} digits before the decimal point")
        return number

    return convert


def to_bool(value: object) -> bool:
    """true/false, t/f, yes/no, y/n, on/off, 1/0 in any case."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise Refused("it is neither true nor false")


def to_date(value: object) -> dt.date:
    """An ISO date, or a date and time at midnight."""
    if isinstance(value, str):
        value = _parsed(parse_date, value.strip()) or _parsed(parse_datetime, value.strip())
    if isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise Refused("it has a time of day, the field holds a date")
        return value.date()
    if isinstance(value, dt.date):
        return value
    raise Refused("it is no date; write YYYY-MM-DD")


def to_datetime(value: object) -> dt.datetime:
    """An ISO date and time; a naive one is in the current time zone, where the project has zones."""
    if isinstance(value, str):
        text = value.strip()
        value = _parsed(parse_datetime, text) or _parsed(parse_date, text)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime):
        raise Refused("it is no date and time; write YYYY-MM-DD HH:MM:SS, with an offset such as +02:00")
    if settings.USE_TZ and timezone.is_naive(value):
        aware = timezone.make_aware(value)
        if aware.astimezone(dt.UTC).astimezone(aware.tzinfo).replace(tzinfo=None) != value:
            raise Refused(
                f"that time does not exist in {timezone.get_current_timezone_name()} (clock change)"
            )
        # In UTC, since a local time that comes twice equals no time of another zone (PEP 495).
        return aware.astimezone(dt.UTC)
    if not settings.USE_TZ and timezone.is_aware(value):
        return timezone.make_naive(value, timezone.get_default_timezone())
    return value


def to_time(value: object) -> dt.time:
    """An ISO time of day."""
    if isinstance(value, str):
        value = _parsed(parse_time, value.strip())
    if isinstance(value, dt.datetime) and value.date() == dt.date(1900, 1, 1):
        value = value.time()
    if isinstance(value, dt.time) and value.tzinfo is None:
        return value
    raise Refused("it is no time of day; write HH:MM:SS")


def to_duration(value: object) -> dt.timedelta:
    """A duration as Django or ISO 8601 writes it."""
    if isinstance(value, str):
        value = _parsed(parse_duration, value.strip())
    if isinstance(value, dt.timedelta):
        return value
    raise Refused("it is no duration; write 'DD HH:MM:SS' or an ISO 8601 duration")


def to_uuid(value: object) -> uuid.UUID:
    """A UUID with or without hyphens."""
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value).strip())
    except ValueError:
        raise Refused("it is no UUID") from None


def json_converter(*, is_text: bool) -> Scalar:
    """JSON columns take JSON text from text sources, and values as they are from typed ones."""

    def convert(value: object) -> object:
        if is_text and isinstance(value, str):
            try:
                value = json.loads(value, parse_constant=_no_constant)
            except ValueError:
                raise Refused("it is no JSON") from None
            return JSON_NULL if value is None else value
        return _json_value(value)

    return convert


def to_bytes(value: object) -> bytes:
    """Bytes, or their base64 text."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("it is no base64") from None


def ip_converter(field: models.GenericIPAddressField[Any, Any]) -> Scalar:
    """IP addresses, cleaned as the field does it."""
    check = validate_ipv4_address if field.protocol.lower() == "ipv4" else validate_ipv46_address

    def convert(value: object) -> object:
        try:
            check(to_text(value).strip())
            return field.to_python(to_text(value).strip())
        except ValidationError as error:
            raise Refused("; ".join(error.messages)) from None

    return convert


def generic_converter(field: models.Field[object, object]) -> Scalar:
    """Any other field: its own `to_python`."""

    def convert(value: object) -> object:
        try:
            return field.to_python(value)
        except ValidationError as error:
            raise Refused("; ".join(error.messages)) from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise Refused(str(error) or "the field does not take it") from None

    return convert


def _parsed(parse: Callable[[str], object], text: str) -> object:
    try:
        return parse(text)
    except ValueError:
        return None


def _comma(text: str) -> str:
    return "; write the decimal point as '.', not ','" if "," in text else ""


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _json_value(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused("NaN and infinity are no JSON")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and "." not in str(value) else float(value)
    if isinstance(value, dict):
        return {str(k): _json_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(v) for v in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    raise Refused(f"a {type(value).__name__} is no JSON")
