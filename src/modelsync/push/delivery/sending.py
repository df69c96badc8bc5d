"""Sending parcels, some at a time. Nothing here touches the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from time import sleep

from modelsync.core.errors import SourceError, Transient
from modelsync.push.delivery.transport import Answer, Transport
from modelsync.push.delivery.verdicts import Judged, Verdict, unreached
from modelsync.push.delivery.wires import Clock, Parcel, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A parcel, and a verdict for each of its letters; no verdicts if it was not sent."""

    parcel: Parcel
    verdicts: tuple[Judged, ...]
    started_at: datetime
    seconds: float = 0.0
    answer: Answer | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the application did its part."""
        return any(each.is_answer for each in self.verdicts)


class Pace:
    """At most so many requests a second, one after the other."""

    def __init__(self, rate: float | None, pause: Callable[[float], None] = sleep) -> None:
        self.gap = 1 / rate if rate else 0.0
        self.pause = pause
        self.lock = Lock()

    def keep(self) -> None:
        """Wait until the next request may go out."""
        if self.gap:
            with self.lock:
                self.pause(self.gap)


class Sender:
    """Sends parcels through one transport, `concurrency` at a time."""

    def __init__(
        self, wire: Wire, transport: Transport, *, concurrency: int, pace: Pace, clock: Clock
    ) -> None:
        self.wire = wire
        self.transport = transport
        self.concurrency = max(concurrency, 1)
        self.pace = pace
        self.clock = clock
        self.pool = ThreadPoolExecutor(self.concurrency, "modelsync-push") if self.concurrency > 1 else None

    def close(self) -> None:
        """End the threads."""
        if self.pool:
            self.pool.shutdown()

    def send(self, parcels: Iterable[Parcel], may_send: Callable[[], bool]) -> Iterator[Sent]:
        """Send them, as long as that is allowed; those that were not sent come back without a verdict."""
        if self.pool is None:
            for parcel in parcels:
                yield self._one(parcel) if may_send() else self._none(parcel)
            return
        waiting: set[Future[Sent]] = set()
        for parcel in parcels:
            if not may_send():
                yield self._none(parcel)
                continue
            waiting.add(self.pool.submit(self._one, parcel))
            if len(waiting) >= self.concurrency:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        yield from (each.result() for each in waiting)

    def _one(self, parcel: Parcel) -> Sent:
        self.pace.keep()
        started = self.clock()
        sent = Sent(parcel=parcel, verdicts=(), started_at=started)
        many = len(parcel.letters)
        try:
            answer = self.transport.post(self.wire.request(parcel))
        except SourceError as error:
            wish = error.retry_after if isinstance(error, Transient) else None
            seconds = (self.clock() - started).total_seconds()
            return replace(sent, verdicts=(unreached(str(error), wish),) * many, seconds=seconds)
        verdicts = tuple(self.wire.judge(parcel, answer))
        return replace(sent, verdicts=verdicts, seconds=answer.seconds, answer=answer)

    def _none(self, parcel: Parcel) -> Sent:
        return Sent(parcel=parcel, verdicts=(), started_at=self.clock())


def halved(sent: Sent) -> tuple[tuple[int, int], ...]:
    """Where a request of several was refused as a whole, the halves that tell which of them is the cause."""
    many = len(sent.parcel.letters)
    is_whole = sent.answer is not None and not 200 <= sent.answer.status < 300
    if many > 1 and is_whole and sent.verdicts[0].verdict is Verdict.REFUSED:
        return (0, many // 2), (many // 2, many)
    return ()
