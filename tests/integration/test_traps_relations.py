"""Traps of TRAPS.md, "Relations": what refers to what, in which order."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

import modelsync
from modelsync.feeds import Feed, make_mapping
from modelsync.service import Options, run_feeds
from modelsync.sources import IterableSource
from tests.rows import WRITERS, outcomes, run, values
from tests.shop.models import (
    Builder,
    Category,
    Club,
    Department,
    Employee,
    FormerSupplier,
    House,
    Membership,
    Passport,
    Person,
    Product,
    Remark,
    Stock,
    Supplier,
    Tag,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)
self_referring = pytest.mark.parametrize("writer", ["auto", "objects"])


def check_way(report: modelsync.Report, writer: str, label: str) -> None:
    """`auto` staged it, or says why not: on MariaDB only."""
    way = report.writers[label]
    if writer == "objects":
        assert way == "objects: as asked for"
    elif connection.vendor == "mysql":
        assert way.startswith("objects: ")
        assert "own table" in way
    else:
        assert way == "staged"


def tree() -> dict[str, str | None]:
    """Code -> the parent's code."""
    return dict(Category.objects.order_by("code").values_list("code", "parent__code"))


@self_referring
def test_a_parent_that_comes_later(writer: str) -> None:
    """Trap "a self-reference whose parent comes later": filled in at the end of the pass."""
    rows = [
        {"code": f"c{i:02}", "title": "T", "parent=>code": f"c{i + 1:02}" if i < 29 else ""}
        for i in range(30)
    ]
    report = run(rows, Category, writer=writer, pads=0, actions="cu*")
    check_way(report, writer, "shop.Category")
    assert (report.created, report.warnings) == (30, [])
    assert tree() == {f"c{i:02}": f"c{i + 1:02}" if i < 29 else None for i in range(30)}
    assert run(rows, Category, writer=writer, pads=0, actions="cu*").unchanged == 30


@self_referring
def test_a_parent_that_came_before(writer: str) -> None:
    """Trap "forward references within a file": a row refers to one that the same batch has just made."""
    rows = [
        {"code": f"c{i:02}", "title": "T", "parent=>code": f"c{i // 2:02}" if i else ""} for i in range(30)
    ]
    report = run(rows, Category, writer=writer, pads=0, actions="cu*")
    assert (report.created, report.warnings) == (30, [])
    assert tree() == {f"c{i:02}": f"c{i // 2:02}" if i else None for i in range(30)}


@self_referring
@pytest.mark.parametrize("length", [1, 2, 3, 13])
def test_cycles(writer: str, length: int) -> None:
    """Trap "cycles of any length (null first, fill after)": also an object that is its own parent."""
    rows = [
        {"code": f"c{i:02}", "title": "T", "parent=>code": f"c{(i + 1) % length:02}"} for i in range(length)
    ]
    rows += [{"code": f"d{i:02}", "title": "T", "parent=>code": ""} for i in range(12)]
    for expected in ("created", "unchanged"):
        report = run(rows, Category, writer=writer, pads=0, actions="cu*")
        assert outcomes(report) == [expected] * (length + 12)
        assert report.warnings == []
    assert {c: p for c, p in tree().items() if c < "d"} == {
        f"c{i:02}": f"c{(i + 1) % length:02}" for i in range(length)
    }


def feed(rows: list[dict[str, Any]], model: Any, match_on: str) -> Feed:
    """Rows as one of several sources of a run."""
    label = model._meta.label
    source = IterableSource(rows, model=label, name=label)
    return Feed(
        source=source, model=model, mapping=make_mapping(match_on=match_on, has_system=False), name=label
    )


@both
def test_references_across_models(writer: str) -> None:
    """Trap "forward references across models": departments need employees that need departments."""
    departments = [{"code": f"d{i:02}", "head=>number": f"e{i:02}"} for i in range(14)]
    employees = [{"number": f"e{i:02}", "department=>code": f"d{i:02}"} for i in range(14)]
    for feeds in (
        [feed(departments, Department, "code"), feed(employees, Employee, "number")],
        [feed(employees, Employee, "number"), feed(departments, Department, "code")],
    ):
        Employee.objects.all().delete()
        Department.objects.all().delete()
        report = run_feeds(feeds, Options.with_defaults(writer=writer))
        assert (report.created, report.rejected, report.warnings) == (28, 0, [])
        assert values(Department, "code", "head__number") == [(f"d{i:02}", f"e{i:02}") for i in range(14)]
        assert values(Employee, "number", "department__code") == [(f"e{i:02}", f"d{i:02}") for i in range(14)]


