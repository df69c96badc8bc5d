"""When the staged way gives the result of row by row, and why not where it does not."""

from __future__ import annotations

from typing import Any

from django.db import models

from modelsync.fields import EditionField
from modelsync.targets.django.context import Context
from modelsync.targets.django.schema import Field
from modelsync.targets.django.shape import Reference, Shape
from modelsync.targets.django.sql import Dialect

_STAGEABLE = frozenset(
    (
        *("AutoField", "BigAutoField", "SmallAutoField", "BooleanField", "CharField", "DateField"),
        *("DateTimeField", "DecimalField", "DurationField", "FileField", "FilePathField", "FloatField"),
        *("GenericIPAddressField", "IntegerField", "BigIntegerField", "SmallIntegerField"),
        *("PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField", "SlugField"),
        *("TextField", "TimeField", "UUIDField", "JSONField", "BinaryField", "ForeignKey", "OneToOneField"),
    )
)


def why_objects(context: Context, shape: Shape, dialect: Dialect | None) -> str | None:
    """Why a shape has to go through objects; None where it may be staged."""
    schema = shape.schema
    if dialect is None:
        return f"{context.connection.vendor} has no staged way"
    if unable := dialect.why_unable():
        return unable
    if schema.is_inherited:
        return f"{schema.label} uses multi-table inheritance"
    if schema.unusual_constraint:
        return f"the constraint {schema.unusual_constraint} is judged row by row"
    if context.full_clean:
        return "full validation needs instances"
    if shape.properties and not context.quiet:
        return f"column {shape.properties[0].name} calls a property"
    return _field_reason(shape) or _match_reason(shape, dialect) or _reference_reason(shape, dialect)


def _field_reason(shape: Shape) -> str | None:
    for field in shape.schema.fields:
        if field.get_internal_type() not in _STAGEABLE or not _is_djangos(type(field).get_db_prep_save):
            return f"field {field.name} is a {type(field).__name__}"
        if not _is_djangos(type(field).pre_save) and not _is_given_edition(shape, field):
            return f"field {field.name} has a pre_save() of its own"
    for column in shape.values:
        if getattr(column.field, "auto_created", False) and column.field.remote_field:
            return f"column {column.name} is a parent link"
    return None


def _is_given_edition(shape: Shape, field: Field) -> bool:
    """Whether a field has a `pre_save()` that does nothing, since all rows say its value."""
    sent = any(column.field is field for column in shape.values)
    return sent and type(field) is EditionField


def _is_djangos(method: Any) -> bool:
    """Whether a field's method is Django's own, wherever Django defines it."""
    return str(method.__module__).startswith("django.db.models.")


def _match_reason(shape: Shape, dialect: Dialect) -> str | None:
    if not shape.match.is_conjunction:
        return f"match expression {str(shape.match)!r}"
    for name in shape.match.names:
        column = shape.value(name)
        if column is None:
            return f"match on {name!r} follows a relation"
        if isinstance(column.field, (models.JSONField, models.BinaryField, models.FloatField)):
            return f"match on {name!r}, a {type(column.field).__name__}"
    return None


def _reference_reason(shape: Shape, dialect: Dialect) -> str | None:
    for reference in shape.references:
        if reference.field is None:
            return f"{reference.name} is no column of {shape.schema.label}"
        if any(lookup.field is None for lookup in reference.lookups):
            return f"{reference.name} is looked up by {reference.lookups[0].path}"
        if isinstance(reference.field, models.OneToOneField) and reference.field.primary_key:
            return f"{reference.name} is the primary key"
        if reference.model._meta.parents and any(
            lookup.field.model._meta.concrete_model is not reference.model._meta.concrete_model  # type: ignore[union-attr]  # checked above
            for lookup in reference.lookups
        ):
            return f"{reference.name} is looked up in a parent table"
        if reference.model._meta.db_table == shape.schema.table and not _is_plain_self(
            shape, reference, dialect
        ):
            return f"{reference.name} refers to its own table by other fields than the match"
    return None


def _is_plain_self(shape: Shape, reference: Reference, dialect: Dialect) -> bool:
    """Whether a reference to the own table looks up exactly the one unique field that rows match on.

    Then a batch cannot change what the lookup finds except by creating it, which `fill_own` handles.
    """
    lookups = reference.lookups
    if len(lookups) != 1 or len(shape.match.names) != 1 or dialect.folds_text or reference.required:
        return False
    column = shape.value(shape.match.names[0])
    field = lookups[0].field
    return column is not None and column.field is field and (field,) in shape.schema.unique_sets
