"""What the databases have in common, and what each has to say for itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Value

from modelsync.targets.django.schema import Field, base_field

TEXTS = (models.CharField, models.TextField, models.FileField)


@dataclass(frozen=True, slots=True)
class StageColumn:
    """A column of the stage: its name, and the field whose type, or the SQL type, that it has.

    One with a `default` (SQL) is not loaded.
    """

    name: str
    field: Field | None = None
    type: str = ""
    default: str = ""


class Dialect(ABC):
    """One database's SQL for staging and merging.

    `ids_before` says that new primary keys are drawn while planning (a sequence); otherwise they
    follow from the first one, in row order.
    """

    ids_before = False
    #: Whether text values may differ though the database calls them equal (collations).
    folds_text = False
    #: The column of a stage that numbers its rows.
    number = StageColumn("n", type="integer")
    #: Joins a table that is looked up for each row of what stands before it, where a planner without
    #: statistics of the stage might do it the other way round.
    lookup_join = "JOIN"

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def quote(self, *names: str) -> str:
        """A quoted identifier, dotted where several parts are given."""
        return ".".join(self.connection.ops.quote_name(name) for name in names)

    def why_unable(self) -> str | None:
        """Why this server cannot be written to in sets; None where it can."""
        return None

    # -- a run and its tables ----------------------------------------------------------------

    @abstractmethod
    def begin(self, cursor: Any, tables: Sequence[str]) -> None:
        """Prepare the transaction: session settings, and one run at a time per table."""

    def end(self, cursor: Any) -> None:  # noqa: B027  not every database needs it
        """Undo what `begin` left in the session."""

    @abstractmethod
    def create_stage(
        self, cursor: Any, name: str, columns: Sequence[StageColumn], indexed: Sequence[str] = ()
    ) -> None:
        """Make an empty temporary table; its columns have the types of the real ones.

        `indexed` are columns that tables as big as the stage are joined by: where the database cannot
        do that without an index, each gets one.
        """

    @abstractmethod
    def load(self, cursor: Any, name: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        """Fill the stage, column by column lists of equal length."""

    def load_while(
        self,
        cursor: Any,
        name: str,
        columns: Sequence[str],
        values: Sequence[Sequence[Any]],
        meanwhile: Callable[[], None],
    ) -> None:
        """`load`; `meanwhile` is called while the database works, where its driver lets us."""
        self.load(cursor, name, columns, values)

    def create_from(self, cursor: Any, name: str, query: str, indexed: str) -> None:
        """Make a temporary table of what a query gives, to be looked up by the column `indexed`."""
        cursor.execute(f"CREATE TEMPORARY TABLE {self.quote(name)} AS {query}")

    def drop(self, cursor: Any, name: str) -> None:
        """Drop a temporary table if it is there."""
        cursor.execute(f"DROP TABLE IF EXISTS {self.quote(name)}")

    def analyze(self, cursor: Any, name: str, columns: Sequence[str]) -> None:  # noqa: B027  not every database needs it
        """Let the planner know how big a table is, and how its values in these columns are spread."""

    def refresh(self, cursor: Any, tables: Sequence[str]) -> None:  # noqa: B027  not every database needs it
        """Let the planner know how big tables are that grow while a run goes on."""

    def adapt(self, field: Field, value: Any) -> Any:
        """A Python value as `load` takes it."""
        if value is None:
            return None
        if isinstance(value, Value):
            return "null"
        return field.get_db_prep_save(value, self.connection)

    def execute_while(
        self, cursor: Any, sql: str, params: Sequence[Any] | None, meanwhile: Callable[[], None]
    ) -> None:
        """Execute a statement that takes its time; `meanwhile` is called while the database works, where
        its driver lets us.
        """
        cursor.execute(sql, params)

    # -- expressions -------------------------------------------------------------------------

    @abstractmethod
    def distinct(self, field: Field, left: str, right: str) -> str:
        """Whether two values of a field differ, NULLs and letter case told apart."""

    def is_empty(self, field: Field, value: str) -> str:
        """Whether a value is NULL, or '' in a text field."""
        if isinstance(base_field(field), TEXTS):
            return f"({value} IS NULL OR LENGTH({value}) = 0)"
        return f"{value} IS NULL"

    def any_of(self, value: str) -> str:
        """One of a group's values."""
        return f"MIN({value})"

    @abstractmethod
    def key_text(self, field: Field, value: str) -> str:
        """A primary key as key mappings hold it."""

    @abstractmethod
    def key_value(self, field: Field, text: str) -> str:
        """A mapping's text as a primary key."""

    def tells_apart(self, field: Field) -> bool:
        """Whether values of a field that the database calls equal are the same to the letter."""
        field = base_field(field)
        return not isinstance(field, TEXTS) or not (
            self.folds_text
            or getattr(field, "db_collation", None)
            or (field.db_type(self.connection) or "") == "citext"
        )

    # -- statements --------------------------------------------------------------------------

    @abstractmethod
    def update(
        self, table: str, alias: str, assignments: Sequence[tuple[str, str]], source: str, where: str
    ) -> str:
        """UPDATE a table, aliased, from joined others."""

    def delete_from(self, table: str, column: str, gone: str) -> str:
        """DELETE the rows of a table whose column is one of those that a query gives as `k`."""
        return f"DELETE FROM {self.quote(table)} WHERE {self.quote(column)} IN ({gone})"

    def next_id(self, model: type[models.Model]) -> str | None:
        """SQL that draws the next primary key, where `ids_before`."""
        return None

    def advance_sequence(self, cursor: Any, model: type[models.Model]) -> None:  # noqa: B027  not every database needs it
        """Have the next key drawn come after those that were given; never before."""

    @abstractmethod
    def draw_keys(self, cursor: Any, model: type[models.Model], count: int) -> Sequence[int]:
        """New primary keys for rows that this transaction inserts with them."""

    @abstractmethod
    def first_id(self, cursor: Any, model: type[models.Model]) -> tuple[int, int]:
        """The first primary key of a multi-row insert, and the step; asked before or after it."""

    #: Whether `first_id` is asked after the insert, which then leaves the primary key out.
    ids_after = False
