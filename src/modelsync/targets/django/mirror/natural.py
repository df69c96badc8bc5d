"""Natural keys: what an object is called on every site, whatever its primary key is there.

What a record names so is looked up when the models that it names have been written, so that it may come
before them in the stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import models

from modelsync.core.errors import RecordError
from modelsync.core.results import Rejection
from modelsync.targets.django.mirror.sheet import Sheet, told
from modelsync.targets.django.schema import Field, target_of
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn


def resolve(field: Field, key: Sequence[Any], using: str) -> object:
    """The value for a foreign key to the object with this natural key; raises RecordError."""
    model: Any = field.related_model
    manager = model._default_manager.db_manager(using)
    if not hasattr(manager, "get_by_natural_key"):
        raise RecordError(f"{model._meta.label} is not found by natural keys here: {told(key)}")
    try:
        found = manager.get_by_natural_key(*key)
    except (ObjectDoesNotExist, model.MultipleObjectsReturned, TypeError, ValueError) as error:
        raise RecordError(
            f"there is no {model._meta.label} with the natural key {told(key)}, neither here nor in what the "
            f"other site sent"
        ) from error
    value: object = getattr(found, target_of(field).attname)
    return value


def make_names(sheet: Sheet, dialect: Dialect, cursor: Any) -> None:
    """Make the stage of what a model's records name by natural keys.

    `place` is the column's index in the stream, -1 less it when the stream itself has answered; `row` is the
    number of the record, or of the pair, `h` a hash.
    """
    number = "integer PRIMARY KEY" if dialect.connection.vendor == "sqlite" else "integer"
    columns = [StageColumn("n", type=number), StageColumn("place", type="integer")]
    columns += [StageColumn("row", type="integer"), StageColumn("said", type="text")]
    columns += [StageColumn("h", type="bigint")]
    dialect.create_stage(cursor, sheet.names, columns, ["row"])


def stages_of(sheet: Sheet) -> list[tuple[str, str]]:
    """The stages that have something of a record, and their columns with its number."""
    return [*((many.stage, "r") for many in sheet.many), (sheet.stage, "n")]


class Naming:
    """Puts primary keys where the records of one model say natural keys; `sheets` are those of all models."""

    def __init__(
        self,
        sheet: Sheet,
        sheets: Mapping[type[models.Model], Sheet],
        dialect: Dialect,
        cursor: Any,
        using: str,
    ) -> None:
        self.sheet = sheet
        self.sheets = sheets
        self.dialect = dialect
        self.cursor = cursor
        self.using = using
        self.names = dialect.quote(sheet.names)
        self.done: set[int] = set()

    def resolve(self, wanted: Iterable[Field] | None = None) -> Iterator[Rejection]:
        """Look every name up once, or only those in some fields; records with nobody's names are refused."""
        fields: dict[int, tuple[Field, str, str, str]] = {
            column.index: (column.field, self.sheet.stage, column.staged, column.field.name)
            for column in (self.sheet.key, *self.sheet.values)
        }
        fields |= {many.index: (many.target, many.stage, "o", many.name) for many in self.sheet.many}
        asked = self.sheet.named if wanted is None else self.sheet.named & {*wanted}
        places = [place for place, (field, *_) in fields.items() if field in asked and place not in self.done]
        if not places:
            return
        self.done |= {*places}
        for place in places:
            field, stage, staged, _ = fields[place]
            self._resolve_from_stream(place, field, stage, staged)
        self.cursor.execute(
            f"SELECT DISTINCT place, said FROM {self.names} WHERE place IN ({', '.join(map(str, places))}) "
            f"ORDER BY place, said"
        )
        for place, said in self.cursor.fetchall():
            field, stage, staged, name = fields[place]
            rows = f"SELECT w.row FROM {self.names} w WHERE w.place = %s AND w.said = %s"
            try:
                value = resolve(field, json.loads(said), self.using)
            except RecordError as error:
                yield from self._refused(place, said, name, stage, error)
                stages = stages_of(self.sheet) if stage == self.sheet.stage else [(stage, "n")]
                for each, number in stages:
                    self.cursor.execute(
                        f"DELETE FROM {self.dialect.quote(each)} WHERE {number} IN ({rows})", [place, said]
                    )
                continue
            self.cursor.execute(
                f"UPDATE {self.dialect.quote(stage)} SET {staged} = %s WHERE n IN ({rows})",
                [field.get_db_prep_save(value, self.dialect.connection), place, said],
            )

    def _resolve_from_stream(self, place: int, field: Field, stage: str, staged: str) -> None:
        """Objects that come without primary keys have the same names on their own stage."""
        target = self.sheets.get(target_of(field).model)
        if target is None or not target.is_unkeyed:
            return
        values = {column.field: column.staged for column in (target.key, *target.values)}
        if target_of(field) not in values:
            return
        named = f"{self.dialect.quote(target.stage)} AS z"
        same = f"z.h = w.h AND z.said = w.said AND w.place = {place}"
        source, value = f"{self.names} AS w, {named}", f"z.{values[target_of(field)]}"
        self.cursor.execute(
            self.dialect.update(stage, "s", [(staged, value)], source, f"w.row = s.n AND {same}")
        )
        taken = [("place", str(-1 - place))]
        self.cursor.execute(self.dialect.update(self.sheet.names, "w", taken, named, same))

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


def in_order(
    sheets: Sequence[Sheet], named: Callable[[Sheet], Iterable[Field]] = lambda sheet: sheet.named
) -> list[Sheet]:
    """The sheets, those that others name by natural keys before these, as far as there is such an order.

    `named` gives the foreign keys that count.
    """
    left, placed = list(sheets), list[Sheet]()
    while left:
        waiting = {sheet.model for sheet in left}
        free = [sheet for sheet in left if not _models(named(sheet)) & (waiting - {sheet.model})] or left[:1]
        placed += free
        left = [sheet for sheet in left if sheet not in free]
    return placed


def _models(fields: Iterable[Field]) -> set[type[models.Model]]:
    """The models that foreign keys refer to."""
    return {target_of(field).model for field in fields if isinstance(field, models.ForeignKey)}
