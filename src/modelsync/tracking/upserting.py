"""Writing rows of our own tables, whether or not they are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections, models


def upsert(rows: Sequence[models.Model], unique: Sequence[str], names: Sequence[str], using: str) -> None:
    """Insert rows of one table; of those that are there by the `unique` fields, update these fields."""
    if not rows:
        return
    # MySQL and MariaDB find out for themselves which constraint it is.
    is_named = connections[using].features.supports_update_conflicts_with_target
    table: Any = type(rows[0])._base_manager.using(using)
    table.bulk_create(
        rows, update_conflicts=True, unique_fields=unique if is_named else None, update_fields=names
    )
