"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.core.checks import register
from django.db import transaction


class ModelSyncConfig(AppConfig):
    """`modelsync` in INSTALLED_APPS."""

    name = "modelsync"
    verbose_name = "Model sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and tell background workers what is due."""
        from modelsync.serving.checks import check_routes

        register(check_routes, "modelsync")
        if apps.is_installed("modelsync.push") and apps.is_installed("modelsync.tracking"):
            from modelsync.tracking.sequencing import sequenced

            sequenced.connect(_announce, dispatch_uid="modelsync.tasks")


def _announce(using: str, **_: object) -> None:
    # Not a partial: of what is robust Django logs the name, which a partial has not.
    transaction.on_commit(lambda: _announce_now(using), using=using, robust=True)


def _announce_now(using: str) -> None:
    from modelsync.push.settings import push_settings

    if push_settings().announce is not None:
        from modelsync.tasks.starting import announce

        announce(using)
