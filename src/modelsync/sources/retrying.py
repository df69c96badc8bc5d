"""When a failure is worth another try, and how long to wait before it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from modelsync.core.errors import Transient

#: Seconds that we wait when a server asks us to; longer ones are the caller's matter.
PATIENCE: Final = 30.0
TRIES: Final = 3


def again(error: Exception) -> bool | float:
    """Whether to try again at once, or after how many seconds: what stamina asks."""
    if not isinstance(error, Transient) or (error.retry_after or 0) > PATIENCE:
        return False
    return error.retry_after or True


def retry_after(text: str | None) -> float | None:
    """The seconds that a server asks to wait in `Retry-After`, as a number or as a date."""
    text = (text or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
