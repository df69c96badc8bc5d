"""Traps of TRAPS.md, "Deletes" and "Cursors": what must not go, and what must come back."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import modelsync
from modelsync.core.results import Status
from modelsync.models import Checkpoint, ExternalKeyMapping
from tests.rows import WRITERS, keys, outcomes, run, values
from tests.shop.models import (
    Category,
    Department,
    Employee,
    House,
    Passport,
    Person,
    Product,
    Supplier,
    Tag,
    Worded,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)
ERP: dict[str, Any] = {"system": "ERP", "match_on": "code"}


def suppliers(count: int) -> list[dict[str, str]]:
    """Rows of so many suppliers, with keys."""
    return [{"code": f"c{i:03}", "name": "N", "external_key": f"k{i:03}"} for i in range(count)]


@both
def test_cascades(writer: str) -> None:
    """Trap "cascades": what hangs on a deleted object goes with it, row by row within a batch."""
    for i in range(14):
        person = Person.objects.create(first_name="A", last_name="B", employee_id=f"e{i:02}")
        Passport.objects.create(number=f"n{i:02}", person=person)
        House.objects.create(address=f"h{i:02}", owner=person)
    rows = [{"employee_id": f"e{i:02}"} for i in range(13)]
    report = run(rows, Person, writer=writer, match_on="employee_id", pads=0, actions="d*")
    assert report.deleted == 13
    assert values(Passport, "number") == [("n13",)]
    assert len(values(House, "address")) == 14
    assert House.objects.filter(owner=None).count() == 13


@both
def test_a_cascade_that_takes_later_rows_along(writer: str) -> None:
    """Trap "cascades": a row whose object went with an earlier one is unchanged, not an error."""
    root = Category.objects.create(code="c00", title="T")
    for i in range(1, 14):
        Category.objects.create(code=f"c{i:02}", title="T", parent=root)
    rows = [{"code": f"c{i:02}"} for i in range(14)]
    report = run(rows, Category, writer=writer, pads=0, actions="d*")
    assert outcomes(report) == ["deleted"] + ["unchanged"] * 13
    assert not Category.objects.exists()


@both
def test_protect(writer: str) -> None:
    """Trap "PROTECT": the row is rejected and names who protects it; the others are deleted."""
    for i in range(14):
        Supplier.objects.create(code=f"c{i:03}", name="N")
    Product.objects.create(sku="p", name="P", supplier=Supplier.objects.get(code="c003"))
    rows = [{"code": f"c{i:03}"} for i in range(14)]
    report = run(rows, Supplier, writer=writer, pads=0, actions="d*", skip_errors=True)
    assert outcomes(report) == ["deleted"] * 3 + ["rejected"] + ["deleted"] * 10
    assert "shop.Product" in report.rejections[0].reason
    assert values(Supplier, "code") == [("c003",)]


def test_protect_stops_what_absence_would_delete() -> None:
    """Trap "PROTECT": an implied delete that is not possible stops the run, and nothing is written."""
    modelsync.sync(suppliers(3), Supplier, **ERP)
    Product.objects.create(sku="p", name="P", supplier=Supplier.objects.get(code="c001"))
    rows = [suppliers(1)[0] | {"name": "new"}]
    report = modelsync.sync(rows, Supplier, missing="delete", actions="cu*", **ERP)
    assert report.status is Status.STOPPED
    assert values(Supplier, "code", "name") == [("c000", "N"), ("c001", "N"), ("c002", "N")]


def test_an_empty_source_deletes_nothing() -> None:
    """Trap "an empty source that answered 200": nothing is implied by it, in a list or in a file."""
    modelsync.sync(suppliers(3), Supplier, **ERP)
    report = modelsync.sync([], Supplier, missing="delete", **ERP)
    assert (report.removed, Supplier.objects.count()) == (0, 3)


def test_a_file_with_headers_only_deletes_nothing(tmp_path: Path) -> None:
    """Trap "an empty source": a file that has only its header has lost its rows somewhere."""
    modelsync.sync(suppliers(3), Supplier, **ERP)
    path = tmp_path / "rows.csv"
    path.write_text("code,name,external_key\n")
    modelsync.sync(path, Supplier, missing="delete", **ERP)
    assert Supplier.objects.count() == 3


def test_a_truncated_file_deletes_nothing(tmp_path: Path) -> None:
    """Trap "a truncated one": a compressed file that breaks off fails, and all of the run is undone."""
    modelsync.sync(suppliers(300), Supplier, **ERP)
    path = tmp_path / "rows.csv.gz"
    lines = [",".join(row.values()) for row in suppliers(300)]
    whole = gzip.compress("\n".join(["code,name,external_key", *lines]).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(modelsync.SourceError):
        modelsync.sync(path, Supplier, missing="delete", max_deletes="100%", **ERP)
    assert Supplier.objects.count() == 300


@both
def test_a_page_that_fails_deletes_nothing(writer: str) -> None:
    """Trap "a failed page": an iterable that raises in the middle undoes the whole run."""

    def pages() -> Iterator[dict[str, str]]:
        yield from suppliers(20)
        raise modelsync.Transient("the second page did not come")

    modelsync.sync(suppliers(40), Supplier, **ERP)
    with pytest.raises(modelsync.Transient):
        modelsync.sync(pages(), Supplier, missing="delete", max_deletes="100%", writer=writer, **ERP)
    assert Supplier.objects.count() == 40


@both
def test_a_filter_that_hid_rows(writer: str) -> None:
    """Trap "a filter that hid rows": the guard refuses over 10 rows and over 10 %, unless told so."""
    modelsync.sync(suppliers(40), Supplier, **ERP)
    rows = [row | {"name": "new"} for row in suppliers(29)]
    options = ERP | {"writer": writer, "missing": "delete", "actions": "cu*"}
    report = modelsync.sync(rows, Supplier, **options)
    assert (report.status, report.exit_status) == (Status.STOPPED, 1)
    assert "11 of 40" in (report.error or "")
    assert set(values(Supplier, "name")) == {("N",)}
    report = modelsync.sync(rows, Supplier, max_deletes=11, **options)
    assert (report.removed, Supplier.objects.count()) == (11, 29)


@both
def test_a_number_bounds_all_deletes(writer: str) -> None:
    """Trap "deletes": a number that was given bounds the deletes that rows ask for, too."""
    modelsync.sync(suppliers(14), Supplier, **ERP)
    report = modelsync.sync(suppliers(14), Supplier, actions="d", max_deletes=13, writer=writer, **ERP)
    assert report.status is Status.STOPPED
    assert Supplier.objects.count() == 14
    report = modelsync.sync(suppliers(14), Supplier, actions="d", max_deletes=14, writer=writer, **ERP)
    assert (report.deleted, Supplier.objects.count(), ExternalKeyMapping.objects.count()) == (14, 0, 0)


@both
def test_a_second_system_that_still_holds_the_object(writer: str) -> None:
    """Trap "a second system that still holds the object": the first one's key goes, the object stays."""
    rows = suppliers(14)
    modelsync.sync(rows, Supplier, **ERP)
    modelsync.sync(rows[:3], Supplier, system="CRM", match_on="code")
    report = modelsync.sync(rows, Supplier, actions="d", writer=writer, changes=99, **ERP)
    assert outcomes(report) == ["skipped"] * 3 + ["deleted"] * 11
    assert {system for system, _ in keys(Supplier)} == {"CRM"}
    report = modelsync.sync(rows[:3], Supplier, actions="d", writer=writer, system="CRM", match_on="code")
    assert (report.deleted, Supplier.objects.count()) == (3, 0)


