"""System checks of pushing and receiving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Final

from django import VERSION
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from modelsync.core.errors import ConfigurationError
from modelsync.push.receiving.accepting import acceptance_of
from modelsync.push.settings import ReceiverSettings, push_settings
from modelsync.push.tracked import TrackingAndVersioningBaseModel, VersionedQuerySet
from modelsync.tracking.capture.querysets import TrackedQuerySet

_RECEIVER: Final = 'MODELSYNC["push"]["receiver"]'
_IMMEDIATE: Final = "ImmediateBackend"
_EXTRA: Final = ("cryptography", "standardwebhooks")


def check_push(app_configs: Sequence[Any] | None = None, **_: object) -> list[CheckMessage]:
    """E111: no tracking. E112: wrong settings. E113: models to receive that are not here.

    E114: background workers are to be told, and what does that is missing.

    W111: a receiver that nobody may push to. W112: the extra is missing. W113: updates that raise no version.
    W114: background tasks that run in the request.
    """
    return [*_untracked(), *_wrong_settings(), *_missing_extra(), *_unversioned()]


def _untracked() -> Iterator[CheckMessage]:
    if not apps.is_installed("modelsync.tracking"):
        yield Error(
            "modelsync.push is installed, but modelsync.tracking is not: no change would be found.",
            hint='Put "modelsync.tracking" into INSTALLED_APPS.',
            id="modelsync.E111",
        )


def _wrong_settings() -> Iterator[CheckMessage]:
    try:
        given = push_settings()
    except ConfigurationError as error:
        yield Error(str(error), hint="See docs/reference/settings.md.", id="modelsync.E112")
        return
    if given.receiver is not None:
        yield from _wrong_receiver(given.receiver)
    if given.announce is not None:
        yield from _wrong_announcing(given.announce)


def _wrong_receiver(receiver: ReceiverSettings) -> Iterator[CheckMessage]:
    try:
        acceptance_of(receiver)
    except ConfigurationError as error:
        yield Error(
            str(error),
            hint="Until then every request is answered with 503, and comes again later.",
            id="modelsync.E113",
        )
    if not receiver.keys and not receiver.secrets:
        yield CheckWarning(
            f"{_RECEIVER} has neither keys nor secrets, so every request is refused.",
            hint='Set "keys" for senders of version 1, "secrets" for those of version 2.',
            id="modelsync.W111",
        )


def _wrong_announcing(way: str) -> Iterator[CheckMessage]:
    needed = "celery" if way == "celery" else "django.tasks" if VERSION >= (6, 0) else "django_tasks"
    if find_spec(needed) is None:
        yield Error(
            f'MODELSYNC["push"]["announce"] is {way!r}, but {needed} is not installed.',
            hint=f"pip install 'django-modelsync[{way}]'",
            id="modelsync.E114",
        )
    backend = getattr(settings, "TASKS", {}).get("default", {}).get("BACKEND", _IMMEDIATE)
    if way == "tasks" and backend.endswith(_IMMEDIATE):
        yield CheckWarning(
            "The tasks of settings.TASKS are run at once, so that every request that changes something waits "
            "until it is sent.",
            hint='Choose another backend, such as "django_tasks_db.DatabaseBackend".',
            id="modelsync.W114",
        )


def _missing_extra() -> Iterator[CheckMessage]:
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        yield CheckWarning(
            f"modelsync.push is installed, but {' and '.join(missing)} is not: secrets can neither be stored "
            f"nor sign.",
            hint="pip install 'django-modelsync[push]'",
            id="modelsync.W112",
        )


def _unversioned() -> Iterator[CheckMessage]:
    """Managers that capture, and do not raise versions; of those that do not even capture, tracking tells."""
    for model in apps.get_models():
        if not issubclass(model, TrackingAndVersioningBaseModel):
            continue
        managers: list[Any] = [*model._meta.managers, model._base_manager]
        for name in dict.fromkeys(each.name for each in managers if _only_captures(each)):
            yield CheckWarning(
                f"{model._meta.label} has versions, but what `{name}.update()` writes does not raise them.",
                hint=f"Derive your manager from VersionedManager, or your queryset from VersionedQuerySet "
                f"(modelsync.push.models), or leave {name!r} out of the model and of its Meta.",
                obj=model,
                id="modelsync.W113",
            )


def _only_captures(manager: Any) -> bool:
    queryset = getattr(manager, "_queryset_class", None)
    return (
        isinstance(queryset, type)
        and issubclass(queryset, TrackedQuerySet)
        and not issubclass(queryset, VersionedQuerySet)
    )
