"""After a commit, background workers are told once, and whatever their broker does, the request goes on."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from modelsync.push.models import Announcement, JobChange
from modelsync.tasks import by_celery
from modelsync.tracking.sequencing import sequence, sequenced
from tests import brokers
from tests.integration.workers.conftest import PUSH, application
from tests.integration.workers.relay import Relay
from tests.office.models import Thing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture(autouse=True)
def _announcing(announcing: None) -> None:
    """By Celery."""


def test_a_burst_is_one_task_for_each_application(broker: brokers.Broker, using_broker: Any) -> None:
    """A thousand saves, each of which commits; those that take nothing get none."""
    using_broker(broker.settings())
    application("a")
    application("b")
    application("inactive", inactive=True)
    application("left alone", not_before=timezone.now() + timedelta(hours=1))
    for number in range(100):
        Thing.objects.create(name=str(number))
    assert brokers.queued(broker) == 2
    assert JobChange.objects.count() == 400


def test_who_was_announced_is_announced_again_when_that_comes_to_nothing(
    broker: brokers.Broker, using_broker: Any
) -> None:
    """As when a broker loses a task, or a worker dies with it."""
    using_broker(broker.settings())
    application()
    Thing.objects.create(name="a")
    Announcement.objects.update(until=timezone.now())
    Thing.objects.create(name="b")
    Thing.objects.create(name="c")
    assert brokers.queued(broker) == 2


def test_what_is_rolled_back_is_not_announced(broker: brokers.Broker, using_broker: Any) -> None:
    """Nothing was changed."""
    using_broker(broker.settings())
    application()
    Thing.objects.create(name="a")
    Announcement.objects.update(until=timezone.now())
    with transaction.atomic():
        Thing.objects.create(name="b")
        transaction.set_rollback(True)
    assert brokers.queued(broker) == 1


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "amqp://guest:secret@127.0.0.1:1//"])
def test_a_broker_that_is_down_is_logged_and_left_alone(
    address: str, using_broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The object is saved; one warning, without secrets; the announcement is free for others."""
    using_broker({"broker_url": address})
    application()
    with caplog.at_level(logging.WARNING):
        Thing.objects.create(name="a value")
        Thing.objects.create(name="b")
    (record,) = caplog.records
    assert record.getMessage() == "no background worker could be told"
    assert vars(record)["error"] == "OperationalError"
    assert record.exc_info is None
    assert Thing.objects.count() == JobChange.objects.count() == 2
    assert not Announcement.objects.filter(until__gt=timezone.now()).exists()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_never_answers_does_not_hold_requests(
    scheme: str, using_broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes calls and says nothing; without bounds this test would not end."""
    with Relay(f"{scheme}://127.0.0.1/", is_silent=True) as relay:
        using_broker({"broker_url": relay.address})
        application()
        for name in "abc":
            Thing.objects.create(name=name)
        assert 1 <= relay.calls <= 2
    assert Thing.objects.count() == JobChange.objects.count() == 3
    assert [record.getMessage() for record in caplog.records] == ["no background worker could be told"]


def test_a_connection_that_was_cut_is_made_anew(broker: brokers.Broker, using_broker: Any) -> None:
    """As by a firewall, or by a broker that was restarted, while nothing was sent."""
    with Relay(broker.address) as relay:
        using_broker({**broker.settings(), "broker_url": relay.address})
        application()
        Thing.objects.create(name="a")
        relay.cut()
        Announcement.objects.update(until=timezone.now())
        Thing.objects.create(name="b")
        assert brokers.queued(broker) == 2
        by_celery.close()


def test_a_connection_that_fell_silent_is_made_anew(broker: brokers.Broker, using_broker: Any) -> None:
    """What was written to it is not taken for sent."""
    with Relay(broker.address) as relay:
        using_broker({**broker.settings(), "broker_url": relay.address})
        application()
        Thing.objects.create(name="a")
        relay.swallow()
        Announcement.objects.update(until=timezone.now())
        Thing.objects.create(name="b")
        assert brokers.queued(broker) == 2
        by_celery.close()


def test_without_the_setting_nobody_is_told(settings: Any, broker: brokers.Broker, using_broker: Any) -> None:
    """As before."""
    using_broker(broker.settings())
    settings.MODELSYNC = {"push": PUSH}
    application()
    Thing.objects.create(name="a")
    assert not Announcement.objects.exists()


def test_wrong_settings_are_no_fault_of_a_request(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """`manage.py check` tells of them."""
    application()
    settings.MODELSYNC = {"push": {"announce": "rabbit"}}
    Thing.objects.create(name="a")
    assert JobChange.objects.count() == 1
    assert [record.name for record in caplog.records] == ["django.db.backends.base"]


def test_a_sequencing_that_fails_is_no_fault_of_a_request(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the database is away right after the commit; the next one does its work."""

    def fail(**_: Any) -> None:
        raise ValueError("a value")

    settings.MODELSYNC = {"push": PUSH}
    application()
    sequenced.connect(fail)
    try:
        Thing.objects.create(name="a")
    finally:
        sequenced.disconnect(fail)
    (record,) = caplog.records
    assert (vars(record)["error"], record.exc_info) == ("ValueError", None)
    assert (sequence(), JobChange.objects.count()) == (1, 1)
