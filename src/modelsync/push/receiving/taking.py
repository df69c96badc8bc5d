"""Taking arrivals: in one transaction, what is news is written by the engine and remembered by the fence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.apps import apps
from django.db import IntegrityError, OperationalError, connections, transaction

from modelsync.core.errors import RecordError
from modelsync.core.options import RunOptions
from modelsync.core.ports import Journal
from modelsync.core.results import Report
from modelsync.engine import run
from modelsync.push.receiving.accepting import Acceptance
from modelsync.push.receiving.arrivals import OK, STALE, Arrival, Item, Result, Status
from modelsync.push.receiving.binding import bind
from modelsync.push.receiving.converting import Converters
from modelsync.push.receiving.fences import Fence, OwnFence, TableFence
from modelsync.push.receiving.hooks import Hooks
from modelsync.push.receiving.references import Place, Reference, missing_of, resolve
from modelsync.push.receiving.shelf import Shelf
from modelsync.push.receiving.source import ItemSource
from modelsync.push.receiving.target import ReceivingTarget

#: How often it is tried when transactions of the database are in one another's way.
_TRIES = 4


def take(
    arrivals: Sequence[Arrival],
    acceptance: Acceptance,
    hooks: Hooks,
    signers: frozenset[str] = frozenset(),
) -> list[Result]:
    """Bring arrivals into the models; what became of each, in their order.

    `signers` are the fingerprints of the secrets that they were signed with. Raises django.db.DatabaseError,
    when nothing was written and the same can be sent again.
    """
    taking = _Taking(acceptance, hooks, signers)
    taking.bind(arrivals)
    for using in sorted({item.accepted.using for item in taking.items}):
        some = [item for item in taking.items if item.accepted.using == using]
        taking.results |= _tried(lambda: _Attempt(taking, using).take(some), using)  # noqa: B023  # called at once
    return [taking.results[number] for number, _ in enumerate(arrivals)]


@dataclass(slots=True)
class _Taking:
    """The arrivals of one request, and what is known of them so far."""

    acceptance: Acceptance
    hooks: Hooks
    signers: frozenset[str]
    items: list[Item] = field(default_factory=list)
    results: dict[int, Result] = field(default_factory=dict)
    converters: dict[str, Converters] = field(default_factory=dict)

    def bind(self, arrivals: Sequence[Arrival]) -> None:
        """Find the models and the keys. Of several arrivals of one object the newest counts."""
        newest: dict[Place, Item] = {}
        for number, arrival in enumerate(arrivals):
            accepted = self.acceptance.of(arrival.name)
            if accepted is None:
                self.results[number] = Result(status=Status.IGNORED)
                continue
            try:
                item = bind(accepted, arrival, number, self.convert(accepted.using))
            except RecordError as error:
                self.results[number] = rejected(error)
                continue
            other = newest.get(item.place)
            if other is None or (arrival.version or 0) >= (other.arrival.version or 0):
                newest[item.place], item = item, other or item
            if item is not newest[item.place] and item.number is not None:
                self.results[item.number] = STALE
        self.items = list(newest.values())

    def convert(self, using: str) -> Converters:
        """The converters for a database."""
        return self.converters.setdefault(using, Converters(using))


def rejected(error: RecordError) -> Result:
    """The result for a fault."""
    reason = f"{error.column}: {error.reason}" if error.column else error.reason
    return Result(status=Status.REJECTED, error=reason)


class _Attempt:
    """One transaction."""

    def __init__(self, taking: _Taking, using: str) -> None:
        self.hooks = taking.hooks
        self.using = using
        self.convert = taking.convert(using)
        self.shelf: Shelf | None = None
        self.fence: Fence = OwnFence()
        if apps.is_installed("modelsync.push"):
            self.shelf = Shelf(using, taking.acceptance)
            self.fence = TableFence(using, taking.signers)
        self.results: dict[int, Result] = {}

    def take(self, items: Sequence[Item]) -> dict[int, Result]:
        """Take the items of this database; the results by number."""
        places = self._places(items)
        with transaction.atomic(using=self.using):
            self.fence.lock(places, items)
            if self.shelf:
                self.shelf.load(item.place for item in items)
            news = [item for item in items if self.fence.is_news(item)]
            for item in items:
                self._tell(item, OK if item in news else STALE)
            todo = [self.shelf.merged(item) if self.shelf else item for item in news]
            while todo:
                todo = self._run(todo)
        return self.results

    def _places(self, items: Sequence[Item]) -> set[Place]:
        """All that will be locked, as far as it can be known before: locked in one order, nobody has to wait
        for somebody who waits for him.
        """
        places = {(label, item.key) for item in items for label in item.accepted.lineage}
        if self.shelf is None:
            return places
        references: list[Reference] = []
        for item in items:
            try:
                references += resolve(item, self.convert).references
            except RecordError:
                continue  # it will be rejected
        missing = missing_of(references, self.using)
        return places | {reference.place for reference in missing} | self.shelf.waiters(places)

    def _run(self, items: Sequence[Item]) -> list[Item]:
        """Run the engine over items; what can be done now that they are written."""
        source = ItemSource(items)
        target = ReceivingTarget(source.items, self.convert, self.hooks, self.fence, self.shelf)
        report = run(
            source,
            target,
            _NO_JOURNAL,
            mapping=source.mapping,
            options=RunOptions(name="push", skip_errors=True),
        )
        refused = {rejection.number: rejection for rejection in report.rejections}
        for number, rejection in refused.items():
            self._refuse(source.items[number], RecordError(rejection.reason, column=rejection.column))
        for number, reason in target.unready.items():
            self._tell(source.items[number], Result(status=Status.UNREADY, error=reason))
        taken = [
            item
            for number, item in enumerate(source.items)
            if number not in refused and number not in target.unready and item.number is not None
        ]
        if taken:
            self.fence.record(taken)
        return self._next(target) if self.shelf else []

    def _next(self, target: ReceivingTarget) -> list[Item]:
        assert self.shelf
        places = target.written
        if self.shelf.referred:
            self.fence.lock(places)
        following = self.shelf.woken(places) if places else []
        if target.touched:
            following += self.shelf.freed(target.touched)
        self.fence.lock(item.place for item in following)
        return list({item.place: item for item in following}.values())

    def _refuse(self, item: Item, error: RecordError) -> None:
        if item.number is None and self.shelf:
            self.shelf.give_up(item, rejected(error).error)
        self._tell(item, rejected(error))

    def _tell(self, item: Item, result: Result) -> None:
        if item.number is not None:
            self.results[item.number] = result


def _tried(attempt: Callable[[], dict[int, Result]], using: str) -> Mapping[int, Result]:
    """What an attempt gives; it is made again where another transaction was in its way."""
    for left in reversed(range(_TRIES)):
        try:
            return attempt()
        except (OperationalError, IntegrityError):
            if not left or connections[using].in_atomic_block:
                raise
    raise AssertionError("the last try returns or raises")


class _NoJournal:
    """Nothing is kept of runs that take a request each."""

    def start(self, report: Report) -> None:
        """Nothing."""

    def checkpoint(self, state: Mapping[str, object], report: Report) -> None:
        """Nothing."""

    def resume_point(self, report: Report) -> None:
        """There is none."""

    def finish(self, report: Report) -> None:
        """Nothing."""


_NO_JOURNAL: Journal = _NoJournal()
