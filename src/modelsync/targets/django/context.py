"""What both writers need to know of a run: model, database, system, options."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from modelsync.core.planning import Conflict
from modelsync.targets.django.schema import Schema


@dataclass(frozen=True, kw_only=True)
class Context:
    """One model's part of a run.

    `system` is the external system's primary key, None without keys. `quiet` forbids user code
    (dry runs). `changes_wanted` is how many changes to keep for a preview, `full_clean` asks for
    each instance's `full_clean()`.
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
