"""The versions of objects that carry their own, as django-objectsyncer documents them and beyond."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from modelsync.push.models import Application
from modelsync.tracking.models import Change
from tests.office.models import Member, Officer, Unit

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(params=[Unit, Member])
def model(request: Any) -> Any:
    """With a FieldTracker, and without."""
    return request.param


def stored(found: Any) -> int:
    return type(found).objects.values_list("version", flat=True).get(pk=found.pk)


def test_a_new_object_has_version_one(model: Any) -> None:
    """Saved for the first time."""
    found = model.objects.create(name="a")
    assert (found.version, stored(found)) == (1, 1)
    assert found.last_edition - found.creation == timedelta(0)


def test_a_changed_save_raises_the_version_by_one(model: Any) -> None:
    """The attribute changes with the save, not before; several changes are one."""
    found = model.objects.create(name="a")
    found.name = "b"
    found.name = "c"
    assert found.version == 1
    found.save()
    assert (found.version, stored(found)) == (2, 2)
    assert found.last_edition > found.creation
    loaded = model.objects.get(pk=found.pk)
    loaded.name = "d"
    loaded.save()
    assert stored(found) == 3


def test_an_unchanged_save_raises_nothing(model: Any) -> None:
    """Neither of what was just made, nor of what was loaded."""
    found = model.objects.create(name="a")
    found.save()
    loaded = model.objects.get(pk=found.pk)
    loaded.save()
    loaded.name = "a"
    loaded.save(update_fields=["name"])
    assert (stored(found), loaded.version) == (1, 1)


def test_update_fields_count_and_bring_the_version(model: Any) -> None:
    """What is not among them is not written, and does not count."""
    found = model.objects.create(name="a")
    found.name, found.inactive = "b", True
    found.save(update_fields=["name"])
    assert (found.version, stored(found)) == (2, 2)
    assert not model.objects.get(pk=found.pk).inactive
    found.refresh_from_db()
    found.save(update_fields=["inactive"])
    assert stored(found) == 2


def test_a_value_changed_in_place_counts() -> None:
    """JSON is mutable."""
    found = Member.objects.create(name="a", profile={"a": [1]})
    found.profile["a"].append(2)
    found.save()
    assert stored(found) == 2
    found.save()
    assert stored(found) == 2


def test_deferred_fields_count_when_they_are_set() -> None:
    """Their old value is not known."""
    Member.objects.create(name="a", fee=Decimal("1.00"))
    found = Member.objects.only("name").get()
    found.save()
    assert stored(found) == 1
    found.fee = Decimal("2.00")
    found.save()
    assert stored(found) == 2


def test_a_change_of_the_child_alone_raises_the_version_in_the_parent() -> None:
    """Multi-table inheritance."""
    found = Officer.objects.create(name="a", rank="x")
    assert stored(found) == 1
    found.rank = "y"
    found.save()
    assert (found.version, Member.objects.get(pk=found.pk).version) == (2, 2)


def test_a_stale_instance_gets_a_version_of_its_own(model: Any) -> None:
    """Also when it changed nothing: it writes older values over newer ones."""
    found = model.objects.create(name="a")
    one, two, three = (model.objects.get(pk=found.pk) for _ in range(3))
    one.name, two.name = "b", "c"
    one.save()
    two.save()
    assert (one.version, two.version, stored(found)) == (2, 3, 3)
    three.save()
    assert (three.version, stored(found), model.objects.get(pk=found.pk).name) == (4, 4, "a")


def test_a_save_that_fails_keeps_the_version() -> None:
    """The attributes are what they were."""
    found = Member.objects.create(name="a")
    found.name = "b"
    found.unit_id = "no uuid"
    with pytest.raises(Exception, match="no uuid"), transaction.atomic():
        found.save()
    found.unit_id = None
    found.save()
    assert (found.version, stored(found)) == (2, 2)


def test_a_version_that_is_set_is_kept(model: Any) -> None:
    """Whoever sets it knows why: a site that receives and sends."""
    found = model.objects.create(name="a", version=7)
    found.name, found.version = "b", 12
    found.save()
    assert stored(found) == 12


def test_an_instance_made_by_hand_of_a_row_that_is_there_raises_its_version(model: Any) -> None:
    """It is an update for Django."""
    found = model.objects.create(name="a")
    found.name = "b"
    found.save()
    model(pk=found.pk, name="c", creation=found.creation).save(force_update=True)
    assert stored(found) == 3


def test_updates_raise_versions(model: Any) -> None:
    """`update()` and `bulk_update()`; what says a version has it."""
    some = [model.objects.create(name=name) for name in "abc"]
    model.objects.filter(name__in="ab").update(name="x")
    assert [stored(each) for each in some] == [2, 2, 1]
    for each in some:
        each.name = "y"
    model.objects.bulk_update(some, ["name"])
    assert [stored(each) for each in some] == [3, 3, 2]
    model.objects.update(version=9)
    assert [stored(each) for each in some] == [9, 9, 9]


def test_a_changed_save_is_one_statement_more_than_a_plain_one() -> None:
    """The capture, but not on PostgreSQL: the version costs none."""
    found = Unit.objects.create(name="a")
    found.name = "b"
    with transaction.atomic(), CaptureQueriesContext(connection) as done:
        found.save()
    expected = ["WITH"] if connection.vendor == "postgresql" else ["UPDATE", "INSERT"]
    assert [query["sql"].split()[0] for query in done] == expected
    assert Change.objects.filter(object_pk=str(found.pk)).count() >= 1


@pytest.mark.parametrize("how", ["save", "update"])
def test_what_is_inactive_is_active_for_no_application(model: Any, how: str) -> None:
    """As documented."""
    found = model.objects.create(name="a")
    other = model.objects.create(name="b")
    for number in range(3):
        application = Application.objects.create(name=f"app{number}", api_endpoint_base="http://127.0.0.1/")
        found.applications_active.add(application)
        other.applications_active.add(application)
    found.inactive = True
    assert found.applications_active.count() == 3
    if how == "save":
        found.save()
    else:
        model.objects.filter(pk=found.pk).update(inactive=True)
    assert (found.applications_active.count(), other.applications_active.count()) == (0, 3)


@pytest.mark.django_db(transaction=True)
def test_concurrent_saves_never_share_a_version() -> None:
    """Each of many threads sees its save in a version of its own."""
    if connection.vendor == "sqlite":
        pytest.skip("threads cannot share a database in memory; processes do in test_delivering_processes")
    found = Member.objects.create(name="a")
    barrier, versions = Barrier(6), []

    def work(number: int) -> None:
        for turn in range(5):
            mine = Member.objects.get(pk=found.pk)
            barrier.wait(30)
            mine.name = f"{number} {turn}"
            mine.save()
            versions.append(mine.version)
        connection.close()

    threads = [Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == list(range(2, 32))
    assert stored(found) == 31
