"""The backend: `DatabaseWrapper` is the name that Django looks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql import base, operations


class DatabaseOperations(operations.DatabaseOperations):
    """Rows are deleted: to truncate a hundred empty tables takes most of a second."""

    def sql_flush(
        self, style: Any, tables: Sequence[str], *, reset_sequences: bool = False, allow_cascade: bool = False
    ) -> list[str]:
        """The statements that empty these tables, whatever refers to them; no trigger notices."""
        if reset_sequences or not tables:
            return super().sql_flush(
                style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade
            )
        deletions = "; ".join(f"DELETE FROM {self.quote_name(table)}" for table in tables)
        role = "SET LOCAL session_replication_role"
        return [f"{role} = replica; {deletions}; {role} = DEFAULT"]


class DatabaseWrapper(base.DatabaseWrapper):
    """With these operations."""

    ops_class = DatabaseOperations
