"""Feeds: sources with where they go, made from what users write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from os import PathLike
from typing import Any

from django.apps import apps
from django.db import models, router

from modelsync.core.errors import ConfigurationError
from modelsync.core.mapping import ColumnMapping
from modelsync.core.ports import Extent, Source
from modelsync.core.records import EVERYTHING, Action, Batch, Cursor, Match
from modelsync.formats import Reading
from modelsync.sources import FileSource, IterableSource, find_files
from modelsync.sources.batches import DEFAULT_ROWS

Model = type[models.Model]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One source with where it goes: the model, the external system's name, how to read its columns."""

    source: Source
    model: Model
    system: str | None = None
    mapping: ColumnMapping = field(default_factory=ColumnMapping)
    name: str = ""


def feeds_of(
    source: object,
    model: Model,
    *,
    system: str | None,
    mapping: ColumnMapping,
    batch_rows: int = DEFAULT_ROWS,
    format: str | None = None,  # noqa: A002  # the field's word
    reading: Reading | None = None,
) -> list[Feed]:
    """The feeds of what a user gives as a source: one for each file, or one for what is no file."""
    label = model._meta.label
    sources: list[Source]
    if isinstance(source, (str, PathLike)):
        sources = [
            FileSource(
                path, model=label, system=system, format=format, reading=reading, batch_rows=batch_rows
            )
            for path in find_files([source])
        ]
    elif hasattr(source, "read") and hasattr(source, "extent"):
        sources = [_Addressed(source, label, system)]
    else:
        sources = [IterableSource(source, model=label, system=system, batch_rows=batch_rows)]
    return [
        Feed(
            source=each,
            model=model,
            system=system,
            mapping=mapping,
            name=each.name if isinstance(each, FileSource) else label,
        )
        for each in sources
    ]


def make_mapping(
    *,
    match_on: Sequence[str] | str = (),
    actions: str = "cu",
    key_column: str | None = None,
    rename: Mapping[str, str] | None = None,
    has_system: bool = True,
) -> ColumnMapping:
    """A ColumnMapping from what users write; raises ConfigurationError."""
    text = match_on if isinstance(match_on, str) else " ".join(match_on)
    try:
        match, action = Match.parse(text), Action.parse(actions)
    except Exception as error:
        raise ConfigurationError(str(error)) from error
    if not action & EVERYTHING:
        raise ConfigurationError(f"the actions {actions!r} name none of c, u and d")
    if key_column and not has_system:
        raise ConfigurationError("a key column needs a system that the keys belong to")
    extra = {"key_column": key_column} if key_column else {}
    return ColumnMapping(
        match_on=match, actions=action, rename=dict(rename or {}), has_system=has_system, **extra
    )


def find_model(label: str) -> Model:
    """The model of a label `app.Model`; raises ConfigurationError that names the nearest."""
    app_label, _, name = label.partition(".")
    try:
        return apps.get_model(app_label, name)
    except (LookupError, ValueError) as error:
        known = [model._meta.label for model in apps.get_models()]
        lowered = {each.lower(): each for each in known}
        close = get_close_matches(label.lower(), lowered, n=1, cutoff=0.4)
        hint = f"; did you mean {lowered[close[0]]}?" if close else f"; the models are {', '.join(known)}"
        raise ConfigurationError(f"there is no model {label!r}{hint}") from error


class _Addressed:
    """A user's own source, whose batches need not say which model and system they are for."""

    def __init__(self, source: Source, model: str, system: str | None) -> None:
        self.source = source
        self.model = model
        self.system = system

    @property
    def extent(self) -> Extent:
        return self.source.extent

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        for batch in self.source.read(after):
            yield replace(batch, model=self.model, system=self.system)

    def __getattr__(self, name: str) -> Any:
        """`columns`, `fraction`, `notes`: what a source may have besides."""
        return getattr(self.source, name)


def write_database(model: Model) -> str:
    """The alias of the database that the routers write a model to."""
    return router.db_for_write(model)
