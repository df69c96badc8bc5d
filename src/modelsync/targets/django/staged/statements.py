"""The statements of the staged way for one loaded group, put together for what the group is there for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from modelsync.targets.django.context import Context
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.staged.answers import Answers
from modelsync.targets.django.staged.deletes import Deletes
from modelsync.targets.django.staged.finding import Finding
from modelsync.targets.django.staged.hazards import Hazards
from modelsync.targets.django.staged.late import LateFinding, LateRows, LateValues
from modelsync.targets.django.staged.layout import Layout
from modelsync.targets.django.staged.loading import Loaded
from modelsync.targets.django.staged.mappings import Mappings
from modelsync.targets.django.staged.merging import Merging
from modelsync.targets.django.staged.rows import Rows
from modelsync.targets.django.staged.values import Values


class Kind(Enum):
    """What the records of a group are there for."""

    WRITES = "writes"
    DELETES = "deletes"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """Everything that is said to the database of one group; `deletes` only by one that deletes."""

    rows: Rows
    finding: Finding
    hazards: Hazards
    merging: Merging
    mappings: Mappings
    deletes: Deletes


def make_statements(
    kind: Kind, context: Context, layout: Layout, loaded: Loaded, dialect: Dialect
) -> Statements:
    """The statements for a loaded group."""
    is_late = kind is Kind.LATE
    rows = (LateRows if is_late else Rows)(context, layout, loaded, dialect)
    answers = Answers(rows)
    values = (LateValues if is_late else Values)(rows, answers)
    return Statements(
        rows=rows,
        finding=(LateFinding if is_late else Finding)(rows, answers, values),
        hazards=Hazards(rows, values),
        merging=Merging(rows, values),
        mappings=Mappings(rows),
        deletes=Deletes(rows),
    )
