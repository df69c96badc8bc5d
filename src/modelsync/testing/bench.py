"""Running rows into a target under test, and looking at what it holds then."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from modelsync.core.events import BatchApplied, Event, RowsRejected
from modelsync.core.mapping import ColumnMapping
from modelsync.core.options import RunOptions
from modelsync.core.passes import Tally
from modelsync.core.planning import Conflict
from modelsync.core.ports import Applied, Group, Observer, Settled, Target
from modelsync.core.records import Action, Batch, Match
from modelsync.core.results import Outcome, Report, Status
from modelsync.engine import run
from modelsync.sources.iterable import IterableSource
from modelsync.testing.journal import MemoryJournal

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A target under test, and ways to look at what it holds.

    `rows(table)` gives the rows of one table in the order of their primary keys, each with all of its
    columns and `id`; references under the column's own name hold the primary key. `keys(table)`
    gives (system, key) -> primary key.
    """

    target: Target
    rows: Callable[[str], list[dict[str, Any]]]
    keys: Callable[[str], dict[tuple[str, str], Any]]


class Tested:
    """A target that rules are tested of.

    Batches may be bigger than a target takes apart row by row: `padding` rows that touch nothing else
    are put around those of each test once more, so that ways that differ by size are all tested.
    """

    #: What the target calls the tables `owner`, `thing` and `part`.
    labels: ClassVar[Mapping[str, str]] = {"owner": "owner", "thing": "thing", "part": "part"}

    @abstractmethod
    def make(self, *, conflict: Conflict = Conflict.DELETE, delete_missing: bool = False) -> Bench:
        """A target with empty tables. It takes records without a system, and of the systems A and B."""
        raise NotImplementedError

    @pytest.fixture(params=[0, 30], ids=["few rows", "many rows"])
    def padding(self, request: pytest.FixtureRequest) -> int:
        """How many rows of its own each input has beside those that a test is about."""
        return int(request.param)

    @pytest.fixture
    def bench(self, padding: int) -> Runner:
        """A target with empty tables."""
        return Runner(self, self.make(), padding)


class Runner:
    """Runs rows into a bench with the engine, and looks at what is there beside the padding."""

    def __init__(self, contract: Tested, bench: Bench, padding: int) -> None:
        self.labels = contract.labels
        self.bench = bench
        self.padding = padding
        self.report = Report()

    def sync(
        self,
        rows: Rows,
        system: str | None = None,
        *,
        table: str = "thing",
        match_on: str = "code",
        actions: str = "cu",
        only: bool = False,
        broken: bool = False,
        **plan: Any,
    ) -> list[str]:
        """Run rows into a table; the outcome of each. `broken` lets the run fail after them."""
        padding = [] if only else [_pad(rows[0], f"pad {match_on} {i}") for i in range(self.padding)]
        given = [*padding, *rows]
        source = IterableSource(given, model=self.labels[table], system=system)
        mapping = ColumnMapping(
            match_on=Match.parse(match_on), actions=Action.parse(actions), has_system=system is not None
        )
        watched = _Watched(self.bench.target)
        observers: list[Observer] = [watched.note, _fail] if broken else [watched.note]
        self.report = run(
            source,
            watched,
            MemoryJournal(),
            mapping=lambda batch: mapping,
            options=RunOptions(**plan),
            observers=observers,
        )
        if self.report.status is not Status.STOPPED:
            assert self.report.total == len(given), "every record has exactly one outcome"
            assert watched.tally.counts() == self.report.counts
        return [Outcome(code).label if code else "" for code in watched.tally.outcomes[len(padding) :]]

    def values(self, *columns: str, table: str = "thing") -> list[Any]:
        """These columns of a table's rows, as tuples, in the order of the codes."""
        found = [
            row for row in self.bench.rows(self.labels[table]) if not str(row["code"]).startswith("pad ")
        ]
        return [tuple(row[c] for c in columns) for row in sorted(found, key=lambda row: str(row["code"]))]

    def pk(self, code: str, table: str = "thing") -> Any:
        """The primary key of the object with a code."""
        (found,) = (row["id"] for row in self.bench.rows(self.labels[table]) if row["code"] == code)
        return found

    def keys(self, table: str = "thing") -> dict[tuple[str, str], Any]:
        """(system, key) -> primary key."""
        found = self.bench.keys(self.labels[table])
        return {each: pk for each, pk in found.items() if not each[1].startswith("pad ")}


class _Watched:
    """A target that is watched: what became of each record, besides the counts of the report."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.tally = Tally()

    def apply(self, group: Group) -> Applied:
        applied = self.target.apply(group)
        self.tally.merge(group.numbers, applied.outcomes)
        return applied

    def note(self, event: Event) -> None:
        """Records that never came to the target, or were given up by the engine."""
        if isinstance(event, RowsRejected):
            for rejection in event.rejections:
                self.tally.set(rejection.number, Outcome.REJECTED)

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        self.target.saw(batch, keys)

    def settle(self) -> Iterator[Settled]:
        return self.target.settle()

    def finish(self) -> int:
        return self.target.finish()

    def atomic(self) -> AbstractContextManager[object]:
        return self.target.atomic()


def _fail(event: Event) -> None:
    if isinstance(event, BatchApplied):
        raise ZeroDivisionError


def _pad(row: Mapping[str, object], text: str) -> dict[str, object]:
    """A row with the columns of another that touches nothing which that one does."""
    texts = dict.fromkeys(("code", "name", "external_key"), text)
    kept = ("thing=>code", "action_flags")
    return {name: texts.get(name, row[name] if name in kept else None) for name in row}
