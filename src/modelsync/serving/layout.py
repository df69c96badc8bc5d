"""What the lines of a model hold: its own fields and relations, without what is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db import models

from modelsync.core.errors import ConfigurationError
from modelsync.formats.wire import ModelHeader
from modelsync.kinds import Kind, kind_of
from modelsync.serving.hiding import Field, Hiding

Many: TypeAlias = "models.ManyToManyField[Any, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How objects are written: what is hidden, and where natural keys stand for primary keys."""

    hiding: Hiding
    natural_foreign: bool = False
    natural_primary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One line of an object: an object of a multi-table child has one for each of its parents, too."""

    model: type[models.Model]
    fields: tuple[Field, ...]
    many: tuple[Many, ...]
    keyed: bool

    @property
    def pk(self) -> Field:
        """The primary key field."""
        return self.model._meta.pk

    @property
    def needs_instances(self) -> bool:
        """Whether a field can be written by its own `value_to_string()` only."""
        return any(kind_of(field) is Kind.OTHER for field in (self.pk, *self.fields))

    def header(self, *, implied: bool) -> ModelHeader:
        """What the stream's header says of it."""
        return ModelHeader(
            model=self.model._meta.label_lower,
            fields=tuple(field.name for field in self.fields),
            many=tuple(field.name for field in self.many),
            implied=implied,
        )


def make_level(model: type[models.Model], style: Style) -> Level:
    """The level of a model, with the fields that Django's serializers write but generated ones."""
    options = model._meta
    if isinstance(options.pk, getattr(models, "CompositePrimaryKey", ())):
        raise ConfigurationError(f"{options.label} has a composite primary key, which no route serves yet")
    keyed = not (style.natural_primary and hasattr(model, "natural_key"))
    link = options.pk if is_parent_link(options.pk) and style.natural_primary else None
    shows = style.hiding.shows
    return Level(
        model=model,
        fields=tuple(
            field
            for field in options.local_concrete_fields
            if (_is_serialized(field) or field is link)
            and not getattr(field, "generated", False)
            and shows(field)
        ),
        many=tuple(
            field
            for field in options.local_many_to_many
            if _is_serialized(field) and _is_simple(field) and shows(field)
        ),
        keyed=keyed,
    )


def parents_of(model: type[models.Model]) -> list[type[models.Model]]:
    """The concrete models that a multi-table child inherits from, the root first."""
    found: dict[type[models.Model], None] = {}
    for parent in model._meta.parents:
        concrete = parent._meta.concrete_model
        if concrete is not None and concrete is not model._meta.concrete_model:
            found |= dict.fromkeys([*parents_of(concrete), concrete])
    return list(found)


def is_parent_link(field: Field) -> bool:
    """Whether it leads to the object's own part that a parent model holds (multi-table inheritance)."""
    return isinstance(field, models.OneToOneField) and field.remote_field.parent_link


def _is_serialized(field: Field | Many) -> bool:
    return bool(getattr(field, "serialize", True))


def _is_simple(field: Many) -> bool:
    """Whether nobody wrote a model for the relation, which would be served by itself."""
    through = field.remote_field.through
    return through is not None and bool(through._meta.auto_created)
