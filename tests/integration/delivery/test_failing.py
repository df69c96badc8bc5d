"""What fails is tried again, put aside, or ends the application's deliveries; nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import django
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from modelsync.push.models import Application, JobChange
from tests.office.models import Member, Thing
from tests.postbox import lost_answer, status, unreachable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STATUS = JobChange.STATUS


def test_failures_wait_longer_and_longer(site: Any) -> None:
    """5 s, 5 min, 30 min, ...; an object that is refused again and again is given up at the end."""
    application = site.application()
    box = site.boxes[application.pk]
    Thing.objects.create(name="a")
    waits = []
    for _ in range(9):
        box.faults.append(status(200, {"success": False, "error": "not now"}))
        site.drain(application)
        job = JobChange.objects.get()
        assert (job.status, job.last_operation_result) == (STATUS.WAITING_AFTER_ERROR, "not now")
        waits.append(round((job.next_attempt_at - job.last_operation_date_time).total_seconds()))
        site.clock.go_to(job.next_attempt_at - timedelta(seconds=2))
        assert (site.drain(application).done, len(site.steps)) == (0, 3 * len(waits))
        site.clock.go_to(job.next_attempt_at)
    assert waits == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    box.faults.append(status(200, {"success": False, "error": "not now"}))
    site.drain(application)
    job = JobChange.objects.get()
    assert (job.status, job.next_attempt_at) == (STATUS.FATAL_ERROR, None)
    assert "given up" in job.last_operation_result


@pytest.mark.parametrize("number", [400, 413, 422])
def test_what_is_refused_is_put_aside_until_it_changes(site: Any, number: int) -> None:
    """The others go in; a new state of it gets a new chance."""
    application = site.application()
    box = site.boxes[application.pk]
    bad = Thing.objects.create(name="bad")
    Thing.objects.create(name="good")
    box.faults.append(status(number, {"success": False, "error": "no"}))
    drained = site.drain(application)
    assert (drained.done, drained.failed) == (1, 1)
    job = JobChange.objects.get(target_uuid=str(bad.pk))
    assert (job.status, job.next_attempt_at) == (STATUS.FATAL_ERROR, None)
    assert str(number) in job.last_operation_result
    site.clock.pass_by(days=3)
    assert site.drain(application).done == 0
    bad.name = "better"
    bad.save()
    assert site.drain(application).done == 1
    assert box.there("Thing")[str(bad.pk)]["name"] == "better"


def test_a_refused_batch_is_halved_until_the_guilty_object_is_alone(site: Any) -> None:
    """A receiver that answers 422 to all of it."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    things = [Thing.objects.create(name=str(number)) for number in range(9)]
    bad = str(things[5].pk)

    class Strict:
        def post(self, request: Any) -> Any:
            if any(change["pk"] == bad for change in json.loads(request.body)["changes"]):
                return status(422, {"error": "no"})(box, request)
            return box.take(request)

        def close(self) -> None: ...

    box = site.boxes[application.pk]
    drained = site.drain(application, transport=Strict())
    assert (drained.done, drained.failed) == (8, 1)
    assert JobChange.objects.get(status=STATUS.FATAL_ERROR).target_uuid == bad


