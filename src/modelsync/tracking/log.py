"""Appending to the log of changes, in the transaction that makes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import local

from django.db import transaction
from django.utils import timezone

from modelsync.tracking.models import Change
from modelsync.tracking.registry import Tracked
from modelsync.tracking.states import key_of
from modelsync.tracking.waking import wake


class _Gathering(local):
    """What this thread has not appended yet, by database; no entry where it does so at once."""

    def __init__(self) -> None:
        self.changes: dict[str, list[Change]] = {}


_GATHERING = _Gathering()


def append(
    tracked: Tracked, keys: Iterable[object], op: Change.Op, using: str, names: frozenset[str] | None = None
) -> None:
    """Log a write of the objects with these primary keys; `names` are the fields that were written.

    One statement, whatever the number of objects, as far as the database takes that many parameters.
    """
    now, fields = timezone.now(), " ".join(sorted(names or ()))
    changes = [
        Change(model=tracked.label, object_pk=key_of(key), op=op, changed_fields=fields, created_at=now)
        for key in keys
    ]
    if using in _GATHERING.changes:
        _GATHERING.changes[using] += changes
    else:
        _append(changes, using)


def append_unknown(tracked: Tracked, using: str) -> None:
    """Log that any of a model's objects may have been written."""
    append(tracked, [""], Change.Op.UPSERT, using)


@contextmanager
def gathering(using: str) -> Iterator[None]:
    """In one transaction, and by one statement at its end, append what is appended within."""
    if using in _GATHERING.changes:
        yield
        return
    with transaction.atomic(using=using, savepoint=False):
        changes = _GATHERING.changes[using] = []
        try:
            yield
        finally:
            del _GATHERING.changes[using]
        _append(changes, using)


def _append(changes: list[Change], using: str) -> None:
    if changes:
        with transaction.atomic(using=using, savepoint=False):
            Change.objects.using(using).bulk_create(changes)
            wake(using)
