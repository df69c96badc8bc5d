"""The models of pushing, and the bases for models of a project.

`VersioningBaseModel` needs nothing but this package; the others need `modelsync.push` in INSTALLED_APPS.
"""

from __future__ import annotations

from django.apps import apps

from modelsync.push.versioning import VersioningBaseModel

__all__ = ["VersioningBaseModel"]

if apps.is_installed("modelsync.push"):
    from modelsync.push.announcements import Announcement
    from modelsync.push.applications import Application
    from modelsync.push.jobs import Attempt, JobChange
    from modelsync.push.receiving.tables import Awaited, HeldBack, Received, SeenEpoch
    from modelsync.push.tracked import TrackingAndVersioningBaseModel, VersionedManager, VersionedQuerySet

    __all__ += [
        "Announcement",
        "Application",
        "Attempt",
        "Awaited",
        "HeldBack",
        "JobChange",
        "Received",
        "SeenEpoch",
        "TrackingAndVersioningBaseModel",
        "VersionedManager",
        "VersionedQuerySet",
    ]


def __getattr__(name: str) -> object:
    if name in ("Application", "Attempt", "JobChange", "TrackingAndVersioningBaseModel"):
        raise ImportError(
            f'{name} needs tables: put "modelsync.tracking" and "modelsync.push" into INSTALLED_APPS'
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
