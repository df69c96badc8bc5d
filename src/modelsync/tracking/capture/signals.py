"""Capture by Django's signals: `save()`, `delete()` with its cascades, and many-to-many relations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.signals import class_prepared, m2m_changed, post_delete, post_save, pre_delete

from modelsync.tracking.capture.atomic import delete_together, save_atomically, wake_afterwards
from modelsync.tracking.capture.leaving import note
from modelsync.tracking.registry import REGISTRY, Model, Tracked
from modelsync.tracking.states import is_simple

#: The tracked models that a relation counts for, by the table of the relation.
_HOLDERS: defaultdict[Any, dict[Tracked, models.ManyToManyField[Any, Any]]] = defaultdict(dict)


def listen(tracked: Tracked) -> None:
    """Capture the writes of a model from now on, also those through models that inherit from it."""
    for relation in tracked.model._meta.many_to_many:
        if is_simple(relation) and tracked.concerns(frozenset([relation.name])):
            _HOLDERS[relation.remote_field.through][tracked] = relation
            m2m_changed.connect(related, sender=relation.remote_field.through, dispatch_uid="modelsync")
    for model in (tracked.model, *tracked.ancestors):
        if tracked.is_triggered:
            wake_afterwards(model)
        else:
            save_atomically(model)
            delete_together(model)
    if not tracked.is_triggered:
        _listen(tracked)


def _listen(tracked: Tracked) -> None:
    def connect(model: Model) -> None:
        concrete = model._meta.concrete_model
        if issubclass(model, tracked.model) or concrete in tracked.ancestors:
            post_save.connect(saved, sender=model, dispatch_uid="modelsync")
        if concrete is tracked.model:  # of what inherits, Django deletes this part, too
            post_delete.connect(deleted, sender=model, dispatch_uid="modelsync")

    _each_model(connect)
    for field in (*tracked.model._meta.concrete_fields, *tracked.model._meta.many_to_many):
        if tracked.concerns(frozenset([field.name])) and _stays(field):
            _follow(tracked, field)


def saved(sender: Model, instance: Any, using: str, update_fields: Iterable[str] | None, **_: object) -> None:
    """A row was written."""
    from modelsync.tracking.capture.fused import is_captured
    from modelsync.tracking.log import append, append_parts, gathering
    from modelsync.tracking.models import Change
    from modelsync.tracking.waking import wake

    if is_captured(instance):
        wake(using)
        return
    names = None if update_fields is None else frozenset(update_fields)
    whole = [each for each in REGISTRY.within(sender) if each.concerns(names) and not each.is_triggered]
    if len(whole) == 1:
        append(whole[0], [_key(whole[0], instance)], Change.Op.UPSERT, using, names)
    elif whole:
        with gathering(using):
            for each in whole:
                append(each, [_key(each, instance)], Change.Op.UPSERT, using, names)
    for each in REGISTRY.beyond(sender):
        if each not in whole and each.concerns(names):
            append_parts(each, sender, [instance.pk], using)


def deleted(sender: Model, instance: Any, using: str, **_: object) -> None:
    """A row is gone."""
    from modelsync.tracking.log import append
    from modelsync.tracking.models import Change

    for each in REGISTRY.within(sender):
        if each.model is sender._meta.concrete_model:
            append(each, [_key(each, instance)], Change.Op.DELETE, using)


def related(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: Any, using: str, **_: object
) -> None:
    """A many-to-many relation changes: whoever names something else than before has changed."""
    from modelsync.tracking.log import append, append_parts
    from modelsync.tracking.models import Change

    for tracked, relation in _HOLDERS[sender].items():
        keys = (
            set()
            if tracked.is_triggered
            else set(_holders(relation, instance, action, reverse, pk_set, using))
        )
        if relation.model is tracked.model:
            append(tracked, keys, Change.Op.UPSERT, using, frozenset([relation.name]))
        else:
            append_parts(tracked, relation.model, keys, using)


def _key(tracked: Tracked, instance: Any) -> object:
    return getattr(instance, tracked.model._meta.pk.attname)


def _each_model(connect: Callable[[Model], None]) -> None:
    """Those that are there, and those that will be."""
    for model in apps.get_models(include_auto_created=True):
        connect(model)
    class_prepared.connect(lambda sender, **_: connect(sender), weak=False)


def _stays(field: Any) -> bool:
    """Whether objects stay, changed, when what this field names is deleted."""
    if field.many_to_many:
        return is_simple(field)
    leaves = (models.CASCADE, models.PROTECT, models.RESTRICT, models.DO_NOTHING)
    return isinstance(field, models.ForeignKey) and field.remote_field.on_delete not in leaves


def _follow(tracked: Tracked, field: Any) -> None:
    """Capture what happens to objects when that which they name goes, and they stay."""

    def going(instance: Any, using: str, **_: object) -> None:
        note(tracked, field.name, instance, using)

    def connect(model: Model) -> None:
        if model._meta.concrete_model is named or model is named:
            pre_delete.connect(going, sender=model, weak=False, dispatch_uid=uid)

    uid, named = f"modelsync.{tracked.label}.{field.name}", field.remote_field.model
    if isinstance(named, str):  # it is not there yet; nor are its proxies
        pre_delete.connect(going, sender=named, weak=False, dispatch_uid=uid)
    else:
        _each_model(connect)


def _holders(
    relation: Any, instance: Any, action: str, reverse: bool, pk_set: Any, using: str
) -> Iterator[object]:
    """The keys of the objects whose relation changes."""
    is_both = bool(getattr(relation.remote_field, "symmetrical", False))
    if action in ("post_add", "post_remove") and pk_set:
        if not reverse or is_both:
            yield instance.pk
        if reverse or is_both:
            yield from pk_set
    elif action == "pre_clear":
        if not reverse or is_both:
            yield instance.pk
        if reverse or is_both:
            through = relation.remote_field.through
            holder, named = relation.m2m_field_name(), relation.m2m_reverse_field_name()
            pairs = through._base_manager.using(using).filter(**{named: instance.pk})
            yield from pairs.values_list(through._meta.get_field(holder).attname, flat=True)
