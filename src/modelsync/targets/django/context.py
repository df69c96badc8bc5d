"""What both writers need to know of a run: model, database, system, options."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from django.contrib.contenttypes.models import ContentType
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from modelsync.core.planning import Conflict
from modelsync.targets.django.schema import Schema


class Around(Protocol):
    """What else is done when an object is saved, in the savepoint of its record."""

    def before(self, obj: models.Model, number: int, *, new: bool) -> models.Model | None:
        """The object that is to be saved for a record; None where it is this one, as the record has it."""

    def after(self, obj: models.Model, number: int) -> None:
        """The object of a record is as the record wants it."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """One model's part of a run.

    `system` is the external system's primary key, None without keys. `quiet` forbids user code
    (dry runs). `changes_wanted` is how many changes to keep for a preview, `full_clean` asks for
    each instance's `full_clean()`; `around` takes part in saving objects, where they are instances.
    """

    schema: Schema
    using: str
    system: int | None = None
    system_name: str | None = None
    conflict: Conflict = Conflict.DELETE
    quiet: bool = False
    check: bool = True
    full_clean: bool = False
    changes_wanted: int = 0
    around: Around | None = None

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """The database connection."""
        return connections[self.using]

    @cached_property
    def content_type(self) -> int:
        """The primary key of the model's content type in this database."""
        found = ContentType.objects.db_manager(self.using).get_for_model(self.schema.model)
        return found.pk

    @property
    def chunk(self) -> int:
        """How many parameters one statement may have, with room for a few more."""
        limit = self.connection.features.max_query_params
        return min(limit - 50, 5000) if limit else 5000
