"""Traps of TRAPS.md, "Writing": errors in bulk, sequences, limits, signals, routers, and dry runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections, models, transaction
from django.db.models import signals
from django.test.utils import CaptureQueriesContext

import modelsync
from modelsync.core.results import Status
from modelsync.models import ExternalKeyMapping, ExternalSystem, Run
from tests.rows import WRITERS, outcomes, run, values
from tests.shop.models import (
    Category,
    Checked,
    Exclusive,
    Person,
    Product,
    Saving,
    Signalled,
    Slot,
    Supplier,
    Tag,
    Titled,
    Wide,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)


@both
@pytest.mark.parametrize("guilty", [{0}, {13, 57, 58, 99}, set(range(0, 100, 7)), set(range(100))])
def test_bulk_errors_name_the_guilty_rows(writer: str, guilty: set[int]) -> None:
    """Trap "bulk errors must name the guilty rows": a check constraint; exactly the others go in."""
    rows = [{"code": f"c{i:03}", "amount": -1 if i in guilty else i} for i in range(100)]
    report = run(rows, Checked, writer=writer, pads=0, skip_errors=True)
    assert {r.number for r in report.rejections} == guilty
    assert all("shop_checked_amount" in r.reason for r in report.rejections)
    assert [code for (code,) in values(Checked, "code")] == [
        f"c{i:03}" for i in range(100) if i not in guilty
    ]


@both
def test_bulk_errors_of_updates(writer: str) -> None:
    """Trap "bulk errors must name the guilty rows": of updates as of creates."""
    for i in range(100):
        Checked.objects.create(code=f"c{i:03}", amount=i)
    rows = [{"code": f"c{i:03}", "amount": -1 if i in (7, 50) else i + 1} for i in range(100)]
    report = run(rows, Checked, writer=writer, pads=0, actions="u*", skip_errors=True)
    assert [r.number for r in report.rejections] == [7, 50]
    assert Checked.objects.get(code="c007").amount == 7
    assert report.updated == 98


@both
def test_a_rejection_undoes_everything(writer: str) -> None:
    """Trap "bulk errors": in one transaction, the default, one refused row undoes the others."""
    rows = [{"code": f"c{i}", "amount": -1 if i == 5 else i, "external_key": f"k{i}"} for i in range(20)]
    report = run(rows, Checked, writer=writer, pads=0, system="ERP")
    assert (report.created, report.rejected, report.committed) == (19, 1, False)
    assert (Checked.objects.count(), ExternalKeyMapping.objects.count()) == (0, 0)
    assert Run.objects.get().rejections.get().number == 5


def test_a_constraint_with_a_condition() -> None:
    """Trap "bulk errors": what only the database can judge row by row is left to objects, and told."""
    rows = [{"code": f"c{i}", "title": f"t{i % 7}", "active": i < 7} for i in range(14)]
    report = run(rows, Exclusive, pads=0, actions="cu*")
    assert report.writers == {
        "shop.Exclusive": "objects: the constraint shop_exclusive_title is judged row by row"
    }
    assert report.created == 14


def test_pre_save_of_fields() -> None:
    """Trap "`pre_save` in bulk": a field that works its value out on saving gets to do so, run 2 is empty."""
    rows = [{"code": f"c{i}", "slug": f"Some Words {i}"} for i in range(14)]
    report = run(rows, Titled, pads=0)
    assert report.writers["shop.Titled"].startswith("objects: field slug")
    assert values(Titled, "code", "slug")[3][1].startswith("some-words-")
    with pytest.raises(modelsync.ConfigurationError, match="slug"):
        run(rows, Titled, pads=0, writer="staged")


def test_save_that_is_overridden_is_called() -> None:
    """Trap "`pre_save` in bulk": so is `save()`, once for each object that is written."""
    rows = [{"code": f"c{i}", "note": "n"} for i in range(14)]
    report = run(rows, Saving, pads=0)
    assert report.writers == {"shop.Saving": "objects: shop.Saving.save() is overridden"}
    assert set(values(Saving, "note", "saves")) == {("N", 1)}
    run(rows, Saving, pads=0)
    assert set(values(Saving, "note", "saves")) == {("N", 1)}


@pytest.fixture
def calls() -> Iterator[list[tuple[str, str]]]:
    """What the signals of Signalled told: (signal, code)."""
    told: list[tuple[str, str]] = []
    kinds = ("pre_save", "post_save", "pre_delete", "post_delete")
    receivers = {
        kind: (lambda sender, instance, kind=kind, **kwargs: told.append((kind, instance.code)))
        for kind in kinds
    }
    for kind, receiver in receivers.items():
        getattr(signals, kind).connect(receiver, sender=Signalled, weak=False)
    yield told
    for kind, receiver in receivers.items():
        getattr(signals, kind).disconnect(receiver, sender=Signalled)


def test_signals_of_many_rows(calls: list[tuple[str, str]]) -> None:
    """Trap "signals for bulk writes": a receiver hears of each object that is written, and of no other."""
    rows = [{"code": f"c{i:02}", "note": "n"} for i in range(14)]
    report = run(rows, Signalled, pads=0, actions="cu*")
    assert report.writers["shop.Signalled"] == "objects: shop.Signalled has pre_save receivers"
    assert [c for k, c in calls if k == "post_save"] == [f"c{i:02}" for i in range(14)]
    calls.clear()
    run([*rows[:13], rows[13] | {"note": "m"}], Signalled, pads=0, actions="cu*")
    assert calls == [("pre_save", "c13"), ("post_save", "c13")]
    calls.clear()
    run(rows[:2], Signalled, pads=0, actions="d*")
    assert [c for k, c in calls if k == "post_delete"] == ["c00", "c01"]


def test_signals_may_be_left_out_on_purpose(calls: list[tuple[str, str]]) -> None:
    """Trap "signals for bulk writes": `writer="staged"` says so, and then no receiver hears anything."""
    run([{"code": f"c{i:02}", "note": "n"} for i in range(14)], Signalled, pads=0, writer="staged")
    assert Signalled.objects.count() == 14
    assert calls == []


@both
def test_sequences_move_forward(writer: str) -> None:
    """Trap "sequences: forward only": after rows with explicit keys an insert does not collide."""
    rows = [{"id": 100_000 + i, "code": f"c{i:02}", "name": "N"} for i in range(14)]
    run(rows, Supplier, writer=writer, unique=["id"], pads=0)
    assert Supplier.objects.create(code="local", name="L").pk > 100_013
    report = run([{"code": "d", "name": "N"}], Supplier, writer=writer)
    assert outcomes(report, 1) == ["created"]


@both
def test_sequences_never_move_back(writer: str) -> None:
    """Trap "sequences: forward only": explicit keys below leave the sequence where it is."""
    last = Supplier.objects.create(code="first", name="F")
    last = Supplier.objects.create(pk=None, code="second", name="S")
    Supplier.objects.filter(pk=last.pk).delete()
    rows = [{"id": -100 - i, "code": f"c{i:02}", "name": "N"} for i in range(14)]
    run(rows, Supplier, writer=writer, unique=["id"], pads=0, skip_errors=True)
    assert Supplier.objects.create(code="third", name="T").pk > last.pk


@both
def test_new_keys_follow_each_other(writer: str) -> None:
    """Trap "sequences": new objects get their own keys in row order, and the mappings point to them."""
    rows = [{"code": f"c{i:03}", "name": f"n{i}", "external_key": f"k{i:03}"} for i in range(300)]
    run(rows, Supplier, writer=writer, pads=0, system="ERP")
    pks = {code: pk for code, pk in Supplier.objects.values_list("code", "pk")}
    assert sorted(pks, key=lambda code: pks[code]) == [row["code"] for row in rows]
    kept = {k: int(v) for k, v in ExternalKeyMapping.objects.values_list("external_key", "object_id")}
    assert kept == {f"k{i:03}": pks[f"c{i:03}"] for i in range(300)}


@both
def test_wide_rows_and_many_of_them(writer: str) -> None:
    """Trap "SQLite: 999 parameters": 2,000 rows of 40 columns, made, found again, changed and deleted."""
    count = 2000 if writer == "staged" else 300
    rows = [
        {"code": f"c{i:04}", "external_key": f"k{i:04}"} | {f"c{n}": i * n for n in range(1, 40)}
        for i in range(count)
    ]
    options: dict[str, Any] = {"writer": writer, "pads": 0, "system": "ERP", "match_on": "code", "changes": 0}
    assert run(rows, Wide, actions="cu*", **options).created == count
    assert run(rows, Wide, actions="cu*", **options).unchanged == count
    rows = [row | {"c39": -1} for row in rows]
    assert run(rows, Wide, actions="cu*", **options).updated == count
    assert Wide.objects.filter(c39=-1, c38__gte=0).count() == count
    report = run(rows[:1], Wide, missing="delete", max_deletes="100%", **options)
    assert (report.removed, Wide.objects.count()) == (count - 1, 1)


def test_a_fixed_number_of_statements() -> None:
    """Trap "writing": staged rows cost no statement of their own, whatever they ask for."""

    def statements(count: int) -> int:
        rows = [{"code": f"x{count}-{i}", "name": "N", "external_key": f"x{count}-{i}"} for i in range(count)]
        with CaptureQueriesContext(connection) as captured:
            report = run(rows, Supplier, pads=0, system="ERP", actions="cu*", changes=0)
        assert report.writers == {"shop.Supplier": "staged"}
        return len(captured)

    assert statements(400) <= statements(50) + 5


@both
def test_the_outer_transaction_can_take_everything_back(writer: str) -> None:
    """Trap "MariaDB: implicit commits by DDL (temporary tables excepted)": nothing commits by itself."""
    outside = ExternalKeyMapping.objects.count()
    with transaction.atomic():
        run([{"code": "a", "name": "A", "external_key": "1"}], Supplier, writer=writer, system="ERP")
        transaction.set_rollback(True)
    assert (Supplier.objects.count(), ExternalKeyMapping.objects.count()) == (0, outside)
    assert not ExternalSystem.objects.exists()


@pytest.mark.django_db(databases=["default", "other"])
@both
def test_another_database(writer: str) -> None:
    """Trap "database routers": with `using` everything is read and written there, references and keys too."""
    Supplier.objects.create(code="s", name="here")
    there = Supplier.objects.using("other").create(pk=77, code="s", name="there")
    rows = [
        {"sku": f"p{i:02}", "name": "P", "supplier=>code": "s", "external_key": f"k{i}"} for i in range(14)
    ]
    options: dict[str, Any] = {
        "using": "other",
        "system": "ERP",
        "unique": ["sku"],
        "pads": 0,
        "writer": writer,
    }
    assert run(rows, Product, **options).created == 14
    assert run(rows, Product, **options).unchanged == 14
    assert set(Product.objects.using("other").values_list("supplier_id", flat=True)) == {there.pk}
    assert ExternalKeyMapping.objects.using("other").count() == 14
    assert Run.objects.using("other").count() == 2
    assert run(rows, Product, actions="d", **options).deleted == 14
    assert not any(m.objects.exists() for m in (Product, ExternalSystem, ExternalKeyMapping, Run))


class ToOther:
    """A router that writes the shop to the other database."""

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return "other" if model._meta.app_label == "shop" else None


@pytest.mark.django_db(databases=["default", "other"])
@both
def test_a_router_chooses_the_database(writer: str, settings: Any) -> None:
    """Trap "database routers": without `using` it is where the router writes the model."""
    settings.DATABASE_ROUTERS = [ToOther()]
    run([{"code": "a", "name": "A", "external_key": "1"}], Supplier, writer=writer, system="ERP")
    settings.DATABASE_ROUTERS = []
    assert values(Supplier, "code", using="other") == [("a",)]
    assert not Supplier.objects.using("default").exists()
    assert ExternalKeyMapping.objects.using("other").exists()


def test_a_dry_run_calls_no_user_code(calls: list[tuple[str, str]]) -> None:
    """Invariant 4: no `save()`, no signal, no setter; the decisions are those of the run."""
    for model, touched in ((Saving, "saves"), (Signalled, "note")):
        model.objects.create(code="c00", note="")
        model.objects.create(code="gone", note="")
        before = list(model.objects.values_list("code", touched))
        calls.clear()
        rows = [{"code": f"c{i:02}", "note": "n", "action_flags": "cu*"} for i in range(14)]
        rows += [{"code": "gone", "note": "n", "action_flags": "d*"}]
        dry = run(rows, model, pads=0, dry_run=True)
        assert (dry.updated, dry.created, dry.deleted, dry.committed) == (1, 13, 1, False)
        assert calls == []
        assert list(model.objects.values_list("code", touched)) == before
        real = run(rows, model, pads=0)
        assert real.counts == dry.counts
    assert calls


@both
def test_a_dry_run_really_checks_constraints(writer: str) -> None:
    """Invariant 4: what the database would refuse is told, with the rows that are guilty."""
    Slot.objects.create(a="held", b="x")
    rows = [{"a": f"a{i}", "b": "x" if i == 3 else None} for i in range(14)]
    report = run(rows, Slot, writer=writer, unique=["a"], pads=0, dry_run=True)
    assert [r.number for r in report.rejections] == [3]
    rows = [{"code": f"c{i}", "amount": -1 if i == 9 else 1} for i in range(14)]
    report = run(rows, Checked, writer=writer, pads=0, dry_run=True)
    assert [(r.number, report.status) for r in report.rejections] == [(9, Status.REJECTED)]
    supplier = Supplier.objects.create(code="s", name="S")
    Product.objects.create(sku="p", name="P", supplier=supplier)
    report = run([{"code": "s"}], Supplier, writer=writer, pads=0, actions="d*", dry_run=True)
    assert report.rejected == 1


@both
def test_a_dry_run_leaves_the_database_as_it_was(writer: str) -> None:
    """Invariant 4: rows, keys, systems and run history are as before."""
    Supplier.objects.create(code="a", name="old")
    rows = [{"code": f"c{i}", "name": "N", "external_key": f"k{i}"} for i in range(14)]
    rows += [{"code": "a", "name": "new", "external_key": "k"}]
    report = run(rows, Supplier, writer=writer, pads=0, system="ERP", actions="cu*", dry_run=True)
    assert (report.created, report.updated, report.keys_written) == (14, 1, 15)
    assert list(Supplier.objects.values_list("code", "name")) == [("a", "old")]
    assert not any(model.objects.exists() for model in (ExternalKeyMapping, ExternalSystem, Run))
    changed = {change.number: dict(change.fields) for change in report.changes}
    assert changed[14] == {"name": ("old", "new")}


@both
def test_unchanged_rows_are_not_written(writer: str) -> None:
    """Trap "skip no-op updates": a second run has no statement that writes to the model's table."""
    rows = [{"code": f"c{i}", "name": "N", "external_key": f"k{i}"} for i in range(20)]
    options: dict[str, Any] = {"writer": writer, "pads": 0, "system": "ERP", "actions": "cu*"}
    run(rows, Supplier, **options)
    with CaptureQueriesContext(connection) as captured:
        assert run(rows, Supplier, **options).unchanged == 20
    quote = connection.ops.quote_name
    tables = (quote("shop_supplier"), quote("modelsync_externalkeymapping"))
    written = [
        q["sql"]
        for q in captured
        if q["sql"].startswith(
            tuple(f"{verb} {t}" for t in tables for verb in ("UPDATE", "INSERT INTO", "DELETE FROM"))
        )
        and "WHERE 0" not in q["sql"]
    ]
    assert written == []


