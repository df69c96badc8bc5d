"""What goes wrong while a route serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from modelsync.core.errors import ModelSyncError

if TYPE_CHECKING:
    from modelsync.serving.hiding import Field


class ServingError(ModelSyncError):
    """A stream cannot go on; the message holds no value of a field."""


class UnservableValue(ServingError):
    """A value that JSON or Python cannot say: NaN, infinity, a year beyond 9999.

    `place` is the number of its row in the page.
    """

    def __init__(self, field: Field, place: int) -> None:
        super().__init__(f"{field.model._meta.label}.{field.name} cannot be served")
        self.field = field
        self.place = place

    def of(self, key: object) -> ServingError:
        """The same, with the primary key of the object."""
        is_moment = isinstance(self.field, models.DateField)
        what = "beyond the years 1 to 9999" if is_moment else "NaN or infinite, which JSON cannot say"
        return ServingError(
            f"{self.field.model._meta.label} {key}: {self.field.name} is {what}; "
            f"set it to {'another' if is_moment else 'a number'} or NULL, or exclude the field"
        )
