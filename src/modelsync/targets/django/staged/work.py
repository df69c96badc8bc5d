"""A group in hand: its values, its statements, what became of it, and the cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from modelsync.core.ports import Applied, Group
from modelsync.targets.django.context import Context
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.staged.layout import Layout
from modelsync.targets.django.staged.loading import Loaded
from modelsync.targets.django.staged.statements import Kind, Statements
from modelsync.targets.django.staged.tables import PLAN, STAGE, Statement

#: So many parameters are safe in every statement.
_CHUNK = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One loaded group on its way through the stage."""

    kind: Kind
    context: Context
    dialect: Dialect
    group: Group
    layout: Layout
    loaded: Loaded
    applied: Applied
    sql: Statements
    cursor: Any

    def run(self, statement: Statement) -> int:
        """Execute a statement; how many rows it touched."""
        sql, params = statement
        self.cursor.execute(sql, params or None)
        return int(self.cursor.rowcount)

    def run_while(self, statement: Statement) -> None:
        """Execute a statement that takes its time, and what is to be done next meanwhile."""
        sql, params = statement
        self.dialect.execute_while(self.cursor, sql, params or None, self.group.meanwhile)

    def numbers(self, query: str, params: Sequence[Any] = ()) -> list[int]:
        """The first column that a query gives."""
        self.cursor.execute(query, params or None)
        return [row[0] for row in self.cursor.fetchall()]

    def move(self, rows: Sequence[int], level: int) -> None:
        """Put rows of the stage on another level."""
        self.sql.rows.has_moved = True
        self._for_each(f"UPDATE {self.dialect.quote(STAGE)} SET w = {level}", rows)

    def unplan(self, rows: Sequence[int]) -> None:
        """Take rows out of the plan."""
        self._for_each(f"DELETE FROM {self.dialect.quote(PLAN)}", rows)

    def _for_each(self, statement: str, rows: Sequence[int]) -> None:
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            marks = ", ".join(["%s"] * len(chunk))
            self.run((f"{statement} WHERE n IN ({marks})", list(chunk)))


@contextmanager
def timed(applied: Applied, stage: str) -> Iterator[None]:
    """Add the time (seconds) that the block takes to a stage of the work."""
    started = perf_counter()
    yield
    spent = perf_counter() - started
    applied.durations[stage] = applied.durations.get(stage, 0.0) + spent


def absorb(applied: Applied, part: Applied, positions: Sequence[int]) -> None:
    """Add what became of a part of a group; `positions` are its records in the whole."""
    for inner, position in enumerate(positions):
        applied.outcomes[position] = part.outcomes[inner]
    applied.rejections.update({positions[i]: error for i, error in part.rejections.items()})
    applied.skips.update({positions[i]: reason for i, reason in part.skips.items()})
    applied.warnings.extend((positions[i], column, reason) for i, column, reason in part.warnings)
    applied.late.update(positions[i] for i in part.late)
    applied.postponed.update({positions[i]: error for i, error in part.postponed.items()})
    applied.changes.extend(part.changes)
    applied.keys_written += part.keys_written
    applied.keys_removed += part.keys_removed
    for stage, seconds in part.durations.items():
        applied.durations[stage] = applied.durations.get(stage, 0.0) + seconds
