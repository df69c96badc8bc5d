"""Traps of TRAPS.md, "Values": what a cell becomes, and what it must not become."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Value
from django.test.utils import override_settings
from django.utils import timezone

import modelsync
from tests.rows import WRITERS, outcomes, run, values
from tests.shop.models import Everything, Person, Product, Slot, Supplier

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)
UTC = dt.UTC


def fill(writer: str, column: str, cell: object, *, typed: bool = True, tmp_path: Path | None = None) -> Any:
    """Sync one value into a new object of Everything: what is kept, or the rejection."""
    options: dict[str, Any] = {"writer": writer, "skip_errors": True, "actions": "cu*"}
    rows = [{"code": "a", column: cell}]
    if typed:
        report = run(rows, Everything, **options)
        again = run(rows, Everything, **options)
    else:
        assert tmp_path is not None
        path = tmp_path / "rows.csv"
        quoted = str(cell).replace('"', '""')
        lines = [f'{code},"{quoted}"' for code in ["a", *(f"~{i}" for i in range(12))]]
        path.write_text(f"code,{column}\n" + "\n".join(lines) + "\n", encoding="utf-8")
        report, again = (
            modelsync.sync(path, Everything, match_on="code", changes=99, **options) for _ in range(2)
        )
    if report.rejected:
        return report.rejections[0]
    assert set(outcomes(again)) == {"unchanged"}, "a second run writes nothing"
    return Everything.objects.values_list(column, flat=True).get(code="a")


@both
def test_blank_text(writer: str) -> None:
    """Trap "'' and NULL, for text": NULL where it is allowed, '' where it is not."""
    assert fill(writer, "f_char", "") is None
    assert fill(writer, "f_char", " ") == " "
    run(
        [{"first_name": "", "last_name": "L", "employee_id": "e"}],
        Person,
        writer=writer,
        unique=["employee_id"],
    )
    assert values(Person, "employee_id", "first_name") == [("e", "")]
    row = {"first_name": None, "last_name": "L", "employee_id": "f"}
    report = run([row], Person, writer=writer, unique=["employee_id"], skip_errors=True)
    assert (report.rejections[0].column, report.rejections[0].value) == ("first_name", None)


@both
@pytest.mark.parametrize(
    "column", ["f_int", "f_float", "f_decimal", "f_date", "f_datetime", "f_bool", "f_uuid"]
)
@pytest.mark.parametrize("blank", ["", "  ", None])
def test_blank_numbers(writer: str, column: str, blank: object) -> None:
    """Trap "'' and NULL, for numbers": a blank is NULL."""
    Everything.objects.create(code="x")
    assert fill(writer, column, blank) is None


@both
def test_blank_numbers_where_null_is_not_allowed(writer: str) -> None:
    """Trap "'' and NULL, for numbers": a blank is no zero, it is rejected with its column."""
    report = run(
        [{"sku": "a", "name": "A", "stock": ""}], Product, writer=writer, unique=["sku"], skip_errors=True
    )
    assert (report.rejections[0].column, report.rejections[0].value) == ("stock", "")
    assert values(Product, "sku") == []


@both
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("12345678.1234", Decimal("12345678.1234")),
        ("1.1", Decimal("1.1")),
        ("1.1000", Decimal("1.1")),
        ("0.10000", Decimal("0.1")),
        (Decimal("99999999.9999"), Decimal("99999999.9999")),
        (0.1, Decimal("0.1")),
        (1.1 + 2.2, Decimal("3.3")),
        (7, Decimal(7)),
        ("1e2", Decimal(100)),
        ("-0.0001", Decimal("-0.0001")),
    ],
)
def test_decimals_keep_every_digit(writer: str, given: object, kept: Decimal) -> None:
    """Trap "decimals keep every digit and their scale": also in a second run, which changes nothing."""
    found = fill(writer, "f_decimal", given)
    assert found == kept
    assert found.as_tuple().exponent == -4


@both
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("1,5", "','"),
        ("1.234,50", "','"),
        ("0.00001", "decimal places"),
        ("123456789", "digits before"),
        ("NaN", "finite"),
        ("Infinity", "finite"),
        ("1_000", "no number"),
        (True, "no number"),
    ],
)
def test_decimals_that_are_none(writer: str, given: object, reason: str) -> None:
    """Trap "a comma as decimal point is an error that says so": never a wrong number."""
    rejection = fill(writer, "f_decimal", given)
    assert (rejection.column, rejection.value) == ("f_decimal", given)
    assert reason in rejection.reason


@both
def test_a_decimal_comma_in_a_float(writer: str) -> None:
    """Trap "a comma as decimal point": floats and integers say so, too."""
    assert "','" in fill(writer, "f_float", "1,5").reason
    assert "','" in fill(writer, "f_int", "1,5").reason


@both
def test_big_integers_in_json(writer: str, tmp_path: Path) -> None:
    """Trap "big integers beyond 2**53 in JSON": every digit arrives, in columns and inside JSON."""
    big = 2**53 + 1
    objects = [{"code": f"c{i}", "f_bigint": big + i, "f_json": {"n": big + i}} for i in range(14)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(objects))
    for expected in ("created", "unchanged"):
        report = modelsync.sync(path, Everything, match_on="code", actions="cu*", writer=writer, changes=99)
        assert set(outcomes(report)) == {expected}
    assert values(Everything, "code", "f_bigint", "f_json")[1] == ("c1", big + 1, {"n": big + 1})


@both
@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("f_int", -(2**31), 2**31 - 1),
        ("f_bigint", -(2**63), 2**63 - 1),
        ("f_smallint", -(2**15), 2**15 - 1),
        ("f_posint", 0, 2**31 - 1),
        ("f_possmall", 0, 2**15 - 1),
        ("f_posbig", 0, 2**63 - 1),
    ],
)
def test_integers_out_of_range(writer: str, column: str, low: int, high: int) -> None:
    """Trap "big integers": the same limits on every database; beyond them a row is rejected."""
    for good in (low, high):
        Everything.objects.all().delete()
        assert fill(writer, column, str(good)) == good
    for bad in (low - 1, high + 1):
        Everything.objects.all().delete()
        assert fill(writer, column, bad).column == column


@both
def test_naive_times_are_local(writer: str) -> None:
    """Trap "dates and times: naive against aware": naive is the current zone, an offset is an instant."""
    with timezone.override("Europe/Berlin"):
        assert fill(writer, "f_datetime", "2026-07-01 12:00:00") == dt.datetime(2026, 7, 1, 10, tzinfo=UTC)
        Everything.objects.all().delete()
        assert fill(writer, "f_datetime", dt.datetime(2026, 1, 1, 12)) == dt.datetime(
            2026, 1, 1, 11, tzinfo=UTC
        )
        Everything.objects.all().delete()
        assert fill(writer, "f_datetime", "2026-07-01T12:00:00+05:30") == dt.datetime(
            2026, 7, 1, 6, 30, tzinfo=UTC
        )
        Everything.objects.all().delete()
        assert fill(writer, "f_datetime", "2026-07-01T12:00:00Z") == dt.datetime(2026, 7, 1, 12, tzinfo=UTC)


@both
@override_settings(USE_TZ=False)
def test_aware_times_without_zones(writer: str) -> None:
    """Trap "naive against aware": a project without zones keeps naive times, of its own zone."""
    assert fill(writer, "f_datetime", "2026-07-01T12:00:00") == dt.datetime(2026, 7, 1, 12)
    Everything.objects.all().delete()
    assert fill(writer, "f_datetime", "2026-07-01T12:00:00+02:00") == dt.datetime(2026, 7, 1, 10)


@both
def test_times_that_do_not_exist(writer: str) -> None:
    """Trap "DST gaps": an hour that the clocks leave out is rejected."""
    with timezone.override("Europe/Berlin"):
        rejection = fill(writer, "f_datetime", "2026-03-29 02:30:00")
        assert rejection.column == "f_datetime"
        assert "clock change" in rejection.reason


@both
def test_times_that_come_twice(writer: str) -> None:
    """Trap "DST gaps": an hour that comes twice is the first of them, also in run 2."""
    with timezone.override("Europe/Berlin"):
        found = fill(writer, "f_datetime", "2026-10-25 02:30:00")
        assert found == dt.datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@both
@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        ("f_datetime", "2026-07-01T12:00:00.123456Z", dt.datetime(2026, 7, 1, 12, 0, 0, 123456, UTC)),
        ("f_datetime", "2026-07-01T12:00:00.1Z", dt.datetime(2026, 7, 1, 12, 0, 0, 100000, UTC)),
        ("f_datetime", "2026-07-01T12:00:00.123456789Z", dt.datetime(2026, 7, 1, 12, 0, 0, 123456, UTC)),
        ("f_time", "23:59:59.999999", dt.time(23, 59, 59, 999999)),
        ("f_duration", "1 02:03:04.000005", dt.timedelta(1, 7384, 5)),
        ("f_duration", "-1 day, 0:00:01", dt.timedelta(-1, 1)),
        ("f_duration", "PT0.000001S", dt.timedelta(microseconds=1)),
        ("f_date", "2026-02-28", dt.date(2026, 2, 28)),
        ("f_datetime", "0001-01-01T00:00:00Z", dt.datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_microseconds_are_kept(writer: str, column: str, given: str, kept: object) -> None:
    """Trap "microseconds that a database drops": they are all kept, and run 2 is empty."""
    assert fill(writer, column, given) == kept


@both
@pytest.mark.parametrize("given", ["2026-02-30", "01.02.2026", "2026-13-01", "20260201x", "yesterday"])
@pytest.mark.parametrize("column", ["f_date", "f_datetime"])
def test_dates_that_are_none(writer: str, column: str, given: str) -> None:
    """Trap "dates and times": what is no date is rejected, not guessed."""
    rejection = fill(writer, column, given)
    assert (rejection.column, rejection.value) == (column, given)


@both
def test_json_null_and_sql_null(writer: str, tmp_path: Path) -> None:
    """Trap "JSON null against SQL NULL": the text null is JSON's, a blank or None is the database's."""
    assert fill(writer, "f_json", "", typed=False, tmp_path=tmp_path) is None
    assert Everything.objects.get(code="a", f_json__isnull=True)
    fill(writer, "f_json", "null", typed=False, tmp_path=tmp_path)
    assert Everything.objects.filter(
        code="a", f_json=Value(None, Everything._meta.get_field("f_json"))
    ).exists()
    assert not Everything.objects.filter(code="a", f_json__isnull=True).exists()
    fill(writer, "f_json", None)
    assert Everything.objects.filter(code="a", f_json__isnull=True).exists()


@both
def test_the_order_of_json_keys(writer: str) -> None:
    """Trap "JSON key order": a reordered object is unchanged, a reordered list is not."""
    fill(writer, "f_json", {"a": 1, "b": {"c": [1, 2], "d": None}})
    again = {"b": {"d": None, "c": [1, 2]}, "a": 1}
    assert set(outcomes(run([{"code": "a", "f_json": again}], Everything, writer=writer, actions="u*"))) == {
        "unchanged"
    }
    other = {"b": {"d": None, "c": [2, 1]}, "a": 1}
    assert set(outcomes(run([{"code": "a", "f_json": other}], Everything, writer=writer, actions="u*"))) == {
        "updated"
    }
    assert Everything.objects.get(code="a").f_json == other


@both
@pytest.mark.parametrize(
    "value", [0, False, "", [], {}, "null", "1", 1.5, [None], {"": ""}, "ü\u2028", 10**18]
)
def test_json_values_of_every_kind(writer: str, value: object) -> None:
    """Trap "JSON": typed sources give values as they are, also those that look like nothing."""
    assert fill(writer, "f_json", [value]) == [value]


@both
@pytest.mark.parametrize("value", ["{", "NaN", "{'a': 1}", '"a'])
def test_text_that_is_no_json(writer: str, value: str, tmp_path: Path) -> None:
    """Trap "JSON": text that is none is rejected with its column."""
    assert fill(writer, "f_json", value, typed=False, tmp_path=tmp_path).column == "f_json"


@both
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("true", True),
        ("F", False),
        ("Yes", True),
        ("no", False),
        ("ON", True),
        ("0", False),
        (1, True),
        (False, False),
    ],
)
def test_booleans_as_text(writer: str, text: object, kept: bool) -> None:
    """Trap "booleans as text": the usual words in any case, and 1 and 0."""
    assert fill(writer, "f_bool", text) is kept


@both
@pytest.mark.parametrize("text", ["maybe", "2", "None", "wahr", 2])
def test_booleans_that_are_none(writer: str, text: object) -> None:
    """Trap "booleans as text": "False" is not true because it is not empty, and other words are rejected."""
    assert fill(writer, "f_bool", text).value == text


@both
def test_choices(writer: str) -> None:
    """Trap "choices": what is none of them is rejected; labels are not values."""
    assert fill(writer, "f_choice", "a") == "a"
    assert fill(writer, "f_int_choice", "2") == 2
    assert fill(writer, "f_choice", "Choice A").column == "f_choice"
    assert fill(writer, "f_choice", "z").reason
    assert fill(writer, "f_int_choice", "3").column == "f_int_choice"


@both
@pytest.mark.parametrize("text", ["x" * 11, "🐈" * 11])
def test_text_over_max_length(writer: str, text: str) -> None:
    """Trap "strings over `max_length`": rejected everywhere, also where the database would keep them."""
    rejection = fill(writer, "f_char", text)
    assert (rejection.column, rejection.value) == ("f_char", text)
    assert "11 characters" in rejection.reason
    assert fill(writer, "f_char", text[:10]) == text[:10]


@both
@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_characters_that_no_database_takes(writer: str, text: str) -> None:
    """Trap "NUL bytes": NUL and half a surrogate pair are one row's fault, not a broken run."""
    assert fill(writer, "f_text", text).column == "f_text"


