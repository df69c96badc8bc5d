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
from modelsync.core.passes import LATE, POSTPONED, Pass, Tally
from modelsync.core.ports import Applied, Group, Journal, Observer, Source, Target
from modelsync.core.records import EVERYTHING, Action, Batch, Cursor, Record, translate
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
        self.told: set[tuple[bool, int, str]] = set()
        self.untold: list[Rejection] = []
        self.last: Cursor | None = None

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
                self._checkpoint({"phase": "rows", "at": None, "read": self.last})
            self._tell(Committed(self.report.total))
            cursor = None
        self.report.committed = True

    def _finish(self) -> None:
        self.report.counts = self.tally.counts()
        if self.plan.delete_missing:
            self._delete_missing()
        self.plan.guard.check_total(self.report.deleted + self.report.removed)
        self._end(Status.REJECTED if self.report.rejected else Status.DONE, None)

    def _delete_missing(self) -> None:
        """Only a complete input may imply deletes: one with rows that cannot be read is not."""
        readable = True
        for batch in self._batches(None):
            readable = readable and not batch.broken
            self.target.saw(batch, self.mapping(batch).keys(batch))
        if not readable:
            self.report.notes.append(
                "Nothing was deleted for being missing: some rows could not be read, so nobody knows what is."
            )
            return
        with self._timed("delete missing"):
            self.report.removed = self.target.finish()

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
                self.last = batch.after
                if stepwise:
                    self.uncommitted += len(batch) + len(batch.broken)
                    if self.uncommitted >= (self.plan.commit_every or 0):
                        self._checkpoint({"phase": "rows", "at": batch.after})
                        stack.close()
                        self.uncommitted = 0
                        self._tell(Committed(sum(self.tally.counts().values())))
            if self.uncommitted:
                self._checkpoint({"phase": "end", "at": None, "read": self.last})
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
        self._tell_rejections()
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
        actions = self._allowed(group)
        positions = [
            p
            for p, action in enumerate(actions)
            if action & EVERYTHING and not self.tally.is_rejected(group.numbers[p])
        ]
        taken = group.take(positions)
        taken.actions[:] = [actions[p] for p in positions]  # type: ignore[index]  # take() gives lists
        if positions:
            yield taken

    def _allowed(self, group: Group) -> list[Action]:
        """Each record's actions that no earlier pass did and that this one takes."""
        step, earlier = self.plan.passes[self.pass_number], self.plan.passes[: self.pass_number]
        if not any(each.where for each in self.plan.passes):
            done = Action.NONE
            for each in earlier:
                done |= each.actions
            return translate(group.actions, lambda action: action & ~done)
        allowed = []
        for position, action in enumerate(group.actions):
            record = Record(
                fields={c: cells[position] for c, cells in zip(group.columns, group.cells, strict=True)},
                actions=action,
                match_on=group.match,
                key=group.keys[position],
                origin=group.origin(position),
            )
            for each in earlier:
                if each.where is None or each.where(record):
                    action &= ~each.actions
            allowed.append(action if step.where is None or step.where(record) else Action.NONE)
        return allowed

    # -- the end of a pass -------------------------------------------------------------------

    def _end_pass(self) -> None:
        with self._timed("late references"):
            self.retrying = True
            self._retry_postponed()
            self.retrying = False
            self._tell_rejections()
            self._mind_errors()
            late = set(self.tally.flagged(LATE))
            if late:
                for group in self._flagged_groups(late):
                    self._note(group, self.target.apply(replace(group, late=True)))
                for number in late:
                    self.tally.clear(number, LATE)
            self._tell_rejections()

    def _retry_postponed(self) -> None:
        """Try postponed records again and again while one of them succeeds; then those in circles."""
        left = list(self.tally.flagged(POSTPONED))
        while left:
            failed: dict[int, tuple[Group, int, RecordError]] = {}
            for group in self._flagged_groups(set(left)):
                applied = self.target.apply(group)
                failed |= {group.numbers[p]: (group, p, e) for p, e in applied.postponed.items()}
                self._note(group, applied)
            still = [n for n in left if n in failed]
            if len(still) == len(left):
                break
            left = still
        if left:
            closed = self._close_circles(set(left))
            for number, (group, position, error) in failed.items():
                self.tally.clear(number, POSTPONED)
                if number not in closed:
                    self._refuse(group.batch, number, error, error.reason, group.raw(position))

    def _close_circles(self, waiting: set[int]) -> set[int]:
        """Write records that wait for one another: first without the references that may be empty,
        then with them. What still lacks one does not take part; the records that did are returned.
        """
        while waiting:
            missing: set[int] = set()
            results: list[tuple[Group, Applied]] = []
            try:
                with self.target.atomic():
                    for late in (False, True):
                        for group in self._flagged_groups(waiting):
                            applied = self.target.apply(replace(group, late=late, in_circle=True))
                            missing.update(
                                group.numbers[p] for p in (*applied.postponed, *applied.rejections)
                            )
                            results.append((group, applied))
                    if missing:
                        raise _Undo
            except _Undo:
                waiting -= missing
                continue
            for group, applied in results:
                self._note(group, applied)
            return waiting
        return set()

    def _flagged_groups(self, numbers: set[int]) -> Iterator[Group]:
        last = max(numbers)
        for batch in self._batches(None):
            inside = [n for n in range(batch.start, batch.start + len(batch)) if n in numbers]
            if inside:
                for group in self._groups(batch):
                    positions = [p for p, n in enumerate(group.numbers) if n in numbers]
                    if positions:
                        yield group.take(positions)
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

    def _rejection(self, batch: Batch, number: int, error: RecordError, raw: Sequence[object]) -> Rejection:
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
        self.untold.append(rejection)

    def _tell_rejections(self) -> None:
        """Tell of the rejections since the last time, in the order of the input."""
        if not self.untold:
            return
        self.untold.sort(key=_place)
        self._tell(RowsRejected(tuple(self.untold)))
        room = self.plan.keep_rejections - len(self.report.rejections)
        self.report.rejections.extend(self.untold[: max(room, 0)])
        self.untold = []

    def _keep_notice(
        self, kept: list[Notice], group: Group, position: int, column: str | None, reason: str
    ) -> None:
        number = group.numbers[position]
        told = (kept is self.report.skips, number, reason)
        if len(kept) >= self.plan.keep_notices or told in self.told:
            return
        self.told.add(told)
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
        self.journal.checkpoint({"pass": self.pass_number, "tally": self.tally.dump(), **cursor}, self.report)

    def _resume(self) -> Mapping[str, object] | None:
        kept = self.journal.resume_point(self.report) if self.plan.resume else None
        if kept is None:
            return None
        self.pass_number = int(str(kept["pass"]))
        self.tally = Tally.load(kept["tally"])  # type: ignore[arg-type]  # as dump() gave it
        self.last = kept.get("read")  # type: ignore[assignment]  # plain JSON by contract
        if self.last is not None:
            # The source refuses a cursor into what has changed since.
            next(self.source.read(self.last), None)
        self.report.counts = self.tally.counts()
        # Of a run that was killed after its last commit nothing but its end is left to do.
        self._end(Status.REJECTED if self.report.rejected else Status.DONE, None)
        if self.report.rejections:
            self._tell(RowsRejected(tuple(self.report.rejections)))
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


def _place(rejection: Rejection) -> tuple[int, int]:
    """Where a rejection stands among those of its batch."""
    place = rejection.origin.place if rejection.origin else None
    return (rejection.number if place is None else place), rejection.number


class _Timer:
    def __init__(self, durations: dict[str, float], stage: str) -> None:
        self.durations = durations
        self.stage = stage

    def __enter__(self) -> None:
        self.started = perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = perf_counter() - self.started
        self.durations[self.stage] = self.durations.get(self.stage, 0.0) + spent
