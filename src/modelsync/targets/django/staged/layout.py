"""What is staged: the columns of the temporary table, and a group's values for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from modelsync.core.errors import RecordError
from modelsync.core.ports import Group
from modelsync.core.records import OMITTED, Action, translate
from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.cells import lookup_values, note_fault
from modelsync.targets.django.context import Context
from modelsync.targets.django.schema import Field
from modelsync.targets.django.shape import Shape, ValueColumn
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A field that the input does not give, and what a new object gets in it.

    `constant` is one value for all, already as the driver binds it; `make` makes one for each row.
    """

    field: Field
    constant: object = None
    make: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The stage of one shape: names of its columns, and what has to be filled in for new objects.

    `lacking` names a field that a new object needs and that nothing gives; `sent` are the fields that
    the input has values for, which therefore do not fill themselves.
    """

    shape: Shape
    columns: tuple[StageColumn, ...]
    fills: tuple[Fill, ...]
    lacking: str | None
    has_keys: bool
    sent: frozenset[Field]

    def value(self, index: int) -> str:
        """The stage column of the value column at an index."""
        return f"v{index}"


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A group's values, ready to be staged. `positions[i]` is the record of the stage's row i."""

    positions: list[int]
    columns: dict[str, list[Any]]
    errors: dict[int, RecordError]
    partial: set[int] = field(default_factory=set)
    patterns: dict[int, set[tuple[bool, ...]]] = field(default_factory=dict)
    uniform: Action | None = None


def make_layout(context: Context, shape: Shape, dialect: Dialect) -> Layout:
    """The layout of a shape."""
    integer = "integer"
    key_field = ExternalKeyMapping._meta.get_field("external_key")
    columns = [
        StageColumn("n", type=f"{integer} PRIMARY KEY" if context.connection.vendor == "sqlite" else integer),
        StageColumn("w", type=integer, default="0"),
        StageColumn("a", type=integer),
    ]
    if context.system is not None:
        columns.append(StageColumn("k", field=key_field))  # type: ignore[arg-type]  # a concrete field
    for column in shape.values:
        columns.append(StageColumn(f"v{column.index}", field=column.field))
        columns.append(StageColumn(f"h{column.index}", type=integer))
    for reference in shape.references:
        columns += [StageColumn(f"l{lookup.index}", field=lookup.field) for lookup in reference.lookups]
    fills, lacking = _fills(shape, dialect)
    columns += [StageColumn(f"d_{fill.field.column}", field=fill.field) for fill in fills if fill.make]
    return Layout(
        shape=shape,
        columns=tuple(columns),
        fills=tuple(fills),
        lacking=lacking,
        has_keys=context.system is not None,
        sent=_given(shape),
    )


def _given(shape: Shape) -> frozenset[Field]:
    return frozenset(
        [*(column.field for column in shape.values), *(r.field for r in shape.references if r.field)]
    )


def _fills(shape: Shape, dialect: Dialect) -> tuple[list[Fill], str | None]:
    given = _given(shape)
    fills: list[Fill] = []
    lacking = None
    for each in shape.schema.fields:
        if each in given or _is_automatic(each) or each.has_db_default():  # type: ignore[attr-defined]  # Django 5
            continue
        default = each.default
        if each.has_default() and callable(default):
            fills.append(Fill(field=each, make=lambda f=each: dialect.adapt(f, f.get_default())))
            continue
        value = each.get_default()
        if value is None and not each.null:
            lacking = lacking or each.name
        fills.append(Fill(field=each, constant=dialect.adapt(each, value)))
    return fills, lacking


def _is_automatic(each: Field) -> bool:
    return (
        isinstance(each, models.AutoField)
        or getattr(each, "auto_now", False)
        or getattr(each, "auto_now_add", False)
    )


