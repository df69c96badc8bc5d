"""The ports of the engine: what a source, a target, a journal and an observer must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from modelsync.core.errors import RecordError
from modelsync.core.events import Event
from modelsync.core.records import Action, Batch, Cursor, Match, Origin
from modelsync.core.results import Change, Notice, Outcome, Rejection, Report


class Extent(Enum):
    """How much a source holds. Only a complete snapshot may imply deletes (invariant 6)."""

    SNAPSHOT = "snapshot"
    DELTA = "delta"


def _nothing() -> None:
    """Nothing waits to be done."""


class Source(Protocol):
    """Where records come from. Reading it again from the start gives the same records again.

    One may also say `reads_apart: bool`: whether reading needs nothing of the target, such as its
    database connection. Then a batch may be read while the target waits for its database to deal with
    the one before. A source that does not say it is read in between.
    """

    @property
    def extent(self) -> Extent:
        """Whether it holds everything that there is."""

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The batches after a cursor, or all of them; ordinals (`Batch.start`) count from the start.

        Raises Transient or Permanent.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Records of one batch that ask for their object in the same way, column by column.

    `cells[i][j]` is the raw value of column i in record j. `actions`, `keys` and `numbers` have one
    entry per record; `numbers` are ordinals in the input, rising. `late` groups are records that
    were applied before and come again only for the references that were missing then. Records
    `in_circle` wait for one another: they are written without the foreign keys that name nothing
    yet, and come again as a late group that must find them. A target that waits for its database may
    call `meanwhile`, which does what is to be done next and never fails.
    """

    batch: Batch
    columns: tuple[str, ...]
    cells: tuple[Sequence[object], ...]
    actions: Sequence[Action]
    keys: Sequence[str | None]
    numbers: Sequence[int]
    match: Match
    late: bool = False
    in_circle: bool = False
    meanwhile: Callable[[], None] = field(default=_nothing, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def uniform(self) -> Action | None:
        """The actions that all records have; None where they differ."""
        first = self.actions[0]
        return first if self.actions.count(first) == len(self.actions) else None

    def origin(self, position: int) -> Origin:
        """Where the record at `position` stands in the input."""
        return self.batch.places(self.numbers[position] - self.batch.start)

    def raw(self, position: int) -> Sequence[object]:
        """The record at `position` as it came, with all its columns."""
        return self.batch.rows[self.numbers[position] - self.batch.start]

    def take(self, positions: Sequence[int]) -> Group:
        """The group with only the records at these positions."""
        return replace(
            self,
            cells=tuple([column[p] for p in positions] for column in self.cells),
            actions=[self.actions[p] for p in positions],
            keys=[self.keys[p] for p in positions],
            numbers=[self.numbers[p] for p in positions],
        )


@dataclass(slots=True, kw_only=True)
class Applied:
    """What became of a group: one outcome per record, in the group's order, and the exceptions.

    `late` are the positions of records with references that were not found yet; `postponed` those of
    records that cannot be written before what they refer to exists, with the rejection that they
    end in if it never does. Both are tried again when the pass ends. A postponed record has the
    outcome 0 meanwhile.
    """

    outcomes: bytearray
    rejections: dict[int, RecordError] = field(default_factory=dict)
    skips: dict[int, str] = field(default_factory=dict)
    warnings: list[tuple[int, str, str]] = field(default_factory=list)
    late: set[int] = field(default_factory=set)
    postponed: dict[int, RecordError] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    keys_written: int = 0
    keys_removed: int = 0
    durations: dict[str, float] = field(default_factory=dict)

    @classmethod
    def empty(cls, size: int) -> Applied:
        """Nothing has become of `size` records yet."""
        return cls(outcomes=bytearray(size))

    def reject(self, position: int, error: RecordError) -> None:
        """The record is refused."""
        self.outcomes[position] = Outcome.REJECTED
        self.rejections[position] = error

    def skip(self, position: int, reason: str) -> None:
        """The record asks for nothing that can be done."""
        self.outcomes[position] = Outcome.SKIPPED
        self.skips[position] = reason

    def warn(self, position: int, column: str, reason: str) -> None:
        """A person should know about this record."""
        self.warnings.append((position, column, reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of records whose outcome was left open when they were applied.

    `numbers` are rising ordinals, with an outcome each; of two outcomes of one record the one that says
    more counts. `removed` objects are gone because the input no longer has them.
    """

    numbers: Sequence[int]
    outcomes: bytes
    rejections: Sequence[Rejection] = ()
    skips: Sequence[Notice] = ()
    changes: Sequence[Change] = ()
    removed: int = 0


class Target(Protocol):
    """What records are applied to.

    A target may have `foresee(group)`, too: it is called while it waits for its database, with a group that
    may be applied next, so that it can convert values beforehand.
    """

    def apply(self, group: Group) -> Applied:
        """Decide what each record of the group means and do it, in the transaction around it.

        A target that has to know all of the input first leaves outcomes open (0) until `settle`.
        """

    def settle(self) -> Iterator[Settled]:
        """After all records: what became of those whose outcome was left open; nothing if none was."""

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        """The keys of a batch of a complete input, told before `finish` where absence is to delete."""

    def finish(self) -> int:
        """After all records: delete what a complete input no longer has; how many objects.

        Raises GuardError when that would be more than the guard allows.
        """

    def atomic(self) -> AbstractContextManager[object]:
        """A transaction; what was done inside is undone when an exception leaves it."""


class Journal(Protocol):
    """Where a run and its checkpoints are kept."""

    def start(self, report: Report) -> None:
        """A run begins."""

    def checkpoint(self, state: Mapping[str, object], report: Report) -> None:
        """Keep a resume point (plain JSON values), in the transaction that is open."""

    def resume_point(self, report: Report) -> Mapping[str, object] | None:
        """The kept resume point of the same input and options, if there is one.

        What the report had counted by then is put back into `report`.
        """

    def finish(self, report: Report) -> None:
        """The run is over; called outside its transaction."""


class Observer(Protocol):
    """Is told what happens; progress bars, logs and metrics are observers."""

    def __call__(self, event: Event) -> None:
        """Take note of it. Must be quick and must not raise."""
