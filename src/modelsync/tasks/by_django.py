"""The tasks for Django Tasks: `django.tasks`, or its backport `django_tasks` before Django 6.0."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import django

from modelsync.core.errors import ConfigurationError
from modelsync.tasks.working import run_drain, run_sweep


def _task(function: Callable[..., dict[str, int]]) -> Any:
    name = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    try:
        tasks = import_module(name)
    except ImportError as error:
        raise ConfigurationError(f"{name} needs an extra: pip install 'django-modelsync[tasks]'") from error
    return tasks.task(function)


@_task
def drain(application: int, using: str = "default") -> dict[str, int]:
    """Send what is due for an application of a database."""
    return run_drain(application, using, start)


@_task
def sweep(using: str = "default") -> dict[str, int]:
    """Have whatever is due drained."""
    return run_sweep(using, start)


def start(application: int, using: str) -> None:
    """Queue a drain."""
    drain.enqueue(application, using)
