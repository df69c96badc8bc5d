"""The one loop, over a target in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from modelsync.core.errors import ConfigurationError, GuardError, Transient
from modelsync.core.events import BatchApplied, Committed, Event, RowsRejected, RunFinished, RunStarted
from modelsync.core.guard import Guard
from modelsync.core.mapping import ColumnMapping
from modelsync.core.options import RunOptions
from modelsync.core.passes import Pass
from modelsync.core.ports import Applied, Extent, Group
from modelsync.core.records import Action, Batch, Broken, Cursor, Match, Origin
from modelsync.core.results import Outcome, Report, Status
from modelsync.engine import run
from modelsync.targets.memory import Column, MemoryTarget, Table
from modelsync.testing.journal import MemoryJournal

C, U, D = Action.CREATE, Action.UPDATE, Action.DELETE
Rows = list[dict[str, Any]]


class Rowed:
    """A source of rows with the same columns, in batches; `fail_at` breaks off before a batch."""

    extent = Extent.SNAPSHOT

    def __init__(self, rows: Rows, size: int = 2, *, label: str = "node", system: str | None = "S") -> None:
        self.rows = rows
        self.size = size
        self.label = label
        self.system = system
        self.fail_at: int | None = None
        self.reads = 0
        self.given = 0
        self.broken: list[Broken] = []

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        self.reads += 1
        for start in range(int(str(after["row"])) if after else 0, len(self.rows), self.size):
            if self.fail_at is not None and start >= self.fail_at:
                raise Transient("the line is cut")
            part = self.rows[start : start + self.size]
            last = start + self.size >= len(self.rows)
            self.given += 1
            yield Batch(
                columns=tuple(part[0]),
                rows=[list(row.values()) for row in part],
                start=start,
                places=lambda index, start=start: Origin("rows", start + index + 1),
                after={"row": start + len(part)},
                model=self.label,
                system=self.system,
                broken=self.broken if last else (),
            )


def target(**options: Any) -> MemoryTarget:
    """Nodes that may have a parent, and leaves that need a node."""
    return MemoryTarget(
        {
            "node": Table(
                columns={
                    "code": Column(unique=True),
                    "size": Column(convert=int, null=True),
                    "parent": Column(null=True, to="node"),
                }
            ),
            "leaf": Table(columns={"code": Column(unique=True), "leaf": Column(to="leaf")}),
        },
        **options,
    )


def mapped(actions: str = "cu*", match_on: str = "code") -> Any:
    """The mapping of every batch."""
    mapping = ColumnMapping(match_on=Match.parse(match_on), actions=Action.parse(actions))
    return lambda batch: mapping


def nodes(count: int) -> Rows:
    """Rows of so many nodes."""
    return [{"code": f"c{i}", "size": i, "external_key": f"k{i}"} for i in range(count)]


def codes(into: MemoryTarget, label: str = "node") -> list[str]:
    """The codes that are there."""
    return sorted(row["code"] for row in into.rows[label].values())


def counted(report: Report) -> dict[str, int]:
    """The counts that are not 0."""
    return {outcome.label: count for outcome, count in report.counts.items() if count}


def sync(
    rows: Rows | Rowed, into: MemoryTarget, *, journal: Any = None, mapping: Any = None, **plan: Any
) -> Report:
    """Run rows into a target."""
    source = rows if isinstance(rows, Rowed) else Rowed(rows)
    observers = plan.pop("observers", ())
    return run(
        source,
        into,
        journal or MemoryJournal(),
        mapping=mapping or mapped(),
        options=RunOptions(**plan),
        observers=observers,
    )


def test_a_run() -> None:
    """Everything goes in, and a second run finds nothing to do."""
    into, journal = target(), MemoryJournal()
    report = sync(nodes(5), into, journal=journal)
    assert (counted(report), report.status, report.committed, report.ok) == (
        {"created": 5},
        Status.DONE,
        True,
        True,
    )
    assert (report.keys_written, len(into.keys)) == (5, 5)
    assert journal.started == journal.finished == [report]
    again = sync(nodes(5), into)
    assert (counted(again), again.keys_written) == ({"unchanged": 5}, 0)


class Impatient(MemoryTarget):
    """A target that looks ahead with every group; `seen` are the source's batches at that time, `told` the
    numbers of the records that it was told of.
    """

    source: Rowed
    seen: list[int]
    told: list[int]

    def foresee(self, group: Group) -> None:
        self.told += group.numbers

    def apply(self, group: Group) -> Applied:
        group.meanwhile()
        self.seen.append(self.source.given)
        return super().apply(group)


@pytest.mark.parametrize("reads_apart", [True, False, None])
def test_a_target_looks_ahead_only_where_reading_needs_nothing_of_it(reads_apart: bool | None) -> None:
    """A source that does not say so may need the connection that the target waits for."""
    into, source = Impatient({"node": Table(columns={"code": Column(unique=True)})}), Rowed(nodes(6))
    into.source, into.seen, into.told = source, [], []
    if reads_apart is not None:
        source.reads_apart = reads_apart  # type: ignore[attr-defined]  # optional
    assert counted(sync(source, into)) == {"created": 6}
    assert into.seen == ([2, 3, 3] if reads_apart else [1, 2, 3])
    assert into.told == ([2, 3, 4, 5] if reads_apart else [])


def test_a_rejection_undoes_the_run() -> None:
    """All rows are tried, then all is undone; `skip_errors` keeps the good ones."""
    rows = nodes(5)
    rows[1]["size"] = rows[3]["size"] = "many"
    into = target()
    report = sync(rows, into)
    assert (counted(report), report.status, report.committed) == (
        {"created": 3, "rejected": 2},
        Status.REJECTED,
        False,
    )
    assert [(r.number, r.column, r.value, str(r.origin)) for r in report.rejections] == [
        (1, "size", "many", "rows:2"),
        (3, "size", "many", "rows:4"),
    ]
    assert codes(into) == []
    report = sync(rows, into, skip_errors=True)
    assert (codes(into), report.committed, report.exit_status) == (["c0", "c2", "c4"], True, 1)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_max_errors(most: int) -> None:
    """More rejections than allowed stop the run and keep nothing of the open transaction."""
    rows = nodes(20)
    for i in (1, 3, 5):
        rows[i]["size"] = "many"
    into = target()
    report = sync(rows, into, max_errors=most, skip_errors=True)
    assert report.status is Status.STOPPED
    assert f"more than {most}" in (report.error or "")
    assert (codes(into), report.committed, report.rejected) == ([], False, most + 1)


def test_broken_rows_are_rejections() -> None:
    """What the source could not read counts, with its number and its place."""
    source = Rowed(nodes(3))
    source.broken = [Broken(number=3, origin=Origin("rows", 9), reason="too short", raw=["x"])]
    report = sync(source, target(), skip_errors=True)
    assert counted(report) == {"created": 3, "rejected": 1}
    assert (report.rejections[0].number, report.rejections[0].reason) == (3, "too short")


def test_a_dry_run() -> None:
    """The same decisions; then everything is undone, and no checkpoint is kept."""
    into, journal = target(), MemoryJournal()
    sync(nodes(2), into)
    before = {pk: dict(row) for pk, row in into.rows["node"].items()}, dict(into.keys)
    rows = nodes(4)
    rows[0]["size"] = 99
    report = sync(rows, into, journal=journal, dry_run=True, commit_every=1)
    assert (counted(report), report.committed) == ({"created": 2, "updated": 1, "unchanged": 1}, False)
    assert (into.rows["node"], into.keys) == before
    assert journal.checkpoints == []


def test_commit_steps() -> None:
    """Each step is durable for itself, with its cursor."""
    into, source, told = target(), Rowed(nodes(6)), []
    source.fail_at = 4
    journal = MemoryJournal()
    with pytest.raises(Transient):
        sync(source, into, journal=journal, commit_every=2, observers=[told.append])
    assert codes(into) == ["c0", "c1", "c2", "c3"]
    assert [event.records for event in told if isinstance(event, Committed)] == [2, 4]
    assert len(journal.checkpoints) == 2
    assert journal.finished[0].status is Status.FAILED


@pytest.mark.parametrize("every", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("fail_at", [0, 2, 4, 6])
def test_a_run_that_was_cut_goes_on(every: int, fail_at: int) -> None:
    """Whatever the step and the place, a resumed run ends as an undisturbed one."""
    rows = [row | {"parent=>code": f"c{(i + 3) % 8}"} for i, row in enumerate(nodes(8))]
    into, journal, source = target(), MemoryJournal(), Rowed(rows)
    source.fail_at = fail_at
    with pytest.raises(Transient):
        sync(source, into, journal=journal, commit_every=every)
    source.fail_at = None
    report = sync(source, into, journal=journal, commit_every=every, resume=True)
    assert (counted(report), report.total, report.keys_written) == ({"created": 8}, 8, 8)
    undisturbed = target()
    sync(rows, undisturbed)
    found = [
        {
            row["code"]: row["parent"] and t.rows["node"][row["parent"]]["code"]
            for row in t.rows["node"].values()
        }
        for t in (into, undisturbed)
    ]
    assert found[0] == found[1]
    assert journal.checkpoints == []


def test_passes() -> None:
    """Each action is done in the first pass that takes it, over all rows."""
    into = target()
    sync(nodes(2), into)
    rows = [
        {"action_flags": "d*", "code": "c0", "size": None, "external_key": "k0"},
        {"action_flags": "cu*", "code": "c9", "size": 9, "external_key": "k9"},
        {"action_flags": "u*", "code": "c1", "size": 7, "external_key": "k1"},
        {"action_flags": "u*", "code": "c8", "size": 7, "external_key": "k8"},
    ]
    source = Rowed(rows)
    report = sync(source, into, passes=(Pass(C), Pass(U), Pass(D)))
    assert counted(report) == {"created": 1, "updated": 1, "deleted": 1, "skipped": 1}
    assert source.reads == 3
    assert codes(into) == ["c1", "c9"]


def test_a_row_rejected_in_one_pass_takes_no_part_in_later_ones() -> None:
    """Order: what was refused is not tried again."""
    into = target()
    rows = [{"code": "a", "size": "many"}, {"code": "b", "size": 1}]
    report = sync(rows, into, passes=(Pass(C), Pass(U)), skip_errors=True)
    assert counted(report) == {"created": 1, "rejected": 1}
    assert len(report.rejections) == 1


def test_passes_that_take_some_records() -> None:
    """`where` leaves a record to a later pass."""
    into = target()
    small = Pass(C | U, where=lambda record: int(str(record.fields["size"])) < 2)
    order: list[str] = []
    rows = nodes(4)
    report = sync(list(reversed(rows)), into, passes=(small, Pass(C | U)))
    order = [row["code"] for row in into.rows["node"].values()]
    assert counted(report) == {"created": 4}
    assert order == ["c1", "c0", "c3", "c2"]


def test_postponed_rows_are_tried_again_in_rounds() -> None:
    """The end of a pass: as long as one of them succeeds; what remains is rejected."""
    into = target()
    into.rows["leaf"][1] = {"id": 1, "code": "root", "leaf": 1}
    rows = [{"code": f"l{i}", "leaf=>code": f"l{i + 1}" if i < 5 else "root"} for i in range(6)]
    rows += [{"code": "x", "leaf=>code": "y"}, {"code": "y", "leaf=>code": "x"}]
    report = sync(Rowed(rows, label="leaf", system=None), into, skip_errors=True)
    assert counted(report) == {"created": 6, "rejected": 2}
    assert [r.number for r in report.rejections] == [6, 7]


def test_late_references() -> None:
    """The end of a pass: what a later row made is found then; what is not found is a warning."""
    into = target()
    rows = [{"code": f"c{i}", "parent=>code": f"c{(i + 1) % 4}" if i < 4 else "nobody"} for i in range(5)]
    report = sync(rows, into)
    assert counted(report) == {"created": 5}
    assert [(w.number, w.column) for w in report.warnings] == [(4, "parent=>code")]
    by_code = {row["code"]: row for row in into.rows["node"].values()}
    assert all(by_code[f"c{i}"]["parent"] == by_code[f"c{(i + 1) % 4}"]["id"] for i in range(4))


def test_strict() -> None:
    """Warnings become rejections; without it they are told."""
    rows = [{"code": "a", "parent=>code": "nobody"}, {"code": "b", "parent=>code": ""}]
    report = sync(rows, target(), skip_errors=True, strict=True)
    assert counted(report) == {"created": 1, "rejected": 1}
    rows = [{"action_flags": "", "code": "a"}, {"action_flags": "c", "code": "b"}]
    assert counted(sync(rows, target(), skip_errors=True)) == {"created": 1, "skipped": 1}
    assert counted(sync(rows, target(), skip_errors=True, strict=True)) == {"created": 1, "rejected": 1}


def test_mistakes_of_single_rows() -> None:
    """Bad flags and bad expressions are that row's rejection."""
    row = {"action_flags": "c", "match_on": "code", "code": "a", "size": 1}
    rows = [row, row | {"action_flags": "cd"}, row | {"match_on": "code &"}, row | {"match_on": "colour"}]
    report = sync(rows, target(), skip_errors=True)
    assert counted(report) == {"created": 1, "rejected": 3}
    assert [r.column for r in report.rejections] == ["action_flags", "match_on", "match_on"]