def load_group(context: Context, layout: Layout, group: Group, dialect: Dialect) -> Loaded:
    """Convert a group's cells, set aside the records at fault, and lay the rest out for the stage."""
    errors: dict[int, RecordError] = {}
    columns: dict[str, list[Any]] = {}
    partial: set[int] = set()
    shape = layout.shape
    for column in shape.values:
        columns[f"v{column.index}"] = _stage_values(
            column, group.cells[column.index], dialect, errors, partial
        )
    patterns: dict[int, set[tuple[bool, ...]]] = {}
    for number, reference in enumerate(shape.references):
        for lookup in reference.lookups:
            cells = [None if c is OMITTED else c for c in group.cells[lookup.index]]
            columns[f"l{lookup.index}"], faults = _lookup_stage(lookup.converter, cells, dialect)
            for position, error in faults.items():
                note_fault(errors, position, error)
        given = [[v is not None for v in columns[f"l{lookup.index}"]] for lookup in reference.lookups]
        patterns[number] = set(zip(*given, strict=True))
    if not shape.match.tokens:
        for position, key in enumerate(group.keys):
            if key is None:
                errors.setdefault(
                    position,
                    RecordError("match_on is empty, and the row has no external key", column="match_on"),
                )
    if layout.has_keys:
        columns["k"] = list(group.keys)
        _check_keys(group, errors)
    uniform = group.uniform
    if uniform is None:
        columns["a"] = translate(group.actions, lambda action: action.value)
    for index in partial:
        cells = group.cells[index]
        columns[f"h{index}"] = [0 if cell is OMITTED else 1 for cell in cells]
    for fill in layout.fills:
        if fill.make:
            columns[f"d_{fill.field.column}"] = [fill.make() for _ in range(len(group))]
    positions = list(range(len(group)))
    if errors:
        positions = [p for p in positions if p not in errors]
        columns = {name: [values[p] for p in positions] for name, values in columns.items()}
    columns["n"] = list(range(len(positions)))
    return Loaded(
        positions=positions,
        columns=columns,
        errors=errors,
        partial=partial,
        patterns=patterns,
        uniform=uniform,
    )


def _stage_values(
    column: ValueColumn,
    cells: Sequence[object],
    dialect: Dialect,
    errors: dict[int, RecordError],
    partial: set[int],
) -> list[Any]:
    converter = column.converter
    quick = converter.fast(cells) if converter.fast else None
    if quick is not None:
        return quick
    values, faults = converter.python(cells)
    for position, error in faults.items():
        note_fault(errors, position, error)
    if OMITTED in values:
        partial.add(column.index)
        each = column.field
        # What the database fills in by itself is not known here: such rows are created one by one.
        own = each.has_db_default()  # type: ignore[attr-defined]  # Django 5
        values = [(None if own else each.get_default()) if value is OMITTED else value for value in values]
    return [dialect.adapt(column.field, value) for value in values]


def _fast_lookup(converter: Any, cells: Sequence[object]) -> Sequence[object] | None:
    converter.null = True
    quick = converter.fast(cells) if converter.fast else None
    if quick is None or "" not in quick:
        return quick  # type: ignore[no-any-return]  # a column
    return [value if value != "" else None for value in quick]


def _lookup_stage(converter: Any, cells: Sequence[object], dialect: Dialect) -> tuple[Any, dict[int, RecordError]]:
    quick = _fast_lookup(converter, cells)
    if quick is not None:
        return quick, {}
    values, faults = lookup_values(converter, cells)
    return [None if v is None or v == "" else dialect.adapt(converter.field, v) for v in values], faults


def _check_keys(group: Group, errors: dict[int, RecordError]) -> None:
    longest = ExternalKeyMapping._meta.get_field("external_key").max_length or 255  # type: ignore[union-attr]  # a CharField
    if max((len(key) for key in group.keys if key), default=0) <= longest:
        return
    for position, key in enumerate(group.keys):
        if key and len(key) > longest:
            errors.setdefault(
                position,
                RecordError(
                    f"the external key is longer than {longest} characters", column="external_key", value=key
                ),
            )
