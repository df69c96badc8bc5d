"""What became of files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from modelsync.media.refs import FileRef

#: Warnings that a report lists; the counts tell of all.
LISTED: Final = 1_000


class FileOutcome(Enum):
    """What became of one file."""

    DOWNLOADED = "downloaded"
    PRESENT = "present"
    MISSING = "missing"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDone:
    """One file is done: what came of it, and how many of all are.

    `size` is how many bytes came over the network for good; `reason` says what a person should know.
    """

    ref: FileRef
    outcome: FileOutcome
    reason: str | None = None
    size: int = 0
    done: int = 0
    total: int = 0


@dataclass(slots=True)
class FilesReport:
    """The files of a run, counted, with what a person should know about single ones."""

    counts: Counter[FileOutcome] = field(default_factory=Counter)
    bytes: int = 0
    warnings: list[tuple[FileRef, str]] = field(default_factory=list)
    warned: int = 0

    def add(self, done: FileDone) -> None:
        """Count one file."""
        self.counts[done.outcome] += 1
        self.bytes += done.size
        if done.reason is not None:
            self.warned += 1
            if len(self.warnings) < LISTED:
                self.warnings.append((done.ref, done.reason))

    @property
    def downloaded(self) -> int:
        """Files that came."""
        return self.counts[FileOutcome.DOWNLOADED]

    @property
    def present(self) -> int:
        """Files that were here already."""
        return self.counts[FileOutcome.PRESENT]

    @property
    def missing(self) -> int:
        """Files that the other site does not have."""
        return self.counts[FileOutcome.MISSING]

    @property
    def failed(self) -> int:
        """Files that could not be fetched, or not kept."""
        return self.counts[FileOutcome.FAILED]

    @property
    def refused(self) -> int:
        """Files whose names may not be used."""
        return self.counts[FileOutcome.REFUSED]

    @property
    def is_complete(self) -> bool:
        """Whether every file is here now."""
        return not (self.missing or self.failed or self.refused)
