"""Long lists of keys in queries."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection

from modelsync.push.models import Application
from modelsync.tracking.among import among
from tests.office.models import Officer, Thing, Unit

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def units() -> list[Unit]:
    return [Unit.objects.create(code=code, name=f"Unit {code}") for code in ("a", "B", "ü', {}\"\\")]


@pytest.mark.parametrize("name", ["pk", "uuid", "code"])
def test_the_same_rows_are_found_as_by_in(units: list[Unit], name: str) -> None:
    """By a uuid, by a text with all kinds of characters."""
    values = [getattr(each, name) for each in units[1:]]
    found = Unit.objects.filter(among(name, values))
    assert set(found) == set(Unit.objects.filter(**{f"{name}__in": values})) == set(units[1:])


def test_numbers_small_and_large_are_found() -> None:
    """A list that holds both."""
    things = [Thing.objects.create(pk=pk, name=str(pk)) for pk in (1, 70_000, 5_000_000_000)]
    assert set(Thing.objects.filter(among("pk", [1, 5_000_000_000, 7]))) == {things[0], things[2]}


def test_a_foreign_key_is_named_by_its_column(units: list[Unit]) -> None:
    """Of a many-to-many relation's table, and of a model that inherits another's table."""
    application = Application.objects.create(name="a", api_endpoint_base="http://127.0.0.1/")
    units[0].applications_active.add(application)
    links = Unit.applications_active.through.objects.filter(among("unit_id", [each.pk for each in units]))
    assert [each.unit_id for each in links] == [units[0].pk]
    officer = Officer.objects.create(name="o")
    assert list(Officer.objects.filter(among("pk", [officer.pk, uuid.uuid4()]), name="o")) == [officer]


@pytest.mark.parametrize("values", [[], [None]])
def test_nothing_is_among_nothing(units: list[Unit], values: list[Any]) -> None:
    """An empty list finds no row, and None is no value."""
    assert list(Unit.objects.filter(among("code", values))) == []
    assert Unit.objects.filter(among("code", values)).update(name="x") == 0


def test_rows_are_written_and_deleted_by_it(units: list[Unit]) -> None:
    """As by any other condition."""
    assert Unit.objects.filter(among("pk", [units[0].pk, units[1].pk])).update(name="x") == 2
    Unit.objects.filter(among("code", ["a"]), name="x").delete()
    assert sorted(Unit.objects.values_list("code", "name")) == sorted(
        [("B", "x"), (units[2].code, units[2].name)]
    )


def test_a_list_is_one_parameter(units: list[Unit]) -> None:
    """Where the database can take it so: that is what it is for."""
    if connection.vendor == "mysql":
        pytest.skip("MariaDB takes no lists")
    query = Unit.objects.filter(among("pk", [each.pk for each in units])).query
    _, params = query.get_compiler("default").as_sql()
    assert len(params) == 1
