"""What sees the writes of tracked models. Whatever sees one appends it to the log, in its transaction."""

from __future__ import annotations

from modelsync.tracking.capture.signals import listen

__all__ = ["listen"]
