"""Traps of TRAPS.md, "Matching": which object a row means."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

import modelsync
from modelsync.models import ExternalKeyMapping
from tests.rows import WRITERS, keys, outcomes, run, values
from tests.shop.models import Builder, Checked, Everything, Locker, Person, Product, Supplier, Uuided, Worded

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)
MARIADB = connection.vendor == "mysql"


@both
def test_null_never_matches_null(writer: str) -> None:
    """Trap "NULL in a match key never matches NULL": such a row makes a new object."""
    Everything.objects.create(code="a", f_int=None, f_char=None)
    rows = [{"code": "b", "f_int": None, "f_char": None}]
    for match in (["f_int"], ["f_char"], ["f_int", "f_char"], ["code", "f_int"]):
        report = run(rows, Everything, writer=writer, match_on=match)
        assert outcomes(report, 1) == ["created"], match
        Everything.objects.exclude(code="a").delete()


@both
def test_a_blank_that_is_read_as_null_matches_nothing(writer: str) -> None:
    """Trap "NULL in a match key": in a nullable column '' is NULL, and finds no object that has ''."""
    Everything.objects.create(code="a", f_char="")
    report = run([{"code": "b", "f_char": ""}], Everything, writer=writer, match_on=["f_char"])
    assert outcomes(report, 1) == ["created"]


@both
def test_a_blank_that_is_text_matches_blank(writer: str) -> None:
    """Trap "NULL in a match key": in a column that allows no NULL '' is a value like any other."""
    Person.objects.create(first_name="A", last_name="B", employee_id="")
    rows = [{"first_name": "N", "last_name": "L", "employee_id": ""}]
    report = run(rows, Person, writer=writer, unique=["employee_id"], actions="u*")
    assert outcomes(report, 1) == ["updated"]


@both
@pytest.mark.parametrize("actions", ["c", "u", "u*", "cu*", "d*"])
def test_an_ambiguous_match_is_never_the_first_hit(writer: str, actions: str) -> None:
    """Trap "an ambiguous match": it is a skip, and both objects stay as they are."""
    for code in "ab":
        Everything.objects.create(code=code, f_slug="x", f_int=1)
    before = list(Everything.objects.order_by("pk").values())
    report = run(
        [{"code": "c", "f_slug": "x", "f_int": 2}],
        Everything,
        writer=writer,
        unique=["f_slug", "code"],
        actions=actions,
        skip_errors=True,
    )
    assert outcomes(report, 1) == ["skipped"]
    assert list(Everything.objects.filter(code__in="ab").order_by("pk").values()) == before


@both
@pytest.mark.parametrize("true", [True, "true", "True"])
def test_true_is_not_primary_key_1(writer: str, true: object) -> None:
    """Trap "`True` is not primary key 1": the row is rejected, as a primary key and as a reference."""
    Supplier.objects.create(pk=1, code="s", name="S")
    report = run(
        [{"id": true, "code": "s", "name": "hit"}],
        Supplier,
        writer=writer,
        unique=["id"],
        actions="u*",
        skip_errors=True,
    )
    assert outcomes(report, 1) == ["rejected"]
    rows = [{"sku": "p", "name": "P", "supplier": true}]
    report = run(rows, Product, writer=writer, unique=["sku"], skip_errors=True)
    assert outcomes(report, 1) == ["rejected"]
    rows = [{"sku": "p", "name": "P", "supplier=>id": true}]
    report = run(rows, Product, writer=writer, unique=["sku"], skip_errors=True)
    assert outcomes(report, 1) == ["rejected"]
    assert values(Supplier, "id", "name") == [(1, "S")]
    assert values(Product, "sku") == []


@both
def test_two_rows_of_one_file_that_match_one_object(writer: str) -> None:
    """Trap "two rows of one file that match the same object": the second one finds it changed."""
    Supplier.objects.create(code="a", name="old")
    rows = [{"code": "a", "name": "one"}, {"code": "b", "name": "new"}, {"code": "a", "name": "two"}]
    report = run(rows, Supplier, writer=writer, actions="cu*")
    assert outcomes(report, 3) == ["updated", "created", "updated"]
    assert values(Supplier, "code", "name") == [("a", "two"), ("b", "new")]
    assert outcomes(run(rows[1:], Supplier, writer=writer, actions="cu*"), 2) == ["unchanged"] * 2


@both
@pytest.mark.parametrize("variant", ["A", "á", "a "])
def test_what_the_database_calls_equal(writer: str, variant: str) -> None:
    """Trap "case and collation": MariaDB takes 'a', 'A', 'á' and 'a ' for one value; so do we there."""
    Worded.objects.create(word="zero")
    with_supplier = Supplier.objects.create(code="a", name="old")
    is_same = Supplier.objects.filter(code=variant).exists()
    assert is_same is MARIADB, "this database has another collation than the test knows of"
    report = run([{"code": variant, "name": "new"}], Supplier, writer=writer, actions="cu*")
    assert outcomes(report, 1) == ["updated" if is_same else "created"]
    with_supplier.refresh_from_db()
    assert with_supplier.name == ("new" if is_same else "old")
    # What is compared is found by collation, what is written is written to the letter.
    assert Supplier.objects.filter(pk=with_supplier.pk).values_list("code", flat=True)[0] == (
        variant if is_same else "a"
    )


@both
@pytest.mark.parametrize("variant", ["A", "á", "a "])
def test_what_the_database_calls_equal_within_a_batch(writer: str, variant: str) -> None:
    """Trap "case and collation": two new rows of one batch are one object where they are equal."""
    rows = [{"code": "a", "name": "one"}, {"code": variant, "name": "two"}]
    report = run(rows, Supplier, writer=writer, actions="cu*")
    assert outcomes(report, 2) == ["created", "updated" if MARIADB else "created"]
    assert len(values(Supplier, "code")) == (1 if MARIADB else 2)


@both
@pytest.mark.parametrize("variant", ["A", "á"])
def test_references_by_what_the_database_calls_equal(writer: str, variant: str) -> None:
    """Trap "case and collation": a lookup finds what the database calls equal, and nothing else."""
    supplier = Supplier.objects.create(code="a", name="S")
    run([{"sku": "p", "name": "P", "supplier=>code": variant}], Product, writer=writer, unique=["sku"])
    assert values(Product, "sku", "supplier_id") == [("p", supplier.pk if MARIADB else None)]


@both
def test_keys_are_exact_on_every_database(writer: str) -> None:
    """Trap "case and collation": keys 'a' and 'A' of one batch are two keys of two objects."""
    rows = [{"code": "x", "name": "X", "external_key": "a"}, {"code": "y", "name": "Y", "external_key": "A"}]
    report = run(rows, Supplier, writer=writer, system="ERP", unique=["code", "external_key"])
    assert outcomes(report, 2) == ["created", "created"]
    pks = {code: str(pk) for code, pk in values(Supplier, "code", "pk")}
    assert keys(Supplier) == {("ERP", "a"): pks["x"], ("ERP", "A"): pks["y"]}
    assert (
        outcomes(run(rows, Supplier, writer=writer, system="ERP", unique=["code", "external_key"]))
        == ["unchanged"] * 14
    )


@pytest.mark.django_db(databases=["default", "other"])
@both
def test_content_type_ids_differ_from_database_to_database(writer: str) -> None:
    """Trap "content type ids differ from site to site": keys hold the id of their own database."""
    ContentType.objects.clear_cache()
    kinds = ContentType.objects.using("other")
    stale = kinds.get(app_label="shop", model="supplier")
    stale.delete()
    kinds.create(app_label="gone", model="gone")
    moved = kinds.create(app_label="shop", model="supplier")
    here = ContentType.objects.db_manager("default").get_for_model(Supplier)
    ContentType.objects.clear_cache()
    rows = [{"code": "a", "name": "A", "external_key": "1"}]
    options: dict[str, Any] = {"writer": writer, "system": "ERP", "unique": ["code", "external_key"]}
    run(rows, Supplier, using="other", **options)
    run(rows, Supplier, **options)
    kept = ExternalKeyMapping.objects.using("other").filter(external_key="1")
    assert list(kept.values_list("content_type", flat=True)) == [moved.pk]
    kept = ExternalKeyMapping.objects.filter(external_key="1")
    assert list(kept.values_list("content_type", flat=True)) == [here.pk]
    assert outcomes(run(rows, Supplier, using="other", **options), 1) == ["unchanged"]
    ContentType.objects.clear_cache()


@both
def test_primary_keys_that_are_uuids(writer: str) -> None:
    """Trap "primary keys that are UUIDs": given, made by the default, matched, linked and deleted."""
    given = uuid.uuid4()
    rows = [{"id": str(given), "name": "a", "external_key": "1"}]
    options: dict[str, Any] = {"writer": writer, "system": "ERP", "unique": ["name", "external_key"]}
    assert outcomes(run(rows, Uuided, match_on="name", pads=0, **options)) == ["created"]
    pads = [{"id": str(uuid.uuid4()), "name": f"~{i}", "external_key": f"~{i}"} for i in range(12)]
    report = modelsync.sync(
        [*rows, *pads], "shop.Uuided", system="ERP", match_on="id", writer=writer, changes=99
    )
    assert outcomes(report) == ["unchanged"] + ["created"] * 12
    assert keys(Uuided) == {("ERP", "1"): str(given)}
    assert outcomes(run([{"name": "b", "external_key": "2"}], Uuided, **options), 1) == ["created"]
    made = Uuided.objects.get(name="b").pk
    assert keys(Uuided)["ERP", "2"] == str(made)
    rows = [{"name": "renamed", "external_key": "2"}]
    assert outcomes(run(rows, Uuided, actions="u*", **options), 1) == ["updated"]
    assert Uuided.objects.get(name="renamed").pk == made
    assert outcomes(run(rows, Uuided, actions="d", **options), 1) == ["deleted"]
    assert values(Uuided, "name") == [("a",)]


@both
def test_primary_keys_that_are_text(writer: str) -> None:
    """Trap "primary keys that are strings": made, kept in keys and found again."""
    rows = [{"word": "Wörd 1", "note": "n", "external_key": "1"}]
    options: dict[str, Any] = {"writer": writer, "system": "ERP", "unique": ["word", "external_key"]}
    assert outcomes(run(rows, Worded, **options), 1) == ["created"]
    assert keys(Worded) == {("ERP", "1"): "Wörd 1"}
    assert outcomes(run(rows, Worded, actions="cu*", **options), 1) == ["unchanged"]
    rows = [{"word": "Wörd 1", "note": "m", "external_key": "1"}]
    assert outcomes(run(rows, Worded, actions="cu*", **options), 1) == ["updated"]
    assert values(Worded, "word", "note") == [("Wörd 1", "m")]
    assert outcomes(run([{"word": "Wörd 1", "external_key": "1"}], Worded, actions="d", **options), 1) == [
        "deleted"
    ]


@both
def test_a_primary_key_never_changes(writer: str) -> None:
    """Trap "primary keys": a row that would change its object's key is rejected, linked or matched."""
    row = {"word": "a", "note": "n", "external_key": "1"}
    options: dict[str, Any] = {"writer": writer, "system": "ERP", "unique": ["word", "external_key"]}
    run([row], Worded, **options)
    report = run([row | {"word": "b"}], Worded, actions="cu*", skip_errors=True, **options)
    assert outcomes(report, 1) == ["rejected"]
    for i in range(14):
        Supplier.objects.create(code=f"c{i}", name="old")
    rows = [{"id": 5000 + i, "code": f"c{i}", "name": "new"} for i in range(14)]
    report = run(rows, Supplier, writer=writer, pads=0, actions="cu*", skip_errors=True)
    assert outcomes(report) == ["rejected"] * 14
    assert set(values(Supplier, "name")) == {("old",)}


