"""Settling: what became of claimed jobs is written down, by whoever still has their lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce

from modelsync.push.delivery import schedule
from modelsync.push.delivery.claiming import Claimed
from modelsync.push.delivery.verdicts import Judged, Verdict
from modelsync.push.jobs import Attempt, JobChange
from modelsync.tracking.among import among

_STATUS: Final = JobChange.STATUS
_RISEN: Final = When(version__gt=F("claimed_version"), then=Value(_STATUS.WAITING.value))
#: Characters of a reason that are kept.
_LENGTH: Final = 2_000


@dataclass(slots=True)
class Results:
    """What is to be settled."""

    done: list[Claimed] = field(default_factory=list)
    deleted: list[Claimed] = field(default_factory=list)
    idle: list[Claimed] = field(default_factory=list)
    fatal: dict[Claimed, str] = field(default_factory=dict)
    later: dict[Claimed, tuple[timedelta, str]] = field(default_factory=dict)
    unsent: list[Claimed] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    def jobs(self) -> Iterator[Claimed]:
        """All that is settled."""
        return chain(self.done, self.deleted, self.idle, self.fatal, self.later)

    def add(self, job: Claimed, judged: Judged, is_deletion: bool, chance: schedule.Chance) -> None:
        """Note the verdict of one job."""
        number = job.finished + 1
        match judged.verdict:
            case Verdict.DONE if is_deletion:
                self.deleted.append(job)
            case Verdict.DONE:
                self.done.append(job)
            case Verdict.REFUSED:
                self.fatal[job] = judged.reason
            case Verdict.FAILED if schedule.is_last(number):
                self.fatal[job] = f"{judged.reason} (given up after {number} attempts)"
            case _:
                wait = schedule.delay(number, chance)
                wished = timedelta(seconds=min(judged.wish or 0, schedule.LONGEST_WISH))
                self.later[job] = (max(wait, wished), judged.reason)


def settle(results: Results, token: UUID, now: datetime, using: str) -> None:
    """Write down what became of jobs. Whose lease has passed to somebody else is left alone.

    An object that changed while it was on its way is due again.
    """
    jobs = JobChange.objects.using(using).filter(lease_token=token)
    with transaction.atomic(using=using):
        jobs.filter(among("pk", (each.id for each in results.jobs()))).locked()
        _finish(jobs, results.done, now, may_hold=True)
        _finish(jobs, results.deleted, now, may_hold=False)
        for held in (True, False):
            _finish(jobs, [each for each in results.idle if each.may_hold == held], now, may_hold=held)
        for reason, some in _by_reason(results.fatal).items():
            _fail(jobs, some, now, reason, None)
        for (wait, reason), some in _grouped(results.later).items():
            _fail(jobs, some, now, reason, now + wait)
        Attempt.objects.using(using).bulk_create(results.attempts)


def _finish(jobs: Any, some: Sequence[Claimed], now: datetime, *, may_hold: bool) -> None:
    if some:
        jobs.filter(among("pk", (each.id for each in some))).update(
            status=Case(_RISEN, default=Value(_STATUS.DONE.value)),
            next_attempt_at=Case(When(version__gt=F("claimed_version"), then=Value(now)), default=None),
            acked_version=F("claimed_version"),
            may_hold=may_hold,
            lease_token=None,
            attempts_started=0,
            attempts_finished=0,
            first_failure_at=None,
            last_operation_date_time=now,
            last_operation_result=None,
        )


def _fail(jobs: Any, some: Sequence[Claimed], now: datetime, reason: str, again: datetime | None) -> None:
    """Try again at a time, or never; at once where a newer state is there."""
    status = _STATUS.FATAL_ERROR if again is None else _STATUS.WAITING_AFTER_ERROR
    jobs.filter(among("pk", (each.id for each in some))).update(
        status=Case(_RISEN, default=Value(status.value)),
        next_attempt_at=Case(
            When(version__gt=F("claimed_version"), then=Value(now if again is None else again)),
            default=None if again is None else Value(again),
        ),
        lease_token=None,
        attempts_finished=F("attempts_started"),
        first_failure_at=Coalesce(F("first_failure_at"), Value(now)),
        last_operation_date_time=now,
        last_operation_result=reason[:_LENGTH],
    )


def _by_reason(fatal: Mapping[Claimed, str]) -> Mapping[str, list[Claimed]]:
    found: defaultdict[str, list[Claimed]] = defaultdict(list)
    for job, reason in fatal.items():
        found[reason].append(job)
    return found


def _grouped(later: Mapping[Claimed, tuple[timedelta, str]]) -> Mapping[tuple[timedelta, str], list[Claimed]]:
    found: defaultdict[tuple[timedelta, str], list[Claimed]] = defaultdict(list)
    for job, told in later.items():
        found[told].append(job)
    return found
