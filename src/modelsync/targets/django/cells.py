"""A group's raw cells as Python values, column by column, with the cells at fault."""

from __future__ import annotations

from collections.abc import Sequence

from modelsync.core.errors import RecordError
from modelsync.core.ports import Group
from modelsync.core.records import Action
from modelsync.targets.django.converters import Converter
from modelsync.targets.django.shape import Shape


def python_columns(shape: Shape, group: Group) -> tuple[dict[int, list[object]], dict[int, RecordError]]:
    """Converted columns by index, and the first error of each record that has one.

    A record that only deletes is held to its match cells alone.
    """
    columns: dict[int, list[object]] = {}
    errors: dict[int, RecordError] = {}
    names = shape.match.names
    for value in shape.values:
        columns[value.index], faults = value.converter.python(group.cells[value.index])
        matters = value.name in names
        for position, error in faults.items():
            if matters or Action.DELETE not in group.actions[position]:
                note_fault(errors, position, error)
    for reference in shape.references:
        for lookup in reference.lookups:
            columns[lookup.index], faults = lookup_values(lookup.converter, group.cells[lookup.index])
            for position, error in faults.items():
                if Action.DELETE not in group.actions[position]:
                    note_fault(errors, position, error)
    for extra in (*shape.properties,):
        columns[extra.index] = list(group.cells[extra.index])
    for index in shape.paths.values():
        columns[index] = [cell if cell != "" else None for cell in group.cells[index]]
    return columns, errors


def lookup_values(
    converter: Converter | None, cells: Sequence[object]
) -> tuple[list[object], dict[int, RecordError]]:
    """The values of a reference's lookup; a blank one is None, whatever the field allows."""
    given = [cell if not isinstance(cell, str) or cell.strip() else None for cell in cells]
    if converter is None:
        return given, {}
    converter.null = True
    return converter.python(given)


def note_fault(errors: dict[int, RecordError], position: int, error: RecordError) -> None:
    """Add a cell's fault to those of its record: a rejection tells all of them."""
    first = errors.setdefault(position, error)
    if first is not error:
        reason = f"{first.reason}; {error.column} = {error.value!r}: {error.reason}"
        errors[position] = RecordError(reason, column=first.column, value=first.value)