@both
@pytest.mark.parametrize(
    "text", ["tab\there", "line\nbreak", "back\\slash", "\\N", "quo'te\"", "%s {x}", "🐈 ü ﬁ", "\r\n"]
)
def test_characters_that_must_be_quoted(writer: str, text: str) -> None:
    """Trap "quoted newlines": whatever the way into the database, text arrives as it was."""
    assert fill(writer, "f_text", text) == text


@both
def test_every_refused_row_is_told_with_its_cell(writer: str) -> None:
    """Trap "values": of many rows the guilty ones are told, by number, column and value."""
    rows = [
        {"code": f"c{i}", "f_int": "x" if i in (2, 5) else i, "f_bool": "?" if i == 7 else "1"}
        for i in range(14)
    ]
    report = run(rows, Everything, writer=writer, pads=0, skip_errors=True)
    assert [(r.number, r.column, r.value) for r in report.rejections] == [
        (2, "f_int", "x"),
        (5, "f_int", "x"),
        (7, "f_bool", "?"),
    ]
    assert Everything.objects.count() == 11


FILES = {
    "byte order mark": ("\ufeffcode,name\na,Ä\n".encode(), [("a", "Ä")]),
    "latin-1": ("code,name\na,Ärger über Öl\n".encode("latin-1"), [("a", "Ärger über Öl")]),
    "utf-16": ("code,name\na,Ä\n".encode("utf-16"), [("a", "Ä")]),
    "CRLF": (b"code,name\r\na,A\r\nb,B\r\n", [("a", "A"), ("b", "B")]),
    "quoted newline": (b'code,name\na,"one\ntwo"\nb,B\n', [("a", "one\ntwo"), ("b", "B")]),
    "headers only": (b"code,name\n", []),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_every_writing(kind: str, tmp_path: Path) -> None:
    """Trap "files with BOM, latin-1, UTF-16, CRLF, quoted newlines, headers only"."""
    content, expected = FILES[kind]
    path = tmp_path / "suppliers.csv"
    path.write_bytes(content)
    report = modelsync.sync(path, Supplier, match_on="code")
    assert report.created == len(expected)
    assert values(Supplier, "code", "name") == expected


def test_files_with_rows_at_fault(tmp_path: Path) -> None:
    """Trap "NUL bytes, short and long rows": each is its own rejection with its line; the rest goes in."""
    path = tmp_path / "suppliers.csv"
    path.write_bytes(b"code,name\na,A\nshort\nb,B,too many\nc,n\x00l\nd,D\n")
    report = modelsync.sync(path, Supplier, match_on="code", skip_errors=True)
    assert values(Supplier, "code", "name") == [("a", "A"), ("d", "D")]
    assert sorted(r.origin.place for r in report.rejections if r.origin) == [3, 4, 5]


def test_files_whose_header_is_at_fault(tmp_path: Path) -> None:
    """Trap "duplicate headers, empty files": said before anything is written."""
    path = tmp_path / "suppliers.csv"
    path.write_bytes(b"code,name,name\na,A,B\n")
    with pytest.raises(modelsync.ModelSyncError, match="name"):
        modelsync.sync(path, Supplier, match_on="code")
    path.write_bytes(b"")
    with pytest.raises(modelsync.ModelSyncError):
        modelsync.sync(path, Supplier, match_on="code")
    assert not Supplier.objects.exists()


@both
def test_a_float_keeps_its_bits(writer: str) -> None:
    """Trap "values": a float that is written is read back as the same, so run 2 is empty."""
    for number in (0.1, 1e-300, 1.7976931348623157e308, -0.0, 1 / 3, 123456789.123456789):
        Everything.objects.all().delete()
        assert fill(writer, "f_float", number) == number
        Everything.objects.all().delete()
        assert fill(writer, "f_float", repr(number)) == number


@both
def test_a_second_unique_column_may_be_null_many_times(writer: str) -> None:
    """Trap "'' and NULL": blanks in a unique, nullable text column are NULL, so they do not collide."""
    report = run([{"a": f"a{i}", "b": ""} for i in range(14)], Slot, writer=writer, unique=["a"], pads=0)
    assert report.created == 14
    assert {b for (b,) in Slot.objects.values_list("b")} == {None}
