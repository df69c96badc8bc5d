"""Traps of TRAPS.md, "Columns": which columns are written, and who else writes them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

import modelsync
from tests.rows import WRITERS, outcomes, run, values
from tests.shop.models import (
    Checked,
    Everything,
    Portrait,
    Product,
    Stamped,
    Supplier,
    Uuided,
    WithDefaults,
    Worded,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)
UTC = dt.UTC
THEN = dt.datetime(2020, 1, 2, 3, 4, 5, 678901, UTC)


@both
def test_an_unknown_column_is_told_with_the_nearest(writer: str) -> None:
    """Trap "unknown column": ignored, with one warning that names the nearest; strict, an error."""
    rows = [{"code": "a", "nam": "A", "name": "B"}]
    report = run(rows, Supplier, writer=writer)
    assert outcomes(report, 1) == ["created"]
    (warning,) = report.warnings
    assert (warning.column, "'name'" in warning.reason) == ("nam", True)
    with pytest.raises(modelsync.ConfigurationError, match="nam"):
        run(rows, Supplier, writer=writer, strict=True)


@both
def test_omitted_is_not_null(writer: str) -> None:
    """Trap "omitted is not null": a column that a row does not have is not touched by it."""
    Product.objects.create(sku="a", name="A", price="1.50", stock=3, description="d", weight=1.5)
    assert outcomes(
        run([{"sku": "a", "stock": 4}], Product, writer=writer, unique=["sku"], actions="u*"), 1
    ) == ["updated"]
    assert [
        (str(p), *rest) for p, *rest in values(Product, "price", "stock", "name", "description", "weight")
    ] == [("1.50", 4, "A", "d", 1.5)]


@both
def test_rows_of_different_shapes(writer: str) -> None:
    """Trap "omitted is not null": rows of one input that have different columns each write their own."""
    for i in range(30):
        Product.objects.create(sku=f"s{i:02}", name="old", stock=1, description="d")
    rows: list[dict[str, Any]] = [
        {"sku": f"s{i:02}", "stock": 2} if i % 2 else {"sku": f"s{i:02}", "name": "new"} for i in range(30)
    ]
    report = run(rows, Product, writer=writer, unique=["sku"], pads=0, actions="u*")
    assert report.updated == 30
    assert values(Product, "sku", "name", "stock", "description")[:2] == [
        ("s00", "new", 1, "d"),
        ("s01", "old", 2, "d"),
    ]


@both
def test_generated_columns_are_not_written(writer: str) -> None:
    """Trap "generated columns": the column is ignored with a reason, the database works it out."""
    report = run([{"code": "a", "quantity": 4, "double": 99}], WithDefaults, writer=writer, actions="cu*")
    assert values(WithDefaults, "code", "quantity", "double") == [("a", 4, 8)]
    assert "computed by the database" in report.warnings[0].reason
    run([{"code": "a", "quantity": 5}], WithDefaults, writer=writer, actions="cu*")
    assert values(WithDefaults, "code", "double") == [("a", 10)]


@both
def test_columns_that_are_not_editable_are_written(writer: str) -> None:
    """Trap "`editable=False`": that is about forms; a source writes it."""
    run([{"code": "a", "hidden": "h"}], WithDefaults, writer=writer)
    assert values(WithDefaults, "code", "hidden") == [("a", "h")]
    assert outcomes(run([{"code": "a", "hidden": "i"}], WithDefaults, writer=writer, actions="u*"), 1) == [
        "updated"
    ]
    assert values(WithDefaults, "code", "hidden") == [("a", "i")]


@both
def test_defaults_of_the_model_and_of_the_database(writer: str) -> None:
    """Trap "`db_default`": what the source does not send has the default, callable or the database's."""
    run([{"code": "a"}], WithDefaults, writer=writer)
    assert values(WithDefaults, "code", "level", "state", "quantity", "double") == [("a", 7, "new", 1, 2)]
    run([{"code": "b", "level": 3, "state": "old"}], WithDefaults, writer=writer)
    assert values(WithDefaults, "code", "level", "state")[1] == ("b", 3, "old")
    assert outcomes(run([{"code": "a"}], WithDefaults, writer=writer, actions="cu*"), 1) == ["unchanged"]