def test_an_item_that_is_rejected_is_put_aside_alone(site: Any) -> None:
    """Version 2 answers for each."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    things = [Thing.objects.create(name=str(number)) for number in range(3)]
    box = site.boxes[application.pk]
    box.refused.add(str(things[1].pk))
    drained = site.drain(application)
    assert (drained.done, drained.failed, len(box.requests)) == (2, 1, 1)
    job = JobChange.objects.get(status=STATUS.FATAL_ERROR)
    assert (job.target_uuid, job.last_operation_result) == (str(things[1].pk), "refused")


def test_an_application_that_does_not_answer_is_left_alone_for_a_while(site: Any) -> None:
    """After five failures in a row; then one request tells whether it is there again."""
    application = site.application()
    box = site.boxes[application.pk]
    for number in range(8):
        Thing.objects.create(name=str(number))
    box.faults += [unreachable] * 5
    drained = site.drain(application)
    assert (drained.done, drained.failed, len(box.requests)) == (0, 5, 5)
    application.refresh_from_db()
    assert application.not_before > site.clock.now
    assert site.drain(application).done == 0
    site.clock.go_to(application.not_before)
    box.faults.append(unreachable)
    site.drain(application)
    assert len(box.requests) == 6
    application.refresh_from_db()
    site.clock.go_to(application.not_before)
    assert site.drain(application).done == 8
    application.refresh_from_db()
    assert (application.failures, application.not_before, application.failing_since) == (0, None, None)


def test_one_that_has_not_answered_yet_gets_one_request_at_a_time(site: Any) -> None:
    """So few objects are read for it in vain; from its first answer on it gets as many as it takes."""
    batches = {"protocol": 2, "signing_secrets": ["whsec_" + "A" * 43 + "="], "batch_size": 2}
    dead, alive = (site.application(name, concurrency=4, **batches) for name in ("dead", "alive"))
    Thing.objects.bulk_create([Thing(name=str(number)) for number in range(20)])
    site.boxes[dead.pk].faults += [unreachable] * 10
    assert (site.drain(dead).failed, site.steps.count("claimed")) == (10, 5)
    site.steps.clear()
    assert (site.drain(alive).done, site.steps.count("claimed")) == (20, 4)


def test_of_a_half_open_breaker_one_worker_sends_one_request(site: Any) -> None:
    """The other one stays outside."""
    application = site.application()
    box = site.boxes[application.pk]
    Thing.objects.create(name="a")
    past = site.clock.now - timedelta(seconds=1)
    Application.objects.update(failures=5, failing_since=past, not_before=past)

    def other(postbox: Any, request: Any) -> Any:
        Thing.objects.create(name="b")
        assert site.drain(application).done == 0
        return unreachable(postbox, request)

    box.faults.append(other)
    site.drain(application)
    assert len(box.requests) == 1


def test_retry_after_is_kept(site: Any) -> None:
    """It slows the endpoint, not the one object."""
    application = site.application()
    box = site.boxes[application.pk]
    for name in "ab":
        Thing.objects.create(name=name)
    box.faults.append(status(429, None, **{"retry-after": "120"}))
    site.drain(application)
    assert len(box.requests) == 1
    site.clock.pass_by(seconds=100)
    assert site.drain(application).done == 0
    site.clock.pass_by(seconds=20)
    assert site.drain(application).done == 2


def test_gone_disables_the_application(site: Any, mailoutbox: Any, settings: Any) -> None:
    """410; its jobs are kept on hold, and the admins are told."""
    settings.ADMINS = ["admin@site.test"] if django.VERSION >= (6,) else [("Admin", "admin@site.test")]
    application = site.application()
    Thing.objects.create(name="a")
    site.boxes[application.pk].faults.append(status(410))
    site.drain(application)
    application.refresh_from_db()
    assert application.inactive
    assert "410" in application.disabled_reason
    assert JobChange.objects.get().status == STATUS.ON_HOLD
    assert "gets no more changes" in mailoutbox[0].subject
    application.inactive = False
    application.save()
    assert site.drain(application).done == 1


def test_five_days_of_failure_disable_the_application(site: Any) -> None:
    """Nothing is lost by it."""
    application = site.application()
    Thing.objects.create(name="a")
    ago = site.clock.now - timedelta(days=5, minutes=1)
    Application.objects.update(failures=40, failing_since=ago, not_before=ago)
    site.boxes[application.pk].faults.append(unreachable)
    site.drain(application)
    application.refresh_from_db()
    assert application.inactive
    assert "every request has failed" in application.disabled_reason


def test_an_object_with_which_workers_die_is_put_aside_alone(site: Any) -> None:
    """Three starts without a finish; its neighbours go in."""
    application = site.application()
    box = site.boxes[application.pk]
    things = [Thing.objects.create(name=str(number)) for number in range(5)]
    poison = str(things[2].pk)

    class Killed(BaseException):
        pass

    class Deadly:
        def post(self, request: Any) -> Any:
            if json.loads(request.body)["uuid"] == poison:
                raise Killed
            return box.take(request)

        def close(self) -> None: ...

    for _ in range(3):
        with pytest.raises(Killed):
            site.drain(application, transport=Deadly())
        site.clock.pass_by(seconds=61)
    site.drain(application, transport=Deadly())
    assert set(box.there("Thing")) == {str(each.pk) for each in things} - {poison}
    job = JobChange.objects.get(status=STATUS.FATAL_ERROR)
    assert job.target_uuid == poison
    assert "3 workers died" in job.last_operation_result


def test_an_answer_that_is_lost_harms_nothing(site: Any) -> None:
    """It comes twice, and the second is stale."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    box = site.boxes[application.pk]
    thing = Thing.objects.create(name="a")
    box.faults.append(lost_answer)
    site.drain(application)
    site.clock.pass_by(seconds=5)
    assert site.drain(application).done == 1
    assert (box.stale, box.there("office.Thing")[str(thing.pk)]["name"]) == (1, "a")
    first, second = box.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_page_that_answers_200_is_no_success(site: Any) -> None:
    """Only an empty answer says that all went well, without naming anything."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    box = site.boxes[application.pk]
    Thing.objects.create(name="a")
    box.faults += [status(200, "please log in"), status(204)]
    assert site.drain(application).failed == 1
    site.clock.pass_by(seconds=6)
    assert site.drain(application).done == 1


def test_an_unknown_model_is_a_fault_of_its_jobs_alone(site: Any) -> None:
    """As when a model was renamed."""
    application = site.application()
    JobChange.create("Nothing", "1")
    Thing.objects.create(name="a")
    drained = site.drain(application)
    assert (drained.done, drained.failed) == (1, 1)
    assert "MODEL_NOT_FOUND" in JobChange.objects.get(status=STATUS.FATAL_ERROR).last_operation_result
    assert timezone.is_aware(JobChange.objects.first().request_date_time)


def test_an_object_that_cannot_be_read_is_put_aside_alone(site: Any) -> None:
    """Neither the feed nor its neighbours wait for it."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite stores what is no number")
    application = site.application()
    Member.objects.bulk_create([Member(name=str(number)) for number in range(5)])
    bad = Member.objects.get(name="2")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE office_member SET fee = 'many' WHERE name = '2'")
    call_command("tracking_scan", "office.Member", stdout=StringIO())
    drained = site.drain(application)
    assert (drained.done, drained.failed) == (4, 1)
    job = JobChange.objects.get(status=STATUS.FATAL_ERROR)
    assert job.target_uuid == str(bad.pk)
    assert "cannot be read" in job.last_operation_result
