"""What comes out: the outcome of each record, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from modelsync.core.records import Origin


class Outcome(IntEnum):
    """What became of one record. Every record ends in exactly one."""

    CREATED = 1
    UPDATED = 2
    DELETED = 3
    UNCHANGED = 4
    SKIPPED = 5
    REJECTED = 6

    @property
    def label(self) -> str:
        """The word for it, as reports and the JSON report write it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record refused, with everything that a person needs to mend and retry it.

    `number` is its ordinal in the run's input, from 0; `raw` the row as it came, under `columns`.
    """

    number: int
    reason: str
    origin: Origin | None = None
    column: str | None = None
    value: object = None
    columns: Sequence[str] = ()
    raw: Sequence[object] = ()
    model: str | None = None
    system: str | None = None

    def __str__(self) -> str:
        place = f"{self.origin}: " if self.origin else f"record {self.number + 1}: "
        cell = f"{self.column} = {self.value!r}: " if self.column else ""
        return f"{place}{cell}{self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a person should know about one record: a warning, or why it was skipped."""

    number: int | None
    reason: str
    origin: Origin | None = None
    column: str | None = None

    def __str__(self) -> str:
        place = f"{self.origin}: " if self.origin else ""
        return f"{place}{self.column + ': ' if self.column else ''}{self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One planned or made change to one object, for previews: field name -> (old, new).

    `number` is -1 where no record asks for it: an object goes because the input does not have it.
    """

    number: int
    model: str
    pk: object
    outcome: Outcome
    fields: Mapping[str, tuple[object, object]]
    origin: Origin | None = None


class Status(Enum):
    """How a run ended."""

    RUNNING = "running"
    DONE = "done"
    REJECTED = "rejected"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class Report:
    """The outcomes of a run, counted, with its rejections, warnings and timings.

    `counts` has one entry per outcome and adds up to the records read. `keys_written` and
    `keys_removed` count key mappings. `durations` are seconds per stage; `writers` says for each
    model which way was taken (`staged`, or `objects: <why>`).
    """

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    rejections: list[Rejection] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)
    skips: list[Notice] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    keys_written: int = 0
    keys_removed: int = 0
    removed: int = 0
    durations: dict[str, float] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    status: Status = Status.RUNNING
    dry_run: bool = False
    committed: bool = False
    error: str | None = None
    run_id: int | None = None

    @property
    def created(self) -> int:
        """Records that made a new object."""
        return self.counts[Outcome.CREATED]

    @property
    def updated(self) -> int:
        """Records that changed an object."""
        return self.counts[Outcome.UPDATED]

    @property
    def deleted(self) -> int:
        """Records that removed an object."""
        return self.counts[Outcome.DELETED]

    @property
    def unchanged(self) -> int:
        """Records whose object was already as they want it."""
        return self.counts[Outcome.UNCHANGED]

    @property
    def skipped(self) -> int:
        """Records that asked for nothing that could be done; `skips` says why."""
        return self.counts[Outcome.SKIPPED]

    @property
    def rejected(self) -> int:
        """Records refused; `rejections` says why."""
        return self.counts[Outcome.REJECTED]

    @property
    def total(self) -> int:
        """Records read."""
        return sum(self.counts.values())

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of the run."""
        return self.durations.get("total", 0.0)

    @property
    def rows_per_second(self) -> float:
        """Records per second of wall-clock time; 0.0 when nothing was measured."""
        return self.total / self.seconds if self.seconds else 0.0

    @property
    def ok(self) -> bool:
        """Whether all went well: the run came to its end and nothing was rejected."""
        return self.status is Status.DONE and not self.rejected

    @property
    def exit_status(self) -> int:
        """The exit status of a command: 0 all well, 1 rejections, a guard or a failure."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """The report as plain JSON values (`--report json`)."""
        return {
            "status": self.status.value,
            "dry_run": self.dry_run,
            "committed": self.committed,
            "total": self.total,
            **{outcome.label: self.counts[outcome] for outcome in Outcome},
            "removed": self.removed,
            "keys_written": self.keys_written,
            "keys_removed": self.keys_removed,
            "rejections": [
                {
                    "number": r.number,
                    "origin": str(r.origin) if r.origin else None,
                    "column": r.column,
                    "value": plain(r.value),
                    "reason": r.reason,
                }
                for r in self.rejections
            ],
            "warnings": [str(notice) for notice in self.warnings],
            "skips": [str(notice) for notice in self.skips],
            "notes": list(self.notes),
            "writers": dict(self.writers),
            "durations": {k: round(v, 6) for k, v in self.durations.items()},
            "rows_per_second": round(self.rows_per_second, 1),
            "error": self.error,
            "run": self.run_id,
        }


def plain(value: object) -> object:
    """A value as JSON can hold it: itself where it can, its text elsewhere."""
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