@both
def test_some_rows_leave_a_default_column_out(writer: str) -> None:
    """Trap "`db_default`": rows that leave the column out stand between rows that send it."""
    rows: list[dict[str, Any]] = [{"code": f"c{i:02}"} | ({"level": i} if i % 3 else {}) for i in range(30)]
    report = run(rows, WithDefaults, writer=writer, pads=0, actions="cu*")
    assert report.created == 30
    assert values(WithDefaults, "level") == sorted(
        ((i if i % 3 else 7,) for i in range(30)), key=lambda v: str(v[0])
    )
    assert run(rows, WithDefaults, writer=writer, pads=0, actions="cu*").unchanged == 30


@both
def test_a_column_with_another_name_in_the_database(writer: str) -> None:
    """Trap "`db_column`": the source uses the field's name."""
    run([{"code": "a", "remark": "r"}], WithDefaults, writer=writer, unique=["code", "remark"])
    assert values(WithDefaults, "code", "remark") == [("a", "r")]
    rows = [{"remark": "r", "state": "s"}]
    report = run(rows, WithDefaults, writer=writer, unique=["remark"], actions="u*")
    assert outcomes(report, 1) == ["updated"]
    report = run([{"code": "b", "remark_text": "r"}], WithDefaults, writer=writer)
    assert report.warnings[0].column == "remark_text"


@both
def test_auto_now_is_set_where_the_source_says_nothing(writer: str) -> None:
    """Trap "`auto_now`": new and changed objects are stamped, unchanged ones are not."""
    before = timezone.now()
    run([{"code": "a", "note": "n"}], Stamped, writer=writer)
    created, modified = Stamped.objects.values_list("created", "modified").get(code="a")
    assert before <= created <= timezone.now()
    assert before <= modified <= timezone.now()
    run([{"code": "a", "note": "n"}], Stamped, writer=writer, actions="cu*")
    assert Stamped.objects.values_list("created", "modified").get(code="a") == (created, modified)
    run([{"code": "a", "note": "m"}], Stamped, writer=writer, actions="cu*")
    again = Stamped.objects.get(code="a")
    assert (again.created, again.modified > modified) == (created, True)


@both
def test_the_sources_own_timestamp_wins(writer: str) -> None:
    """Trap "`auto_now` (the source's own timestamp wins when it sends one)": new, changed and unchanged."""
    row = {"code": "a", "note": "n", "created": THEN.isoformat(), "modified": THEN.isoformat()}
    assert outcomes(run([row], Stamped, writer=writer, actions="cu*"), 1) == ["created"]
    assert values(Stamped, "code", "created", "modified") == [("a", THEN, THEN)]
    assert outcomes(run([row], Stamped, writer=writer, actions="cu*"), 1) == ["unchanged"]
    row["note"] = "m"
    assert outcomes(run([row], Stamped, writer=writer, actions="cu*"), 1) == ["updated"]
    assert values(Stamped, "code", "note", "created", "modified") == [("a", "m", THEN, THEN)]
    assert outcomes(run([row], Stamped, writer=writer, actions="cu*"), 1) == ["unchanged"]


@both
def test_an_unforced_update_leaves_the_sources_timestamp_out(writer: str) -> None:
    """Trap "`auto_now`": unforced, a stamp that is there is not replaced; the change makes a new one."""
    Stamped.objects.create(code="a", note="")
    before = Stamped.objects.get(code="a").modified
    row = {"code": "a", "note": "n", "modified": THEN.isoformat()}
    assert outcomes(run([row], Stamped, writer=writer, actions="u"), 1) == ["updated"]
    after = Stamped.objects.get(code="a")
    assert after.note == "n"
    assert after.modified >= before
    assert outcomes(run([row], Stamped, writer=writer, actions="u"), 1) == ["unchanged"]


