"""What is due reaches the application, in its newest state."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from modelsync.push.models import Attempt, JobChange
from modelsync.tracking.epochs import new_epoch
from modelsync.tracking.sequencing import sequence
from tests.integration.delivery.conftest import Site
from tests.office.models import Member, Thing, Unit
from tests.postbox import status, unreachable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STATUS = JobChange.STATUS


def test_an_object_is_sent_as_objectsyncer_sends_it(site: Any) -> None:
    """Version 1, with the key, and whether it is active for this application."""
    application = site.application(api_token_key="secret")
    unit = Unit.objects.create(code="1", name="One")
    assert site.drain(application).done == 1
    request = site.boxes[application.pk].requests[0]
    body = json.loads(request.body)
    job = JobChange.objects.get()
    assert request.headers["Authorization"] == "Api-Key secret"
    assert {name: body[name] for name in ("id", "type", "model", "uuid")} == {
        "id": job.pk,
        "type": "CREATE_OR_UPDATE",
        "model": "Unit",
        "uuid": str(unit.pk),
    }
    assert set(body["data"]) == {"version", "creation", "last_edition", "inactive", "code", "name"}
    assert (body["data"]["inactive"], body["data"]["version"]) == (True, 1)
    unit.applications_active.add(application)
    site.drain(application)
    assert json.loads(site.boxes[application.pk].requests[-1].body)["data"]["inactive"] is False
    assert (JobChange.objects.get().status, JobChange.objects.get().last_operation_result) == (
        STATUS.DONE,
        None,
    )


def test_an_object_is_sent_as_a_signed_change(site: Any) -> None:
    """Version 2, with the values of the pull protocol."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    unit = Unit.objects.create(code="1", name="One")
    friend = Member.objects.create(name="friend")
    member = Member.objects.create(name="a", unit=unit, profile={"b": [None]}, fee=Decimal("1.50"))
    member.friends.add(friend)
    site.drain(application)
    (request,) = site.boxes[application.pk].requests
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(request.headers)
    changes = {change["pk"]: change for change in json.loads(request.body)["changes"]}
    sent = changes[str(member.pk)]
    assert (sent["model"], sent["op"], sent["version"]) == ("office.Member", "upsert", 2)
    assert sent["fields"]["fee"] == "1.50"
    assert sent["fields"]["unit"] == str(unit.pk)
    assert sent["fields"]["friends"] == [str(friend.pk)]
    assert json.loads(sent["fields"]["profile"]) == {"b": [None]}
    assert sent["fields"]["inactive"] is True
    assert "applications_active" not in sent["fields"]


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_deletion_is_sent(site: Any, protocol: int) -> None:
    """It is really delivered, and an object made anew comes again."""
    application = site.application(protocol=protocol, signing_secrets=["whsec_" + "A" * 43 + "="])
    thing = Thing.objects.create(name="a")
    key = str(thing.pk)
    site.drain(application)
    thing.delete()
    site.drain(application)
    box = site.boxes[application.pk]
    name = "Thing" if protocol == 1 else "office.Thing"
    assert box.held[name, key][1] is None
    assert JobChange.objects.get().status == STATUS.DONE
    Thing.objects.create(pk=key, name="again")
    site.drain(application)
    assert box.held[name, key][1]["name"] == "again"


def test_changes_before_a_drain_are_one_delivery(site: Any) -> None:
    """What counts is the newest state."""
    application = site.application()
    thing = Thing.objects.create(name="a")
    for name in "bcd":
        thing.name = name
        thing.save()
    site.drain(application)
    (request,) = site.boxes[application.pk].requests
    assert json.loads(request.body)["data"]["name"] == "d"


def test_what_changes_on_its_way_is_sent_again(site: Any) -> None:
    """The settling sees that the version has risen, though the change left the lease alone."""
    application = site.application()
    box = site.boxes[application.pk]
    thing = Thing.objects.create(name="a")

    def change_meanwhile(postbox: Any, request: Any) -> Any:
        answer = postbox.take(request)
        Thing.objects.filter(pk=thing.pk).update(name="b")
        assert JobChange.objects.get().lease_token is not None
        return answer

    class Noting(Site):
        """What the application has said to have, at each settling."""

        def reached(self, step: str) -> None:
            if step == "settled":
                self.steps += JobChange.objects.values_list("acked_version", flat=True)

    noted = Noting()
    box.faults.append(change_meanwhile)
    assert site.drain(application, watchers=[noted]).done == 2
    assert box.there("Thing")[str(thing.pk)]["name"] == "b"
    job = JobChange.objects.get()
    assert (job.status, noted.steps, job.version) == (STATUS.DONE, [1, 2], 2)


def test_a_lease_that_ran_out_is_claimed_again_and_the_late_settling_ignored(site: Any) -> None:
    """Two workers, one of which sleeps longer than its lease."""
    application = site.application()
    box = site.boxes[application.pk]
    Thing.objects.create(name="a")

    def sleep_long(postbox: Any, request: Any) -> Any:
        site.clock.pass_by(seconds=61)
        site.drain(application)  # the other worker
        job = JobChange.objects.get()
        assert (job.status, len(postbox.requests)) == (STATUS.DONE, 2)
        JobChange.objects.update(last_operation_result="by the other")
        return postbox.take(request)

    box.faults.append(sleep_long)
    site.drain(application)
    assert JobChange.objects.get().last_operation_result == "by the other"


