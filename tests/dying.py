"""`python -m tests.dying COMMAND...`: a management command that kills itself with -9 at a named point.

DYING says where, as `point:number`: `committed:2` right after the second commit, `applied:3` after the
third batch and before it is committed, `pass:2` after the first batch of the second pass, `end:1` when
the rows are read and the first batch is read again for the end of the pass, `finished:1` after the last
commit and before the run's row says so.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any


def main(point: str, arguments: list[str]) -> None:
    """Run the command with an observer, or a journal, that dies there."""
    import django

    django.setup()
    from django.core.management import execute_from_command_line

    from modelsync import service
    from modelsync.journal import DatabaseJournal
    from modelsync.management import running

    where, _, number = point.partition(":")
    dying = Dying(where, int(number or 1))

    class Journal(DatabaseJournal):
        def finish(self, report: Any) -> None:
            dying.reached("finished")
            super().finish(report)

        def checkpoint(self, state: Any, report: Any) -> None:
            super().checkpoint(state, report)
            dying.reached("uncommitted")
            if state["phase"] == "end":
                dying.ending = True

    def run_feeds(feeds: Any, options: Any, observers: Any = ()) -> Any:
        for feed in feeds:
            feed.source.read = dying.reading(feed.source.read)
        return service.run_feeds(feeds, options, [*observers, dying])

    service.DatabaseJournal = Journal  # type: ignore[misc]
    running.run_feeds = run_feeds
    execute_from_command_line(["manage.py", *arguments])


class Dying:
    """Counts what happens and kills the process when its moment has come."""

    def __init__(self, where: str, number: int) -> None:
        self.where = where
        self.left = number
        self.ending = False

    def reached(self, where: str) -> None:
        if where == self.where:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, event: Any) -> None:
        """An observer."""
        kind = type(event).__name__
        if kind == "Committed":
            self.reached("committed")
        elif kind == "BatchApplied":
            self.reached("applied")
            if event.pass_number == self.left - 1 and self.where == "pass":
                self.left = 1
                self.reached("pass")

    def reading(self, read: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """A source's `read` that dies when the file is read again after its rows are done."""

        def watched(after: Any) -> Iterator[Any]:
            for batch in read(after):
                if self.ending:
                    self.reached("end")
                yield batch

        return watched


if __name__ == "__main__":
    main(os.environ["DYING"], sys.argv[1:])
