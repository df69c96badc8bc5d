"""The temporary tables: their names, and what the plan may say about a record.

The plan has a row for each staged record: `tgt` its object's primary key, `act` what to do with it,
`map_id` its key mapping, `stray` whether the mapping points elsewhere than the match, `conflict`
whether two objects are meant, `late` / `ambiguous` / `absent` what its references lack, and the
resolved references `r0`, `r1`...
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

STAGE = "modelsync_stage"
PLAN = "modelsync_plan"
FOUND = "modelsync_found"

#: SQL and its parameters.
Statement = tuple[str, list[Any]]


class Act(IntEnum):
    """What the plan says about a record."""

    CREATE = 1
    UPDATE = 2
    KEEP = 3
    DELETE = 4
    NOTHING = 5
    HELD_BY_OTHERS = 6
    NOT_HELD = 7
    NO_KEY = 8


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of the stage from `low` to `high`, both included, that are on one level.

    Those after `overtaken`, the first row that waits on a later level, are written before it.
    """

    low: int
    high: int
    level: int
    overtaken: int | None = None
