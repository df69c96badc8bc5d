"""run(): the one loop. Every way in goes through it: read, map, apply, count, commit.

It knows no files, no SQL and no Django: a source yields batches, a target applies groups of records,
a journal keeps the run. The rules are those of docs/explanation/semantics.md, "The end of a pass"
and "Order".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from time import perf_counter

from modelsync.core.errors import GuardError, ModelSyncError, RecordError
from modelsync.core.events import (
    BatchApplied,
    Committed,
    Event,
    RowsChanged,
    RowsRejected,
    RunFinished,
    RunStarted,
)
from modelsync.core.guard import Guard
from modelsync.core.mapping import ColumnMapping
from modelsync.core.passes import EVERYTHING, LATE, POSTPONED, Pass, Tally
from modelsync.core.ports import Applied, Group, Journal, Observer, Source, Target
from modelsync.core.records import Action, Batch, Cursor, Record
from modelsync.core.results import Notice, Outcome, Rejection, Report, Status

MappingFor = Callable[[Batch], ColumnMapping]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a run goes about its input.

    `commit_every` is a number of records (None: one transaction); `skip_errors` lets the good
    records in when others are refused; `max_errors` stops the run at more rejections than that;
    `strict` makes a rejection of each warning;
    `delete_missing` has the target delete what the input no longer has, within `guard`;
    the `keep_...` bound what the report lists (observers are told of all).
    """

    name: str = ""
    passes: Sequence[Pass] = (Pass(),)
    dry_run: bool = False
    skip_errors: bool = False
    max_errors: int | None = None
    commit_every: int | None = None
    resume: bool = False
    guard: Guard = field(default_factory=Guard)
    delete_missing: bool = False
    strict: bool = False
    keep_notices: int = 1000
    keep_rejections: int = 100_000
    keep_changes: int = 20


class _Undo(Exception):
    """Leaves the transaction so that it is rolled back, though nothing failed."""


class _TooManyErrors(ModelSyncError):
    """More rejections than allowed."""


def run(
    source: Source,
    target: Target,
    journal: Journal,
    *,
    mapping: MappingFor,
    plan: Plan,
    observers: Sequence[Observer] = (),
) -> Report:
    """Bring everything that the source holds into the target.

    Returns the report, whatever its result: rejections, a guard that stopped the run and a failed
    source are told by it. Raises only what is no fault of the input (ConfigurationError, a bug).
    """
    return _Run(source, target, journal, mapping, plan, observers).execute()


