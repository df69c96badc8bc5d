"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class DatoConfig(AppConfig):
    """`modelsync.dato` in INSTALLED_APPS."""

    name = "modelsync.dato"
    label = "modelsync_dato"
    verbose_name = "Model sync: CMS"
    default_auto_field = "django.db.models.BigAutoField"
