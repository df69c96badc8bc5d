"""One cell to one value: what each kind of field takes, and that the quick way takes the same."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from modelsync.core.records import OMITTED
from modelsync.targets.django.converters import Converter, compile_converter
from tests.shop.models import Everything, Passport, Product, Stock, Supplier, Uuided, Worded

UTC = dt.UTC


def converter(
    name: str, model: type[models.Model] = Everything, *, is_text: bool = True, check: bool = True
) -> Converter:
    """The converter of a model's field."""
    field = model._meta.get_field(name)
    return compile_converter(field, connection, column=name, is_text=is_text, check=check)  # type: ignore[arg-type]  # concrete


GOOD: dict[str, list[tuple[object, object]]] = {
    "f_char": [
        ("a", "a"),
        ("", None),
        (" a ", " a "),
        (7, "7"),
        (1.5, "1.5"),
        (Decimal("1.10"), "1.10"),
        (None, None),
    ],
    "f_text": [("a\nb", "a\nb"), ("x" * 100_000, "x" * 100_000), (dt.date(2026, 1, 2), "2026-01-02")],
    "f_slug": [("a-b", "a-b"), ("", None)],
    "f_email": [("a@example.org", "a@example.org")],
    "f_url": [("https://example.org", "https://example.org")],
    "f_int": [
        ("7", 7),
        (" 7 ", 7),
        ("-7", -7),
        ("+7", 7),
        (7.0, 7),
        (Decimal(7), 7),
        ("", None),
        (" ", None),
        ("007", 7),
    ],
    "f_bigint": [(str(2**63 - 1), 2**63 - 1), (-(2**63), -(2**63))],
    "f_smallint": [("32767", 32767)],
    "f_posint": [("0", 0)],
    "f_posbig": [(2**63 - 1, 2**63 - 1)],
    "f_possmall": [("32767", 32767)],
    "f_float": [("1.5", 1.5), ("1e3", 1000.0), (2, 2.0), (Decimal("0.1"), 0.1), ("", None)],
    "f_decimal": [
        ("1.5", Decimal("1.5")),
        (1.1, Decimal("1.1")),
        (0.1 + 0.2, Decimal("0.3000")),
        ("", None),
        (3, Decimal(3)),
    ],
    "f_bool": [
        ("true", True),
        ("No", False),
        (1, True),
        (0, False),
        (True, True),
        (" on ", True),
        ("", None),
    ],
    "f_date": [
        ("2026-01-02", dt.date(2026, 1, 2)),
        ("2026-01-02T00:00:00", dt.date(2026, 1, 2)),
        (dt.datetime(2026, 1, 2), dt.date(2026, 1, 2)),
    ],
    "f_datetime": [
        ("2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05+01:00", dt.datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("2026-01-02", dt.datetime(2026, 1, 2, tzinfo=UTC)),
        (dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 2, tzinfo=UTC)),
        (dt.date(2026, 1, 2), dt.datetime(2026, 1, 2, tzinfo=UTC)),
    ],
    "f_time": [
        ("03:04", dt.time(3, 4)),
        ("03:04:05.000006", dt.time(3, 4, 5, 6)),
        (dt.datetime(1900, 1, 1, 3), dt.time(3)),
    ],
    "f_duration": [
        ("1 02:03:04", dt.timedelta(1, 7384)),
        ("P1DT1S", dt.timedelta(1, 1)),
        (dt.timedelta(2), dt.timedelta(2)),
    ],
    "f_uuid": [
        (uuid.UUID(int=5), uuid.UUID(int=5)),
        (str(uuid.UUID(int=5)), uuid.UUID(int=5)),
        (uuid.UUID(int=5).hex, uuid.UUID(int=5)),
    ],
    "f_json": [('{"a": [1, null]}', {"a": [1, None]}), ("1", 1), ('"x"', "x"), ("", None)],
    "f_binary": [("aGk=", b"hi"), (b"hi", b"hi"), (memoryview(b"hi"), b"hi")],
    "f_ip": [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ("2001:0DB8::1", "2001:db8::1"),
    ],
    "f_choice": [("a", "a"), ("", None)],
    "f_int_choice": [("1", 1), (2, 2), ("", None)],
    "f_file": [("files/a.txt", "files/a.txt")],
    "f_filepath": [("/somewhere/a.py", "/somewhere/a.py")],
}
BAD: dict[str, list[tuple[object, str]]] = {
    "f_char": [
        ("x" * 11, "11 characters"),
        ("a\x00", "NUL"),
        ("\ud800", "surrogate"),
        (True, "no text"),
        ([1], "no text"),
        (b"x", "no text"),
    ],
    "f_text": [("\x00", "NUL"), ({}, "no text")],
    "f_slug": [("x" * 51, "51 characters")],
    "f_int": [
        ("1.5", "whole"),
        ("1,5", "','"),
        ("x", "whole"),
        ("1_000", "whole"),
        (True, "no numbers"),
        (1.5, "whole"),
        (2**31, "over"),
        (float("nan"), "whole"),
        ("٣.", "whole"),
    ],
    "f_bigint": [(2**63, "over"), (str(-(2**63) - 1), "under")],
    "f_smallint": [("32768", "over")],
    "f_posint": [("-1", "under")],
    "f_posbig": [(-1, "under")],
    "f_possmall": [(40_000, "over")],
    "f_float": [
        ("1,5", "','"),
        ("nan", "finite"),
        ("1e999", "finite"),
        (True, "no number"),
        ("1_0", "no number"),
        (10**400, "no number"),
    ],
    "f_decimal": [
        ("1,5", "','"),
        ("0.00001", "4 decimal places"),
        ("1e9", "8 digits"),
        ("NaN", "finite"),
        (True, "no number"),
        ("1_0", "no number"),
    ],
    "f_bool": [("maybe", "neither"), (2, "neither"), (1.0, "neither")],
    "f_date": [("2026-02-30", "YYYY-MM-DD"), ("2026-01-02T03:04:05", "time of day"), (20260102, "YYYY")],
    "f_datetime": [("yesterday", "YYYY"), ("2026-01-02 25:00", "YYYY"), (5, "YYYY")],
    "f_time": [
        ("25:00", "HH:MM:SS"),
        (dt.time(3, tzinfo=UTC), "HH:MM:SS"),
        (dt.datetime(2026, 1, 1, 3), "HH:MM:SS"),
    ],
    "f_duration": [("soon", "duration"), (5, "duration")],
    "f_uuid": [("x", "UUID"), (5, "UUID")],
    "f_json": [("{", "no JSON"), ("NaN", "no JSON"), ("[Infinity]", "no JSON")],
    "f_binary": [("ä", "base64"), ("a", "base64")],
    "f_ip": [("1.2.3", ""), ("example.org", "")],
    "f_choice": [("z", "choices"), ("A", "choices")],
    "f_int_choice": [("3", "choices"), ("One", "whole")],
}


