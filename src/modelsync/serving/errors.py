"""What goes wrong while a route serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelsync.core.errors import ModelSyncError

if TYPE_CHECKING:
    from modelsync.serving.hiding import Field


class ServingError(ModelSyncError):
    """A stream cannot go on; the message holds no value of a field."""


class UnservableValue(ServingError):
    """A value that JSON cannot say: NaN or infinity. `place` is the number of its row in the page."""

    def __init__(self, field: Field, place: int) -> None:
        super().__init__(f"{field.model._meta.label}.{field.name} is NaN or infinite")
        self.field = field
        self.place = place

    def of(self, key: object) -> ServingError:
        """The same, with the primary key of the object."""
        return ServingError(
            f"{self.field.model._meta.label} {key}: {self.field.name} is NaN or infinite, which JSON cannot "
            "say; set it to a number or NULL, or exclude the field"
        )
