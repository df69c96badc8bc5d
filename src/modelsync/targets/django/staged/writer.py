"""The order of things: convert, stage, then sets and single rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import is_

from django.db import DatabaseError, transaction

from modelsync.core.ports import Applied, Group
from modelsync.core.records import Action, translate
from modelsync.targets.django.context import Context
from modelsync.targets.django.objects import ObjectsWriter
from modelsync.targets.django.shape import Shape
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.staged.independence import Shared, shared_items
from modelsync.targets.django.staged.layout import make_layout
from modelsync.targets.django.staged.loading import Loaded, load_group
from modelsync.targets.django.staged.sets import Sets
from modelsync.targets.django.staged.statements import Kind, make_statements
from modelsync.targets.django.staged.tables import FOUND, PLAN, STAGE
from modelsync.targets.django.staged.work import Work, absorb, timed


class StagedWriter:
    """Applies groups of one shape through the stage."""

    def __init__(self, context: Context, shape: Shape, dialect: Dialect) -> None:
        self.context = context
        self.shape = shape
        self.dialect = dialect
        self.objects = ObjectsWriter(context, shape)
        self.foreseen: tuple[Group, Loaded] | None = None
        # A record that only deletes is asked for nothing but its match values.
        named = tuple(column for column in shape.values if column.name in shape.match.names)
        writes = make_layout(context, shape, dialect)
        late = make_layout(context, replace(shape, values=named), dialect)
        self.layouts = {
            Kind.WRITES: writes,
            Kind.DELETES: make_layout(context, replace(shape, values=named, references=()), dialect),
            Kind.LATE: replace(late, sent=writes.sent),
        }

    def apply(self, group: Group) -> Applied:
        """Decide and write every record of the group; the result is that of row by row."""
        if group.in_circle:
            return self.objects.apply(group)
        if group.late:
            return self._apply(group, Kind.LATE)
        if group.uniform is not None and Action.DELETE not in group.uniform:
            return self._apply(group, Kind.WRITES)
        applied = Applied.empty(len(group))
        for positions, deletes in _runs(group):
            part = group if len(positions) == len(group) else group.take(positions)
            if deletes and self.shape.schema.has_incoming:
                found = self.objects.apply(part)
            else:
                found = self._apply(part, Kind.DELETES if deletes else Kind.WRITES)
            absorb(applied, found, positions)
        return applied

    def foresee(self, group: Group) -> None:
        """Convert a group that may be applied next."""
        if group.uniform is not None and Action.DELETE not in group.uniform:
            self.foreseen = group, load_group(self.layouts[Kind.WRITES], group, self.dialect)

    def _loaded(self, group: Group, kind: Kind) -> Loaded:
        """The group's values, converted now unless they have been."""
        foreseen, self.foreseen = self.foreseen, None
        if foreseen and kind is Kind.WRITES and _is_same(foreseen[0], group):
            return foreseen[1]
        return load_group(self.layouts[kind], group, self.dialect)

    def _apply(self, group: Group, kind: Kind) -> Applied:
        """Apply a group whose records are all there for the same."""
        applied, layout = Applied.empty(len(group)), self.layouts[kind]
        with timed(applied, "convert"):
            loaded = self._loaded(group, kind)
        for position, error in loaded.errors.items():
            applied.reject(position, error)
        if not loaded.positions:
            return applied
        with self.context.connection.cursor() as cursor:
            work = Work(
                kind=kind,
                context=self.context,
                dialect=self.dialect,
                group=group,
                layout=layout,
                loaded=loaded,
                applied=applied,
                sql=make_statements(kind, self.context, layout, loaded, self.dialect),
                cursor=cursor,
            )
            with timed(applied, "stage"):
                shared = _stage(work) if self.context.check else _stage_unchecked(work)
            rows = range(len(loaded.positions))
            if shared is None:
                Sets(work, self.objects, []).one_by_one(rows)
            else:
                Sets(work, self.objects, shared).process(rows, 0)
            for table in (PLAN, FOUND, STAGE):
                self.dialect.drop(cursor, table)
        return applied


def _stage_unchecked(work: Work) -> Shared | None:
    """Values that nobody has checked may be too much for the stage's columns, too: then None."""
    try:
        with transaction.atomic(using=work.context.using):
            return _stage(work)
    except DatabaseError:
        return None


def _stage(work: Work) -> Shared:
    """Load the stage; what its rows share."""
    columns, dialect, cursor = work.loaded.columns, work.dialect, work.cursor
    declared = [c for c in work.layout.columns if c.name in columns or c.default]
    dialect.create_stage(cursor, STAGE, declared)
    dialect.load(cursor, STAGE, list(columns), list(columns.values()))
    dialect.analyze(cursor, STAGE, work.sql.rows.joined_on())
    dialect.refresh(cursor, work.sql.rows.tables())
    return shared_items(work.layout.shape, work.loaded, dialect, cursor, STAGE)


def _is_same(one: Group, other: Group) -> bool:
    """Whether two groups hold the very same cells, for the same."""
    return (
        all(map(is_, one.cells, other.cells))
        and one.numbers == other.numbers
        and one.uniform == other.uniform
        and one.keys == other.keys
    )


def _runs(group: Group) -> Iterator[tuple[list[int], bool]]:
    """Positions in order, in runs that only delete and runs that do not."""
    deletes = translate(group.actions, lambda action: Action.DELETE in action)
    start = 0
    for end in range(1, len(deletes) + 1):
        if end == len(deletes) or deletes[end] != deletes[start]:
            yield list(range(start, end)), deletes[start]
            start = end
