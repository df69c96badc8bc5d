"""Claiming: who sends a delivery has it for the time of a lease.

The end of the lease is the job's `next_attempt_at`: what a dead worker had claimed is due again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.db.models import F

from modelsync.push.jobs import JobChange
from modelsync.tracking.among import among

_COLUMNS: Final = (
    "id",
    "target_label",
    "target_uuid",
    "version",
    "change_type",
    "request_date_time",
    "attempts_started",
    "attempts_finished",
    "first_failure_at",
)

#: PostgreSQL claims by one statement: whoever comes second skips the rows that the first is about to take.
_CLAIM: Final = """
WITH due AS MATERIALIZED (
    SELECT id, may_hold FROM {jobs}
    WHERE application_id = %s AND next_attempt_at <= %s AND status = ANY(%s)
    ORDER BY next_attempt_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE {jobs} AS job
SET lease_token = %s, claimed_version = version, may_hold = TRUE,
    attempts_started = attempts_started + 1, next_attempt_at = %s
FROM due WHERE job.id = due.id
RETURNING {columns}, due.may_hold
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job that this worker may send, as it was before it was claimed."""

    id: int
    label: str
    key: str
    version: int
    change: str
    requested_at: datetime
    started: int
    finished: int
    first_failure_at: datetime | None
    may_hold: bool

    @property
    def lost(self) -> int:
        """How often somebody began to send it of whom nothing was heard again."""
        return self.started - self.finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What shall be claimed: jobs of an application with one of these statuses that are due `now`."""

    application: int
    statuses: Sequence[str]
    now: datetime
    until: datetime
    token: UUID


def claim(wanted: Wanted, limit: int, using: str) -> list[Claimed]:
    """Claim up to `limit` jobs, those that are due the longest first."""
    if connections[using].vendor == "postgresql":
        found = _claim_at_once(wanted, limit, using)
    else:
        found = _claim_in_steps(wanted, limit, using)
    found.sort(key=lambda each: each.id)
    return found


def release(jobs: Iterable[Claimed], token: UUID, now: datetime, using: str) -> None:
    """Give back what was claimed and not sent, as it was."""
    by_held: dict[bool, list[int]] = {}
    for job in jobs:
        by_held.setdefault(job.may_hold, []).append(job.id)
    if not by_held:
        return
    mine = JobChange.objects.using(using).filter(lease_token=token)
    with transaction.atomic(using=using):
        mine.filter(pk__in=[number for some in by_held.values() for number in some]).locked()
        for held, numbers in by_held.items():
            mine.filter(pk__in=numbers).update(
                lease_token=None,
                next_attempt_at=now,
                attempts_started=F("attempts_started") - 1,
                may_hold=held,
            )


def _claim_at_once(wanted: Wanted, limit: int, using: str) -> list[Claimed]:
    connection = connections[using]
    quote = connection.ops.quote_name
    sql = _CLAIM.format(
        jobs=quote(JobChange._meta.db_table), columns=", ".join(f"job.{quote(name)}" for name in _COLUMNS)
    )
    params = (wanted.application, wanted.now, list(wanted.statuses), limit, wanted.token, wanted.until)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        # Only the count of starts was changed among what is returned.
        return [_claimed((*row[:6], row[6] - 1, *row[7:])) for row in cursor.fetchall()]


def _claim_in_steps(wanted: Wanted, limit: int, using: str) -> list[Claimed]:
    jobs = JobChange.objects.using(using)
    due = jobs.filter(
        application=wanted.application, next_attempt_at__lte=wanted.now, status__in=wanted.statuses
    ).order_by("next_attempt_at", "pk")
    with transaction.atomic(using=using, durable=True):
        if connections[using].vendor == "sqlite":
            jobs.filter(pk=0).update(lease_token=None)  # takes the lock of the only writer
        rows = due.select_for_update(
            skip_locked=connections[using].features.has_select_for_update_skip_locked
        )
        found = [_claimed(row) for row in rows.values_list(*_COLUMNS, "may_hold")[:limit]]
        jobs.filter(among("pk", [each.id for each in found])).update(
            lease_token=wanted.token,
            claimed_version=F("version"),
            may_hold=True,
            attempts_started=F("attempts_started") + 1,
            next_attempt_at=wanted.until,
        )
    return found


def _claimed(row: Sequence[object]) -> Claimed:
    names = (
        "id",
        "label",
        "key",
        "version",
        "change",
        "requested_at",
        "started",
        "finished",
        "first_failure_at",
        "may_hold",
    )
    return Claimed(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]  # in the columns' order
