"""Giving an object a row's values, as far as the row may replace what is there."""

from __future__ import annotations

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from modelsync.core.errors import RecordError
from modelsync.core.records import OMITTED
from modelsync.targets.django.converters.scalars import JSON_NULL
from modelsync.targets.django.faults import name_error
from modelsync.targets.django.objects.finder import plain_value
from modelsync.targets.django.objects.row import Model, Postponed, Row
from modelsync.targets.django.schema import Field, stamps_itself, target_of
from modelsync.targets.django.shape import ValueColumn


def set_values(row: Row, obj: Model, *, forced: bool, new: bool) -> None:
    """Set the row's values; raises RecordError for one that must not be, Postponed for one that
    cannot be yet.
    """
    for column in row.shape.values:
        value = row.value(column.index)
        if value is OMITTED:
            continue
        current = plain_value(column.field, getattr(obj, column.attname))
        if current is None and not new and isinstance(column.field, models.JSONField):
            current = _which_null(row, obj, column.field)
        if column.field.primary_key and not _takes_key(column, current, value, new=new):
            continue
        if not forced and not is_empty(current):
            continue
        if same(column.field, current, value) or not _may_refer(row, column, value):
            continue
        row.changes[column.field.name] = (None if new else current, value)
        setattr(obj, column.attname, value)
    if not row.context.quiet:
        for extra in row.shape.properties:
            _set_property(row, obj, extra.name, row.value(extra.index), forced=forced)


def close_circle(row: Row, obj: Model, *, forced: bool) -> None:
    """Set the plain foreign keys that were left out of a circle; postpones what still lacks one."""
    for column in row.shape.values:
        value = row.value(column.index)
        if not isinstance(column.field, models.ForeignKey) or value in (None, OMITTED):
            continue
        current = getattr(obj, column.attname)
        if current != value and (forced or current is None):
            _demand_target(row, column, value)
            row.changes[column.field.name] = (current, value)
            setattr(obj, column.attname, value)


def demand_required(row: Row, obj: Model) -> None:
    """Refuse a new object that lacks a value without which it cannot be."""
    for field in row.shape.schema.fields:
        value = getattr(obj, field.attname)
        if value is None and not field.null and not _fills_itself(field):
            raise RecordError(f"a new {row.shape.schema.label} needs {field.name}", column=field.name)


def is_empty(value: object) -> bool:
    """NULL, or '' in a text field."""
    return value is None or (value == "" and isinstance(value, str))


def same(field: Field, current: object, value: object) -> bool:
    """Whether two values of a field are the same to a database."""
    if isinstance(field, models.JSONField):
        return _canonical(current) == _canonical(value)
    if type(current) is bool or type(value) is bool:
        return current is value
    return current == value


def _which_null(row: Row, obj: Model, field: Field) -> object:
    """The null that a JSON column holds: Django reads SQL's and JSON's alike."""
    holds = {"pk": obj.pk, f"{field.name}__isnull": False}
    found = type(obj)._base_manager.using(row.context.using).filter(**holds).exists()
    return JSON_NULL if found else None


def _takes_key(column: ValueColumn, current: object, value: object, *, new: bool) -> bool:
    """Whether an object is given its primary key; refuses to give it another one."""
    if new or value is None or value == current:
        return new and value is not None
    raise RecordError(
        f"the object's primary key is {current}, and a primary key never changes",
        column=column.name,
        value=value,
    )


def _may_refer(row: Row, column: ValueColumn, value: object) -> bool:
    """Whether a value may be set now. A record in a circle leaves out what is not there yet."""
    try:
        _demand_target(row, column, value)
    except Postponed:
        if row.group.in_circle and column.field.null:
            return False
        raise
    return True


def _demand_target(row: Row, column: ValueColumn, value: object) -> None:
    """Postpone a record whose plain foreign key names an object that is not there (yet)."""
    field = column.field
    if not isinstance(field, models.ForeignKey) or value is None:
        return
    related, target = field.related_model, target_of(field)
    if not related._base_manager.using(row.context.using).filter(**{target.attname: value}).exists():
        reason = f"there is no {related._meta.label} with {target.name} {value!r}"
        raise Postponed(RecordError(reason, column=column.name, value=value))


def _set_property(row: Row, obj: Model, name: str, value: object, *, forced: bool) -> None:
    """Call a setter, unless the property says that it has the value, or must keep what it has."""
    current = getattr(obj, name, None)
    if value is OMITTED or current == value or not (forced or current in (None, "")):
        return
    row.has_set = True
    try:
        setattr(obj, name, value)
    except Exception as error:  # user code: whatever it raises is this row's rejection
        raise RecordError(f"its setter failed: {name_error(error)}", column=name, value=value) from error


def _canonical(value: object) -> str:
    if hasattr(value, "value") and not isinstance(value, (str, int, float, dict, list)):
        return "JSON null"
    if value is None:
        return "SQL NULL"
    return json.dumps(value, sort_keys=True, cls=DjangoJSONEncoder)


def _fills_itself(field: Field) -> bool:
    """Whether a NULL in a new object is filled by the database or on saving."""
    return (
        isinstance(field, models.AutoField)
        or stamps_itself(field)
        or not type(field).pre_save.__module__.startswith("django.db.models.")
        or bool(getattr(field.remote_field, "parent_link", False))
    )
