"""The shape of a batch: what each of its columns means for the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import models

from modelsync.core.records import Match
from modelsync.targets.django.converters import Converter
from modelsync.targets.django.schema import Field, ForeignKey, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueColumn:
    """A column that holds a field's value. `index` is its place among the batch's data columns."""

    index: int
    name: str
    field: Field
    converter: Converter

    @property
    def attname(self) -> str:
        """The attribute of an instance that holds it."""
        return self.field.attname


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One column of a reference: the lookup on the related model that it gives the value of.

    `field` and `converter` are None for a lookup that only the ORM can follow.
    """

    index: int
    column: str
    path: str
    field: Field | None
    converter: Converter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """All columns of one relation: `operator` is '' or, for many-to-many, one of `+ - =`."""

    name: str
    relation: Any
    model: type[models.Model]
    lookups: tuple[Lookup, ...]
    operator: str = ""

    @property
    def field(self) -> ForeignKey | None:
        """The foreign key of this model that it sets; None for reverse and many-to-many relations."""
        is_forward = isinstance(self.relation, models.ForeignKey)
        return self.relation if is_forward else None

    @property
    def required(self) -> bool:
        """Whether a new object cannot be without it."""
        return self.field is not None and not self.field.null and not self.field.has_default()


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyColumn:
    """A column that calls a property's setter."""

    index: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Everything that a batch's columns mean. `unknown` are (column, warning) pairs."""

    schema: Schema
    match: Match
    values: tuple[ValueColumn, ...]
    references: tuple[Reference, ...]
    properties: tuple[PropertyColumn, ...]
    paths: dict[str, int] = field(default_factory=dict)
    unknown: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> ValueColumn | None:
        """The value column of that name."""
        return next((c for c in self.values if c.name == name), None)