@both
def test_an_ambiguous_row_among_bad_ones(writer: str) -> None:
    """Trap "an ambiguous match": it is still skipped when another row of its set breaks a constraint."""
    for code in "ab":
        Checked.objects.create(code=code, amount=5)
    rows = [{"code": "z", "amount": 5}]
    rows += [{"code": f"n{i}", "amount": -1 if i == 3 else 100 + i} for i in range(14)]
    report = run(rows, Checked, writer=writer, match_on="amount", pads=0, skip_errors=True)
    assert outcomes(report) == ["skipped"] + ["created"] * 3 + ["rejected"] + ["created"] * 10


def test_primary_keys_of_a_parent_table() -> None:
    """Trap "primary keys that are another model's (multi-table inheritance)": `auto` takes objects."""
    rows = [{"employee_id": "1", "first_name": "A", "last_name": "B", "company": "C", "external_key": "k"}]
    options: dict[str, Any] = {"system": "ERP", "unique": ["employee_id", "external_key"], "actions": "cu*"}
    report = run(rows, Builder, **options)
    assert outcomes(report, 1) == ["created"]
    assert report.writers == {"shop.Builder": "objects: shop.Builder uses multi-table inheritance"}
    builder = Builder.objects.get(employee_id="1")
    assert keys(Builder) == {("ERP", "k"): str(builder.pk)}
    assert Person.objects.filter(pk=builder.pk, first_name="A").exists()
    assert outcomes(run(rows, Builder, **options), 1) == ["unchanged"]
    assert outcomes(run([rows[0] | {"company": "D", "last_name": "E"}], Builder, **options), 1) == ["updated"]
    assert values(Builder, "employee_id", "last_name", "company") == [("1", "E", "D")]
    assert outcomes(run(rows, Builder, **(options | {"actions": "d"})), 1) == ["deleted"]
    assert not Person.objects.filter(employee_id="1").exists()


