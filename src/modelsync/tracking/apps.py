"""The Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """`modelsync.tracking` in INSTALLED_APPS."""

    name = "modelsync.tracking"
    label = "modelsync_tracking"
    verbose_name = "Model sync: tracking"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the models that are tracked by now; later ones are listened to as they are tracked."""
        from django.core.checks import Tags, register
        from django.db.models.signals import post_migrate, pre_migrate

        from modelsync.tracking import registry
        from modelsync.tracking.capture import listen
        from modelsync.tracking.checks import check_tracking, check_triggers

        registry.REGISTRY.on_track(listen)
        register(check_tracking, "modelsync")
        register(check_triggers, Tags.database)
        pre_migrate.connect(_before_migrations, sender=self)
        post_migrate.connect(_after_migrations, sender=self)


def _before_migrations(using: str, plan: Any = (), **_: object) -> None:
    """What migrations write is captured, though the columns that count may be gone or renamed by then."""
    from modelsync.tracking.capture.triggers import loosen

    if plan:
        loosen(using, {migration.app_label for migration, _ in plan})


def _after_migrations(using: str, **_: object) -> None:
    from modelsync.tracking.capture.triggers import install

    install(using)
