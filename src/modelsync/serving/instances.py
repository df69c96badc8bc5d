"""The long way: lines from instances, as they are in memory, or where a field needs one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db import models
from django.db.models.fields.files import FieldFile

from modelsync.kinds import Kind, column_of, kind_of
from modelsync.serving.columns import wire_steps
from modelsync.serving.hiding import Field
from modelsync.serving.layout import Level, Many, Style
from modelsync.serving.lines import Page, Placed, make_lines, make_related, naming, write_related
from modelsync.serving.many import related_keys
from modelsync.serving.paging import PAGE, can_seek, seek
from modelsync.serving.parts import Part
from modelsync.serving.shortcuts import Values, run
from modelsync.spooling import spooled


class InstanceReader:
    """Reads the pages of a part as instances: for each object one line of every level."""

    def __init__(self, part: Part, levels: Sequence[Placed], style: Style) -> None:
        self.part = part
        self.levels = levels
        self.style = style
        self.related = [make_related(placed.level, style, part.using) for placed in levels]
        self.steps = {
            field: wire_steps(field, style, part.using)
            for placed in levels
            for field in (placed.level.pk, *placed.level.fields)
        }

    def pages(self) -> Iterator[Page]:
        """The lines, page by page."""
        for objects in pages_of(self.part):
            lines: Page = []
            for placed, related in zip(self.levels, self.related, strict=True):
                lines += self._level(placed, related, objects)
            yield lines

    def _level(self, placed: Placed, related: dict[Many, Any], objects: Sequence[models.Model]) -> Page:
        level = placed.level
        keys = self._column(level.pk, objects)
        with naming(keys):
            columns = [self._column(field, objects) for field in level.fields]
        many = [
            write_related(self._related(level, field, objects), steps) for field, steps in related.items()
        ]
        return make_lines(placed, keys, columns, many)

    def _column(self, field: Field, objects: Sequence[models.Model]) -> Values:
        if kind_of(field) is not Kind.OTHER:
            return run(self.steps[field], [value_of(field, found) for found in objects])
        if self.style.hiding.mask(field) is not None:
            values = run(self.steps[field], [field.value_from_object(found) for found in objects])
            return [value if isinstance(value, str | int | float | None) else str(value) for value in values]
        return [
            None if field.value_from_object(found) is None else field.value_to_string(found)
            for found in objects
        ]

    def _related(self, level: Level, field: Many, objects: Sequence[models.Model]) -> list[list[Any]]:
        owners = [getattr(found, level.pk.attname) for found in objects]
        fetched = [getattr(found, "_prefetched_objects_cache", {}).get(field.name) for found in objects]
        missing = [
            owner for owner, got in zip(owners, fetched, strict=True) if got is None and owner is not None
        ]
        read = iter(related_keys(field, missing, self.part.using, whole=False)) if missing else iter(())
        return [
            [related.pk for related in got] if got is not None else next(read) if owner is not None else []
            for owner, got in zip(owners, fetched, strict=True)
        ]


def pages_of(part: Part) -> Iterator[Sequence[models.Model]]:
    """The instances of a part, page by page."""
    if part.queryset is None:
        for start in range(0, len(part.objects), PAGE):
            yield part.objects[start : start + PAGE]
        return
    rows = part.queryset
    if not rows.query.combinator:
        rows = rows.defer(None)  # what was deferred would be read one by one
    if can_seek(rows):
        yield from seek(rows, list, lambda found: found.pk)
        return
    objects = spooled(rows.iterator(chunk_size=PAGE), part.using)
    while page := list(islice(objects, PAGE)):
        yield page


def value_of(field: Field, found: models.Model) -> object:
    """The value as the field's own kind: what was set in memory may be of another."""
    value = field.value_from_object(found)
    if isinstance(value, FieldFile):
        value = value.name
        if value is None and not field.null:
            return ""
    if isinstance(field, models.JSONField):
        return models.Value(None) if value is None and not field.null else value
    if value is None or isinstance(value, Decimal):
        return value
    value = column_of(field).to_python(value)
    if isinstance(value, str):
        return str.__str__(value)  # a text, even where it is one of an enumeration
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
