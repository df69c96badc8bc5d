"""Bringing a batch onto the stage: values are converted, checked and loaded, nothing is compared yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import lt
from typing import Any

from django.db import models

from modelsync.core.errors import ConfigurationError, RecordError
from modelsync.core.ports import Applied, Group
from modelsync.targets.django.converters import Converter
from modelsync.targets.django.mirror.calling import Calling, hash_of
from modelsync.targets.django.mirror.natural import make_names
from modelsync.targets.django.mirror.sheet import Column, Many, Sheet
from modelsync.targets.django.schema import Field, base_field
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn

NO_KEY = (
    "it has no primary key, and its model has no natural key (natural_key() and a manager with "
    "get_by_natural_key()); have the other site's route send them (natural_primary=False)"
)
#: Faults by position.
Faults = dict[int, RecordError]
#: The column, the number of the record or pair, and a natural key as JSON.
Name = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What records name by a many-to-many relation, in columns: the places of the records in their group,
    and the keys of what they name. `said` has natural keys instead, as JSON, by their places in here.
    """

    records: list[int]
    targets: list[Any]
    said: dict[int, str]

    def without(self, faults: Faults) -> Pairs:
        """Those of the records that are not at fault."""
        if not faults:
            return self
        kept = [place for place, record in enumerate(self.records) if record not in faults]
        return Pairs(
            [self.records[place] for place in kept],
            [self.targets[place] for place in kept],
            {now: self.said[place] for now, place in enumerate(kept) if place in self.said},
        )


def make_stages(sheet: Sheet, dialect: Dialect, cursor: Any) -> None:
    """Make the empty stages of a model and of its many-to-many relations."""
    columns = [dialect.number, StageColumn("k", field=sheet.pk)]
    columns += [StageColumn(column.staged, field=column.field) for column in sheet.values]
    indexed = ["k"]
    if sheet.is_unkeyed:
        columns += [StageColumn("said", type="text"), StageColumn("h", type="bigint")]
        indexed.append("h")
    dialect.create_stage(cursor, sheet.stage, columns, indexed)
    make_names(sheet, dialect, cursor)
    for many in sheet.many:
        pair = [StageColumn("k", field=many.source), StageColumn("o", field=many.target)]
        numbers = [dialect.number, StageColumn("r", type="integer")]
        dialect.create_stage(cursor, many.stage, [*numbers, *pair], ["k"])


