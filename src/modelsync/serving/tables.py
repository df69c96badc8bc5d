"""The quick way: lines straight from the rows of a query, without making instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django.db import connections
from django.db.models.sql.constants import MULTI

from modelsync.serving.columns import Column, make_column
from modelsync.serving.hiding import Field
from modelsync.serving.layout import Style
from modelsync.serving.lines import Page, Placed, make_lines, make_related, naming, write_related
from modelsync.serving.many import related_keys
from modelsync.serving.paging import PAGE, Rows, can_seek, seek
from modelsync.serving.parts import Part
from modelsync.serving.shortcuts import Step, Values, run
from modelsync.serving.texts import as_text, text_step
from modelsync.spooling import spooling


class TableReader:
    """Reads the pages of a queryset: for each object one line of every level."""

    def __init__(self, part: Part, levels: Sequence[Placed], style: Style) -> None:
        self.part = part
        self.levels = levels
        self.style = style
        self.related = [make_related(placed.level, style, part.using) for placed in levels]
        self.fields = {part.concrete._meta.pk.attname: part.concrete._meta.pk}
        for placed in levels:
            level = placed.level
            self.fields |= {field.attname: field for field in (level.pk, *level.fields)}
        self.places = {attname: place for place, attname in enumerate(self.fields)}
        self.columns: list[Column] = []
        self.texts: dict[Field, Step] = {}
        self.whole = False

    def pages(self) -> Iterator[Page]:
        """The lines, page by page."""
        assert self.part.queryset is not None
        rows = self.part.queryset
        if not rows.query.combinator:  # whose querysets Django lets nobody change
            rows = rows.prefetch_related(None)
        if can_seek(rows):
            self.whole = self.part.is_whole
            self._choose_texts()
            read = seek(rows, lambda page: self._fetch(self._selected(page)), self._key)
        else:
            read = self._stream(self._selected(rows))
        for page in read:
            yield self._lines(page)

    def _choose_texts(self) -> None:
        connection = connections[self.part.using]
        connection.ensure_connection()
        for field in self.fields.values():
            step = text_step(field, self.style, connection)
            if step is not None:
                self.texts[field] = step

    def _selected(self, rows: Rows) -> Any:
        return rows.values_list(
            *(as_text(field) if field in self.texts else name for name, field in self.fields.items())
        )

    def _fetch(self, selected: Any) -> list[Sequence[Any]]:
        compiler = selected.query.get_compiler(selected.db)
        found = list(chain.from_iterable(compiler.execute_sql(MULTI, chunk_size=PAGE)))
        self._prepare(compiler)
        return found

    def _stream(self, selected: Any) -> Iterator[list[Sequence[Any]]]:
        compiler = selected.query.get_compiler(selected.db)
        with spooling(selected.db):
            pages = compiler.execute_sql(MULTI, chunked_fetch=True, chunk_size=PAGE)
        for page in pages:
            self._prepare(compiler)
            yield list(page)

    def _prepare(self, compiler: Any) -> None:
        """Django tells what a query selects, and how it is converted, after it has been run."""
        if self.columns or compiler.select is None:
            return
        expressions = [selected[0] for selected in compiler.select[: compiler.col_count]]
        converters = compiler.get_converters(expressions)
        self.columns = [
            Column(field=field, python=(), wire=(self.texts[field],))
            if field in self.texts
            else make_column(
                field, self.style, self.part.using, converters.get(place, ([],))[0], expressions[place]
            )
            for place, field in enumerate(self.fields.values())
        ]

    def _key(self, row: Sequence[Any]) -> object:
        (key,) = run(self.columns[0].python, [row[0]])
        return key

    def _lines(self, rows: list[Sequence[Any]]) -> Page:
        raw: list[Values] = list(zip(*rows, strict=True))
        lines: Page = []
        for placed, related in zip(self.levels, self.related, strict=True):
            lines += self._level(placed, related, raw)
        return lines

    def _level(self, placed: Placed, related: dict[Any, Any], raw: list[Values]) -> Page:
        level = placed.level
        place = self.places[level.pk.attname]
        keys = self.columns[place].written(raw[place])
        with naming(keys):
            places = [self.places[field.attname] for field in level.fields]
            columns = [self.columns[at].written(raw[at]) for at in places]
        owners = run(self.columns[place].python, raw[place]) if level.many else ()
        many = [
            write_related(related_keys(field, owners, self.part.using, whole=self.whole), steps)
            for field, steps in related.items()
        ]
        return make_lines(placed, keys, columns, many)