@pytest.mark.parametrize("writer", ["staged", "objects"])
def test_validate_none_leaves_it_to_the_database(writer: str) -> None:
    """Trap "writing": without validation the database has the last word, and its word names the row."""
    limited = connection.vendor != "sqlite"
    rows = [{"code": f"c{i}", "name": "x" * 101 if i == 3 else "N"} for i in range(14)]
    report = run(rows, Supplier, writer=writer, pads=0, validate="none", skip_errors=True)
    assert [r.number for r in report.rejections] == ([3] if limited else [])


def test_full_validation_calls_full_clean() -> None:
    """Trap "choices": `validate="full"` asks each instance, so `auto` takes objects."""
    rows = [{"code": f"c {i}", "title": "t"} for i in range(14)]
    report = run(rows, Category, pads=0, validate="full")
    assert report.writers == {"shop.Category": "objects: full validation needs instances"}
    report = run(
        [{"slug": "not a slug", "name": "N"}], Tag, unique=["slug"], pads=0, validate="full", skip_errors=True
    )
    assert report.rejected == 1


@both
def test_nothing_is_left_of_the_staging(writer: str) -> None:
    """Trap "writing": the connection has no temporary table, and no lock, when a run is over or failed."""
    rows = [
        {"first_name": "A", "last_name": "B", "employee_id": f"e{i}", "age": "x" if i == 3 else i}
        for i in range(14)
    ]
    for skip_errors in (True, False):
        run(rows, Person, writer=writer, unique=["employee_id"], pads=0, skip_errors=skip_errors)
        with connections["default"].cursor() as cursor:
            names = connection.introspection.table_names(cursor)
            assert [n for n in names if n in ("modelsync_stage", "modelsync_plan", "modelsync_found")] == []
            if connection.vendor == "mysql":
                cursor.execute("SELECT RELEASE_ALL_LOCKS()")
                assert cursor.fetchone() == (0,)