@pytest.mark.parametrize(
    ("name", "given", "kept"), [(name, given, kept) for name, cases in GOOD.items() for given, kept in cases]
)
def test_good_values(name: str, given: object, kept: object) -> None:
    """A value becomes the field's own type, without loss."""
    found, errors = converter(name).python([given])
    assert not errors
    assert found == [kept]
    assert type(found[0]) is type(kept)


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [(name, given, reason) for name, cases in BAD.items() for given, reason in cases],
)
def test_bad_values(name: str, given: object, reason: str) -> None:
    """A value that a field does not take is told with column, value and reason; its neighbours are not."""
    each = converter(name)
    found, errors = each.python([None, given, OMITTED])
    assert list(errors) == [1]
    error = errors[1]
    assert (error.column, error.value is given, reason in error.reason) == (name, True, True), error.reason
    assert (found[0], found[2]) == (None, OMITTED)
    assert each.fast is None or each.fast([given]) is None, "the quick way leaves it to the other"


def test_every_field_is_tried() -> None:
    """The tables above have all fields of Everything."""
    names = {field.name for field in Everything._meta.concrete_fields} - {"id", "code"}
    assert set(GOOD) == names
    assert set(BAD) == names - {"f_email", "f_url", "f_file", "f_filepath"}


@pytest.mark.parametrize("cell", ["", " ", None])
@pytest.mark.parametrize(
    ("name", "model"), [("stock", Product), ("active", Product), ("id", Uuided), ("person", Passport)]
)
def test_blanks_where_null_is_not_allowed(name: str, model: type[models.Model], cell: object) -> None:
    """They are refused, and are no zero and no false."""
    each = converter(name, model)
    _, errors = each.python([cell])
    assert "allows no NULL" in errors[0].reason
    assert each.fast is None or each.fast([cell]) is None


def test_blanks_in_text() -> None:
    """'' is text where NULL is not allowed; white space is text too."""
    assert converter("name", Supplier).python(["", " "]) == (["", " "], {})
    assert 0 in converter("name", Supplier).python([None])[1]
    assert 0 in converter("supplier", Stock).python(["\x00"])[1]


def test_foreign_keys_convert_as_what_they_refer_to() -> None:
    """A key of the other model's type; text keys have that field's length."""
    assert converter("supplier", Product).python(["7", None, ""]) == ([7, None, None], {})
    assert 0 in converter("supplier", Product).python([True])[1]
    assert converter("supplier", Stock).python(["s1", ""]) == (["s1", None], {})
    assert 0 in converter("supplier", Stock).python(["x" * 21])[1]
    assert converter("word", Worded).python(["w"]) == (["w"], {})


