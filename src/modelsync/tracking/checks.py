"""System checks of what is tracked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models, router

from modelsync.tracking.registry import REGISTRY, Model, Tracked

_SCAN = "or run tracking_scan often"


def check_tracking(app_configs: Sequence[Any] | None = None, **_: object) -> list[CheckMessage]:
    """E101: a field that shall count is none of the model's. E102: triggers, and no PostgreSQL.

    What would be written unseen. W101: through a manager. W102: by a related manager. E104: by the database.
    """
    seen = [each for each in REGISTRY if not each.is_triggered]
    return [
        *_unknown_fields(),
        *_impossible_triggers(),
        *_unseen_managers(seen),
        *_unseen_base_managers(seen),
        *_unseen_cascades(seen),
    ]


def check_triggers(
    app_configs: Sequence[Any] | None = None, databases: Sequence[str] | None = None, **_: object
) -> list[CheckMessage]:
    """W103: the triggers of a database are not those that the tracked models want."""
    if not any(each.is_triggered for each in REGISTRY):
        return []
    return [
        message
        for alias in databases or ()
        if connections[alias].vendor == "postgresql"
        for message in _differences(alias)
    ]


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


def _impossible_triggers() -> Iterator[CheckMessage]:
    for tracked in REGISTRY:
        alias = router.db_for_write(tracked.model)
        if tracked.is_triggered and connections[alias].vendor != "postgresql":
            yield Error(
                f"{tracked.label} is tracked with capture='trigger', which needs PostgreSQL; its database "
                f"{alias!r} is {connections[alias].display_name}. Nothing that is written there is captured.",
                hint="Track it with capture='orm'.",
                obj=tracked.model,
                id="modelsync.E102",
            )


def _unseen_managers(seen: Sequence[Tracked]) -> Iterator[CheckMessage]:
    """Of the model, of those that inherit from it or stand for it, and of those that it inherits from."""
    asked = {
        model: None
        for tracked in seen
        for model in (tracked.model, *_heirs(tracked.model), *_counted_ancestors(tracked))
    }
    for model in asked:
        for manager in model._meta.managers:
            if not _sees(manager):
                label, name = model._meta.label, manager.name
                yield CheckWarning(
                    f"{label} is tracked, but what `{name}.update()` and `{name}.bulk_create()` "
                    f"write is not captured.",
                    hint=f"Say `{name} = TrackedManager()` in the model, derive your own manager from it or "
                    f"your queryset from TrackedQuerySet (modelsync.tracking), {_SCAN}.",
                    obj=model,
                    id="modelsync.W101",
                )


def _unseen_base_managers(seen: Sequence[Tracked]) -> Iterator[CheckMessage]:
    asked = {model: None for tracked in seen for model in (tracked.model, *_counted_ancestors(tracked))}
    for model in asked:
        names = [field.name for field in model._meta.local_fields if _is_named_from_afar(field)]
        if names and not _sees(model._base_manager):
            yield CheckWarning(
                f"{model._meta.label} is tracked, but what related managers write to {', '.join(names)} by "
                f"`add()` is not captured: they write through its base manager.",
                hint=f"Say `base_manager_name = ...` in its Meta, with a TrackedManager's name, {_SCAN}.",
                obj=model,
                id="modelsync.W102",
            )


def _unseen_cascades(seen: Sequence[Tracked]) -> Iterator[CheckMessage]:
    kinds = tuple({type(getattr(models, name)) for name in dir(models) if name.startswith("DB_")})
    for tracked in seen:
        for field in tracked.model._meta.concrete_fields:
            rule = getattr(field.remote_field, "on_delete", None)
            if kinds and isinstance(rule, kinds):
                yield Error(
                    f"{tracked.label} is tracked, but what the database does to it by itself because of "
                    f"`{field.name}` (on_delete={rule}) is not captured.",
                    hint=f"Use the rule of Django ({str(rule).removeprefix('DB_')}), or capture='trigger' on "
                    f"PostgreSQL, {_SCAN}.",
                    obj=tracked.model,
                    id="modelsync.E104",
                )


def _differences(alias: str) -> Iterator[CheckMessage]:
    from modelsync.tracking.capture.triggers import difference

    found = difference(alias)
    said = [f"missing or outdated on {', '.join(found.missing)}"] if found.missing else []
    said += [f"no longer wanted: {', '.join(found.superfluous)}"] if found.superfluous else []
    said += [f"disabled: {', '.join(found.disabled)}"] if found.disabled else []
    if said:
        yield CheckWarning(
            f"The triggers that capture changes in database {alias!r} are not what they should be: "
            f"{'; '.join(said)}.",
            hint="Run `manage.py migrate`, which installs what is missing and drops what is not wanted, and "
            "then `manage.py tracking_scan`. Enable what is disabled by ALTER TABLE ... ENABLE TRIGGER.",
            id="modelsync.W103",
        )


def _sees(manager: Any) -> bool:
    from modelsync.tracking.capture.querysets import TrackedQuerySet

    queryset = getattr(manager, "_queryset_class", None)
    return isinstance(queryset, type) and issubclass(queryset, TrackedQuerySet)


def _heirs(model: Model) -> list[Model]:
    return [each for each in apps.get_models() if issubclass(each, model)]


def _counted_ancestors(tracked: Tracked) -> list[Model]:
    return [
        model
        for model in tracked.ancestors
        if any(tracked.concerns(frozenset([field.name])) for field in model._meta.local_fields)
    ]


def _is_named_from_afar(field: Any) -> bool:
    """Whether a related manager on the other side writes this field."""
    return isinstance(field, models.ForeignKey) and not field.unique and not field.remote_field.hidden
