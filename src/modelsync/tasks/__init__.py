"""Tasks for background workers: `drain` sends what is due for an application, `sweep` finds what that is.

`by_celery` has them for Celery, `by_django` for Django Tasks; both are thin, and `working` does the work. The
database owns the schedule: a broker only carries "drain application X", and whatever it loses is found by the
next sweep. Celery's `autodiscover_tasks()` imports this package.
"""

from __future__ import annotations

from importlib.util import find_spec

from django.apps import apps

if find_spec("celery") is not None and apps.is_installed("modelsync.push"):
    from modelsync.tasks import by_celery as by_celery