@both
def test_primary_keys_that_are_one_to_one(writer: str) -> None:
    """Trap "one-to-one primary keys": a plain column holds it; it is matched, linked and kept in keys."""
    people = [Person.objects.create(first_name=str(i), last_name="L") for i in range(14)]
    rows = [{"person": p.pk, "number": f"n{i}", "external_key": f"k{i}"} for i, p in enumerate(people)]
    options: dict[str, Any] = {"system": "ERP", "writer": writer, "changes": 99}
    report = modelsync.sync(rows, Locker, match_on="person", **options)
    assert outcomes(report) == ["created"] * 14
    assert keys(Locker)["ERP", "k3"] == str(people[3].pk)
    assert (
        outcomes(modelsync.sync(rows, Locker, match_on="person", actions="cu*", **options))
        == ["unchanged"] * 14
    )
    rows[0]["number"] = "new"
    report = modelsync.sync(rows, Locker, match_on="number", actions="cu*", **options)
    assert outcomes(report) == ["updated"] + ["unchanged"] * 13
    assert Locker.objects.get(person=people[0]).number == "new"


def test_one_to_one_primary_keys_by_lookup() -> None:
    """Trap "one-to-one primary keys": a lookup gives the key of a new object; `auto` takes objects."""
    people = [Person.objects.create(first_name=str(i), last_name="L", employee_id=f"e{i}") for i in range(12)]
    rows = [{"person=>employee_id": f"e{i}", "number": f"n{i}"} for i in range(12)]
    report = modelsync.sync(rows, Locker, match_on="number", actions="cu*", changes=99)
    assert report.writers == {"shop.Locker": "objects: person is the primary key"}
    assert outcomes(report) == ["created"] * 12
    assert {locker.number: locker.person_id for locker in Locker.objects.all()} == {
        f"n{i}": p.pk for i, p in enumerate(people)
    }
    assert (
        outcomes(modelsync.sync(rows, Locker, match_on="number", actions="cu*", changes=99))
        == ["unchanged"] * 12
    )