@both
def test_a_reference_by_a_value_that_changes_in_the_same_run(writer: str) -> None:
    """Trap "forward references across models": a reference finds what an earlier feed has just renamed."""
    Supplier.objects.create(code="old", name="S", pk=77)
    suppliers = [{"id": 77, "code": "new", "name": "S"}]
    products = [{"sku": f"p{i:02}", "name": "P", "supplier=>code": "new"} for i in range(14)]
    feeds = [feed(suppliers, Supplier, "id"), feed(products, Product, "sku")]
    feeds[0] = Feed(
        source=feeds[0].source,
        model=Supplier,
        mapping=make_mapping(match_on="id", actions="u*", has_system=False),
        name="suppliers",
    )
    run_feeds(feeds, Options.with_defaults(writer=writer))
    assert set(values(Product, "supplier_id")) == {(77,)}


@both
def test_one_to_one(writer: str) -> None:
    """Trap "one-to-one": it is set by lookup, and a second object that wants the same one is rejected."""
    for i in range(14):
        Person.objects.create(first_name="A", last_name="B", employee_id=f"e{i:02}")
    rows = [{"number": f"n{i:02}", "person=>employee_id": f"e{i:02}"} for i in range(14)]
    report = run(rows, Passport, writer=writer, unique=["number"], pads=0, actions="cu*")
    assert report.created == 14
    assert values(Passport, "number", "person__employee_id") == [(f"n{i:02}", f"e{i:02}") for i in range(14)]
    rows = [{"number": "n99", "person=>employee_id": "e03"}, *rows]
    report = run(rows, Passport, writer=writer, unique=["number"], pads=0, actions="cu*", skip_errors=True)
    assert outcomes(report) == ["rejected"] + ["unchanged"] * 14


def test_one_to_one_from_the_other_side() -> None:
    """Trap "one-to-one": a reverse column points the one object that answers at the row's object."""
    ann, bob = (Person.objects.create(first_name=n, last_name="L", employee_id=n) for n in ("ann", "bob"))
    passport = Passport.objects.create(number="n1", person=ann)
    rows = [{"employee_id": "bob", "first_name": "bob", "last_name": "L", "passport=>number": "n1"}]
    report = run(rows, Person, unique=["employee_id"], pads=0, actions="u*")
    assert report.writers == {"shop.Person": "objects: passport is no column of shop.Person"}
    assert outcomes(report) == ["updated"]
    passport.refresh_from_db()
    assert passport.person == bob


def test_reverse_relations() -> None:
    """Trap "forward references": `houses=>address` gives a house its owner; unforced only the first."""
    for address in ("x", "y"):
        House.objects.create(address=address)
    row = {"employee_id": "1", "first_name": "A", "last_name": "L"}
    report = run([row | {"houses=>address": "x"}], Person, unique=["employee_id"], pads=0)
    assert outcomes(report) == ["created"]
    report = run([row | {"houses=>address": "y"}], Person, unique=["employee_id"], pads=0, actions="u")
    assert outcomes(report) == ["unchanged"]
    report = run([row | {"houses=>address": "y"}], Person, unique=["employee_id"], pads=0, actions="u*")
    assert outcomes(report) == ["updated"]
    assert values(House, "address", "owner__employee_id") == [("x", "1"), ("y", "1")]


@both
def test_generic_foreign_keys(writer: str) -> None:
    """Trap "generic foreign keys": their two columns are set like any other; the content type by lookup."""
    supplier = Supplier.objects.create(code="s", name="S")
    row = {
        "code": "r",
        "content_type=>app_label": "shop",
        "content_type=>model": "supplier",
        "object_id": str(supplier.pk),
    }
    for expected in ("created", "unchanged"):
        assert outcomes(run([row], Remark, writer=writer, actions="cu*"), 1) == [expected]
    remark = Remark.objects.get(code="r")
    assert remark.about == supplier
    assert remark.content_type == ContentType.objects.get_for_model(Supplier)


def tags(sku: str) -> list[str]:
    """The slugs of a product's tags."""
    return sorted(Product.objects.get(sku=sku).tags.values_list("slug", flat=True))


