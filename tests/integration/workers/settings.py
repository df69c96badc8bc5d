"""Django's settings for a site with background workers; WORKERS_ANNOUNCE says which."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

#: Short, since a worker is killed: what it had claimed is due again after that.
LEASE = 4.0

MODELSYNC = {
    "push": {
        "allow_private_targets": True,
        "announce": os.environ.get("WORKERS_ANNOUNCE"),
        "lease": LEASE,
        "timeout": LEASE / 2,
    }
}
INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
