"""System checks of what is tracked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import FieldDoesNotExist

from modelsync.tracking.registry import REGISTRY


def check_tracking(app_configs: Sequence[Any] | None = None, **_: object) -> list[CheckMessage]:
    """E101: a field that shall count is none of the model's. W101: bulk writes are not seen."""
    return [*_unknown_fields(), *_unseen_writes()]


def _unknown_fields() -> Iterator[CheckMessage]:
    for tracked in REGISTRY:
        for name in sorted(tracked.fields or ()):
            try:
                tracked.model._meta.get_field(name)
            except FieldDoesNotExist:
                known = ", ".join(field.name for field in tracked.model._meta.get_fields())
                yield Error(
                    f"{tracked.label} is tracked by a field {name!r} that it does not have.",
                    hint=f"Its fields are {known}.",
                    obj=tracked.model,
                    id="modelsync.E101",
                )


def _unseen_writes() -> Iterator[CheckMessage]:
    from modelsync.tracking.capture.querysets import TrackedQuerySet

    for tracked in REGISTRY:
        for manager in tracked.model._meta.managers:
            queryset = getattr(manager, "_queryset_class", None)
            if not (isinstance(queryset, type) and issubclass(queryset, TrackedQuerySet)):
                name = manager.name
                yield CheckWarning(
                    f"{tracked.label} is tracked, but what `{name}.update()` and `{name}.bulk_create()` "
                    f"write is not captured.",
                    hint=f"Say `{name} = TrackedManager()` in the model, derive your own manager from it or "
                    f"your queryset from TrackedQuerySet (modelsync.tracking), or run tracking_scan often.",
                    obj=tracked.model,
                    id="modelsync.W101",
                )
