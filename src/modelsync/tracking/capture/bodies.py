"""What the triggers of PostgreSQL do.

A session keeps the plan of such a statement, whatever the number of rows that it writes next. So they are
such that one plan fits a single row as well as a million: they join nothing, or are planned each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models

from modelsync.targets.django.schema import Field, base_field, column_of
from modelsync.tracking.capture.parts import join_of
from modelsync.tracking.log import COLUMNS
from modelsync.tracking.models import Change
from modelsync.tracking.registry import Model, Tracked
from modelsync.tracking.states import is_plain

#: The rows that a statement wrote, as they were and as they are.
OLD, NEW = "modelsync_old", "modelsync_new"
_WRITTEN = "written"
_BLANK = "''"
#: Says until the end of the transaction that primary keys may have become others.
_KEYS = "modelsync.keys"
_IS_SAME = f"current_setting('{_KEYS}', true) IS DISTINCT FROM 'written'"
#: From where on a plan of its own is worth the time that it takes.
_IS_MUCH = f"(SELECT COUNT(*) FROM (SELECT 1 FROM {NEW} LIMIT 500) AS r) = 500"
_TEXTS = (models.CharField, models.TextField, models.FileField)
#: Fields of Django whose values differ where PostgreSQL says so.
_EXACT = (
    models.BinaryField,
    models.BooleanField,
    models.DateField,
    models.DecimalField,
    models.DurationField,
    models.FloatField,
    models.IntegerField,
    models.TimeField,
    models.UUIDField,
)


class Bodies:
    """The bodies of one tracked model's triggers; `quote` quotes identifiers."""

    def __init__(self, tracked: Tracked, quote: Callable[..., str]) -> None:
        self.tracked = tracked
        self.quote = quote

    def inserted(self) -> str:
        """Rows came."""
        return self._append(Change.Op.UPSERT, self.tracked.model, f"SELECT {self._pk()} FROM {NEW}")

    def deleted(self) -> str:
        """Rows went."""
        return self._append(Change.Op.DELETE, self.tracked.model, f"SELECT {self._pk()} FROM {OLD}")

    def unknown(self) -> str:
        """Nobody knows which rows went."""
        return f"{self._insert(Change.Op.UPSERT, _BLANK)}; RETURN NULL;"

    def rekeyed(self) -> str:
        """A statement names the primary key among what it writes; `updated` is faster where none does."""
        return f"PERFORM set_config('{_KEYS}', 'written', true); RETURN NULL;"

    def updated(self, model: Model, fields: list[Field] | None) -> str:
        """Rows of a table were written; with `fields` they count where these differ.

        A key that was there before counts, and one that is there now.
        """
        pk = self.quote(column_of(model._meta.pk))
        if fields is None:
            same = self._statement(Change.Op.UPSERT, model, f"SELECT {pk} FROM {NEW}")
            both = f"SELECT {pk} FROM {NEW} UNION SELECT {pk} FROM {OLD}"
            other = self._statement(Change.Op.UPSERT, model, both)
            return f"IF {_IS_SAME} THEN {same}; ELSE {other}; END IF; RETURN NULL;"
        many = self._statement(Change.Op.UPSERT, model, self._joined(pk, fields), is_planned=True)
        few = self._statement(Change.Op.UPSERT, model, self._grouped(pk, fields))
        return f"IF {_IS_SAME} AND {_IS_MUCH} THEN {many}; ELSE {few}; END IF; RETURN NULL;"

    def _joined(self, pk: str, fields: list[Field]) -> str:
        """The keys of rows that differ, if each is there before and after."""
        pairs = [(self._comparable(each, "o."), self._comparable(each, "n.")) for each in fields]
        differ = " OR ".join(f"{old} IS DISTINCT FROM {new}" for old, new in pairs) or "false"
        return f"SELECT n.{pk} FROM {NEW} AS n JOIN {OLD} AS o ON o.{pk} = n.{pk} WHERE {differ}"

    def _grouped(self, pk: str, fields: list[Field]) -> str:
        """The keys of rows that are only there before, or only after; what is the same comes to nothing."""
        names = [pk, *(f"c{number}" for number in range(len(fields)))]
        values = [f"{self._comparable(each)} AS {name}" for each, name in zip(fields, names[1:], strict=True)]
        both = " UNION ALL ".join(
            f"SELECT {', '.join([pk, *values])}, {side} AS side FROM {rows}"
            for rows, side in ((NEW, 1), (OLD, -1))
        )
        return f"SELECT DISTINCT {pk} FROM ({both}) AS r GROUP BY {', '.join(names)} HAVING SUM(side) <> 0"

    def related(self, relation: Any, tables: tuple[str, ...]) -> str:
        """Rows of a many-to-many relation were written: whoever names something else has changed."""
        field = relation.remote_field.through._meta.get_field(relation.m2m_field_name())
        holder, pk = self.quote(column_of(field)), self.quote(column_of(relation.model._meta.pk))
        keys = " UNION ".join(f"SELECT DISTINCT {holder} AS {pk} FROM {rows}" for rows in tables)
        return self._append(Change.Op.UPSERT, relation.model, keys)

    def _append(self, op: Change.Op, model: Model, keys: str) -> str:
        return f"{self._statement(op, model, keys)}; RETURN NULL;"

    def _statement(self, op: Change.Op, model: Model, keys: str, *, is_planned: bool = False) -> str:
        """Append the objects whose rows in a model's table have these keys."""
        joins, key = join_of(self.tracked, model, _WRITTEN, self.quote)
        source = f"FROM ({keys}) AS {_WRITTEN}{joins}"
        if is_plain(self.tracked.model._meta.pk):
            statement = f"{self._insert(op, f'{key}::text')} {source}"
        else:  # text is another here than in Python
            statement = f"{self._insert(op, _BLANK)} WHERE EXISTS (SELECT {source})"
        return f"EXECUTE $modelsync${statement}$modelsync$" if joins or is_planned else statement

    def _insert(self, op: Change.Op, key: str) -> str:
        columns = ", ".join(map(self.quote, COLUMNS))
        return (
            f"INSERT INTO {self.quote(Change._meta.db_table)} ({columns}) "
            f"SELECT '{self.tracked.label}', {key}, '{op.value}', '', statement_timestamp()"
        )

    def _pk(self) -> str:
        return self.quote(column_of(self.tracked.model._meta.pk))

    def _comparable(self, field: Field, table: str = "") -> str:
        """A column as something of which PostgreSQL says whether it is the same."""
        column, base = f"{table}{self.quote(column_of(field))}", base_field(field)
        if isinstance(base, _TEXTS):
            return f'{column}::text COLLATE "C"'
        is_own = type(base).__module__.startswith("django.db.models.")
        return column if is_own and isinstance(base, _EXACT) else f"{column}::text"


def counted(tracked: Tracked, model: Model) -> list[Field]:
    """The columns of one table that count."""
    fields = model._meta.local_concrete_fields
    return [each for each in fields if tracked.fields is None or each.name in tracked.fields]