def test_nothing_is_sent_when_the_lease_is_nearly_over(site: Any) -> None:
    """What could not be sent within it is given back as it was."""
    application = site.application()
    box = site.boxes[application.pk]
    for name in "abc":
        Thing.objects.create(name=name)

    def slow(postbox: Any, request: Any) -> Any:
        site.clock.pass_by(seconds=55)
        return postbox.take(request)

    box.faults.append(slow)
    drained = site.drain(application)
    assert (drained.done, drained.held_back, len(box.requests)) == (3, 2, 3)
    assert not JobChange.objects.exclude(status=STATUS.DONE, attempts_started=0).exists()


def test_filters_decide_when_something_is_sent(site: Any) -> None:
    """What leaves the filter is deleted there, if it ever was there."""
    rows = {"office.Thing": {"rows": {"is_public": True}, "fields": ["name"]}, "office.Unit": False}
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="], filters=rows)
    box = site.boxes[application.pk]
    shown = Thing.objects.create(name="shown", price=3)
    hidden = Thing.objects.create(name="hidden", is_public=False)
    Unit.objects.create(code="1", name="One")
    assert site.drain(application).done == 3
    assert box.there("office.Thing") == {str(shown.pk): {"name": "shown"}}
    assert len(box.held) == 1
    shown.is_public = False
    shown.save()
    hidden.is_public = True
    hidden.save()
    site.drain(application)
    assert box.there("office.Thing") == {str(hidden.pk): {"name": "hidden"}}
    requests = len(box.requests)
    shown.delete()
    site.drain(application)
    assert len(box.requests) == requests


def test_a_filter_that_changes_is_made_true(site: Any) -> None:
    """What it leaves out now is deleted there, what it lets in comes; receivers do not take it for stale."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    box = site.boxes[application.pk]
    cheap = Thing.objects.create(name="cheap", price=1)
    dear = Thing.objects.create(name="dear", price=100)
    site.drain(application)
    application.filters = {"office.Thing": {"rows": {"price__gte": 50}, "fields": ["name"]}}
    application.save()
    site.drain(application)
    assert box.there("office.Thing") == {str(dear.pk): {"name": "dear"}}
    application.filters = {}
    application.save()
    site.drain(application)
    assert set(box.there("office.Thing")) == {str(cheap.pk), str(dear.pk)}


def test_a_new_epoch_sends_everything_anew(site: Any) -> None:
    """After a restore, versions that were given already are given again."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    box = site.boxes[application.pk]
    thing = Thing.objects.create(name="new")
    site.drain(application)
    key = "office.Thing", str(thing.pk)
    box.held[key] = (7, {"name": "from a future that was lost"})
    new_epoch("default")
    site.drain(application)
    assert (box.held[key][1]["name"], len(box.epochs)) == ("new", 2)
    assert "office.Thing" in box.completed
    told = len(box.completed)
    site.drain(application)
    assert len(box.completed) == told


def test_an_epoch_is_complete_when_everything_has_arrived(site: Any) -> None:
    """Not while anything waits for another try, or for a person."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    box = site.boxes[application.pk]
    Thing.objects.create(name="a")
    site.drain(application)
    new_epoch("default")
    box.faults.append(unreachable)
    site.drain(application)
    site.drain(application)
    assert (JobChange.objects.get().status, box.completed) == (STATUS.WAITING_AFTER_ERROR, [])
    site.clock.pass_by(seconds=6)
    site.drain(application)
    assert "office.Thing" in box.completed


def test_what_was_created_by_hand_is_taken_though_nothing_changed(site: Any) -> None:
    """JobChange.create of a tracked object raises its version."""
    application = site.application(protocol=2, signing_secrets=["whsec_" + "A" * 43 + "="])
    box = site.boxes[application.pk]
    thing = Thing.objects.create(name="a")
    site.drain(application)
    box.held["office.Thing", str(thing.pk)] = (1, {"name": "spoiled"})
    JobChange.create("Thing", thing.pk)
    site.drain(application)
    assert (box.stale, box.there("office.Thing")[str(thing.pk)]["name"]) == (0, "a")


def test_an_inactive_application_gets_nothing_until_it_is_active(site: Any) -> None:
    """ON_HOLD and back."""
    application = site.application()
    Thing.objects.create(name="a")
    application.inactive = True
    application.save()
    Thing.objects.create(name="b")
    assert list(JobChange.objects.values_list("status", flat=True)) == [STATUS.ON_HOLD] * 2
    assert site.drain(application).done == 0
    application.inactive = False
    application.save()
    assert list(JobChange.objects.values_list("status", flat=True)) == [STATUS.WAITING] * 2
    assert site.drain(application).done == 2


def test_a_new_application_is_backfilled(site: Any) -> None:
    """Also with what was there before it was tracked, and with what changes meanwhile."""
    Thing.objects.bulk_create([Thing(name=str(number)) for number in range(1_205)])
    Unit.objects.create(code="1", name="One")
    unseen = Thing(name="unseen")
    unseen.save_base(raw=True)
    sequence()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO office_thing (name, price, is_public) VALUES ('raw', 1, %s)", [True])
    application = site.application(backfill=[])
    assert site.drain(application).done == 1_208
    assert len(site.boxes[application.pk].there("Thing")) == 1_207
    application.refresh_from_db()
    assert application.backfill is None
    assert site.drain(application).done == 0


def test_attempts_are_noted(site: Any) -> None:
    """What was sent when, what came back, not more than 20 kB of it."""
    application = site.application()
    thing = Thing.objects.create(name="a")
    site.boxes[application.pk].faults.append(status(500, "x" * 50_000))
    site.drain(application)
    attempt = Attempt.objects.get()
    assert (attempt.sent, attempt.status) == ([["office.Thing", str(thing.pk), 1]], 500)
    assert len(attempt.answer) == 20_000
    assert "500" in attempt.error