class Stager:
    """Loads the batches of one model."""

    def __init__(self, sheet: Sheet, dialect: Dialect, cursor: Any, using: str) -> None:
        self.sheet = sheet
        self.dialect = dialect
        self.cursor = cursor
        self.using = using

    def load(self, group: Group, applied: Applied) -> None:
        """Stage a group; what its values are at fault for is noted as rejections."""
        sheet, faults, names = self.sheet, Faults(), list[Name]()
        keys = self._keys(group, faults, names)
        columns = {
            column.staged: self._values(column, group.cells[column.index], faults, names)
            for column in sheet.values
        }
        pairs = [self._pairs(many, group, faults) for many in sheet.many]
        if sheet.is_unkeyed:
            said = self._said(group, faults)
            columns |= {"said": said, "h": [None if text is None else hash_of(text) for text in said]}
        for position, error in faults.items():
            applied.reject(position, error)
        numbers: Sequence[int] = group.numbers
        holders = keys
        if faults:
            sheet.has_refused = True
            kept = [p for p in range(len(group)) if p not in faults]
            keys, numbers = [keys[p] for p in kept], [numbers[p] for p in kept]
            columns = {name: [values[p] for p in kept] for name, values in columns.items()}
        self._note(group, keys)
        if not keys:
            return
        values = [numbers, keys, *columns.values()]
        self.dialect.load_while(self.cursor, sheet.stage, ["n", "k", *columns], values, group.meanwhile)
        for many, some in zip(sheet.many, pairs, strict=True):
            self._load_pairs(many, group.numbers, holders, some.without(faults))
        self._load_names([(place, group.numbers[p], said) for place, p, said in names if p not in faults])

    def _load_pairs(self, many: Many, records: Sequence[int], holders: Sequence[Any], pairs: Pairs) -> None:
        if not pairs.records:
            return
        sheet = self.sheet
        numbers = range(sheet.pairs, sheet.pairs + len(pairs.records))
        sheet.pairs += len(numbers)
        values = [
            numbers,
            [records[place] for place in pairs.records],
            [holders[place] for place in pairs.records],
            pairs.targets,
        ]
        self.dialect.load(self.cursor, many.stage, ["n", "r", "k", "o"], values)
        self._load_names([(many.index, numbers[place], said) for place, said in pairs.said.items()])

    def _load_names(self, names: Sequence[Name]) -> None:
        if not names:
            return
        sheet = self.sheet
        numbers = range(sheet.said, sheet.said + len(names))
        sheet.said += len(names)
        fields = {column.index: column.field for column in (sheet.key, *sheet.values)}
        fields |= {many.index: many.target for many in sheet.many}
        sheet.named |= {fields[place] for place in {place for place, _, _ in names}}
        columns = [numbers, *map(list, zip(*names, strict=True)), [hash_of(said) for _, _, said in names]]
        self.dialect.load(self.cursor, sheet.names, ["n", "place", "row", "said", "h"], columns)

    def _note(self, group: Group, keys: Sequence[Any]) -> None:
        """Remember where the records stand, and whether their keys still rise."""
        sheet = self.sheet
        sheet.parts.append((group.numbers[0], len(group), group.batch.places))
        sheet.rows += len(keys)
        sheet.is_rising = sheet.is_rising and not sheet.is_unkeyed
        if not keys or not sheet.is_rising:
            return
        comes_after = sheet.last is None or sheet.last < keys[0]
        is_plain = isinstance(base_field(sheet.pk), (models.IntegerField, models.UUIDField))
        sheet.is_rising = is_plain and comes_after and all(map(lt, keys, keys[1:]))
        sheet.last = keys[-1]

    def _keys(self, group: Group, faults: Faults, names: list[Name]) -> list[Any]:
        sheet = self.sheet
        cells = group.cells[sheet.key.index]
        if None in cells and sheet.link is not None:
            cells = [
                link if pk is None else pk for pk, link in zip(cells, group.cells[sheet.link], strict=True)
            ]
        elif sheet.is_unkeyed and cells.count(None) == len(cells):
            return [None] * len(cells)
        if sheet.is_unkeyed and not all(isinstance(cell, list) for cell in cells):
            raise ConfigurationError(
                f"the objects of {sheet.label} come with and without primary keys; have the other site serve "
                f"all of them in one way"
            )
        if None in cells:
            for position, cell in enumerate(cells):
                if cell is None:
                    faults[position] = RecordError(NO_KEY, column="pk")
        return self._values(sheet.key, cells, faults, names)

    def _said(self, group: Group, faults: Faults) -> list[str | None]:
        """The natural keys of records without primary keys."""
        if self.sheet.link is not None:
            return [json.dumps(cell) for cell in group.cells[self.sheet.link]]
        return Calling(self.sheet, self.using).said(group, faults)

    def _values(self, column: Column, cells: Sequence[Any], faults: Faults, names: list[Name]) -> list[Any]:
        """A column's values; what is said by natural keys is noted in `names`, and None for now."""
        if not isinstance(column.field, models.ForeignKey) or list not in set(map(type, cells)):
            return convert(column.converter, column.field, cells, self.dialect, faults)
        said = {p: json.dumps(cell) for p, cell in enumerate(cells) if isinstance(cell, list)}
        names += [(column.index, position, text) for position, text in said.items()]
        places = [p for p in range(len(cells)) if p not in said]
        return convert_at(places, column.converter, column.field, cells, self.dialect, faults)

    def _pairs(self, many: Many, group: Group, faults: Faults) -> Pairs:
        """What the records of a group name, one by one."""
        cells: Sequence[Any] = group.cells[many.index]
        if not set(map(type, cells)) <= {list, tuple}:
            reason = "a many-to-many relation is a list of keys"
            for place, cell in enumerate(cells):
                if not isinstance(cell, list | tuple):
                    faults.setdefault(place, RecordError(reason, column=many.name, value=cell))
            cells = [cell if isinstance(cell, list | tuple) else () for cell in cells]
        records = list(chain.from_iterable(map(repeat, range(len(cells)), map(len, cells))))
        targets: list[Any] = list(chain.from_iterable(cells))
        said: dict[int, str] = {}
        wrong = Faults()
        if list in set(map(type, targets)):
            said = {place: json.dumps(target) for place, target in enumerate(targets) if type(target) is list}
            plain = [place for place in range(len(targets)) if place not in said]
            values = convert_at(plain, many.converter, many.target, targets, self.dialect, wrong)
        else:
            values = convert(many.converter, many.target, targets, self.dialect, wrong)
        for place, error in wrong.items():
            faults.setdefault(records[place], error)
        return Pairs(records, values, said)


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
    filled = [cell for cell in cells if cell is not None] if None in cells and converter.null else cells
    if not filled:
        return list(cells)
    quick = converter.fast(filled) if converter.fast else None
    if quick is not None:
        rest = iter(quick)
        return quick if filled is cells else [None if cell is None else next(rest) for cell in cells]
    values, found = converter.python(cells)
    for position, error in found.items():
        faults.setdefault(position, error)
    return [None if p in found else dialect.adapt(field, value) for p, value in enumerate(values)]
