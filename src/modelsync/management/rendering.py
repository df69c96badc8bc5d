"""What people see: progress while a run goes on, and the report when it is over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from time import monotonic
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from modelsync.core.events import BatchApplied, Event, FileFetched, RunStarted
from modelsync.core.ports import Observer
from modelsync.core.results import Outcome, Rejection, Report, Status
from modelsync.management.values import readable

_FEW = 20
_SECONDS_BETWEEN_LINES = 5.0
_WIDEST_VALUE = 60
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What things are called. `total`: what a run read; `is_whole`: it has no rows of its own for deletes."""

    run: str
    rows: str
    total: str
    is_whole: bool = False


SYNC = Words(run="run", rows="rows", total="rows")
PULL = Words(run="pull", rows="objects", total="received", is_whole=True)


@contextmanager
def progress(
    stream: Any, *, wanted: bool, words: Words = SYNC, clock: Callable[[], float] = monotonic
) -> Iterator[list[Observer]]:
    """Observers that show how far a run is: a bar on a terminal, a line every five seconds elsewhere.

    `clock` gives seconds.
    """
    if not wanted:
        yield []
    elif getattr(stream, "isatty", bool)():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(f"{{task.fields[rows]:,}} {words.rows}, {{task.fields[rate]:,.0f}} {words.rows}/s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
            yield [_Bar(bar, clock)]
    else:
        yield [_Lines(stream, words, clock)]


class _Speed:
    """Rows so far over all passes, and rows per second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.started = clock()
        self.passes = 1
        self.before = 0
        self.pass_number = 0
        self.latest = 0

    def take(self, event: BatchApplied) -> None:
        if event.pass_number != self.pass_number:
            self.before += self.latest
            self.pass_number = event.pass_number
        self.latest = event.records

    @property
    def rows(self) -> int:
        return self.before + self.latest

    @property
    def rate(self) -> float:
        return self.rows / max(self.clock() - self.started, 1e-9)


class _Bar:
    def __init__(self, bar: Progress, clock: Callable[[], float]) -> None:
        self.bar = bar
        self.speed = _Speed(clock)
        self.task = bar.add_task("reading", total=None, rows=0, rate=0.0)

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.speed.passes = event.passes
        elif isinstance(event, BatchApplied):
            self.speed.take(event)
            done = None if event.fraction is None else event.pass_number + event.fraction
            step = f"pass {event.pass_number + 1}/{self.speed.passes}"
            self.bar.update(
                self.task,
                description=step if self.speed.passes > 1 else "syncing",
                total=None if done is None else self.speed.passes,
                completed=done,
                rows=self.speed.latest,
                rate=self.speed.rate,
            )
        elif isinstance(event, FileFetched):
            self.bar.update(self.task, description="files", total=event.total, completed=event.done)


class _Lines:
    def __init__(self, stream: Any, words: Words, clock: Callable[[], float]) -> None:
        self.stream = stream
        self.rows = words.rows
        self.clock = clock
        self.speed = _Speed(clock)
        self.told = clock()

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.speed.passes = event.passes
        elif isinstance(event, BatchApplied):
            self.speed.take(event)
            if self.clock() - self.told >= _SECONDS_BETWEEN_LINES:
                self.told = self.clock()
                done = "" if event.fraction is None else f", {event.fraction:.0%} read"
                step = f"pass {event.pass_number + 1}/{self.speed.passes}: " if self.speed.passes > 1 else ""
                so_far, rate = f"{self.speed.latest:,} {self.rows}", f"{self.speed.rate:,.0f} {self.rows}/s"
                self.stream.write(f"{step}{so_far}{done}, {rate}")
        elif isinstance(event, FileFetched) and self.clock() - self.told >= _SECONDS_BETWEEN_LINES:
            self.told = self.clock()
            self.stream.write(f"{event.done:,} of {event.total:,} files")


def counted(number: int, what: str) -> str:
    """A number with its noun: 1 row, 2 rows."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def render(
    report: Report, *, width: int, all_rejections: bool, stages: bool = False, words: Words = SYNC
) -> str:
    """The report as text: counts, sample changes, rejections, warnings, skips, how it ended.

    What stopped it is the error's to tell. `stages` adds the seconds of each stage.
    """
    out = Console(file=StringIO(), width=max(width, 80), highlight=False, markup=False, emoji=False)
    for note in report.notes:
        out.print(note, soft_wrap=True)
    if report.changes:
        out.print(_about_changes(report, words), soft_wrap=True)
        out.print(_changes(report))
    if report.total or not report.error:
        out.print(_counts(report, words))
    refused = [_refused(r) for r in report.rejections]
    _listed(out, "refused", refused, report.rejected, all_of_them=all_rejections)
    _listed(out, "warnings", [str(n) for n in report.warnings], len(report.warnings))
    skipped = report.skipped - _skipped_with_warning(report)
    _listed(out, _skipped(report), [str(n) for n in report.skips], skipped)
    if stages:
        out.print(_stages(report))
    out.print(_ending(report, words), soft_wrap=True)
    assert isinstance(out.file, StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines()) + "\n"


