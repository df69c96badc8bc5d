"""Capture by Django's signals: `save()`, `delete()` with its cascades, and many-to-many relations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.signals import class_prepared, m2m_changed, post_delete, post_save, pre_delete

from modelsync.tracking.capture.atomic import save_atomically
from modelsync.tracking.registry import Tracked
from modelsync.tracking.states import is_simple


def listen(tracked: Tracked) -> None:
    """Capture the writes of a model from now on, also those through models that inherit from it."""
    saves, relations = _Objects(tracked), _Relations(tracked)
    save_atomically(tracked.model)

    def connect(model: type[models.Model]) -> None:
        if issubclass(model, tracked.model):
            post_save.connect(saves.saved, sender=model, weak=False, dispatch_uid=tracked.label)
        if model._meta.concrete_model is tracked.model:  # of what inherits, Django deletes this part, too
            post_delete.connect(saves.deleted, sender=model, weak=False, dispatch_uid=tracked.label)

    for model in apps.get_models(include_auto_created=True):
        connect(model)
    class_prepared.connect(lambda sender, **_: connect(sender), weak=False)
    for field in tracked.model._meta.local_concrete_fields:
        if isinstance(field, models.ForeignKey) and tracked.concerns(frozenset([field.name])):
            saves.follow(field)
    for relation in tracked.model._meta.many_to_many:
        if is_simple(relation) and tracked.concerns(frozenset([relation.name])):
            relations.connect(relation)


class _Objects:
    def __init__(self, tracked: Tracked) -> None:
        self.tracked = tracked

    def saved(self, instance: Any, using: str, update_fields: Iterable[str] | None, **_: object) -> None:
        """A row was written."""
        from modelsync.tracking.log import append
        from modelsync.tracking.models import Change

        names = None if update_fields is None else frozenset(update_fields)
        if self.tracked.concerns(names):
            append(self.tracked, [self._key(instance)], Change.Op.UPSERT, using, names)

    def deleted(self, instance: Any, using: str, **_: object) -> None:
        """A row is gone."""
        from modelsync.tracking.log import append
        from modelsync.tracking.models import Change

        append(self.tracked, [self._key(instance)], Change.Op.DELETE, using)

    def follow(self, reference: models.ForeignKey[Any, Any]) -> None:
        """Capture what happens to objects when that which they name goes, and they stay."""
        rule = reference.remote_field.on_delete
        if rule in (models.CASCADE, models.PROTECT, models.RESTRICT, models.DO_NOTHING):
            return

        def going(instance: Any, using: str, **_: object) -> None:
            from modelsync.tracking.log import append
            from modelsync.tracking.models import Change

            rows = self.tracked.model._base_manager.using(using).filter(**{reference.name: instance})
            names = frozenset([reference.name])
            append(self.tracked, rows.values_list("pk", flat=True), Change.Op.UPSERT, using, names)

        uid = f"{self.tracked.label}.{reference.name}"
        pre_delete.connect(going, sender=reference.remote_field.model, weak=False, dispatch_uid=uid)

    def _key(self, instance: Any) -> object:
        return getattr(instance, self.tracked.model._meta.pk.attname)


class _Relations:
    def __init__(self, tracked: Tracked) -> None:
        self.tracked = tracked

    def connect(self, relation: models.ManyToManyField[Any, Any]) -> None:
        """Capture the changes of one relation: whoever names something else than before has changed."""

        def changed(instance: Any, action: str, reverse: bool, pk_set: Any, using: str, **_: object) -> None:
            from modelsync.tracking.log import append
            from modelsync.tracking.models import Change

            holders = set(_holders(relation, instance, action, reverse, pk_set, using))
            append(self.tracked, holders, Change.Op.UPSERT, using, frozenset([relation.name]))

        through = relation.remote_field.through
        uid = f"{self.tracked.label}.{relation.name}"
        m2m_changed.connect(changed, sender=through, weak=False, dispatch_uid=uid)


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
