"""What one staged row asks for, which object it matches and which its key names, as SQL.

Tables by alias, in all statements: `s` the stage, `t` the target row that is compared, `m` the
matched row where it may be another one, `k` the key mapping, `r0`, `r1`... what references answer,
`x0`... what plain foreign keys name, `p` the plan.
"""

from __future__ import annotations

from django.db import models

from modelsync.core.records import Action
from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.context import Context
from modelsync.targets.django.schema import ForeignKey, column_of
from modelsync.targets.django.shape import Reference, ValueColumn
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.staged.layout import Layout
from modelsync.targets.django.staged.loading import Loaded
from modelsync.targets.django.staged.tables import Span

TRUE, FALSE = "(1=1)", "(1=0)"


class Rows:
    """The rows of one loaded group."""

    def __init__(self, context: Context, layout: Layout, loaded: Loaded, dialect: Dialect) -> None:
        self.context = context
        self.layout = layout
        self.loaded = loaded
        self.dialect = dialect
        self.shape = layout.shape
        self.schema = layout.shape.schema
        self.q = dialect.quote
        self.target = self.q(self.schema.table)
        self.mapping = self.q(ExternalKeyMapping._meta.db_table)
        self.match_columns = [c for name in self.shape.match.names if (c := self.shape.value(name))]
        self.plain_keys = [column for column in self.shape.values if _is_constrained(column)]
        self.pk_column = next((c for c in self.shape.values if c.field is self.schema.pk), None)
        self.draws_ids = isinstance(self.schema.pk, models.AutoField) and self.pk_column is None
        #: Whether rows may go to an object that their key names, and so give it another match value.
        self.has_strays = False
        #: Whether rows were put on another level, so that a statement must say which it is about.
        self.has_moved = False

    def asks(self, action: Action) -> str:
        """SQL: whether the record has this action."""
        if self.loaded.uniform is not None:
            return TRUE if action in self.loaded.uniform else FALSE
        return f"(s.a & {action.value}) <> 0"

    def among(self, span: Span) -> str:
        """SQL: whether a row of the stage is one that a statement is about."""
        if not self.has_moved and span.low == 0 and span.high == len(self.loaded.positions) - 1:
            return TRUE
        return f"s.w = {span.level} AND s.n BETWEEN {span.low} AND {span.high}"

    def joined_on(self) -> list[str]:
        """The columns of the stage that statements select and join by: without statistics of each,
        PostgreSQL takes a batch for a handful of rows and loops over whole tables for each.
        """
        names = ["n", *(f"v{column.index}" for column in (*self.match_columns, *self.plain_keys))]
        names += [f"l{lookup.index}" for reference in self.shape.references for lookup in reference.lookups]
        return list(dict.fromkeys([*names, *(["k"] if self.layout.has_keys else [])]))

    def tables(self) -> list[str]:
        """The tables that the statements read and write."""
        names = [self.schema.table, *(r.model._meta.db_table for r in self.shape.references)]
        return list(
            dict.fromkeys([*names, *([ExternalKeyMapping._meta.db_table] if self.layout.has_keys else [])])
        )

    def own_references(self) -> list[int]:
        """The references that may name an object which an earlier row of the batch creates."""
        return [i for i, r in enumerate(self.shape.references) if r.model._meta.db_table == self.schema.table]

    # -- which object is meant ---------------------------------------------------------------

    def pk_of(self, alias: str) -> str:
        """The primary key column of a target alias."""
        return f"{alias}.{self.q(column_of(self.schema.pk))}"

    def matches(self, alias: str) -> str:
        """SQL: whether a target row has the match values."""
        tests = [f"{alias}.{self.q(column_of(c.field))} = s.v{c.index}" for c in self.match_columns]
        tests += [f"s.h{c.index} = 1" for c in self.match_columns if c.index in self.loaded.partial]
        return " AND ".join(tests)

    @property
    def key_params(self) -> list[int | None]:
        """The parameters of `own_key`."""
        return [self.context.system, self.context.content_type]

    def own_key(self) -> str:
        """SQL: whether a mapping is that of the row's key."""
        names = ("external_system_id", "content_type_id", "external_key")
        system, kind, key = (f"k.{self.q(name)}" for name in names)
        return f"{system} = %s AND {kind} = %s AND {key} = s.k"

    def linked(self, alias: str) -> str:
        """SQL: whether the mapping points to a target row."""
        text = f"k.{self.q('object_id')}"
        return f"{self.pk_of(alias)} = {self.dialect.key_value(self.schema.pk, text)}"

    def points(self) -> str:
        """SQL: whether the mapping is of the found object; for what differs as text the database knows."""
        if not self.dialect.tells_apart(self.schema.pk):
            return self.linked("t")
        return f"k.{self.q('object_id')} = {self.dialect.key_text(self.schema.pk, self.pk_of('t'))}"

    def astray(self) -> str:
        """SQL: whether the row's key points elsewhere than to the matched object."""
        return f"k.id IS NOT NULL AND ({self.pk_of('t')} IS NULL OR NOT ({self.points()}))"


def field_set_by(reference: Reference) -> ForeignKey:
    """The foreign key that a reference sets: a shape with any other reference is not staged."""
    assert reference.field is not None
    return reference.field


def _is_constrained(column: ValueColumn) -> bool:
    """Whether a column is a plain foreign key whose object has to be there."""
    return isinstance(column.field, models.ForeignKey) and getattr(column.field, "db_constraint", True)
