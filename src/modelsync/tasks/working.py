"""What the tasks do, whoever carries them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from django.db.models import Exists, Q
from django.utils import timezone

from modelsync.core.errors import ModelSyncError
from modelsync.push.announcements import Announcement
from modelsync.push.applications import Application
from modelsync.push.delivery.draining import DUE, Drain, drain, due_applications
from modelsync.push.jobs import JobChange
from modelsync.push.retention import prune
from modelsync.tasks.starting import Start, lease, start_drains
from modelsync.tracking.sequencing import sequence

#: Seconds between prunings by one process, and when it last pruned which database.
_PRUNING: Final = 3_600.0
_PRUNED: Final[dict[str, float]] = {}


def run_drain(application: int, using: str, start: Start) -> dict[str, int]:
    """Send what is due for an application, for half a lease at most; a further task does the rest.

    So a long backlog does not keep a worker from others, nor from ending. Gives the numbers of objects that
    were sent, and that failed.
    """
    span, announcements = lease(), Announcement.objects.using(using)
    ends = monotonic() + span.total_seconds() / 2
    announcements.keep(application, timezone.now() + span)
    with _told_without_values():
        try:
            drained = drain(application, Drain(using=using, is_stopping=lambda: monotonic() >= ends))
        finally:
            announcements.keep(application, timezone.now())
        # Whoever made something due meanwhile saw that a drain was running, and queued none.
        if _is_due(application, using):
            start_drains([application], using, start)
    return {"done": drained.done, "failed": drained.failed}


def run_sweep(using: str, start: Start, pruned: dict[str, float] = _PRUNED) -> dict[str, int]:
    """Sequence, have whatever is due drained, and prune now and then. Gives the number of tasks queued."""
    with _told_without_values():
        sequence(using)
        started = start_drains(due_applications(using, DUE, timezone.now()), using, start)
        last = pruned.get(using)
        if last is None or monotonic() - last >= _PRUNING:
            prune(using, timezone.now())
            pruned[using] = monotonic()
    return {"started": started}


def _is_due(application: int, using: str) -> bool:
    now = timezone.now()
    jobs = JobChange.objects.filter(application=application, next_attempt_at__lte=now, status__in=DUE)
    rows = Application.objects.using(using).filter(pk=application, inactive=False)
    return rows.filter(Q(backfill__isnull=False) | Exists(jobs)).exclude(not_before__gt=now).exists()


@contextmanager
def _told_without_values() -> Iterator[None]:
    """Workers log what a task raises, and what a database says of an error may hold values."""
    try:
        yield
    except ModelSyncError:
        raise
    except Exception as error:
        told = RuntimeError(f"{type(error).__name__}; the next sweep tries again")
        raise told.with_traceback(error.__traceback__) from None
