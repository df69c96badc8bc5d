"""Bringing a batch onto the stage: values are converted, checked and loaded, nothing is compared yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import lt
from typing import Any, NamedTuple

from django.db import models

from modelsync.core.errors import RecordError
from modelsync.core.ports import Applied, Group
from modelsync.targets.django.converters import Converter
from modelsync.targets.django.mirror.natural import make_names
from modelsync.targets.django.mirror.sheet import Column, Many, Sheet
from modelsync.targets.django.schema import Field, base_field
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn

#: Faults by position.
Faults = dict[int, RecordError]
#: The column, the number of the record or pair, and a natural key as JSON.
Name = tuple[int, int, str]


class Pair(NamedTuple):
    """What a record names by a many-to-many relation: by its key, or `said` by its natural key."""

    position: int
    holder: Any
    target: Any
    said: str | None


def make_stages(sheet: Sheet, dialect: Dialect, cursor: Any) -> None:
    """Make the empty stages of a model and of its many-to-many relations."""
    number = "integer PRIMARY KEY" if dialect.connection.vendor == "sqlite" else "integer"
    columns = [StageColumn("n", type=number), StageColumn("k", field=sheet.pk)]
    columns += [StageColumn(column.staged, field=column.field) for column in sheet.values]
    dialect.create_stage(cursor, sheet.stage, columns, ["k"])
    make_names(sheet, dialect, cursor)
    for many in sheet.many:
        pair = [StageColumn("k", field=many.source), StageColumn("o", field=many.target)]
        numbers = [StageColumn("n", type=number), StageColumn("r", type="integer")]
        dialect.create_stage(cursor, many.stage, [*numbers, *pair], ["r"])


class Stager:
    """Loads the batches of one model."""

    def __init__(self, sheet: Sheet, dialect: Dialect, cursor: Any) -> None:
        self.sheet = sheet
        self.dialect = dialect
        self.cursor = cursor

    def load(self, group: Group, applied: Applied) -> None:
        """Stage a group; what its values are at fault for is noted as rejections."""
        sheet, faults, names = self.sheet, Faults(), list[Name]()
        keys = self._keys(group, faults, names)
        columns = {column.staged: self._values(column, group, faults, names) for column in sheet.values}
        pairs = [self._pairs(many, group, keys, faults) for many in sheet.many]
        for position, error in faults.items():
            applied.reject(position, error)
        numbers: Sequence[int] = group.numbers
        if faults:
            kept = [p for p in range(len(group)) if p not in faults]
            keys, numbers = [keys[p] for p in kept], [numbers[p] for p in kept]
            columns = {name: [values[p] for p in kept] for name, values in columns.items()}
        self._note(group, keys)
        if not keys:
            return
        self.dialect.load(self.cursor, sheet.stage, ["n", "k", *columns], [numbers, keys, *columns.values()])
        for many, some in zip(sheet.many, pairs, strict=True):
            self._load_pairs(many, group, [pair for pair in some if pair.position not in faults])
        self._load_names([(place, group.numbers[p], said) for place, p, said in names if p not in faults])

    def _load_pairs(self, many: Many, group: Group, pairs: Sequence[Pair]) -> None:
        if not pairs:
            return
        sheet = self.sheet
        numbers = range(sheet.pairs, sheet.pairs + len(pairs))
        sheet.pairs += len(pairs)
        records = [group.numbers[pair.position] for pair in pairs]
        values = [numbers, records, [pair.holder for pair in pairs], [pair.target for pair in pairs]]
        self.dialect.load(self.cursor, many.stage, ["n", "r", "k", "o"], values)
        self._load_names(
            [(many.index, n, pair.said) for n, pair in zip(numbers, pairs, strict=True) if pair.said]
        )

    def _load_names(self, names: Sequence[Name]) -> None:
        if not names:
            return
        sheet = self.sheet
        numbers = range(sheet.said, sheet.said + len(names))
        sheet.said += len(names)
        fields = {column.index: column.field for column in sheet.values}
        fields |= {many.index: many.target for many in sheet.many}
        sheet.named |= {fields[place] for place in {place for place, _, _ in names}}
        columns = [numbers, *map(list, zip(*names, strict=True))]
        self.dialect.load(self.cursor, sheet.names, ["n", "place", "row", "said"], columns)

    def _note(self, group: Group, keys: Sequence[Any]) -> None:
        """Remember where the records stand, and whether their keys still rise."""
        sheet = self.sheet
        sheet.parts.append((group.numbers[0], len(group), group.batch.places))
        sheet.rows += len(keys)
        if not keys or not sheet.is_rising:
            return
        comes_after = sheet.last is None or sheet.last < keys[0]
        is_plain = isinstance(base_field(sheet.pk), (models.IntegerField, models.UUIDField))
        sheet.is_rising = is_plain and comes_after and all(map(lt, keys, keys[1:]))
        sheet.last = keys[-1]

    def _keys(self, group: Group, faults: Faults, names: list[Name]) -> list[Any]:
        cells = group.cells[self.sheet.key.index]
        if None in cells:
            reason = "it has no primary key; have the other site's route send them (natural_primary=False)"
            for position, cell in enumerate(cells):
                if cell is None:
                    faults[position] = RecordError(reason, column="pk")
        return self._values(self.sheet.key, group, faults, names)

    def _values(self, column: Column, group: Group, faults: Faults, names: list[Name]) -> list[Any]:
        """A column's values; what is said by natural keys is noted in `names`, and None for now."""
        cells = group.cells[column.index]
        if not isinstance(column.field, models.ForeignKey) or list not in set(map(type, cells)):
            return convert(column.converter, column.field, cells, self.dialect, faults)
        said = {p: json.dumps(cell) for p, cell in enumerate(cells) if isinstance(cell, list)}
        names += [(column.index, position, text) for position, text in said.items()]
        places = [p for p in range(len(cells)) if p not in said]
        return convert_at(places, column.converter, column.field, cells, self.dialect, faults)

    def _pairs(self, many: Many, group: Group, keys: Sequence[Any], faults: Faults) -> list[Pair]:
        """What the records of a group name, one by one."""
        holders: list[int] = []
        targets: list[object] = []
        for position, cell in enumerate(group.cells[many.index]):
            if not isinstance(cell, (list, tuple)):
                reason = "a many-to-many relation is a list of keys"
                faults.setdefault(position, RecordError(reason, column=many.name, value=cell))
                continue
            holders += [position] * len(cell)
            targets += cell
        wrong = Faults()
        plain = [p for p, target in enumerate(targets) if not isinstance(target, list)]
        values = convert_at(plain, many.converter, many.target, targets, self.dialect, wrong)
        for place, error in wrong.items():
            faults.setdefault(holders[place], error)
        return [
            Pair(p, keys[p], value, json.dumps(target) if isinstance(target, list) else None)
            for p, target, value in zip(holders, targets, values, strict=True)
        ]


def convert_at(
    places: Sequence[int],
    converter: Converter,
    field: Field,
    cells: Sequence[object],
    dialect: Dialect,
    faults: Faults,
) -> list[Any]:
    """The cells in these places as the dialect loads them, and None in the others."""
    inner = Faults()
    some = convert(converter, field, [cells[p] for p in places], dialect, inner) if places else []
    for place, error in inner.items():
        faults.setdefault(places[place], error)
    result: list[Any] = [None] * len(cells)
    for place, value in zip(places, some, strict=True):
        result[place] = value
    return result


def convert(
    converter: Converter, field: Field, cells: Sequence[object], dialect: Dialect, faults: Faults
) -> list[Any]:
    """Cells as the dialect loads them; None where one is at fault, which `faults` says."""
    if None in cells and converter.null:
        places = [p for p, cell in enumerate(cells) if cell is not None]
        return convert_at(places, converter, field, cells, dialect, faults)
    quick = converter.fast(cells) if converter.fast and cells else None
    if quick is not None:
        return quick
    values, found = converter.python(cells)
    for position, error in found.items():
        faults.setdefault(position, error)
    return [None if p in found else dialect.adapt(field, value) for p, value in enumerate(values)]