def test_without_checks() -> None:
    """`validate="none"`: types are converted, limits are the database's business."""
    assert converter("f_char", check=False).python(["x" * 11]) == (["x" * 11], {})
    assert converter("f_choice", check=False).python(["z"]) == (["z"], {})
    assert converter("f_int", check=False).python([2**40]) == ([2**40], {})
    assert 0 in converter("f_int", check=False).python(["x"])[1]


def test_json_of_typed_sources() -> None:
    """Values as they are; text is text there, and no JSON."""
    each = converter("f_json", is_text=False)
    values = ["{", {"a": Decimal("1.5")}, {1: [Decimal(2)]}, (1, None), True, None]
    assert each.python(values) == (["{", {"a": 1.5}, {"1": [2]}, [1, None], True, None], {})
    for bad in (float("nan"), object(), {"a": {1, 2}}):
        assert 0 in each.python([bad])[1]


def test_times_without_zones() -> None:
    """A project without zones has naive times; what is aware is turned into its own zone."""
    with override_settings(USE_TZ=False):
        each = converter("f_datetime")
        texts = ["2026-01-02 03:04:05", "2026-01-02T03:04:05+01:00"]
        assert each.python(texts)[0] == [dt.datetime(2026, 1, 2, 3, 4, 5), dt.datetime(2026, 1, 2, 2, 4, 5)]


#: Texts that are near to what fields take, so that the quick way has something to decide.
PARTS = st.sampled_from(
    [
        *"0123456789-+.,:eE TZWxé_ ",
        "2026",
        "-01",
        "-02",
        "T03:04:05",
        "+00:00",
        "+01:00",
        "true",
        "No",
        "1.5",
        "a",
        "٣",
        "\x00",
    ]
)
TEXTS = st.lists(PARTS, max_size=6).map("".join) | st.sampled_from(
    [
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.000006Z",
        "2026-01-02 03:04:05.5",
        "123e4567-e89b-12d3-a456-426614174000",
        "123E4567-E89B-12D3-A456-426614174000",
        "2026-01-02 03:04:05+00:00",
        "2026-W01-1",
        "1.10",
        "-0",
        "inf",
        "nan",
        "1e5",
        "0x1",
        "١٢",
    ]
)
CELLS = (
    st.lists(TEXTS, min_size=1, max_size=4)
    | st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=3)
    | st.lists(st.booleans(), min_size=1)
)
FAST = [(name, Everything) for name in GOOD if converter(name).fast] + [
    ("sku", Product),
    ("stock", Product),
    ("active", Product),
    ("supplier", Stock),
]


def as_read(field: models.Field[Any, Any], value: object) -> object:
    """What a database that stores a bound value will give back, as far as Python can tell."""
    if value is None:
        return None
    if isinstance(field, models.DecimalField):
        return Decimal(str(value))
    if isinstance(field, models.DateTimeField):
        return dt.datetime.fromisoformat(str(value)).replace(tzinfo=None)
    if isinstance(field, (models.DateField, models.FloatField)):
        return str(value) if isinstance(field, models.DateField) else float(str(value))
    return value


@pytest.mark.parametrize(("name", "model"), FAST)
@settings(max_examples=300, deadline=None, database=None)
@given(cells=CELLS)
def test_the_quick_way_takes_what_the_slow_one_takes(
    name: str, model: type[models.Model], cells: list[Any]
) -> None:
    """Where the quick way gives values, the slow one gives the same, and finds no fault."""
    each = converter(name, model)
    assert each.fast is not None
    quick = each.fast(cells)
    if quick is None:
        return
    slow, errors = each.python(cells)
    assert not errors, f"quick: {quick!r}"
    bound = [each.stage_one(value) for value in slow]
    field = each.field
    assert [as_read(field, v) for v in quick] == [as_read(field, v) for v in bound]
    assert [v is None for v in quick] == [v is None for v in bound]
    assert each.stage(cells) == (quick, {})


@pytest.mark.parametrize(("name", "model"), FAST)
def test_the_quick_way_is_taken(name: str, model: type[models.Model]) -> None:
    """Ordinary text does not fall back on the slow way."""
    usual = {
        "f_bool": "true",
        "active": "no",
        "f_date": "2026-01-02",
        "f_datetime": "2026-01-02T03:04:05",
        "f_choice": "a",
        "f_uuid": "123e4567-e89b-12d3-a456-426614174000",
    }
    each = converter(name, model)
    assert each.fast is not None
    assert each.fast([usual.get(name, "12")] * 3) is not None