@both
def test_an_object_that_two_systems_hold_is_not_missing(writer: str) -> None:
    """Trap "a second system that still holds the object": absence takes the key, not the object."""
    modelsync.sync(suppliers(4), Supplier, **ERP)
    modelsync.sync(suppliers(1), Supplier, system="CRM", match_on="code")
    Supplier.objects.create(code="local", name="L")
    report = modelsync.sync(suppliers(4)[2:], Supplier, missing="delete", writer=writer, **ERP)
    assert report.removed == 1
    assert values(Supplier, "code") == [("c000",), ("c002",), ("c003",), ("local",)]
    assert [key for system, key in keys(Supplier) if system == "ERP"] == ["k002", "k003"]


@both
def test_delete_keys_go_through_the_mapping(writer: str) -> None:
    """Trap "delete keys go through the same mapping as writes": renamed columns, another key column."""
    rows = [{"Nr": f" k{i:02} ", "Kürzel": f"c{i:02}", "name": "N"} for i in range(14)]
    options: dict[str, Any] = {
        "system": "ERP",
        "key_column": "Nr",
        "map": {"Kürzel": "code"},
        "match_on": "code",
        "writer": writer,
    }
    assert modelsync.sync(rows, Supplier, **options).created == 14
    assert keys(Supplier)["ERP", "k03"]
    report = modelsync.sync(rows[:7], Supplier, missing="delete", **options)
    assert (report.removed, Supplier.objects.count()) == (7, 7)
    report = modelsync.sync(rows[:5], Supplier, actions="d", **options)
    assert (report.deleted, Supplier.objects.count()) == (5, 2)


