"""What a run writes down while it goes on: outcomes, rejections, warnings, and what observers are told."""

from __future__ import annotations

from collections.abc import Sequence

from modelsync.core.errors import RecordError
from modelsync.core.events import Event, RowsChanged, RowsRejected
from modelsync.core.options import RunOptions
from modelsync.core.passes import LATE, POSTPONED, Tally
from modelsync.core.ports import Applied, Group, Observer, Settled
from modelsync.core.records import Batch
from modelsync.core.results import Notice, Outcome, Rejection, Report


class Recorder:
    """Takes down what became of records in the report and the tally.

    Rejections are told in the order of the input, so they wait for `tell_rejections`.
    """

    def __init__(self, report: Report, options: RunOptions, observers: Sequence[Observer]) -> None:
        self.report = report
        self.options = options
        self.observers = observers
        self.tally = Tally()
        self._noticed: set[tuple[bool, int, str]] = set()
        self._untold: list[Rejection] = []

    def note(self, group: Group, applied: Applied, *, retried: bool = False) -> None:
        """What became of a group; `retried` says that its records had been postponed before."""
        if len(group) == 0:
            return
        self._tally(group, applied, retried=retried)
        for position, error in applied.rejections.items():
            self._keep(group.batch, group.numbers[position], error, group.raw(position))
        for position, reason in sorted(applied.skips.items()):
            self._notice(self.report.skips, group, position, None, reason)
        for position, column, reason in applied.warnings:
            if self.options.strict:
                self.refuse(group.batch, group.numbers[position], RecordError(reason, column=column))
            else:
                self._notice(self.report.warnings, group, position, column, reason)
        if applied.changes:
            self.tell(RowsChanged(tuple(applied.changes)))
            room = self.options.keep_changes - len(self.report.changes)
            self.report.changes.extend(applied.changes[: max(room, 0)])
        self.report.keys_written += applied.keys_written
        self.report.keys_removed += applied.keys_removed
        for stage, seconds in applied.durations.items():
            self.report.durations[stage] = self.report.durations.get(stage, 0.0) + seconds

    def settle(self, settled: Settled) -> None:
        """What became of records whose outcome had been left open."""
        if settled.numbers:
            self.tally.merge(settled.numbers, settled.outcomes)
        for notice in settled.skips:
            if notice.number is not None:
                self.tally.outcomes[notice.number] = Outcome.SKIPPED
            if self._has_room(self.report.skips):
                self.report.skips.append(notice)
        for rejection in settled.rejections:
            if self.tally.set(rejection.number, Outcome.REJECTED):
                self._untold.append(rejection)
        if settled.changes:
            self.tell(RowsChanged(tuple(settled.changes)))
            room = self.options.keep_changes - len(self.report.changes)
            self.report.changes.extend(settled.changes[: max(room, 0)])
        self.report.removed += settled.removed

    def refuse(
        self, batch: Batch, number: int, error: RecordError, raw: Sequence[object] | None = None
    ) -> None:
        """A record is rejected, unless it is already."""
        if self.tally.set(number, Outcome.REJECTED):
            self._keep(batch, number, error, batch.rows[number - batch.start] if raw is None else raw)

    def skip(self, batch: Batch, number: int, reason: str) -> None:
        """A record takes no part, with a warning; when strict, it is rejected."""
        if self.options.strict:
            self.refuse(batch, number, RecordError(reason))
        elif self.tally.set(number, Outcome.SKIPPED) and self._has_room(self.report.warnings):
            origin = batch.places(number - batch.start)
            self.report.warnings.append(Notice(number=number, reason=reason, origin=origin))

    def note_broken(self, batch: Batch) -> None:
        """The records that the source could not read are rejected."""
        for broken in batch.broken:
            if self.tally.set(broken.number, Outcome.REJECTED):
                self._untold.append(
                    Rejection(
                        number=broken.number,
                        reason=broken.reason,
                        origin=broken.origin,
                        columns=batch.columns,
                        raw=broken.raw,
                        model=batch.model,
                        system=batch.system,
                    )
                )

    def tell_rejections(self) -> None:
        """Tell of the rejections since the last time, in the order of the input."""
        if not self._untold:
            return
        self._untold.sort(key=_place)
        self.tell(RowsRejected(tuple(self._untold)))
        room = self.options.keep_rejections - len(self.report.rejections)
        self.report.rejections.extend(self._untold[: max(room, 0)])
        self._untold = []

    def tell(self, event: Event) -> None:
        """Tell the observers."""
        for observer in self.observers:
            observer(event)

    def _tally(self, group: Group, applied: Applied, *, retried: bool) -> None:
        self.tally.merge(group.numbers, applied.outcomes)
        for position in applied.late:
            self.tally.flag(group.numbers[position], LATE)
        if retried:
            for number in group.numbers:
                self.tally.clear(number, POSTPONED)
        for position in applied.postponed:
            self.tally.flag(group.numbers[position], POSTPONED)

    def _keep(self, batch: Batch, number: int, error: RecordError, raw: Sequence[object]) -> None:
        self._untold.append(
            Rejection(
                number=number,
                reason=error.reason,
                origin=batch.places(number - batch.start),
                column=error.column,
                value=error.value,
                columns=batch.columns,
                raw=raw,
                model=batch.model,
                system=batch.system,
            )
        )

    def _has_room(self, kept: list[Notice]) -> bool:
        return len(kept) < self.options.keep_notices

    def _notice(
        self, kept: list[Notice], group: Group, position: int, column: str | None, reason: str
    ) -> None:
        number = group.numbers[position]
        known = (kept is self.report.skips, number, reason)
        if self._has_room(kept) and known not in self._noticed:
            self._noticed.add(known)
            kept.append(Notice(number=number, reason=reason, origin=group.origin(position), column=column))


def _place(rejection: Rejection) -> tuple[int, int]:
    """Where a rejection stands among those of its batch."""
    place = rejection.origin.place if rejection.origin else None
    return (rejection.number if place is None else place), rejection.number
