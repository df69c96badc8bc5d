"""Natural keys: what an object is called on every site, whatever its primary key is there.

What a record names so is looked up when the models that it names have been written, so that it may come
before them in the stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import models

from modelsync.core.errors import RecordError
from modelsync.core.results import Rejection
from modelsync.targets.django.mirror.sheet import Sheet
from modelsync.targets.django.schema import Field, target_of
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn


def resolve(field: Field, key: Sequence[Any], using: str) -> object:
    """The value for a foreign key to the object with this natural key; raises RecordError."""
    model: Any = field.related_model
    manager = model._default_manager.db_manager(using)
    told = ", ".join(map(repr, key))
    if not hasattr(manager, "get_by_natural_key"):
        raise RecordError(f"{model._meta.label} is not found by natural keys here: {told}")
    try:
        found = manager.get_by_natural_key(*key)
    except (ObjectDoesNotExist, model.MultipleObjectsReturned, TypeError, ValueError) as error:
        raise RecordError(
            f"there is no {model._meta.label} with the natural key {told}, neither here nor in what the "
            f"other site sent"
        ) from error
    value: object = getattr(found, target_of(field).attname)
    return value


def make_names(sheet: Sheet, dialect: Dialect, cursor: Any) -> None:
    """Make the stage of what a model's records name by natural keys.

    `place` is the column's index in the stream, `row` the number of the record, or of the pair.
    """
    number = "integer PRIMARY KEY" if dialect.connection.vendor == "sqlite" else "integer"
    columns = [StageColumn("n", type=number), StageColumn("place", type="integer")]
    columns += [StageColumn("row", type="integer"), StageColumn("said", type="text")]
    dialect.create_stage(cursor, sheet.names, columns, ["row"])


class Naming:
    """Puts primary keys where the records of one model say natural keys."""

    def __init__(self, sheet: Sheet, dialect: Dialect, cursor: Any, using: str) -> None:
        self.sheet = sheet
        self.dialect = dialect
        self.cursor = cursor
        self.using = using
        self.names = dialect.quote(sheet.names)

    def resolve(self) -> Iterator[Rejection]:
        """Look every name up once; the records whose names are nobody's are refused."""
        if not self.sheet.named:
            return
        fields: dict[int, tuple[Field, str, str, str]] = {
            column.index: (column.field, self.sheet.stage, column.staged, column.field.name)
            for column in self.sheet.values
        }
        fields |= {many.index: (many.target, many.stage, "o", many.name) for many in self.sheet.many}
        self.cursor.execute(f"SELECT DISTINCT place, said FROM {self.names} ORDER BY place, said")
        for place, said in self.cursor.fetchall():
            field, stage, staged, name = fields[place]
            rows = f"SELECT w.row FROM {self.names} w WHERE w.place = %s AND w.said = %s"
            try:
                value = resolve(field, json.loads(said), self.using)
            except RecordError as error:
                yield from self._refused(place, said, name, stage, error)
                self.cursor.execute(
                    f"DELETE FROM {self.dialect.quote(stage)} WHERE n IN ({rows})", [place, said]
                )
                continue
            self.cursor.execute(
                f"UPDATE {self.dialect.quote(stage)} SET {staged} = %s WHERE n IN ({rows})",
                [field.get_db_prep_save(value, self.dialect.connection), place, said],
            )

    def _refused(
        self, place: int, said: str, name: str, stage: str, error: RecordError
    ) -> Iterator[Rejection]:
        number = "s.n" if stage == self.sheet.stage else "s.r"
        self.cursor.execute(
            f"SELECT DISTINCT {number} FROM {self.names} w JOIN {self.dialect.quote(stage)} s ON s.n = w.row "
            f"WHERE w.place = %s AND w.said = %s ORDER BY 1",
            [place, said],
        )
        for (found,) in self.cursor.fetchall():
            yield Rejection(
                number=found,
                reason=error.reason,
                column=name,
                value=json.loads(said),
                origin=self.sheet.origin(found),
                model=self.sheet.label,
            )


def in_order(sheets: Sequence[Sheet]) -> list[Sheet]:
    """The sheets, those that others name by natural keys before these, as far as there is such an order."""
    left, placed = list(sheets), list[Sheet]()
    while left:
        waiting = {sheet.model for sheet in left}
        free = [sheet for sheet in left if not _named_models(sheet) & (waiting - {sheet.model})] or left[:1]
        placed += free
        left = [sheet for sheet in left if sheet not in free]
    return placed


def _named_models(sheet: Sheet) -> set[type[models.Model]]:
    return {target_of(field).model for field in sheet.named}
