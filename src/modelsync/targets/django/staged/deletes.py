"""The statements of records that only delete, for models that nothing else refers to."""

from __future__ import annotations

from typing import Any

from modelsync.core.records import Action
from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.schema import column_of
from modelsync.targets.django.staged.rows import TRUE, Rows
from modelsync.targets.django.staged.tables import PLAN, STAGE, Act, Span, Statement


class Deletes:
    """Plans and carries out one loaded group of deletes."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.q = rows.q

    def plan(self, span: Span) -> list[Statement]:
        """Statements that make the plan of the rows of a span."""
        rows, found, forced = self.rows, self.rows.pk_of("t"), self.rows.asks(Action.FORCE)
        source = f"{self.q(STAGE)} s"
        params: list[Any] = []
        if rows.match_columns:
            source += f" LEFT JOIN {rows.target} t ON {rows.matches('t')}"
        unkeyed, unforced, stray, map_id = TRUE, str(int(Act.NO_KEY)), "0", "0"
        if rows.layout.has_keys:
            source += f" LEFT JOIN {rows.mapping} k ON {rows.own_key()}"
            params = rows.key_params
            if not rows.match_columns:
                source += f" LEFT JOIN {rows.target} t ON {rows.linked('t')}"
            unkeyed, unforced, map_id = "s.k IS NULL", self._by_key(), "k.id"
            is_held = f"{found} IS NOT NULL AND {self._holds()}"
            stray = f"CASE WHEN k.id IS NOT NULL AND NOT ({is_held}) THEN 1 ELSE 0 END"
        act = (
            f"CASE WHEN NOT ({forced}) AND {unkeyed} THEN {Act.NO_KEY} WHEN {found} IS NULL THEN {Act.KEEP} "
            f"WHEN {forced} THEN {Act.DELETE} ELSE {unforced} END"
        )
        return [
            (
                f"CREATE TEMPORARY TABLE {self.q(PLAN)} AS SELECT s.n AS n, {found} AS tgt, {act} AS act, "
                f"{map_id} AS map_id, {stray} AS stray, 0 AS late, 0 AS ambiguous, 0 AS absent "
                f"FROM {source} WHERE {rows.among(span)}",
                params,
            )
        ]

    def _by_key(self) -> str:
        """SQL: what an unforced record with a key may do."""
        others = (
            f"EXISTS (SELECT 1 FROM {self.rows.mapping} o "
            f"WHERE o.{self.q('content_type_id')} = {int(self.rows.context.content_type)} "
            f"AND o.{self.q('object_id')} = {self._text()} AND (k.id IS NULL OR o.id <> k.id))"
        )
        return (
            f"CASE WHEN {others} THEN {Act.HELD_BY_OTHERS} WHEN {self._holds()} THEN {Act.DELETE} "
            f"ELSE {Act.NOT_HELD} END"
        )

    def _holds(self) -> str:
        return f"k.id IS NOT NULL AND {self.rows.points()}"

    def _text(self) -> str:
        return self.rows.dialect.key_text(self.rows.schema.pk, self.rows.pk_of("t"))

    def delete(self) -> Statement:
        """Remove the objects."""
        pk = column_of(self.rows.schema.pk)
        gone = f"SELECT tgt AS k FROM {self.q(PLAN)} WHERE act = {Act.DELETE}"
        return self.rows.dialect.delete_from(self.rows.schema.table, pk, gone), []

    def drop_keys(self) -> Statement:
        """Remove the records' own key mappings."""
        gone = f"SELECT map_id AS k FROM {self.q(PLAN)} WHERE map_id IS NOT NULL AND act <> {Act.NO_KEY}"
        return self.rows.dialect.delete_from(ExternalKeyMapping._meta.db_table, "id", gone), []

    def changes(self, limit: int) -> str:
        """The objects that will go: n, act, tgt."""
        return (
            f"SELECT p.n, p.act, p.tgt FROM {self.q(PLAN)} p WHERE p.act = {Act.DELETE} "
            f"ORDER BY p.n LIMIT {limit}"
        )
