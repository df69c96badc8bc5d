"""A group's values for the columns of the stage, without the records that are at fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelsync.core.errors import RecordError
from modelsync.core.ports import Group
from modelsync.core.records import OMITTED, Action, translate
from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.cells import lookup_values, note_fault
from modelsync.targets.django.shape import Reference, ValueColumn
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.staged.layout import Layout


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A group's values, ready to be staged. `positions[i]` is the record of the stage's row i.

    `partial` are the value columns, by index, that some record leaves out; `patterns` say for each
    reference, by its number, which of its lookups records give together.
    """

    positions: list[int]
    columns: dict[str, list[Any]]
    errors: dict[int, RecordError]
    partial: set[int] = field(default_factory=set)
    patterns: dict[int, set[tuple[bool, ...]]] = field(default_factory=dict)
    uniform: Action | None = None


def load_group(layout: Layout, group: Group, dialect: Dialect) -> Loaded:
    """Convert a group's cells, set aside the records at fault, and lay the rest out for the stage."""
    loaded = Loaded(
        positions=list(range(len(group))), columns={}, errors={}, partial=set(), uniform=group.uniform
    )
    for column in layout.shape.values:
        _load_values(column, group, dialect, loaded)
    for number, reference in enumerate(layout.shape.references):
        loaded.patterns[number] = _load_lookups(reference, group, dialect, loaded)
    _load_keys(layout, group, loaded)
    if loaded.uniform is None:
        loaded.columns["a"] = translate(group.actions, lambda action: action.value)
    for fill in layout.fills:
        if fill.make:
            loaded.columns[f"d_{fill.field.column}"] = [fill.make() for _ in range(len(group))]
    _set_aside(loaded)
    loaded.columns["n"] = list(range(len(loaded.positions)))
    return loaded


def _load_values(column: ValueColumn, group: Group, dialect: Dialect, loaded: Loaded) -> None:
    cells = group.cells[column.index]
    quick = column.converter.fast(cells) if column.converter.fast else None
    if quick is not None:
        loaded.columns[f"v{column.index}"] = quick
        return
    values, faults = column.converter.python(cells)
    for position, error in faults.items():
        note_fault(loaded.errors, position, error)
    if OMITTED in values:
        each = column.field
        # What the database fills in by itself is not known here: such rows are created one by one.
        own = each.has_db_default()
        values = [(None if own else each.get_default()) if value is OMITTED else value for value in values]
        loaded.partial.add(column.index)
        loaded.columns[f"h{column.index}"] = [0 if cell is OMITTED else 1 for cell in cells]
    loaded.columns[f"v{column.index}"] = [dialect.adapt(column.field, value) for value in values]


def _load_lookups(
    reference: Reference, group: Group, dialect: Dialect, loaded: Loaded
) -> set[tuple[bool, ...]]:
    """Load a reference's lookups; which of them are given together."""
    for lookup in reference.lookups:
        cells = _known(group.cells[lookup.index])
        values, faults = _lookup_stage(lookup.converter, cells, dialect)
        for position, error in faults.items():
            note_fault(loaded.errors, position, error)
        loaded.columns[f"l{lookup.index}"] = values
    columns = [loaded.columns[f"l{lookup.index}"] for lookup in reference.lookups]
    if not any(None in values for values in columns):
        return {(True,) * len(columns)}
    return set(zip(*([value is not None for value in values] for values in columns), strict=True))


def _known(cells: Sequence[object]) -> Sequence[object]:
    """Cells, with None for what was left out."""
    return [None if cell is OMITTED else cell for cell in cells] if OMITTED in cells else cells


def _lookup_stage(
    converter: Any, cells: Sequence[object], dialect: Dialect
) -> tuple[list[Any], dict[int, RecordError]]:
    converter.null = True
    quick = converter.fast(cells) if converter.fast else None
    if quick is not None:
        return (quick if "" not in quick else [value if value != "" else None for value in quick]), {}
    values, faults = lookup_values(converter, cells)
    return [None if v is None or v == "" else dialect.adapt(converter.field, v) for v in values], faults


def _load_keys(layout: Layout, group: Group, loaded: Loaded) -> None:
    if not layout.shape.match.tokens:
        for position, key in enumerate(group.keys):
            if key is None:
                error = RecordError("match_on is empty, and the row has no external key", column="match_on")
                loaded.errors.setdefault(position, error)
    if layout.has_keys:
        loaded.columns["k"] = list(group.keys)
        _check_keys(group, loaded.errors)


def _check_keys(group: Group, errors: dict[int, RecordError]) -> None:
    longest = ExternalKeyMapping._meta.get_field("external_key").max_length or 255
    if max(map(len, filter(None, group.keys)), default=0) <= longest:
        return
    for position, key in enumerate(group.keys):
        if key and len(key) > longest:
            reason = f"the external key is longer than {longest} characters"
            errors.setdefault(position, RecordError(reason, column="external_key", value=key))


def _set_aside(loaded: Loaded) -> None:
    """Keep the records at fault out of the stage."""
    if not loaded.errors:
        return
    loaded.positions = [p for p in loaded.positions if p not in loaded.errors]
    loaded.columns = {name: [values[p] for p in loaded.positions] for name, values in loaded.columns.items()}
