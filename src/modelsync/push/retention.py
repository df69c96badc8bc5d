"""What is kept of the past, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef

from modelsync.push.jobs import Attempt, JobChange
from modelsync.push.settings import push_settings
from modelsync.tracking.models import Ledger

#: Rows that one statement deletes.
_CHUNK: Final = 1_000


def prune(using: str, now: datetime) -> int:
    """Delete old attempts, and finished deliveries of objects that are gone; the number of rows.

    The ledger keeps its tombstones: an object that is made anew under the same key gets a higher version.
    """
    settings = push_settings()
    attempts = Attempt.objects.using(using).filter(
        started_at__lt=now - timedelta(days=settings.keep_attempts)
    )
    gone = Ledger.objects.filter(
        model=OuterRef("target_label"), object_pk=OuterRef("target_uuid"), deleted=True
    )
    jobs = JobChange.objects.using(using).filter(
        Exists(gone),
        status=JobChange.STATUS.DONE,
        may_hold=False,
        last_operation_date_time__lt=now - timedelta(days=settings.keep_done),
    )
    return _delete(attempts, using) + _delete(jobs, using)


def _delete(rows: Any, using: str) -> int:
    """Some at a time, so that nobody waits long for a lock."""
    total = 0
    while some := list(rows.order_by("pk").values_list("pk", flat=True)[:_CHUNK]):
        total += rows.model.objects.using(using).filter(pk__in=some)._raw_delete(using)
    return total