@both
def test_an_empty_match_on_needs_a_key(writer: str) -> None:
    """Trap "empty match_on": without it only the key finds an object; without both a row is rejected."""
    rows = [{"code": f"c{i}", "name": "N", "external_key": "" if i == 3 else f"k{i}"} for i in range(14)]
    report = modelsync.sync(rows, Supplier, system="ERP", writer=writer, skip_errors=True, changes=99)
    assert outcomes(report) == ["created"] * 3 + ["rejected"] + ["created"] * 10
    report = modelsync.sync(
        rows, Supplier, system="ERP", actions="cu*", writer=writer, skip_errors=True, changes=99
    )
    assert outcomes(report) == ["unchanged"] * 3 + ["rejected"] + ["unchanged"] * 10
    with pytest.raises(modelsync.ConfigurationError, match="how to find"):
        modelsync.sync([{"code": "a"}], Supplier, writer=writer)


@both
def test_a_match_field_that_is_no_column(writer: str) -> None:
    """Trap "a match field not among the columns": in the options a mistake, in a row its rejection."""
    with pytest.raises(modelsync.ConfigurationError, match="colour"):
        modelsync.sync([{"code": "a", "name": "A"}], Supplier, match_on="colour", writer=writer)
    rows = [{"match_on": "colour" if i == 3 else "code", "code": f"c{i}", "name": "N"} for i in range(14)]
    report = modelsync.sync(rows, Supplier, writer=writer, skip_errors=True, changes=99)
    assert outcomes(report) == ["created"] * 3 + ["rejected"] + ["created"] * 10
    assert "colour" in report.rejections[0].reason


def test_a_key_column_called_id_is_not_our_primary_key() -> None:
    """Trap "primary keys": the system's own `id` is its key; ours is drawn as ever."""
    report = modelsync.sync(
        [{"id": "A-7", "code": "a", "name": "A"}], Supplier, system="S", match_on="code", key_column="id"
    )
    assert report.ok, report.rejections
    (found,) = ExternalKeyMapping.objects.all()
    assert (found.external_key, found.object_id) == ("A-7", str(Supplier.objects.get().pk))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_row_meets_an_object_that_a_key_has_just_renamed(writer: str) -> None:
    """Trap "two rows of one file that match the same object": one by its key, one by its old name."""
    held = Supplier.objects.create(code="a", name="N")
    modelsync.sync([{"external_key": "1", "code": "a"}], Supplier, system="S", match_on="code")
    rows = [{"external_key": "1", "code": "z", "name": "N"}, {"external_key": "2", "code": "a", "name": "N"}]
    rows += [{"external_key": f"p{i}", "code": f"p{i}", "name": "P"} for i in range(20)]
    report = modelsync.sync(rows, Supplier, system="S", match_on="code", actions="cu*", writer=writer)
    assert (report.created, report.updated, report.rejected) == (21, 1, 0)
    assert Supplier.objects.get(pk=held.pk).code == "z"
    assert Supplier.objects.get(code="a").pk != held.pk
