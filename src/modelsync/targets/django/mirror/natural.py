"""Natural keys: what an object is called on every site, whatever its primary key is there.

What a record names so is looked up when the models that it names have been written, so that it may come
before them in the stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import models

from modelsync.core.errors import RecordError
from modelsync.core.results import Rejection
from modelsync.targets.django.mirror.calling import hash_of
from modelsync.targets.django.mirror.looking import Looking
from modelsync.targets.django.mirror.sheet import Sheet, absence
from modelsync.targets.django.schema import Field, target_of
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn

_FOUND = "modelsync_found"


def make_names(sheet: Sheet, dialect: Dialect, cursor: Any) -> None:
    """Make the stage of what a model's records name by natural keys.

    `place` is the column's index in the stream, -1 less it when the stream itself has answered; `row` is the
    number of the record, or of the pair, `h` a hash.
    """
    columns = [dialect.number, StageColumn("place", type="integer")]
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
        self.q = dialect.quote
        self.names = self.q(sheet.names)
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
        for place in places:
            self.cursor.execute(
                f"SELECT DISTINCT h, said FROM {self.names} WHERE place = {place} ORDER BY said"
            )
            saids = [said for _, said in self.cursor.fetchall()]
            if saids:
                yield from self._resolve_from_tables(place, saids, *fields[place])

    def _resolve_from_tables(
        self, place: int, saids: list[str], field: Field, stage: str, staged: str, name: str
    ) -> Iterator[Rejection]:
        """What the stream does not answer, the tables may."""
        target = self.sheets.get(target_of(field).model)
        absent = absence(has_refused=target is not None and target.has_refused)
        values, faults = Looking(field, self.using, absent).up(saids)
        keys = [None if said in faults else self.dialect.adapt(field, values[said]) for said in saids]
        columns = [self.dialect.number, StageColumn("h", type="bigint"), StageColumn("said", type="text")]
        self.dialect.create_stage(self.cursor, _FOUND, [*columns, StageColumn("k", field=field)], ["h"])
        numbered = [range(len(saids)), [*map(hash_of, saids)], saids, keys]
        self.dialect.load(self.cursor, _FOUND, ["n", "h", "said", "k"], numbered)
        found = f"{self.q(_FOUND)} AS x"
        same = f"w.place = {place} AND x.h = w.h AND x.said = w.said"
        if faults:
            yield from self._refused(faults, f"{self.names} w JOIN {found} ON {same}", name, stage)
        source = f"{self.names} AS w, {found}"
        self.cursor.execute(
            self.dialect.update(stage, "s", [(staged, "x.k")], source, f"w.row = s.n AND {same}")
        )
        self.dialect.drop(self.cursor, _FOUND)

    def _resolve_from_stream(self, place: int, field: Field, stage: str, staged: str) -> None:
        """Objects that come without primary keys have the same names on their own stage."""
        target = self.sheets.get(target_of(field).model)
        if target is None or not target.is_unkeyed:
            return
        values = {column.field: column.staged for column in (target.key, *target.values)}
        if target_of(field) not in values:
            return
        named = f"{self.q(target.stage)} AS z"
        same = f"z.h = w.h AND z.said = w.said AND w.place = {place}"
        source, value = f"{self.names} AS w, {named}", f"z.{values[target_of(field)]}"
        self.cursor.execute(
            self.dialect.update(stage, "s", [(staged, value)], source, f"w.row = s.n AND {same}")
        )
        taken = [("place", str(-1 - place))]
        self.cursor.execute(self.dialect.update(self.sheet.names, "w", taken, named, same))

    def _refused(
        self, faults: Mapping[str, RecordError], said: str, name: str, stage: str
    ) -> Iterator[Rejection]:
        """Refuse the records that name nobody, and take them from the stage; `said` joins what is found."""
        is_pair = stage != self.sheet.stage
        self.sheet.has_refused = True
        self.cursor.execute(
            f"SELECT DISTINCT {'s.r' if is_pair else 's.n'}, w.said FROM {said} "
            f"JOIN {self.q(stage)} s ON s.n = w.row WHERE x.k IS NULL ORDER BY 1"
        )
        for number, text in self.cursor.fetchall():
            yield Rejection(
                number=number,
                reason=faults[text].reason,
                column=name,
                value=json.loads(text),
                origin=self.sheet.origin(number),
                model=self.sheet.label,
            )
        for each, column in [(stage, "n")] if is_pair else stages_of(self.sheet):
            rows = f"SELECT w.row AS k FROM {said} WHERE x.k IS NULL"
            self.cursor.execute(self.dialect.delete_from(each, column, rows))


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