def test_missing_objects_and_the_guard() -> None:
    """`delete_missing` tells the target what is there; the guard stops it."""
    into = target(delete_missing=True)
    sync(nodes(12), into, delete_missing=True)
    report = sync(nodes(1), into, delete_missing=True)
    assert (report.status, len(codes(into))) == (Status.STOPPED, 12)
    report = sync(nodes(2), target(delete_missing=True), delete_missing=True, guard=Guard.parse(0))
    assert report.status is Status.DONE
    into.guard = Guard.parse("100%")
    report = sync(nodes(1), into, delete_missing=True)
    assert (report.removed, codes(into)) == (11, ["c0"])


def test_the_guard_counts_deletes_that_rows_ask_for() -> None:
    """A number bounds the whole run, and the transaction is undone."""
    into = target()
    sync(nodes(3), into)
    report = sync(nodes(3), into, mapping=mapped("d"), guard=Guard.parse(2))
    assert (report.status, len(codes(into))) == (Status.STOPPED, 3)


def test_what_observers_are_told() -> None:
    """Start, batches, rejections, commit and end, in order."""
    told: list[Event] = []
    rows = nodes(3)
    rows[1]["size"] = "many"
    sync(rows, target(), skip_errors=True, name="nodes", observers=[told.append])
    kinds = [type(event) for event in told if type(event).__name__ != "RowsChanged"]
    assert kinds == [RunStarted, RowsRejected, BatchApplied, BatchApplied, Committed, RunFinished]
    assert told[0] == RunStarted("nodes", 1, False)


