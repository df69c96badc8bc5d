"""What all workers do: sequence what was captured, drain what is due, prune what is old."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Final

from django.db import DatabaseError, InterfaceError, connections

from modelsync.core.errors import ConfigurationError
from modelsync.push.applications import Application
from modelsync.push.delivery.connecting import close_all
from modelsync.push.delivery.draining import Drain, Drained, drain, due_applications
from modelsync.push.jobs import JobChange, JobQuerySet
from modelsync.push.retention import prune
from modelsync.tracking.sequencing import is_pending, sequence

log = logging.getLogger(__name__)

#: Seconds between prunings, and to wait when the database failed.
_PRUNING: Final = 3_600.0
_RECOVERY: Final = 5.0


def find_application(name: str, using: str) -> Application:
    """An application by its name or number. Raises ConfigurationError where it is not just one."""
    rows = Application.objects.using(using)
    found = list(rows.filter(name=name)) or list(rows.filter(pk=int(name)) if name.isdecimal() else ())
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(each.pk) for each in found)
        raise ConfigurationError(f"{len(found)} applications are named {name}; say which: {numbers}")
    names = ", ".join(f"{each.name} ({each.pk})" for each in rows.order_by("name")) or "none"
    raise ConfigurationError(f"there is no application {name}; there are: {names}")


def waiting(using: str, statuses: Sequence[str], only: Application | None = None) -> JobQuerySet:
    """The jobs with these statuses, of applications that are active, or of one of them."""
    jobs = JobChange.objects.using(using).filter(status__in=statuses, application__inactive=False)
    return jobs if only is None else jobs.filter(application=only)


def push_once(options: Drain, applications: Sequence[int] | None = None) -> Drained:
    """Sequence, then drain all applications for which something is due, one after the other."""
    sequence(options.using)
    total = Drained()
    due = due_applications(options.using, options.statuses, options.clock())
    for number in due if applications is None else applications:
        total.add(drain(number, options))
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a worker goes on: seconds between looks, and applications that are drained at a time."""

    interval: float = 0.1
    concurrency: int = 8


class Worker:
    """Goes on until it is stopped; what is under way then is settled first."""

    def __init__(self, options: Drain, pace: Pace) -> None:
        self._is_stopped = False
        self._stops: SimpleQueue[None] = SimpleQueue()
        self.options = replace(options, is_stopping=lambda: self._is_stopped)
        self.pace = pace
        self.draining: dict[int, Future[Drained]] = {}

    def stop(self) -> None:
        """End soon. Handlers of signals may call it at any moment, and again: nothing here takes a lock."""
        self._is_stopped = True
        self._stops.put(None)

    def run(self) -> None:
        """Work until `stop()`; a database that fails is tried again."""
        using, pruned = self.options.using, 0.0
        with ThreadPoolExecutor(self.pace.concurrency, "modelsync-drain") as pool:
            while not self._is_stopped:
                try:
                    self._look(pool)
                    if pruned <= 0:
                        prune(using, self.options.clock())
                        pruned = _PRUNING
                    wait = self.pace.interval
                except (DatabaseError, InterfaceError) as error:
                    log.warning("the database failed", extra={"error": type(error).__name__})
                    connections[using].close()
                    wait = _RECOVERY
                pruned -= wait
                with suppress(Empty):
                    self._stops.get(timeout=wait)
        close_all()

    def _look(self, pool: ThreadPoolExecutor) -> None:
        using = self.options.using
        if is_pending(using):
            sequence(using)
        self._collect()
        for number in due_applications(using, self.options.statuses, self.options.clock()):
            if number not in self.draining and len(self.draining) < self.pace.concurrency:
                self.draining[number] = pool.submit(self._drain, number)

    def _collect(self) -> None:
        for number, future in list(self.draining.items()):
            if future.done():
                del self.draining[number]
                error = future.exception()
                if error is not None:
                    kind = type(error).__name__  # what it says may hold values
                    log.error("a drain failed", extra={"application": number, "error": kind})

    def _drain(self, number: int) -> Drained:
        try:
            return drain(number, self.options)
        finally:
            connections[self.options.using].close_if_unusable_or_obsolete()
