"""The values of every kind of field, in version 2."""

from __future__ import annotations

import datetime
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, models
from django.utils.dateparse import parse_duration

from modelsync.routing import Route
from tests.blog.models import Badge, City, Country, Person
from tests.integration.serving.asking import lines, objects
from tests.shop.models import Choice, Everything, IntChoice, Uuided, WithDefaults

pytestmark = [pytest.mark.django_db, pytest.mark.database]

route = Route(api_token="token")
everything = route.app("everything", "shop.Everything")
NOON = datetime.datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=datetime.UTC)
ID = uuid.UUID("6fa459eaee8a4ca4894edb77e160355e")

#: field, value in Python, value on the wire
VALUES: list[tuple[str, Any, Any]] = [
    ("f_char", 'é\u2028"\\\t😀'[:6], 'é\u2028"\\\t😀'),
    ("f_char", "", ""),
    ("f_text", "a\nb", "a\nb"),
    ("f_slug", "a-b", "a-b"),
    ("f_email", "a@example.com", "a@example.com"),
    ("f_url", "https://example.com/?a=b&c", "https://example.com/?a=b&c"),
    ("f_int", -5, -5),
    ("f_bigint", 2**63 - 1, 2**63 - 1),
    ("f_bigint", -(2**63), -(2**63)),
    ("f_smallint", 0, 0),
    ("f_posbig", 2**63 - 1, 2**63 - 1),
    ("f_float", 0.1, 0.1),
    ("f_float", 1e300, 1e300),
    ("f_decimal", Decimal("12.5"), "12.5000"),
    ("f_decimal", Decimal("-0.0001"), "-0.0001"),
    ("f_decimal", Decimal("0"), "0.0000"),
    ("f_decimal", Decimal("12345678.1234"), "12345678.1234"),
    ("f_decimal", Decimal("100"), "100.0000"),
    ("f_bool", True, True),
    ("f_bool", False, False),
    ("f_date", datetime.date(24, 1, 2), "0024-01-02"),
    ("f_datetime", NOON, "2024-02-29T12:00:00.000001Z"),
    ("f_datetime", NOON.replace(microsecond=0), "2024-02-29T12:00:00Z"),
    ("f_time", datetime.time(1, 2, 3, 4), "01:02:03.000004"),
    ("f_time", datetime.time(0), "00:00:00"),
    ("f_duration", datetime.timedelta(days=1, seconds=2, microseconds=500_000), "P1DT00H00M02.500000S"),
    ("f_duration", datetime.timedelta(seconds=-1.5), "-P0DT00H00M01.500000S"),
    ("f_duration", datetime.timedelta(0), "P0DT00H00M00S"),
    ("f_uuid", ID, "6fa459ea-ee8a-4ca4-894e-db77e160355e"),
    ("f_binary", b"\x00\xff", "AP8="),
    ("f_ip", "2001:db8::1", "2001:db8::1"),
    ("f_choice", Choice.B, "b"),
    ("f_int_choice", IntChoice.TWO, 2),
    ("f_file", "a/b.txt", "a/b.txt"),
    ("f_file", "", ""),
    ("f_filepath", "/x/y", "/x/y"),
]


@pytest.mark.parametrize(("name", "value", "written"), VALUES)
@pytest.mark.parametrize("evaluated", [False, True])
def test_a_value_is_written_as_the_protocol_says(
    name: str, value: Any, written: Any, evaluated: bool
) -> None:
    """Read from the table, and from an instance."""
    made = Everything.objects.create(code="x", **{name: value})
    view = route.queryset("one")(lambda: [made] if evaluated else Everything.objects.all())
    if evaluated and name == "f_decimal":
        made.refresh_from_db()
    (served,) = objects(view)
    assert served[name] == written
    assert type(served[name]) is type(written)
    assert served["pk"] == made.pk


@pytest.mark.parametrize("evaluated", [False, True])
def test_null_is_null(evaluated: bool) -> None:
    """In every field."""
    Everything.objects.create(code="x")
    Everything.objects.update(f_file=None)
    made = Everything.objects.get()
    view = route.queryset("null")(lambda: [made] if evaluated else Everything.objects.all())
    (served,) = objects(view)
    assert {
        name: value for name, value in served.items() if name.startswith("f_") and value is not None
    } == {}


