"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class ModelSyncConfig(AppConfig):
    """`modelsync` in INSTALLED_APPS."""

    name = "modelsync"
    verbose_name = "Model sync"
    default_auto_field = "django.db.models.BigAutoField"
