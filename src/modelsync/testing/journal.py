"""A journal that keeps runs and checkpoints in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping

from modelsync.core.results import Report


class MemoryJournal:
    """Keeps what a run tells its journal; the same journal given to a later run lets it resume.

    Checkpoints are kept as JSON text, as a database would.
    """

    def __init__(self) -> None:
        self.started: list[Report] = []
        self.finished: list[Report] = []
        self.checkpoints: list[str] = []
        self.counts: tuple[int, int] = (0, 0)

    def start(self, report: Report) -> None:
        """A run begins."""
        self.started.append(report)

    def checkpoint(self, state: Mapping[str, object], report: Report) -> None:
        """Keep a resume point."""
        self.checkpoints.append(json.dumps(state))
        self.counts = report.keys_written, report.keys_removed

    def resume_point(self, report: Report) -> Mapping[str, object] | None:
        """The last resume point, if the run that left it did not come to its end."""
        if not self.checkpoints:
            return None
        report.keys_written, report.keys_removed = self.counts
        state: dict[str, object] = json.loads(self.checkpoints[-1])
        return state

    def finish(self, report: Report) -> None:
        """The run is over; one that was committed needs no checkpoint any more."""
        self.finished.append(report)
        if report.committed:
            self.checkpoints.clear()
