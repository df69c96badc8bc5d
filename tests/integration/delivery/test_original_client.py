"""A site that still has django-objectsyncer 1.0.1 takes what we push, as far as it ever took anything."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from modelsync.push.delivery.connecting import close_all
from modelsync.push.models import Application, JobChange
from tests.office.models import Member, Thing, Unit
from tests.separate import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STATUS = JobChange.STATUS


@dataclass(frozen=True, kw_only=True)
class Client:
    """A process of the original."""

    url: str
    file: Path

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """What its database holds."""
        with sqlite3.connect(self.file) as database:
            found = database.execute(f"SELECT {columns} FROM client_site_{table} ORDER BY name").fetchall()
        database.close()
        return found


@pytest.fixture
def client_site(tmp_path: Path) -> Iterator[Client]:
    """It runs until the test ends."""
    if missing := [name for name in ("objectsyncer", "rest_framework") if find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with (tmp_path / "client.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.original.client_serve"],
            cwd=ROOT,
            env=os.environ | {"CLIENT_SITE_FOLDER": str(tmp_path), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port, (tmp_path / "client.log").read_text()
        yield Client(url=f"http://127.0.0.1:{port}/api/push/", file=tmp_path / "client.sqlite3")
    finally:
        close_all()
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def application(client_site: Client) -> Application:
    """The client, as we know it."""
    return Application.objects.create(
        name="client",
        api_endpoint_base=client_site.url,
        api_token_key="the key of the branch",
        concurrency=1,
        backfill=None,
    )


def job(target: Any) -> JobChange:
    return JobChange.objects.get(target_uuid=str(target.pk))


def test_new_and_changed_objects_arrive(client_site: Client, application: Application) -> None:
    """With their versions, whether they are active for it, and references as keys; its hooks are called."""
    unit = Unit.objects.create(code="1", name="One")
    Member.objects.create(name="a", unit=unit, fee=Decimal("1.50"), profile={"not": "there"})
    call_command("push_changes")
    assert client_site.rows("unit", "uuid, code, name, version, inactive") == [
        (unit.pk.hex, "1", "One!", 1, 1)
    ]
    assert client_site.rows("member", "unit, fee") == [(unit.pk.hex, 1.5)]
    unit.name = "Two"
    unit.save()
    unit.applications_active.add(application)
    call_command("push_changes")
    assert client_site.rows("unit", "name, version, inactive") == [("Two", 2, 0)]
    assert {*JobChange.objects.values_list("status", flat=True)} == {STATUS.DONE}


def test_a_model_that_it_does_not_support_is_done(client_site: Client, application: Application) -> None:
    """It answers 202: it does not want it."""
    thing = Thing.objects.create(name="a")
    call_command("push_changes")
    assert job(thing).status == STATUS.DONE


def test_what_it_cannot_save_waits_to_be_tried_again(client_site: Client, application: Application) -> None:
    """It answers 500, here because a unique value is taken; others go in, and so does this one later."""
    first = Unit.objects.create(code="1", name="First")
    call_command("push_changes")
    second = Unit.objects.create(code="1", name="Second")
    third = Unit.objects.create(code="3", name="Third")
    with pytest.raises(CommandError, match="1/2"):
        call_command("push_changes")
    assert [job(each).status for each in (first, second, third)] == [
        STATUS.DONE,
        STATUS.WAITING_AFTER_ERROR,
        STATUS.DONE,
    ]
    assert "500" in str(job(second).last_operation_result)
    first.code = "0"
    first.save()
    call_command("push_changes", "--retryfail")
    assert job(second).status == STATUS.DONE
    assert [name for (name,) in client_site.rows("unit", "name")] == ["First", "Second!", "Third!"]


def test_a_wrong_key_is_said_to_be_one(client_site: Client, application: Application) -> None:
    """REST framework answers 403; nothing is lost."""
    application.api_token_key = "another"
    application.save()
    unit = Unit.objects.create(code="1", name="One")
    with pytest.raises(CommandError):
        call_command("push_changes")
    assert job(unit).status == STATUS.WAITING_AFTER_ERROR
    assert "check its address and our key" in str(job(unit).last_operation_result)
    application.api_token_key = "the key of the branch"
    application.save()
    call_command("push_changes", "--retryfail")
    assert len(client_site.rows("unit", "name")) == 1


def test_a_deletion_is_given_up_in_the_end(client_site: Client, application: Application, site: Any) -> None:
    """The original answers 304 and deletes nothing. It is not taken for broken because of that."""
    unit = Unit.objects.create(code="1", name="One")
    site.boxes[application.pk] = None  # the network
    site.drain(application)
    key = str(unit.pk)
    unit.delete()
    for attempt in range(1, 11):
        site.drain(application)
        deletion = JobChange.objects.get(target_uuid=key)
        assert deletion.status == (STATUS.WAITING_AFTER_ERROR if attempt < 10 else STATUS.FATAL_ERROR)
        assert "304" in str(deletion.last_operation_result)
        if deletion.next_attempt_at:
            site.clock.go_to(deletion.next_attempt_at)
    assert "given up" in str(deletion.last_operation_result)
    assert client_site.rows("unit", "name") == [("One!",)]
    application.refresh_from_db()
    assert (application.inactive, application.failures, application.failing_since) == (False, 0, None)
    Unit.objects.create(code="2", name="Two")
    assert site.drain(application).done == 1
