"""What is old is deleted, and nothing that somebody may still need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from modelsync.push.models import Attempt, JobChange
from modelsync.push.retention import prune
from modelsync.push.settings import push_settings
from modelsync.tracking.models import Ledger
from tests.office.models import Thing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STATUS = JobChange.STATUS


@pytest.fixture
def gone(site: Any) -> Thing:
    """An object that was delivered, deleted, and delivered as deleted."""
    application = site.application()
    thing, other = (Thing.objects.create(name=name) for name in "ab")
    site.drain(application)
    other.delete()
    assert site.drain(application).done == 1
    return thing


def later(**some: float) -> int:
    """Prune when so much time has passed."""
    return prune("default", timezone.now() + timedelta(**some))


def test_attempts_are_kept_for_their_days(gone: Thing) -> None:
    """And no longer."""
    days = push_settings().keep_attempts
    assert (later(days=days - 1), Attempt.objects.count()) == (0, 3)
    assert later(days=days + 1) >= 3
    assert not Attempt.objects.exists()


def test_deliveries_of_what_is_gone_end(gone: Thing) -> None:
    """Those of what is there stay, and the tombstone, so that a version is never given again."""
    Attempt.objects.all().delete()
    days = push_settings().keep_done
    assert later(days=days - 1) == 0
    assert later(days=days + 1) == 1
    assert [job.target_uuid for job in JobChange.objects.all()] == [str(gone.pk)]
    assert Ledger.objects.filter(deleted=True).count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"status": STATUS.FATAL_ERROR},
        {"status": STATUS.WAITING},
        {"status": STATUS.ON_HOLD},
        {"may_hold": True},
    ],
)
def test_what_is_not_over_stays(gone: Thing, values: dict[str, Any]) -> None:
    """However old: the application may still have the object."""
    Attempt.objects.all().delete()
    JobChange.objects.update(**values)
    assert later(days=10_000) == 0