@both
def test_an_object_of_another_case_is_not_missing(writer: str) -> None:
    """Trap "a second system that still holds the object": by a key of its own, where 'a' is 'A', too."""
    options: dict[str, Any] = {"system": "ERP", "match_on": "word", "missing": "delete", "writer": writer}
    rows = [{"word": "A", "external_key": "1"}, {"word": "z", "external_key": "9"}]
    modelsync.sync(rows, Worded, **options)
    Worded.objects.filter(word="A").delete()
    Worded.objects.create(word="a")
    rows[0] = {"word": "a", "external_key": "2"}
    report = modelsync.sync(rows, Worded, max_deletes="100%", **options)
    assert report.removed == 0
    assert values(Worded, "word") == [("a",), ("z",)]
    assert keys(Worded) == {("ERP", "2"): "a", ("ERP", "9"): "z"}


@both
def test_a_rejected_row_is_not_missing(writer: str) -> None:
    """Trap "a filter that hid rows": a row that was refused is there; its object is not deleted."""
    modelsync.sync(suppliers(14), Supplier, **ERP)
    rows = [row | ({"name": "x" * 101} if row["code"] == "c003" else {}) for row in suppliers(14)]
    report = modelsync.sync(
        rows, Supplier, missing="delete", skip_errors=True, actions="u*", writer=writer, **ERP
    )
    assert (report.rejected, report.removed, Supplier.objects.count()) == (1, 0, 14)


@both
def test_a_row_that_was_deleted_locally_comes_back(writer: str) -> None:
    """Trap "a row deleted locally that must come back": the same input makes it again, under its key."""
    rows = suppliers(14)
    modelsync.sync(rows, Supplier, **ERP)
    Supplier.objects.filter(code__in=["c003", "c009"]).delete()
    report = modelsync.sync(rows, Supplier, writer=writer, changes=99, **ERP)
    assert [i for i, word in enumerate(outcomes(report)) if word == "created"] == [3, 9]
    pks = {code: str(pk) for code, pk in Supplier.objects.values_list("code", "pk")}
    assert keys(Supplier)["ERP", "k003"] == pks["c003"]
    assert set(outcomes(modelsync.sync(rows, Supplier, writer=writer, changes=99, **ERP))) == {"unchanged"}


@both
def test_a_failed_apply_is_not_remembered_as_done(writer: str, tmp_path: Path) -> None:
    """Trap "a failed apply remembered as done": a run that stopped goes on behind its last commit."""
    rows = suppliers(40)
    failing = True

    class Rows:
        def __iter__(self) -> Iterator[dict[str, str]]:
            for i, row in enumerate(rows):
                if failing and i == 25:
                    raise modelsync.Transient("cut off")
                yield row

    options = ERP | {"commit_every": 10, "resume": True, "writer": writer}
    with pytest.raises(modelsync.Transient):
        modelsync.sync(Rows(), Supplier, **options)
    assert Supplier.objects.count() == 20
    assert Checkpoint.objects.count() == 1
    failing = False
    report = modelsync.sync(Rows(), Supplier, **options)
    assert (report.created, report.total, Supplier.objects.count()) == (40, 40, 40)
    assert not Checkpoint.objects.exists()


@both
def test_parents_and_children_that_were_read_at_different_moments(writer: str) -> None:
    """Trap "parents and children read at different moments": a child without its parent is refused."""
    rows = [{"number": f"e{i}", "department=>code": "new" if i == 3 else "d"} for i in range(14)]
    Department.objects.create(code="d")
    report = run(rows, Employee, writer=writer, match_on="number", pads=0, skip_errors=True)
    assert outcomes(report) == ["created"] * 3 + ["rejected"] + ["created"] * 10
    Department.objects.create(code="new")
    assert run(rows, Employee, writer=writer, match_on="number", pads=0, skip_errors=True).created == 1


@both
def test_deletes_of_what_has_many_to_many_relations(writer: str) -> None:
    """Trap "cascades": links to other objects go with the object, the others stay."""
    tag = Tag.objects.create(slug="t", name="T")
    for i in range(14):
        Product.objects.create(sku=f"p{i:02}", name="P").tags.add(tag)
    rows = [{"sku": f"p{i:02}"} for i in range(14)]
    assert run(rows, Product, writer=writer, match_on="sku", pads=0, actions="d*").deleted == 14
    assert (Tag.objects.count(), tag.products.count()) == (1, 0)


def test_a_row_that_cannot_be_read_proves_nothing_missing(tmp_path: Path) -> None:
    """Trap "a filter that hid rows": a short line has no key, so no object is deleted for lacking one."""
    path = tmp_path / "s.csv"
    path.write_text("external_key,code,name\n1,a,A\n2,b,B\n")
    modelsync.sync(path, Supplier, system="S", match_on="code")
    path.write_text("external_key,code,name\n1,a,A\n2,b\n")
    report = modelsync.sync(path, Supplier, system="S", match_on="code", missing="delete", skip_errors=True)
    assert (report.removed, report.rejected, Supplier.objects.count()) == (0, 1, 2)
    assert "some rows could not be read" in report.notes[-1]
