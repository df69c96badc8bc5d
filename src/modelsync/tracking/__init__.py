"""Tracking: every change of a tracked object is captured in the transaction that makes it, and gets its
place in the feed after that has been committed.

`track(Model)` has a model tracked; with `objects = TrackedManager()` its bulk writes are captured, too. What
reads the feed (pushing, serving) belongs elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelsync.tracking.registry import track

if TYPE_CHECKING:
    from modelsync.tracking.capture.querysets import TrackedManager, TrackedQuerySet

__all__ = ["TrackedManager", "TrackedQuerySet", "track"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # They need the app's models, which are not there yet when Django imports the app.
    from modelsync.tracking.capture import querysets

    return getattr(querysets, name)