def test_what_the_report_lists_is_bounded() -> None:
    """Counts are of all, lists of so many; observers are told of all."""
    rows = [{"code": f"c{i}", "size": "many"} for i in range(10)]
    told: list[Event] = []
    report = sync(rows, target(), keep_rejections=3, observers=[told.append])
    assert (report.rejected, len(report.rejections)) == (10, 3)
    assert sum(len(event.rejections) for event in told if isinstance(event, RowsRejected)) == 10


def test_a_mistake_in_the_configuration_is_raised() -> None:
    """It is no fault of the input; the journal is told of the failed run."""
    journal = MemoryJournal()
    with pytest.raises(ConfigurationError):
        sync([{"code": "a", "colour": "red"}], target(), journal=journal, mapping=mapped(match_on="colour"))
    assert journal.finished[0].status is Status.FAILED


class Counting(MemoryTarget):
    """A target that refuses at the end."""

    def finish(self) -> int:
        raise GuardError("no")


def test_a_guard_error_is_a_result() -> None:
    """The report says that the run was stopped; nothing is raised."""
    into = Counting(target().tables.tables)
    report = sync(nodes(2), into, delete_missing=True)
    assert (report.status, report.error, codes(into)) == (Status.STOPPED, "no", [])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("every", [None, 1, 3])
def test_counts_add_up(size: int, every: int | None) -> None:
    """Invariant 3: every record has exactly one outcome, whatever the batches and the steps."""
    rows: list[Mapping[str, Any]] = []
    for i in range(30):
        flags = ["c", "u*", "d", "d*", "", "cd", "cu*"][i % 7]
        parent = "nobody" if i == 8 else f"c{(i + 9) % 30}"
        size_of = "many" if i % 11 == 5 else i
        rows.append(
            {
                "action_flags": flags,
                "code": f"c{i % 13}",
                "size": size_of,
                "parent=>code": parent,
                "external_key": f"k{i % 5}",
            }
        )
    into = target()
    report = sync(Rowed([dict(row) for row in rows], size), into, skip_errors=True, commit_every=every)
    assert report.total == 30
    assert report.rejected == len({r.number for r in report.rejections})
    other = target()
    reference = sync(Rowed([dict(row) for row in rows], 1), other, skip_errors=True)
    if every is None:
        assert (report.counts, codes(into)) == (reference.counts, codes(other))
    assert report.counts[Outcome.REJECTED] >= 4
