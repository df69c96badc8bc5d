"""drain(): everything that is due for one application is sent. All workers call it."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from django.utils import timezone

from modelsync.push.applications import Application
from modelsync.push.backfilling import backfill
from modelsync.push.delivery import schedule
from modelsync.push.delivery.breaking import Gate
from modelsync.push.delivery.claiming import Claimed, Wanted, claim, release
from modelsync.push.delivery.closing import close_epoch, is_all_sent
from modelsync.push.delivery.composing import compose
from modelsync.push.delivery.connecting import transport_of
from modelsync.push.delivery.sending import Pace, Sender, Sent, halved
from modelsync.push.delivery.settling import Results, settle
from modelsync.push.delivery.transport import Transport
from modelsync.push.delivery.wires import Clock, Parcel, wire_of
from modelsync.push.jobs import Attempt, JobChange
from modelsync.push.settings import push_settings
from modelsync.tracking.sequencing import epoch_of

_STATUS: Final = JobChange.STATUS
#: What a worker sends: also what failed, when it is due again.
DUE: Final = (_STATUS.WAITING, _STATUS.WAITING_AFTER_ERROR)
#: Jobs that are claimed at a time, for each request that may be under way, where a request has one.
_OF_ONE: Final = 50
_AT_MOST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of one job, for whoever watches. `error` is None where all went well."""

    number: int
    label: str
    key: str
    error: str | None


class Watcher(Protocol):
    """Is told what a drain does, step by step: `claimed`, `sent`, `settled`."""

    def reached(self, step: str) -> None:
        """A step was done."""
        ...

    def delivered(self, told: Delivered) -> None:
        """A job was settled."""
        ...


@dataclass(slots=True)
class Drained:
    """How many jobs were done, and how many were not."""

    done: int = 0
    failed: int = 0
    held_back: int = 0

    def add(self, other: Drained) -> None:
        """Add the counts of another."""
        self.done += other.done
        self.failed += other.failed
        self.held_back += other.held_back


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """How a drain goes about it.

    Args:
        statuses: of the jobs that are sent.
        transport: what sends requests, in place of the network.
        clock: says what time it is, aware.
        chance: gives numbers from 0 to 1.
        is_stopping: says whether to end as soon as what is under way is settled.
        watchers: are told what happens.
    """

    using: str = "default"
    statuses: Sequence[str] = DUE
    transport: Transport | None = None
    clock: Clock = timezone.now
    chance: schedule.Chance = random.random
    is_stopping: Callable[[], bool] = lambda: False
    watchers: Sequence[Watcher] = ()


def drain(application: int, options: Drain | None = None) -> Drained:
    """Send what is due for the application of this primary key, until nothing is.

    What fails is left for its next attempt. Several workers may drain one application at the same time.
    """
    options = options or Drain()
    total = Drained()
    is_mended = True
    while is_mended:
        found = Application.objects.using(options.using).filter(pk=application, inactive=False).first()
        if found is None:
            break
        draining = _Draining(found, options, total)
        draining.run()
        is_mended = draining.gate.is_mended and not options.is_stopping()
    return total


