"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """`modelsync.tracking` in INSTALLED_APPS."""

    name = "modelsync.tracking"
    label = "modelsync_tracking"
    verbose_name = "Model sync: tracking"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the models that are tracked by now; later ones are listened to as they are tracked."""
        from django.core.checks import register

        from modelsync.tracking import registry
        from modelsync.tracking.capture import listen
        from modelsync.tracking.checks import check_tracking

        registry.REGISTRY.on_track(listen)
        register(check_tracking, "modelsync")