class _Run:
    def __init__(
        self,
        source: Source,
        target: Target,
        journal: Journal,
        mapping: MappingFor,
        plan: Plan,
        observers: Sequence[Observer],
    ) -> None:
        self.source = source
        self.target = target
        self.journal = journal
        self.mapping = mapping
        self.plan = plan
        self.observers = observers
        self.tally = Tally()
        self.report = Report(dry_run=plan.dry_run)
        self.pass_number = 0
        self.uncommitted = 0
        self.retrying = False
        self.told: set[tuple[int, str]] = set()

    # -- the run as a whole ------------------------------------------------------------------

    def execute(self) -> Report:
        started = perf_counter()
        self._tell(RunStarted(self.plan.name, len(self.plan.passes), self.plan.dry_run))
        self.journal.start(self.report)
        try:
            if self.plan.commit_every is None or self.plan.dry_run:
                self._in_one_transaction()
            else:
                self._in_steps()
        except _TooManyErrors as error:
            self._end(Status.STOPPED, str(error))
        except GuardError as error:
            self._end(Status.STOPPED, str(error))
        except ModelSyncError as error:
            self._end(Status.FAILED, str(error))
            raise
        except BaseException as error:
            self._end(Status.FAILED, f"{type(error).__name__}")
            raise
        finally:
            self.report.durations["total"] = perf_counter() - started
            self.journal.finish(self.report)
            self._tell(RunFinished(self.report.status.value, self.report.total, self.report.seconds))
        return self.report

    def _in_one_transaction(self) -> None:
        try:
            with self.target.atomic():
                for self.pass_number, _ in enumerate(self.plan.passes):
                    self._read_pass(None)
                    self._end_pass()
                self._finish()
                if self.plan.dry_run or (self.report.rejected and not self.plan.skip_errors):
                    raise _Undo
        except _Undo:
            self.report.committed = False
        else:
            self.report.committed = True
            self._tell(Committed(self.report.total))

    def _in_steps(self) -> None:
        cursor = self._resume()
        while self.pass_number < len(self.plan.passes):
            if cursor is None or cursor.get("phase") == "rows":
                self._read_pass(cursor)
            with self.target.atomic():
                self._end_pass()
                self.pass_number += 1
                if self.pass_number == len(self.plan.passes):
                    self._finish()
                self._checkpoint({"phase": "rows", "at": None})
            self._tell(Committed(self.report.total))
            cursor = None
        self.report.committed = True

    def _finish(self) -> None:
        self.report.counts = self.tally.counts()
        if self.plan.delete_missing:
            for batch in self._batches(None):
                self.target.saw(batch, self.mapping(batch).keys(batch))
        with self._timed("delete missing"):
            self.report.removed = self.target.finish()
        self.plan.guard.check_total(self.report.deleted + self.report.removed)
        self._end(Status.REJECTED if self.report.rejected else Status.DONE, None)

    def _end(self, status: Status, error: str | None) -> None:
        self.report.counts = self.tally.counts()
        self.report.status = status
        self.report.error = error

    # -- one pass ----------------------------------------------------------------------------

    def _read_pass(self, cursor: Mapping[str, object] | None) -> None:
        after = cursor.get("at") if cursor else None
        with ExitStack() as stack:
            stepwise = self.plan.commit_every is not None and not self.plan.dry_run
            for batch in self._batches(after):  # type: ignore[arg-type]  # plain JSON by contract
                if stepwise and not self.uncommitted:
                    stack.enter_context(self.target.atomic())
                self._apply_batch(batch)
                if stepwise:
                    self.uncommitted += len(batch) + len(batch.broken)
                    if self.uncommitted >= (self.plan.commit_every or 0):
                        self._checkpoint({"phase": "rows", "at": batch.after})
                        stack.close()
                        self.uncommitted = 0
                        self._tell(Committed(sum(self.tally.counts().values())))
            if self.uncommitted:
                self._checkpoint({"phase": "end", "at": None})
            self.uncommitted = 0

    def _apply_batch(self, batch: Batch) -> None:
        self.tally.grow(batch.start + len(batch) + len(batch.broken))
        for group in self._groups(batch):
            self._note(group, self.target.apply(group))
        for broken in batch.broken:
            if self.tally.set(broken.number, Outcome.REJECTED):
                self._keep_rejection(
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
        done = batch.start + len(batch) + len(batch.broken)
        fraction = getattr(self.source, "fraction", None)
        self._tell(BatchApplied(self.pass_number, done, fraction() if fraction else None))
        self._mind_errors()

    def _groups(self, batch: Batch) -> Iterator[Group]:
        step = self.plan.passes[self.pass_number]

        def refuse(number: int, error: RecordError | None, reason: str) -> None:
            self._refuse(batch, number, error, reason)

        for group in self.mapping(batch).groups(batch, step.actions | Action.FORCE, refuse):
            yield from self._narrow(group)

    def _narrow(self, group: Group) -> Iterator[Group]:
        """The group without records that were refused before or are another pass's business."""
        if not self.pass_number and self.plan.passes[0].where is None:
            yield group
            return
        actions = [self._allowed(group, p) for p in range(len(group))]
        positions = [
            p
            for p, action in enumerate(actions)
            if action & EVERYTHING and not self.tally.is_rejected(group.numbers[p])
        ]
        taken = group.take(positions)
        taken.actions[:] = [actions[p] for p in positions]  # type: ignore[index]  # take() gives lists
        if positions:
            yield taken

    def _allowed(self, group: Group, position: int) -> Action:
        action = group.actions[position]
        if not any(step.where for step in self.plan.passes):
            for earlier in self.plan.passes[: self.pass_number]:
                action &= ~earlier.actions
            return action
        record = Record(
            fields={c: cells[position] for c, cells in zip(group.columns, group.cells, strict=True)},
            actions=action,
            match_on=group.match,
            key=group.keys[position],
            origin=group.origin(position),
        )
        for earlier in self.plan.passes[: self.pass_number]:
            if earlier.where is None or earlier.where(record):
                action &= ~earlier.actions
        where = self.plan.passes[self.pass_number].where
        return action if where is None or where(record) else Action.NONE

    # -- the end of a pass -------------------------------------------------------------------

    def _end_pass(self) -> None:
        with self._timed("late references"):
            left = list(self.tally.flagged(POSTPONED))
            errors: dict[int, tuple[Group, int, RecordError]] = {}
            self.retrying = True
            while left:
                errors.clear()
                for group in self._flagged_groups(set(left), late=False):
                    applied = self.target.apply(group)
                    for position, error in applied.postponed.items():
                        errors[group.numbers[position]] = (group, position, error)
                    self._note(group, applied)
                still = [n for n in left if n in errors]
                if len(still) == len(left):
                    break
                left = still
            for number, (group, position, error) in errors.items():
                self.tally.clear(number, POSTPONED)
                self._refuse(group.batch, number, error, error.reason, group.raw(position))
            self._mind_errors()
            self.retrying = False
            late = set(self.tally.flagged(LATE))
            if late:
                for group in self._flagged_groups(late, late=True):
                    self._note(group, self.target.apply(group))
                for number in late:
                    self.tally.clear(number, LATE)

    def _flagged_groups(self, numbers: set[int], *, late: bool) -> Iterator[Group]:
        last = max(numbers)
        for batch in self._batches(None):
            inside = [n for n in range(batch.start, batch.start + len(batch)) if n in numbers]
            if inside:
                for group in self._groups(batch):
                    positions = [p for p, n in enumerate(group.numbers) if n in numbers]
                    if positions:
                        yield replace(group.take(positions), late=late)
            if batch.start + len(batch) > last:
                return

    # -- taking note -------------------------------------------------------------------------

    def _note(self, group: Group, applied: Applied) -> None:
        if len(group) == 0:
            return
        self.tally.merge(group.numbers, applied.outcomes)
        for position in applied.late:
            self.tally.flag(group.numbers[position], LATE)
        if self.retrying:
            for number in group.numbers:
                self.tally.clear(number, POSTPONED)
        for position in applied.postponed:
            self.tally.flag(group.numbers[position], POSTPONED)
        for position, error in sorted(applied.rejections.items()):
            number = group.numbers[position]
            self._keep_rejection(self._rejection(group.batch, number, error, group.raw(position)))
        for position, reason in sorted(applied.skips.items()):
            self._keep_notice(self.report.skips, group, position, None, reason)
        for position, column, reason in applied.warnings:
            if self.plan.strict:
                error = RecordError(reason, column=column)
                self._refuse(group.batch, group.numbers[position], error, reason)
            else:
                self._keep_notice(self.report.warnings, group, position, column, reason)
        if applied.changes:
            self._tell(RowsChanged(tuple(applied.changes)))
            room = self.plan.keep_changes - len(self.report.changes)
            self.report.changes.extend(applied.changes[: max(room, 0)])
        self.report.keys_written += applied.keys_written
        self.report.keys_removed += applied.keys_removed
        for stage, seconds in applied.durations.items():
            self.report.durations[stage] = self.report.durations.get(stage, 0.0) + seconds

    def _refuse(
        self,
        batch: Batch,
        number: int,
        error: RecordError | None,
        reason: str,
        raw: Sequence[object] | None = None,
    ) -> None:
        raw = batch.rows[number - batch.start] if raw is None else raw
        if error is not None:
            if self.tally.set(number, Outcome.REJECTED):
                self._keep_rejection(self._rejection(batch, number, error, raw))
        elif self.plan.strict:
            self._refuse(batch, number, RecordError(reason), reason)
        elif self.tally.set(number, Outcome.SKIPPED):
            notice = Notice(number=number, reason=reason, origin=batch.places(number - batch.start))
            if len(self.report.warnings) < self.plan.keep_notices:
                self.report.warnings.append(notice)

    def _rejection(
        self, batch: Batch, number: int, error: RecordError, raw: Sequence[object]
    ) -> Rejection:
        return Rejection(
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

    def _keep_rejection(self, rejection: Rejection) -> None:
        self._tell(RowsRejected((rejection,)))
        if len(self.report.rejections) < self.plan.keep_rejections:
            self.report.rejections.append(rejection)

    def _keep_notice(
        self, kept: list[Notice], group: Group, position: int, column: str | None, reason: str
    ) -> None:
        number = group.numbers[position]
        if len(kept) >= self.plan.keep_notices or (number, reason) in self.told:
            return
        self.told.add((number, reason))
        kept.append(Notice(number=number, reason=reason, origin=group.origin(position), column=column))

    def _mind_errors(self) -> None:
        limit = self.plan.max_errors
        if limit is not None and self.tally.outcomes.count(Outcome.REJECTED) > limit:
            raise _TooManyErrors(
                f"stopped: more than {limit} rejections (--max-errors); nothing of the open transaction was kept"
            )

    # -- checkpoints, time, observers --------------------------------------------------------

    def _checkpoint(self, cursor: Cursor) -> None:
        if self.plan.dry_run:
            return
        self.report.counts = self.tally.counts()
        self.journal.checkpoint(
            {"pass": self.pass_number, "tally": self.tally.dump(), **cursor}, self.report
        )

    def _resume(self) -> Mapping[str, object] | None:
        kept = self.journal.resume_point(self.report) if self.plan.resume else None
        if kept is None:
            return None
        self.pass_number = int(str(kept["pass"]))
        self.tally = Tally.load(kept["tally"])  # type: ignore[arg-type]  # as dump() gave it
        return kept

    def _batches(self, after: Cursor | None) -> Iterator[Batch]:
        batches = self.source.read(after)
        while True:
            with self._timed("read"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _timed(self, stage: str) -> _Timer:
        return _Timer(self.report.durations, stage)

    def _tell(self, event: Event) -> None:
        for observer in self.observers:
            observer(event)


class _Timer:
    def __init__(self, durations: dict[str, float], stage: str) -> None:
        self.durations = durations
        self.stage = stage

    def __enter__(self) -> None:
        self.started = perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = perf_counter() - self.started
        self.durations[self.stage] = self.durations.get(self.stage, 0.0) + spent

