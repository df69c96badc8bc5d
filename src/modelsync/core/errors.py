"""The error tree. The type decides what happens next: stop, retry, or reject one record."""

from __future__ import annotations


class ModelSyncError(Exception):
    """The root of every error that modelsync raises on purpose."""


class ConfigurationError(ModelSyncError):
    """Something was asked for that cannot be: an unknown model, column, setting, or a missing extra.

    Raised before anything is read, so nothing has been written.
    """


class SourceError(ModelSyncError):
    """The source failed."""


class Transient(SourceError):
    """The source failed in a way that is worth another try (timeout, 429, 5xx, reset).

    `retry_after` is the number of seconds that the source asked us to wait, or None.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(SourceError):
    """The source failed in a way that another try will not mend (404, truncated, malformed)."""


class RecordError(ModelSyncError):
    """One record's fault: the engine turns it into that record's rejection.

    `column` and `value` say where, when the fault lies in one cell.
    """

    def __init__(self, reason: str, *, column: str | None = None, value: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column
        self.value = value


class GuardError(ModelSyncError):
    """A safety limit stopped the run: nothing was written."""


class ConflictError(ModelSyncError):
    """The target changed under the plan."""
