"""Relations that are not a column of the row's own table: reverse and many-to-many."""

from __future__ import annotations

from typing import Any

from django.db import models

from modelsync.targets.django.shape import Reference

Model = models.Model


def relate(
    obj: Model, reference: Reference, target: object, *, forced: bool, using: str, quiet: bool
) -> bool:
    """Bring a reverse or many-to-many relation of `obj` to what a record says; whether it changed.

    `target` is the primary key of the related object. Unforced, a relation that holds something is
    left alone (docs/explanation/semantics.md).
    """
    if reference.relation.many_to_many:
        return _many_to_many(obj, reference, target, forced=forced, using=using, quiet=quiet)
    return _reverse(obj, reference, target, forced=forced, using=using, quiet=quiet)


def _reverse(
    obj: Model, reference: Reference, target: object, *, forced: bool, using: str, quiet: bool
) -> bool:
    field = reference.relation.field
    related = reference.model._base_manager.using(using)
    key = getattr(obj, field.target_field.attname)
    mine = related.filter(**{field.attname: key})
    if mine.filter(pk=target).exists() or (not forced and mine.exists()):
        return False
    if field.unique:
        for old in mine:
            _point(old, field, None, using=using, quiet=quiet)
    _point(related.get(pk=target), field, key, using=using, quiet=quiet)
    return True


def _point(related: Model, field: Any, key: object, *, using: str, quiet: bool) -> None:
    setattr(related, field.attname, key)
    if quiet:
        type(related)._base_manager.using(using).filter(pk=related.pk).update(**{field.attname: key})
    else:
        related.save(using=using)


def _many_to_many(
    obj: Model, reference: Reference, target: object, *, forced: bool, using: str, quiet: bool
) -> bool:
    relation = reference.relation
    field = getattr(relation, "field", relation) if relation.auto_created else relation
    near, far = field.m2m_field_name(), field.m2m_reverse_field_name()
    if relation.auto_created:
        near, far = far, near
    through = field.remote_field.through
    links = through._base_manager.using(using)
    mine = links.filter(**{near: obj.pk})
    present = set(mine.values_list(far, flat=True))
    if reference.operator == "-":
        add, remove = set(), ({target} & present if forced else set())
    elif not forced and present:
        return False
    else:
        add = {target} - present
        remove = present - {target} if reference.operator == "=" else set()
    if not add and not remove:
        return False
    if quiet or not through._meta.auto_created:
        mine.filter(**{f"{far}__in": remove}).delete() if not quiet else mine.filter(
            **{f"{far}__in": remove}
        )._raw_delete(using)
        for pk in add:
            link = through(**{_attname(through, near): obj.pk, _attname(through, far): pk})
            links.bulk_create([link]) if quiet else link.save(using=using)
        return True
    accessor = relation.get_accessor_name() if relation.auto_created else relation.name
    manager = getattr(obj, accessor)
    if remove:
        manager.db_manager(using).remove(*remove)
    if add:
        manager.db_manager(using).add(*add)
    return True


def _attname(model: type[Model], name: str) -> str:
    return model._meta.get_field(name).attname  # type: ignore[union-attr]  # a foreign key
