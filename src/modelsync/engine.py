"""run(): the one loop. Every way in goes through it: read, map, apply, count, commit.

It knows no files, no SQL and no Django: a source yields batches, a target applies groups of records,
a journal keeps the run. The rules are those of docs/explanation/semantics.md, "The end of a pass"
and "Order".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from time import perf_counter

from modelsync.core.ahead import ReadAhead
from modelsync.core.errors import GuardError, ModelSyncError, RecordError
from modelsync.core.events import BatchApplied, Committed, RowsRejected, RunFinished, RunStarted
from modelsync.core.garbage import rare_collections
from modelsync.core.mapping import Grouping
from modelsync.core.narrowing import narrow
from modelsync.core.options import RunOptions
from modelsync.core.passes import LATE, POSTPONED, Tally
from modelsync.core.ports import Applied, Group, Journal, Observer, Source, Target
from modelsync.core.recording import Recorder
from modelsync.core.records import Action, Batch, Cursor
from modelsync.core.results import Outcome, Report, Status

MappingFor = Callable[[Batch], Grouping]


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
    options: RunOptions,
    observers: Sequence[Observer] = (),
) -> Report:
    """Bring everything that the source holds into the target.

    Returns the report, whatever its result: rejections, a guard that stopped the run and a failed
    source are told by it. Raises only what is no fault of the input (ConfigurationError, a bug).
    """
    with rare_collections():
        return _Run(source, target, journal, mapping, options, observers).execute()


class _Run:
    def __init__(
        self,
        source: Source,
        target: Target,
        journal: Journal,
        mapping: MappingFor,
        options: RunOptions,
        observers: Sequence[Observer],
    ) -> None:
        self.source = source
        self.target = target
        self.journal = journal
        self.mapping = mapping
        self.options = options
        self.report = Report(dry_run=options.dry_run)
        self.recorder = Recorder(self.report, options, observers)
        self.pass_number = 0
        self.uncommitted = 0
        self.last: Cursor | None = None

    # -- the run as a whole ------------------------------------------------------------------

    def execute(self) -> Report:
        started = perf_counter()
        self.recorder.tell(RunStarted(self.options.name, len(self.options.passes), self.options.dry_run))
        self.journal.start(self.report)
        try:
            if self.options.commit_every is None or self.options.dry_run:
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
            self.recorder.tell(RunFinished(self.report.status.value, self.report.total, self.report.seconds))
        return self.report

    def _in_one_transaction(self) -> None:
        try:
            with self.target.atomic():
                for number in range(len(self.options.passes)):
                    self.pass_number = number
                    self._read_pass(None)
                    self._end_pass()
                self._finish()
                if self.options.dry_run or (self.report.rejected and not self.options.skip_errors):
                    raise _Undo
        except _Undo:
            self.report.committed = False
        else:
            self.report.committed = True
            self.recorder.tell(Committed(self.report.total))

    def _in_steps(self) -> None:
        cursor = self._resume()
        while self.pass_number < len(self.options.passes):
            if cursor is None or cursor.get("phase") == "rows":
                self._read_pass(cursor)
            with self.target.atomic():
                self._end_pass()
                self.pass_number += 1
                if self.pass_number == len(self.options.passes):
                    self._finish()
                self._checkpoint({"phase": "rows", "at": None, "read": self.last})
            self.recorder.tell(Committed(self.report.total))
            cursor = None
        self.report.committed = True

    def _finish(self) -> None:
        self._settle()
        self.report.counts = self.recorder.tally.counts()
        if self.options.delete_missing:
            self._delete_missing()
        self.options.guard.check_total(self.report.deleted + self.report.removed)
        self._end(Status.REJECTED if self.report.rejected else Status.DONE, None)

    def _settle(self) -> None:
        started, settled = perf_counter(), None
        for settled in self.target.settle():
            self.recorder.settle(settled)
        if settled:
            self.report.durations["settle"] = perf_counter() - started
            self.recorder.tell_rejections()

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
            self.report.removed += self.target.finish()

    def _end(self, status: Status, error: str | None) -> None:
        self.report.counts = self.recorder.tally.counts()
        self.report.status = status
        self.report.error = error

    # -- one pass ----------------------------------------------------------------------------

    def _read_pass(self, cursor: Mapping[str, object] | None) -> None:
        after = cursor.get("at") if cursor else None
        with ExitStack() as stack:
            stepwise = self.options.commit_every is not None and not self.options.dry_run
            batches = self._batches(after)  # type: ignore[arg-type]  # plain JSON by contract
            ahead = ReadAhead(batches, self._foresee)
            look = ahead.look if getattr(self.source, "reads_apart", False) else None
            for batch in ahead:
                if stepwise and not self.uncommitted:
                    stack.enter_context(self.target.atomic())
                self._apply_batch(batch, look)
                self.last = batch.after
                if stepwise:
                    self.uncommitted += len(batch) + len(batch.broken)
                    if self.uncommitted >= (self.options.commit_every or 0):
                        self._checkpoint({"phase": "rows", "at": batch.after})
                        stack.close()
                        self.uncommitted = 0
                        self.recorder.tell(Committed(sum(self.recorder.tally.counts().values())))
            if self.uncommitted:
                self._checkpoint({"phase": "end", "at": None, "read": self.last})
            self.uncommitted = 0

    def _apply_batch(self, batch: Batch, meanwhile: Callable[[], None] | None) -> None:
        self.recorder.tally.grow(batch.start + len(batch) + len(batch.broken))
        for group in self._groups(batch):
            if meanwhile:
                group = replace(group, meanwhile=meanwhile)
            self.recorder.note(group, self.target.apply(group))
        self.recorder.note_broken(batch)
        self.recorder.tell_rejections()
        done = batch.start + len(batch) + len(batch.broken)
        fraction = getattr(self.source, "fraction", None)
        self.recorder.tell(BatchApplied(self.pass_number, done, fraction() if fraction else None))
        self._mind_errors()

    def _foresee(self, batch: Batch) -> None:
        """Tell the target of the batch that comes next, if it wants to know."""
        foresee = getattr(self.target, "foresee", None)
        if foresee:
            step = self.options.passes[self.pass_number]
            for group in self.mapping(batch).groups(batch, step.actions | Action.FORCE, _unheard):
                foresee(group)
                return

    def _groups(self, batch: Batch) -> Iterator[Group]:
        step = self.options.passes[self.pass_number]

        def refuse(number: int, error: RecordError | None, reason: str) -> None:
            if error is None:
                self.recorder.skip(batch, number, reason)
            else:
                self.recorder.refuse(batch, number, error)

        for group in self.mapping(batch).groups(batch, step.actions | Action.FORCE, refuse):
            yield from narrow(group, self.options.passes, self.pass_number, self.recorder.tally)

    # -- the end of a pass -------------------------------------------------------------------

    def _end_pass(self) -> None:
        with self._timed("late references"):
            self._retry_postponed()
            self.recorder.tell_rejections()
            self._mind_errors()
            late = set(self.recorder.tally.flagged(LATE))
            if late:
                for group in self._flagged_groups(late):
                    self.recorder.note(group, self.target.apply(replace(group, late=True)))
                for number in late:
                    self.recorder.tally.clear(number, LATE)
            self.recorder.tell_rejections()

    def _retry_postponed(self) -> None:
        """Try postponed records again and again while one of them succeeds; then those in circles."""
        left = list(self.recorder.tally.flagged(POSTPONED))
        while left:
            failed: dict[int, tuple[Group, int, RecordError]] = {}
            for group in self._flagged_groups(set(left)):
                applied = self.target.apply(group)
                failed |= {group.numbers[p]: (group, p, e) for p, e in applied.postponed.items()}
                self.recorder.note(group, applied, retried=True)
            still = [n for n in left if n in failed]
            if len(still) == len(left):
                break
            left = still
        if left:
            closed = self._close_circles(set(left))
            for number, (group, position, error) in failed.items():
                self.recorder.tally.clear(number, POSTPONED)
                if number not in closed:
                    self.recorder.refuse(group.batch, number, error, group.raw(position))

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
                self.recorder.note(group, applied, retried=True)
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

    def _mind_errors(self) -> None:
        limit = self.options.max_errors
        if limit is not None and self.recorder.tally.outcomes.count(Outcome.REJECTED) > limit:
            raise _TooManyErrors(
                f"stopped: more than {limit} rejections (--max-errors); "
                f"nothing of the open transaction was kept"
            )

    # -- checkpoints, time, observers --------------------------------------------------------

    def _checkpoint(self, cursor: Cursor) -> None:
        if self.options.dry_run:
            return
        self.report.counts = self.recorder.tally.counts()
        self.journal.checkpoint(
            {"pass": self.pass_number, "tally": self.recorder.tally.dump(), **cursor}, self.report
        )

    def _resume(self) -> Mapping[str, object] | None:
        kept = self.journal.resume_point(self.report) if self.options.resume else None
        if kept is None:
            return None
        self.pass_number = int(str(kept["pass"]))
        self.recorder.tally = Tally.load(kept["tally"])  # type: ignore[arg-type]  # as dump() gave it
        self.last = kept.get("read")  # type: ignore[assignment]  # plain JSON by contract
        if self.last is not None:
            # The source refuses a cursor into what has changed since.
            next(self.source.read(self.last), None)
        self.report.counts = self.recorder.tally.counts()
        # Of a run that was killed after its last commit nothing but its end is left to do.
        self._end(Status.REJECTED if self.report.rejected else Status.DONE, None)
        if self.report.rejections:
            self.recorder.tell(RowsRejected(tuple(self.report.rejections)))
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


def _unheard(number: int, error: RecordError | None, reason: str) -> None:
    """It is told again when the batch is applied."""


class _Timer:
    def __init__(self, durations: dict[str, float], stage: str) -> None:
        self.durations = durations
        self.stage = stage

    def __enter__(self) -> None:
        self.started = perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = perf_counter() - self.started
        self.durations[self.stage] = self.durations.get(self.stage, 0.0) + spent