class _Draining:
    def __init__(self, application: Application, options: Drain, total: Drained) -> None:
        self.application = application
        self.options = options
        self.settings = push_settings()
        self.gate = Gate(application, options)
        self.total = total

    def run(self) -> None:
        options = self.options
        if not self.gate.enter(self._lease()):
            return
        backfill(self.application, options.using, options.is_stopping)
        wire = wire_of(self.application, epoch_of(options.using), options.clock)
        transport = options.transport or transport_of(self.application, self.settings)
        sender = Sender(
            wire,
            transport,
            concurrency=self.application.concurrency if self.gate.is_wide else 1,
            pace=Pace(self.application.rate),
            clock=options.clock,
        )
        try:
            self._rounds(sender)
        finally:
            sender.close()

    def _rounds(self, sender: Sender) -> None:
        limit = 0
        while not self.options.is_stopping() and self.gate.allows():
            now, token = self.options.clock(), uuid.uuid4()
            wanted = Wanted(
                application=self.application.pk,
                statuses=self.options.statuses,
                now=now,
                until=now + self._lease(),
                token=token,
            )
            jobs = claim(wanted, limit or self._limit(), self.options.using)
            if not jobs:
                if is_all_sent(self.application, self.options.using):
                    close_epoch(self.application, sender, now, self.options.using)
                return
            self._tell("claimed")
            jobs, limit = self._suspects_alone(jobs, token)
            self._round(sender, jobs, wanted)

    def _limit(self) -> int:
        """How many jobs are claimed: few for an application of which nobody knows whether it is there."""
        if not self.gate.is_wide:
            return 1
        version = self.application.protocol
        each = self.application.batch_size if version == Application.Protocol.WEBHOOKS else _OF_ONE
        return min(each * max(self.application.concurrency, 1), _AT_MOST) if self.gate.is_proven else each

    def _suspects_alone(self, jobs: list[Claimed], token: uuid.UUID) -> tuple[list[Claimed], int]:
        """Whoever was sent by somebody that died is sent alone: it may be the cause."""
        suspects = [job for job in jobs if job.lost]
        if not suspects:
            return jobs, 0
        first = suspects[0]
        others = [job for job in jobs if job is not first]
        release(others, token, self.options.clock(), self.options.using)
        return [first], 1

    def _round(self, sender: Sender, jobs: Sequence[Claimed], wanted: Wanted) -> None:
        options, results = self.options, Results()
        healthy = []
        for job in jobs:
            if job.lost >= schedule.LOST:
                results.fatal[job] = f"{job.lost} workers died while they sent it"
            else:
                healthy.append(job)
        composed = compose(self.application, healthy, options.using)
        results.idle += composed.idle
        results.fatal.update(composed.faults)
        ends = wanted.until - timedelta(seconds=self.settings.timeout)

        def may_send() -> bool:
            return self.gate.allows() and options.clock() < ends and not options.is_stopping()

        parcels = sender.wire.parcels(composed.letters)
        for sent in self._all(sender, parcels, may_send):
            self._note(sent, results)
        self._tell("sent")
        now = options.clock()
        release(results.unsent, wanted.token, now, options.using)
        settle(results, wanted.token, now, options.using)
        self.gate.settle()
        self._tell("settled")
        self._report(results)

    def _all(self, sender: Sender, parcels: Iterator[Parcel], may_send: Callable[[], bool]) -> Iterator[Sent]:
        """Send them; a request that is refused as a whole in halves, until the guilty object is alone."""
        for sent in sender.send(parcels, may_send):
            parts = halved(sent)
            if not parts:
                yield sent
                continue
            letters = sent.parcel.letters
            for start, end in parts:
                yield from self._all(sender, sender.wire.parcels(letters[start:end]), may_send)

    def _note(self, sent: Sent, results: Results) -> None:
        if not sent.verdicts:
            results.unsent += [letter.job for letter in sent.parcel.letters]
            return
        self.gate.note(sent)
        drawn = self.options.chance()
        for letter, judged in zip(sent.parcel.letters, sent.verdicts, strict=True):
            results.add(letter.job, judged, letter.fields is None, lambda: drawn)
        results.attempts.append(self._attempt(sent))

    def _attempt(self, sent: Sent) -> Attempt:
        answer = sent.answer
        return Attempt(
            application=self.application,
            started_at=sent.started_at,
            seconds=sent.seconds,
            sent=[[each.job.label, each.job.key, each.job.version] for each in sent.parcel.letters],
            status=answer.status if answer else None,
            answer=answer.body[: Attempt.MOST].decode("utf-8", "replace").replace("\0", "") if answer else "",
            error=next((each.reason for each in sent.verdicts if each.reason), ""),
        )

    def _report(self, results: Results) -> None:
        self.total.done += len(results.done) + len(results.deleted) + len(results.idle)
        self.total.failed += len(results.fatal) + len(results.later)
        self.total.held_back += len(results.unsent)
        well = [(job, None) for job in (*results.done, *results.deleted, *results.idle)]
        badly = [
            *results.fatal.items(),
            *((job, reason) for job, (_, reason) in results.later.items()),
        ]
        for watcher in self.options.watchers:
            for job, error in (*well, *badly):
                watcher.delivered(Delivered(number=job.id, label=job.label, key=job.key, error=error))

    def _tell(self, step: str) -> None:
        for watcher in self.options.watchers:
            watcher.reached(step)

    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease)


def due_applications(using: str, statuses: Sequence[str], now: datetime) -> list[int]:
    """The primary keys of the active applications for which something is due."""
    applications = Application.objects.using(using).filter(inactive=False).order_by("pk")
    found = []
    for each in applications.only("not_before", "backfill", "former_epochs", "filters"):
        if each.not_before and now < each.not_before:
            continue
        due = JobChange.objects.using(using).filter(
            application=each, next_attempt_at__lte=now, status__in=statuses
        )
        if each.backfill is not None or due.exists() or is_all_sent(each, using):
            found.append(each.pk)
    return found