def test_many_to_many() -> None:
    """Trap "many-to-many without a through model": add, remove, leave exactly one; `auto` takes objects."""
    for slug in "abc":
        Tag.objects.create(slug=slug, name=slug)
    row = {"sku": "p", "name": "P"}
    options: dict[str, Any] = {"unique": ["sku"], "pads": 0}
    report = run([row | {"tags=>+slug": "a"}, row | {"tags=>+slug": "b"}], Product, actions="cu*", **options)
    assert report.writers == {"shop.Product": "objects: tags is no column of shop.Product"}
    assert outcomes(report) == ["created", "updated"]
    assert tags("p") == ["a", "b"]
    assert outcomes(run([row | {"tags=>+slug": "b"}], Product, actions="u*", **options)) == ["unchanged"]
    assert outcomes(run([row | {"tags=>+slug": "c"}], Product, actions="u", **options)) == ["unchanged"]
    assert outcomes(run([row | {"tags=>-slug": "a"}], Product, actions="u", **options)) == ["unchanged"]
    assert outcomes(run([row | {"tags=>-slug": "a"}], Product, actions="u*", **options)) == ["updated"]
    assert outcomes(run([row | {"tags=>=slug": "c"}], Product, actions="u*", **options)) == ["updated"]
    assert tags("p") == ["c"]


@both
def test_an_absent_many_to_many_column(writer: str) -> None:
    """Trap "an absent m2m column is not an empty one": neither is a blank one."""
    product = Product.objects.create(sku="p", name="P")
    product.tags.add(Tag.objects.create(slug="a", name="a"))
    run([{"sku": "p", "name": "Q"}], Product, writer=writer, unique=["sku"], actions="u*")
    assert tags("p") == ["a"]
    run([{"sku": "p", "tags=>=slug": ""}], Product, unique=["sku"], actions="u*")
    assert tags("p") == ["a"]


def test_a_missing_many_to_many_target() -> None:
    """Trap "a missing m2m target is reported": with column and value, and found if a later row makes it."""
    rows = [{"sku": "p", "name": "P", "tags=>+slug": "nowhere"}]
    report = run(rows, Product, unique=["sku"], pads=0)
    assert outcomes(report) == ["created"]
    (warning,) = report.warnings
    assert (warning.column, "nowhere" in warning.reason) == ("tags=>+slug", True)


def test_many_to_many_through_a_model() -> None:
    """Trap "many-to-many with a through model": its rows are made with their own defaults, once."""
    Person.objects.create(first_name="A", last_name="B", employee_id="e")
    rows = [{"code": "c", "members=>+employee_id": "e"}]
    for expected in ("created", "unchanged"):
        assert outcomes(run(rows, Club, pads=0, actions="cu*")) == [expected]
    assert list(Membership.objects.values_list("club__code", "person__employee_id", "since")) == [
        ("c", "e", 2000)
    ]
    rows = [{"code": "c", "members=>-employee_id": "e"}]
    assert outcomes(run(rows, Club, pads=0, actions="u*")) == ["updated"]
    assert not Membership.objects.exists()


@both
def test_a_through_model_of_its_own(writer: str) -> None:
    """Trap "many-to-many with a through model": it is a model, so its rows can be synced by two lookups."""
    for i in range(14):
        Person.objects.create(first_name="A", last_name="B", employee_id=f"e{i:02}")
    Club.objects.create(code="c")
    rows = [{"club=>code": "c", "person=>employee_id": f"e{i:02}", "since": i + 1} for i in range(14)]
    report = run(rows, Membership, writer=writer, match_on="since", unique=[], pads=0, actions="cu*")
    assert report.created == 14
    assert values(Membership, "person__employee_id", "since") == [(f"e{i:02}", i + 1) for i in range(14)]
    report = run(rows, Membership, writer=writer, match_on="since", unique=[], pads=0, actions="cu*")
    assert report.unchanged == 14


@both
def test_natural_keys(writer: str) -> None:
    """Trap "natural keys": an object is named by as many of its fields as it takes."""
    Person.objects.create(first_name="Ann", last_name="Lee", employee_id="1")
    ann = Person.objects.create(first_name="Ann", last_name="Ray", employee_id="2")
    row = {"address": "x", "owner=>first_name": "Ann", "owner=>last_name": "Ray"}
    run([row], House, writer=writer, unique=["address"])
    assert values(House, "address", "owner_id") == [("x", ann.pk)]
    row = {"address": "y", "owner=>first_name": "Ann", "owner=>last_name": ""}
    report = run([row], House, writer=writer, unique=["address"])
    assert values(House, "address", "owner_id")[1] == ("y", None)
    assert "several" in report.warnings[0].reason