def _stages(report: Report) -> Table:
    table = Table(box=SIMPLE, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for stage, seconds in report.durations.items():
        table.add_row(stage, f"{seconds:.2f} s")
    return table


def _counts(report: Report, words: Words) -> Table:
    table = Table(box=SIMPLE, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for outcome in Outcome:
        gone = report.removed if words.is_whole and outcome is Outcome.DELETED else 0
        table.add_row(outcome.label, f"{report.counts[outcome] + gone:,}")
    if report.removed and not words.is_whole:
        table.add_row("removed (missing from the input)", f"{report.removed:,}")
    table.add_row(words.total, f"{report.total:,}")
    return table


def _about_changes(report: Report, words: Words) -> str:
    first = "the first " if len(report.changes) >= _FEW else ""
    would = f" that a {words.run} would make" if report.dry_run else ""
    otherwise = ", were nothing refused" if words.is_whole and report.rejected else ""
    return f"{first}{counted(len(report.changes), 'change')}{would}{otherwise}"


def _changes(report: Report) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("object", "", "field", "old", "new"):
        table.add_column(name, overflow="fold")
    for change in map(readable, report.changes):
        pk = "(new)" if change.outcome is Outcome.CREATED else str(change.pk)
        start = (f"{change.model} {pk}", change.outcome.label)
        fields = [(n, _shown(old), _shown(new)) for n, (old, new) in change.fields.items()] or [("", "", "")]
        for number, (name, old, new) in enumerate(fields):
            first = start if number == 0 else ("", "")
            table.add_row(*first, name, "" if change.outcome is Outcome.CREATED else old, new)
    return table


def _shown(value: object) -> str:
    return "NULL" if value is None else _short(str(value), _WIDEST_VALUE)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _refused(rejection: Rejection) -> str:
    """Where, what and why: as `str()` of it, but on one line that fits a screen."""
    place = str(rejection.origin) if rejection.origin else f"row {rejection.number + 1}"
    value = repr(rejection.value)
    value = value if len(value) <= _WIDEST_VALUE else _short(value, _WIDEST_VALUE) + value[:1].strip("([{<")
    cell = f"{rejection.column} = {value}: " if rejection.column else ""
    return f"{place}: {cell}{_short(rejection.reason, _LONGEST_REASON)}"


def _skipped(report: Report) -> str:
    return "skipped, besides those with a warning" if _skipped_with_warning(report) else "skipped"


def _skipped_with_warning(report: Report) -> int:
    """Skipped rows whose reason stands among the warnings (some of the skips may not be listed)."""
    listed = {notice.number for notice in report.skips}
    about_rows = {notice.number for notice in report.warnings if notice.number is not None} - listed
    return min(report.skipped - len(listed), len(about_rows)) if report.skipped > len(listed) else 0


def _listed(out: Console, title: str, lines: Sequence[str], count: int, *, all_of_them: bool = False) -> None:
    if not lines:
        return
    shown = lines if all_of_them else lines[:_FEW]
    out.print(f"{title} ({count:,}):")
    for line in shown:
        out.print(f"  {line}", soft_wrap=True)
    if count > len(shown):
        out.print(f"  … and {count - len(shown):,} more")
    out.print()


def _ending(report: Report, words: Words) -> str:
    how = f"{report.seconds:.1f} s"
    how += f", {report.rows_per_second:,.0f} {words.rows}/s" if report.total else ""
    ways = ", ".join(f"{label} {way}" for label, way in report.writers.items())
    how += f"; {ways}" if ways else ""
    match report:
        case Report(error=str()):
            what = "Stopped"
        case Report(dry_run=True):
            what = "Dry run: nothing was written"
        case Report(committed=False):
            what = "Refused" if report.rejected else "Nothing was written"
        case Report(status=Status.REJECTED):
            what = "The good rows were written"
        case _:
            what = "Done"
    return f"{what} ({how})."
