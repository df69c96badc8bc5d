"""Writes that run no user code: for dry runs, which must not call `save()`, signals or setters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import sql
from django.db.models.deletion import Collector

Model = models.Model


def insert(obj: Model, using: str) -> None:
    """Insert one object and, under multi-table inheritance, its parents."""
    model: Any = obj._meta.concrete_model
    if not model._meta.parents:
        type(obj)._base_manager.using(using).bulk_create([obj])
        return
    # Django's own steps of save_base(), which sends the signals around them.
    parts: Any = obj
    parts._save_parents(cls=model, using=using, update_fields=None, force_insert=(model,))
    parts._save_table(cls=model, force_insert=True, using=using)


def update(obj: Model, names: Iterable[str], using: str) -> None:
    """Write these fields of an object, and those that fill themselves (`auto_now`)."""
    values: dict[str, Any] = {}
    for field in obj._meta.concrete_fields:
        if field.name in names or getattr(field, "auto_now", False):
            values[field.attname if field.is_relation else field.name] = field.pre_save(obj, add=False)
    type(obj)._base_manager.using(using).filter(pk=obj.pk).update(**values)


def delete(obj: Model, using: str) -> None:
    """Delete an object and what hangs on it, as `Model.delete()` would, without signals."""
    collector = Collector(using=using, origin=obj)
    collector.collect([obj])
    collector.sort()
    for queryset in collector.fast_deletes:
        queryset._raw_delete(using=using)
    updates: Any = collector.field_updates  # the stubs know an older form of it
    for (field, value), groups in updates.items():
        for group in groups:
            if isinstance(group, models.QuerySet):
                group.update(**{field.name: value})
            else:
                query = sql.UpdateQuery(field.model)
                query.update_batch([i.pk for i in group], {field.name: value}, using)
    for model, instances in collector.data.items():
        sql.DeleteQuery(model).delete_batch([i.pk for i in instances], using)