@pytest.mark.parametrize("value", [{"a": 1, "b": [True, None, "é"]}, [], 0, "text", 1.5, False])
def test_json_is_a_text_that_holds_it(value: Any) -> None:
    """Of the table as of an instance."""
    made = Everything.objects.create(code="x", f_json=value)
    (served,) = objects(everything)
    assert json.loads(served["f_json"]) == value
    (served,) = objects(route.queryset("json")(lambda: made))
    assert json.loads(served["f_json"]) == value


def test_jsons_null_is_not_null() -> None:
    """The text `null`, and NULL."""
    Everything.objects.create(code="a", f_json=models.Value(None, models.JSONField()))
    Everything.objects.create(code="b", f_json=None)
    assert [found["f_json"] for found in objects(everything)] == ["null", None]


def test_durations_are_read_back_by_django() -> None:
    """Long and negative ones, too."""
    for days, microseconds in [(-3, 1), (400, 3_700_000_005), (-1, 0), (0, -1)]:
        duration = datetime.timedelta(days=days, microseconds=microseconds)
        Everything.objects.all().delete()
        Everything.objects.create(code="x", f_duration=duration)
        (served,) = objects(everything)
        assert parse_duration(served["f_duration"]) == duration


def test_naive_times_have_no_offset(settings: Any) -> None:
    """Where the project does without time zones."""
    made = Everything(code="x", f_datetime=datetime.datetime(2024, 1, 1, 12, 0, 0, 5))
    (served,) = objects(route.queryset("naive")(lambda: [made]))
    assert served["f_datetime"] == "2024-01-01T12:00:00.000005"


def test_an_offset_is_kept() -> None:
    """Of what is in memory."""
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    made = Everything(code="x", f_datetime=NOON.astimezone(zone))
    (served,) = objects(route.queryset("offset")(lambda: [made]))
    assert served["f_datetime"] == "2024-02-29T17:30:00.000001+05:30"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["f_float", "f_decimal"])
def test_what_is_no_number_is_refused(value: float, name: str) -> None:
    """With an error line that names model, primary key and field; what came before it was sent."""
    made = Everything(code="x", pk=7)
    setattr(made, name, Decimal(value) if name == "f_decimal" else value)
    fine = Everything(code="y", pk=6, f_float=1.0)
    *_, error = lines(route.queryset("nan")(lambda: [fine, made]))
    assert set(error) == {"error"}
    assert error["error"].startswith(f"shop.Everything 7: {name} is NaN or infinite")


def test_infinity_in_a_table_is_refused() -> None:
    """MariaDB keeps none; the others do."""
    Everything.objects.create(code="a", f_float=1.0)
    if connection.vendor == "mysql":
        with pytest.raises(DatabaseError):
            Everything.objects.create(code="b", f_float=math.inf)
        return
    made = Everything.objects.create(code="b", f_float=math.inf)
    error = lines(everything)[-1]
    assert f"shop.Everything {made.pk}: f_float" in error["error"]


def test_large_floats_are_not_taken_for_infinite() -> None:
    """Though their sum is."""
    for code in "ab":
        Everything.objects.create(code=code, f_float=1.7e308)
    assert [found["f_float"] for found in objects(everything)] == [1.7e308, 1.7e308]


def test_keys_of_other_kinds() -> None:
    """UUIDs, texts, and references to something else than a primary key."""
    made = Uuided.objects.create(id=ID, name="one")
    assert objects(route.app("uuided", "shop.Uuided"))[0]["pk"] == str(made.pk)
    country = Country.objects.create(code="CH", name="Switzerland")
    City.objects.create(name="Bern", country=country)
    assert objects(route.app("cities", "blog.City"))[0]["country"] == "Switzerland"
    person = Person.objects.create(name="A")
    Badge.objects.create(id=ID, label="x", holder=person)
    (badge,) = objects(route.app("badges", "blog.Badge"))
    assert badge == {"model": "blog.badge", "pk": str(ID), "label": "x", "holder": person.pk}
    assert objects(route.app("people", "blog.Person"))[0]["photo"] == ""


def test_generated_columns_are_left_out() -> None:
    """Nobody could write them."""
    WithDefaults.objects.create(code="a", quantity=2, remark="r")
    (served,) = objects(route.app("defaults", "shop.WithDefaults"))
    assert "double" not in served
    assert served["remark"] == "r"