@both
def test_foreign_keys_to_another_field(writer: str) -> None:
    """Trap "`to_field` foreign keys": a plain column holds that field, a lookup may use any."""
    Supplier.objects.create(code="s1", name="One")
    Supplier.objects.create(code="s2", name="Two")
    run([{"code": "a", "supplier": "s1"}], Stock, writer=writer)
    run([{"code": "b", "supplier_id": "s2"}], Stock, writer=writer)
    run([{"code": "c", "supplier=>name": "Two"}], Stock, writer=writer)
    assert values(Stock, "code", "supplier_id") == [("a", "s1"), ("b", "s2"), ("c", "s2")]
    for row in ({"code": "a", "supplier": "s1"}, {"code": "c", "supplier=>name": "Two"}):
        assert outcomes(run([row], Stock, writer=writer, actions="cu*"), 1) == ["unchanged"]
    assert outcomes(run([{"code": "a", "supplier": ""}], Stock, writer=writer, actions="u*"), 1) == [
        "updated"
    ]
    report = run([{"code": "d", "supplier": "s9"}], Stock, writer=writer, skip_errors=True)
    assert (outcomes(report, 1), report.rejections[0].column) == (["rejected"], "supplier")


@both
def test_plain_foreign_keys_that_name_nothing(writer: str) -> None:
    """Trap "forward references": a key that names nothing is one row's fault, not the database's error."""
    supplier = Supplier.objects.create(code="s", name="S")
    rows = [
        {"sku": f"p{i:02}", "name": "P", "supplier_id": 10**6 if i == 3 else supplier.pk} for i in range(14)
    ]
    report = run(rows, Product, writer=writer, unique=["sku"], pads=0, skip_errors=True)
    assert [(r.number, r.column, r.value) for r in report.rejections] == [(3, "supplier_id", 10**6)]
    assert report.created == 13


@both
def test_proxy_models(writer: str) -> None:
    """Trap "proxy models": the same table, and the same keys, as the model that it stands for."""
    rows = [{"code": "a", "name": "A", "external_key": "1"}]
    options: dict[str, Any] = {
        "writer": writer,
        "system": "ERP",
        "unique": ["code", "external_key"],
        "actions": "cu*",
    }
    assert outcomes(run(rows, FormerSupplier, **options), 1) == ["created"]
    assert outcomes(run(rows, FormerSupplier, **options), 1) == ["unchanged"]
    assert values(Supplier, "code", "name") == [("a", "A")]
    rows = [{"code": "b", "name": "A", "external_key": "1"}]
    assert outcomes(run(rows, FormerSupplier, **options), 1) == ["updated"]
    assert values(Supplier, "code") == [("b",)]


def test_multi_table_inheritance_in_bulk(tmp_path: Path) -> None:
    """Trap "multi-table inheritance in bulk": many rows go through objects, parents and children both."""
    path = tmp_path / "builders.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["employee_id", "first_name", "last_name", "company"])
        writer.writerows([[f"e{i}", "F", "L", f"C{i}"] for i in range(50)])
    for expected in ("created", "unchanged"):
        report = modelsync.sync(path, Builder, match_on="employee_id", actions="cu*", changes=99)
        assert set(outcomes(report)) == {expected}
        assert report.writers == {"shop.Builder": "objects: shop.Builder uses multi-table inheritance"}
    assert (Person.objects.count(), Builder.objects.count()) == (50, 50)
    with pytest.raises(modelsync.ConfigurationError, match="inheritance"):
        modelsync.sync(path, Builder, match_on="employee_id", writer="staged")


@pytest.mark.parametrize("model", [Builder, FormerSupplier])
def test_a_dry_run_of_inherited_and_proxy_models(model: Any) -> None:
    """Trap "multi-table inheritance in bulk": a dry run makes parent and child, and takes both back."""
    unique = "employee_id" if model is Builder else "code"
    report = run([{unique: "1"}], model, unique=[unique], dry_run=True)
    assert report.created == 13
    assert not Person.objects.exists()


@both
def test_a_parent_of_builders_is_synced_for_itself(writer: str) -> None:
    """Trap "multi-table inheritance": rows of the parent's model change the parent's part only."""
    Builder.objects.create(employee_id="1", first_name="A", last_name="L", company="C")
    row = {"employee_id": "1", "first_name": "B", "last_name": "L"}
    assert outcomes(run([row], Person, writer=writer, unique=["employee_id"], actions="u*"), 1) == ["updated"]
    assert values(Builder, "employee_id", "first_name", "company") == [("1", "B", "C")]
