"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class PushConfig(AppConfig):
    """`modelsync.push` in INSTALLED_APPS, with `modelsync.tracking`."""

    name = "modelsync.push"
    label = "modelsync_push"
    verbose_name = "Model sync: push"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What is sequenced is due for all applications, and in a new epoch everything is."""
        from django.core.checks import register

        from modelsync.push.checks import check_push
        from modelsync.push.queueing import enqueue, resend
        from modelsync.tracking.epochs import epoch_began
        from modelsync.tracking.sequencing import sequenced

        sequenced.connect(enqueue, dispatch_uid="modelsync.push")
        epoch_began.connect(resend, dispatch_uid="modelsync.push")
        register(check_push, "modelsync")
