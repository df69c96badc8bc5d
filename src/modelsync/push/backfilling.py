"""A new application gets everything that is there.

Its deliveries are added in the order of primary keys, some at a time. What changes meanwhile is delivered
anyway, and the state that is sent is read when it is sent: so nobody has to wait for the backfill.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from modelsync.push.applications import Application
from modelsync.push.jobs import JobChange
from modelsync.push.queueing import add_missing
from modelsync.tracking.log import append
from modelsync.tracking.models import Change, Ledger
from modelsync.tracking.registry import REGISTRY, Tracked
from modelsync.tracking.sequencing import hold
from modelsync.tracking.states import key_of

#: Objects of one step.
_CHUNK: Final = 1_000
_CHANGE: Final = JobChange.CHANGE_TYPES.CREATE_OR_UPDATE


def backfill(application: Application, using: str, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Go on with the backfill of an application until it is done, or somebody stops it."""
    while application.backfill is not None and not is_stopping():
        with transaction.atomic(using=using):
            hold(using)  # no version rises meanwhile
            application.backfill = _step(application, using)


def _step(application: Application, using: str) -> list[str] | None:
    rows = Application.objects.using(using).filter(pk=application.pk)
    place = rows.select_for_update().values_list("backfill", flat=True).get()
    if place is None:
        return None
    tracked = _model_at(place)
    keys = _keys(tracked, place, using) if tracked else []
    if tracked:
        _add(application, tracked, keys, using)
        _add_leaving(application, tracked, using)
    place = _next(tracked, keys)
    rows.update(backfill=place)
    return place


def _models() -> list[Tracked]:
    return sorted(REGISTRY, key=lambda each: each.label)


def _model_at(place: list[str]) -> Tracked | None:
    """The model to go on with, of a place: nothing, or a label and the last key, if there was one."""
    label = place[0] if place else ""
    return next((each for each in _models() if each.label >= label), None)


def _next(tracked: Tracked | None, keys: list[Any]) -> list[str] | None:
    if tracked is None:
        return None
    if len(keys) == _CHUNK:
        return [tracked.label, key_of(keys[-1])]
    following = next((each.label for each in _models() if each.label > tracked.label), None)
    return None if following is None else [following]


def _keys(tracked: Tracked, place: list[str], using: str) -> list[Any]:
    rows = tracked.model._base_manager.using(using).order_by("pk")
    if len(place) == 2 and place[0] == tracked.label:
        rows = rows.filter(pk__gt=tracked.model._meta.pk.to_python(place[1]))
    return list(rows.values_list("pk", flat=True)[:_CHUNK])


def _add(application: Application, tracked: Tracked, keys: list[Any], using: str) -> None:
    """Have these objects delivered; those that the ledger does not know get their versions first."""
    texts = [key_of(key) for key in keys]
    known = Ledger.objects.using(using).filter(model=tracked.label, object_pk__in=texts, deleted=False)
    versions = dict(known.values_list("object_pk", "version"))
    add_missing(tracked.label, versions, _CHANGE, [application], using)
    unknown = [key for key, text in zip(keys, texts, strict=True) if text not in versions]
    if unknown:
        append(tracked, unknown, Change.Op.UPSERT, using)


def _add_leaving(application: Application, tracked: Tracked, using: str) -> None:
    """Also those that are gone and that the ledger has: made again as they were, they have no change."""
    pending = Change.objects.using(using).filter(
        Q(op=Change.Op.DELETE) | Q(object_pk=""), model=tracked.label
    )
    keys = set(pending.values_list("object_pk", flat=True))
    there = Ledger.objects.using(using).filter(model=tracked.label, deleted=False)
    if "" in keys:  # any of them
        keys = set(there.values_list("object_pk", flat=True))
    wanted = sorted(keys)
    for start in range(0, len(wanted), _CHUNK):
        some = there.filter(object_pk__in=wanted[start : start + _CHUNK])
        versions = dict(some.values_list("object_pk", "version"))
        add_missing(tracked.label, versions, _CHANGE, [application], using)
