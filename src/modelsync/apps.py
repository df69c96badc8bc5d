"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register


class ModelSyncConfig(AppConfig):
    """`modelsync` in INSTALLED_APPS."""

    name = "modelsync"
    verbose_name = "Model sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from modelsync.serving.checks import check_routes

        register(check_routes, "modelsync")
