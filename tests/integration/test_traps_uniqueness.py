"""Traps of TRAPS.md, "Uniqueness": values that only one object may have, and who has them when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows import WRITERS, keys, outcomes, run, values
from tests.shop.models import Slot, SoftDeleted, Supplier, Worded

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)
KEYED: dict[str, Any] = {"system": "ERP", "unique": ["code", "external_key"], "actions": "cu*"}


def linked(codes: str, writer: str) -> dict[str, int]:
    """Suppliers with these codes, each linked by a key of the same name; their primary keys."""
    rows = [{"code": c, "name": c, "external_key": c} for c in codes]
    run(rows, Supplier, writer=writer, **KEYED)
    return dict(Supplier.objects.filter(code__in=list(codes)).values_list("code", "pk"))


def moved(steps: dict[str, str]) -> list[dict[str, str]]:
    """Rows that give the object of each key another code."""
    return [{"code": new, "name": key, "external_key": key} for key, new in steps.items()]


@both
def test_a_chain_of_renames(writer: str) -> None:
    """Trap "a chain of renames": each takes what the one before has given up, none is lost."""
    pks = linked("abcd", writer)
    report = run(moved({"d": "e", "c": "d", "b": "c", "a": "b"}), Supplier, writer=writer, **KEYED)
    assert outcomes(report, 4) == ["updated"] * 4
    assert values(Supplier, "code", "pk") == [
        ("b", pks["a"]),
        ("c", pks["b"]),
        ("d", pks["c"]),
        ("e", pks["d"]),
    ]


@both
def test_a_chain_of_renames_in_the_wrong_order(writer: str) -> None:
    """Trap "a chain of renames": a rename deletes who has the value; who lost it adopts the next."""
    pks = linked("abc", writer)
    report = run(moved({"a": "b", "b": "c", "c": "d"}), Supplier, writer=writer, **KEYED)
    assert outcomes(report, 3) == ["updated"] * 3
    assert values(Supplier, "code", "pk") == [("b", pks["a"]), ("d", pks["c"])]
    assert set(keys(Supplier).values()) == {str(pks["a"]), str(pks["c"])}


@both
def test_a_chain_of_renames_where_nothing_may_be_deleted(writer: str) -> None:
    """Trap "a chain of renames": with `reject` the order matters, and who comes too early is refused."""
    linked("abc", writer)
    options = KEYED | {"on_conflict": "reject", "skip_errors": True}
    report = run(moved({"a": "b", "b": "c", "c": "d"}), Supplier, writer=writer, **options)
    assert outcomes(report, 3) == ["rejected", "rejected", "updated"]
    report = run(moved({"a": "b", "b": "c", "c": "d"}), Supplier, writer=writer, **options)
    assert outcomes(report, 3) == ["rejected", "updated", "unchanged"]


@both
def test_two_rows_swap_a_unique_match_value(writer: str) -> None:
    """Trap "two rows swapping a unique value": the first deletes the second, which then is made anew."""
    pks = linked("ab", writer)
    report = run(moved({"a": "b", "b": "a"}), Supplier, writer=writer, **KEYED)
    assert outcomes(report, 2) == ["updated", "created"]
    found = dict(values(Supplier, "code", "pk"))
    assert (set(found), found["b"]) == ({"a", "b"}, pks["a"])
    assert keys(Supplier) == {("ERP", "a"): str(found["b"]), ("ERP", "b"): str(found["a"])}
    assert (
        outcomes(run(moved({"a": "b", "b": "a"}), Supplier, writer=writer, **KEYED), 2) == ["unchanged"] * 2
    )


@both
def test_two_rows_swap_another_unique_value(writer: str) -> None:
    """Trap "two rows swapping a unique value": of a column that is no match, the first row is refused."""
    Slot.objects.create(a="1", b="x")
    Slot.objects.create(a="2", b="y")
    rows = [{"a": "1", "b": "y"}, {"a": "2", "b": "x"}, {"a": "3", "b": None}]
    report = run(rows, Slot, writer=writer, unique=["a"], actions="cu*", skip_errors=True)
    assert outcomes(report, 3) == ["rejected", "rejected", "created"]
    rows = [{"a": "1", "b": None}, {"a": "2", "b": "x"}, {"a": "1", "b": "y"}]
    report = run(rows, Slot, writer=writer, unique=["a", "b"], actions="cu*", skip_errors=True)
    assert outcomes(report, 3) == ["updated"] * 3
    assert values(Slot, "a", "b") == [("1", "y"), ("2", "x"), ("3", None)]


@both
def test_a_unique_value_that_an_earlier_row_gives_up(writer: str) -> None:
    """Trap "a chain of renames": of a column that is no match, within one batch of many rows."""
    for i in range(20):
        Slot.objects.create(a=f"a{i:02}", b=f"b{i:02}")
    rows = [{"a": f"a{i:02}", "b": f"b{i + 1:02}"} for i in reversed(range(20))]
    report = run(rows, Slot, writer=writer, unique=["a"], pads=0, actions="cu*")
    assert report.updated == 20
    assert values(Slot, "a", "b") == [(f"a{i:02}", f"b{i + 1:02}") for i in range(20)]


@both
def test_columns_that_are_unique_together(writer: str) -> None:
    """Trap "two rows swapping a unique value": of a pair of columns, where NULL is equal to nothing."""
    rows = [{"a": f"a{i}", "x": i // 2, "y": None if i < 4 else i % 2} for i in range(14)]
    assert run(rows, Slot, writer=writer, unique=["a"], pads=0, actions="cu*").created == 14
    rows = [{"a": "a4", "x": 6, "y": 1}, {"a": "a5", "x": 9, "y": 9}, {"a": "b", "x": 9, "y": 9}]
    report = run(rows, Slot, writer=writer, unique=["a", "x"], actions="cu*", skip_errors=True)
    assert outcomes(report, 3) == ["rejected", "updated", "rejected"]


@both
def test_a_soft_deleted_row_that_still_holds_the_name(writer: str) -> None:
    """Trap "a soft-deleted row that still holds the name": the row is rejected and says why, others go in."""
    SoftDeleted.objects.create(code="old", name="n03", deleted=True)
    rows = [{"code": f"c{i:02}", "name": f"n{i:02}"} for i in range(14)]
    report = run(rows, SoftDeleted, writer=writer, pads=0, skip_errors=True)
    assert outcomes(report) == ["created"] * 3 + ["rejected"] + ["created"] * 10
    assert "unique" in report.rejections[0].reason
    assert SoftDeleted.objects.get(code="old").deleted


@both
def test_a_local_row_with_the_same_unique_value_and_another_key(writer: str) -> None:
    """Trap "a local row with the same unique value and another primary key": refused, nothing is moved."""
    Supplier.objects.create(pk=1, code="local", name="L")
    rows = [{"id": 500 + i, "code": "local" if i == 3 else f"c{i:02}", "name": "N"} for i in range(14)]
    report = run(rows, Supplier, writer=writer, unique=["id"], pads=0, actions="cu*", skip_errors=True)
    assert outcomes(report) == ["created"] * 3 + ["rejected"] + ["created"] * 10
    assert Supplier.objects.get(code="local").pk == 1
    assert not Supplier.objects.filter(pk=503).exists()


@both
def test_a_local_row_with_the_same_primary_key_and_another_value(writer: str) -> None:
    """Trap "a local row with ... another primary key": a new object may not take the key of another one."""
    Supplier.objects.create(pk=503, code="local", name="L")
    rows = [{"id": 500 + i, "code": f"c{i:02}", "name": "N"} for i in range(14)]
    report = run(rows, Supplier, writer=writer, unique=["code"], pads=0, actions="cu*", skip_errors=True)
    assert outcomes(report) == ["created"] * 3 + ["rejected"] + ["created"] * 10
    assert Supplier.objects.get(pk=503).code == "local"


@both
def test_two_new_rows_with_one_unique_value(writer: str) -> None:
    """Trap "uniqueness": of two new rows of one batch the second is refused, the first is kept."""
    rows = [{"a": f"a{i:02}", "b": "same" if i in (3, 9) else f"b{i:02}"} for i in range(14)]
    report = run(rows, Slot, writer=writer, unique=["a"], pads=0, skip_errors=True)
    assert outcomes(report) == ["created"] * 9 + ["rejected"] + ["created"] * 4
    assert Slot.objects.get(b="same").a == "a03"


@both
def test_a_value_given_up_by_a_delete(writer: str) -> None:
    """Trap "uniqueness": a delete in the same input frees the value for the rows after it."""
    Worded.objects.create(word="a", note="old")
    rows = [
        {"action_flags": "d*", "word": "a", "note": ""},
        {"action_flags": "c", "word": "a", "note": "new"},
    ]
    report = run(rows, Worded, writer=writer, unique=["word"])
    assert outcomes(report, 2) == ["deleted", "created"]
    assert values(Worded, "word", "note") == [("a", "new")]
