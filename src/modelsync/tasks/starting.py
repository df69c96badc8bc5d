"""Having applications drained by background workers: a task for each that needs it, not for each change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib import import_module
from time import monotonic
from typing import Final

from django.utils import timezone

from modelsync.core.errors import ConfigurationError, ModelSyncError
from modelsync.push.announcements import Announcement
from modelsync.push.applications import Application
from modelsync.push.settings import push_settings

log = logging.getLogger(__name__)

#: Queues a task that drains this application, of this database.
Start = Callable[[int, str], object]

#: Seconds for which this process queues nothing after a broker did not answer; sweeps find what is due.
_PAUSE: Final = 30.0
_MODULES: Final = {"celery": "modelsync.tasks.by_celery", "tasks": "modelsync.tasks.by_django"}


class _Broker:
    """Whether it is worth a try."""

    failed_at: float | None = None

    def is_left_alone(self) -> bool:
        return self.failed_at is not None and monotonic() - self.failed_at < _PAUSE


_BROKER: Final = _Broker()


def announce(using: str) -> None:
    """Queue a task for each application, where the settings say so: something was made due for all of them.

    It is called after the commit. Whatever goes wrong is logged, and left to the next sweep.
    """
    if push_settings().announce is None or _BROKER.is_left_alone():
        return
    now = timezone.now()
    rows = Application.objects.using(using).filter(inactive=False).exclude(not_before__gt=now)
    numbers = list(rows.exclude(announcement__until__gt=now).order_by("pk").values_list("pk", flat=True))
    if numbers:
        start_drains(numbers, using, start_of_settings())


def start_of_settings() -> Start:
    """What queues a task, as the settings say. Raises ConfigurationError where they do not."""
    way = push_settings().announce
    if way is None:
        raise ConfigurationError(
            'MODELSYNC["push"]["announce"] is not set, so there are no background workers: set it to '
            '"celery" or "tasks", or use push_changes or sync_worker'
        )
    start: Start = import_module(_MODULES[way]).start
    return start


def start_drains(applications: Iterable[int], using: str, start: Start) -> int:
    """Queue a task for each of these applications that has none, queued or running; the number of tasks."""
    started, announcements = 0, Announcement.objects.using(using)
    for number in applications:
        now = timezone.now()
        if not announcements.take(number, now, now + lease()):
            continue
        try:
            start(number, using)
        except (
            Exception
        ) as error:  # clients of brokers raise whatever they like; a request must not fail by it
            announcements.keep(number, now)
            _BROKER.failed_at = monotonic()
            reason = str(error) if isinstance(error, ModelSyncError) else type(error).__name__
            log.warning("no background worker could be told", extra={"application": number, "error": reason})
            break
        started += 1
    return started


def forget_failures() -> None:
    """Try the broker again at once."""
    _BROKER.failed_at = None


def lease() -> timedelta:
    """How long somebody is believed to be at work of whom nothing is heard."""
    return timedelta(seconds=push_settings().lease)