@both
def test_auto_now_add_with_a_given_primary_key(writer: str) -> None:
    """Trap "`auto_now_add` with a given primary key": it is a new object, so it is stamped."""
    before = timezone.now()
    report = run([{"id": 700, "code": "a"}], Stamped, writer=writer, unique=["id", "code"])
    assert outcomes(report, 1) == ["created"]
    found = Stamped.objects.get(pk=700)
    assert before <= found.created <= timezone.now()
    assert found.modified >= before


@both
def test_primary_keys_that_are_not_called_id(writer: str) -> None:
    """Trap "non-`id` primary keys": by their own name and as `pk`; made by their default."""
    assert outcomes(run([{"word": "a", "note": "n"}], Worded, writer=writer, unique=["word"]), 1) == [
        "created"
    ]
    rows = [{"pk": "a", "note": "m"}, *({"pk": f"~{i}", "note": "m"} for i in range(12))]
    report = modelsync.sync(rows, Worded, match_on="pk", actions="cu*", writer=writer, changes=99)
    assert outcomes(report) == ["updated"] + ["created"] * 12
    assert values(Worded, "word", "note") == [("a", "m")]
    run([{"name": "u"}], Uuided, writer=writer, unique=["name"])
    assert len({pk for (pk,) in Uuided.objects.values_list("pk")}) == 13


@both
def test_a_primary_key_that_is_left_out_is_numbered(writer: str) -> None:
    """Trap "omitted is not null": a row without a number gets the next one; a blank one is rejected."""
    rows: list[dict[str, Any]] = [
        ({} if i % 2 else {"id": 5000 + i}) | {"code": f"c{i}", "name": "N"} for i in range(28)
    ]
    report = run(rows, Supplier, writer=writer, pads=0, skip_errors=True)
    assert [str(r) for r in report.rejections] == []
    assert report.created == 28
    kept = dict(Supplier.objects.values_list("code", "pk"))
    assert [kept[f"c{i}"] for i in range(0, 28, 2)] == [5000 + i for i in range(0, 28, 2)]
    assert len(set(kept.values())) == 28
    report = run(
        [{"id": "", "code": "a", "name": "N"}], Supplier, writer=writer, unique=["code"], skip_errors=True
    )
    assert (outcomes(report, 1), report.rejections[0].column) == (["rejected"], "id")


def test_a_property_with_a_setter(tmp_path: Any) -> None:
    """Trap "columns": a column that is a property calls its setter; `auto` takes objects for it."""
    (tmp_path / "face.png").write_bytes(b"png")
    rows = [{"employee_id": "1", "name": "Ann", "photo_filename": str(tmp_path / "face.png")}]
    report = run(rows, Portrait, unique=["employee_id"])
    assert report.writers == {"shop.Portrait": "objects: column photo_filename calls a property"}
    with Portrait.objects.get(employee_id="1").photo.open() as photo:
        assert photo.read() == b"png"
    with pytest.raises(modelsync.ConfigurationError, match="property"):
        run(rows, Portrait, unique=["employee_id"], writer="staged")


@both
def test_columns_that_nothing_fills(writer: str) -> None:
    """Trap "omitted is not null": a new object that lacks a value it needs is rejected and says which."""
    report = run([{"code": "a"}], Everything, writer=writer)
    assert outcomes(report, 1) == ["created"]
    report = run([{"code": "a"}], Checked, writer=writer, skip_errors=True)
    assert outcomes(report, 1) == ["rejected"]
    assert report.rejections[0].column == "amount"
    Checked.objects.create(code="a", amount=1)
    assert outcomes(run([{"code": "a"}], Checked, writer=writer, skip_errors=True), 1) == ["unchanged"]
