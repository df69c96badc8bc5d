"""What a run tells its observers, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from modelsync.core.results import Change, Rejection


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins; `passes` times the input is read."""

    name: str
    passes: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class BatchApplied:
    """A batch is done: `records` so far in this pass, `fraction` of the input read, if known."""

    pass_number: int
    records: int
    fraction: float | None


@dataclass(frozen=True, slots=True)
class RowsRejected:
    """Records were refused; told as it happens, also of those that the report no longer lists."""

    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class RowsChanged:
    """Changes that were planned or made, as many as the target was asked to tell."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Committed:
    """What came so far is durable."""

    records: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run is over."""

    status: str
    records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FileFetched:
    """One more of so many files is done."""

    done: int
    total: int


Event = RunStarted | BatchApplied | RowsRejected | RowsChanged | Committed | FileFetched | RunFinished
