"""The statements of records that only delete, for models that nothing else refers to."""

from __future__ import annotations

from typing import Any

from modelsync.core.records import Action
from modelsync.targets.django.schema import Field
from modelsync.targets.django.staged.statements import PLAN, STAGE, TRUE, Act, Statement, Statements


class DeleteStatements(Statements):
    """The SQL for one loaded group of deletes."""

    def plan(self, low: int, high: int, level: int) -> list[Statement]:
        by_match = bool(self._match_columns())
        found = f"{self.pk_of('t')}"
        forced = self.asks(Action.FORCE)
        source = f"{self.q(STAGE)} s"
        params: list[Any] = []
        if by_match:
            source += f" LEFT JOIN {self.target} t ON {self._matches('t')}"
        if not self.layout.has_keys:
            unkeyed, unforced, stray, map_id = TRUE, str(int(Act.NO_KEY)), "0", "0"
        else:
            source += f" LEFT JOIN {self.mapping} k ON {self._own_key()}"
            params = [self.context.system, self.context.content_type]
            if not by_match:
                source += f" LEFT JOIN {self.target} t ON {self._linked('t')}"
            key_text = self.dialect.key_text(self.schema.pk, found)
            holds = f"k.id IS NOT NULL AND k.{self.q('object_id')} = {key_text}"
            others = (
                f"EXISTS (SELECT 1 FROM {self.mapping} o WHERE o.{self.q('content_type_id')} = {int(self.context.content_type)} "
                f"AND o.{self.q('object_id')} = {key_text} AND (k.id IS NULL OR o.id <> k.id))"
            )
            unkeyed = "s.k IS NULL"
            unforced = f"CASE WHEN {others} THEN {Act.HELD_BY_OTHERS} WHEN {holds} THEN {Act.DELETE} ELSE {Act.NOT_HELD} END"
            stray = f"CASE WHEN k.id IS NOT NULL AND NOT ({found} IS NOT NULL AND {holds}) THEN 1 ELSE 0 END"
            map_id = "k.id"
        act = (
            f"CASE WHEN NOT ({forced}) AND {unkeyed} THEN {Act.NO_KEY} WHEN {found} IS NULL THEN {Act.KEEP} "
            f"WHEN {forced} THEN {Act.DELETE} ELSE {unforced} END"
        )
        return [
            (
                f"CREATE TEMPORARY TABLE {self.q(PLAN)} AS SELECT s.n AS n, {found} AS tgt, {act} AS act, "
                f"{map_id} AS map_id, {stray} AS stray, 0 AS late, 0 AS ambiguous, 0 AS absent "
                f"FROM {source} WHERE {self.span(low, high, level)}",
                params,
            )
        ]

    def held_unique(self) -> list[str]:
        return []

    def delete(self) -> Statement:
        """Remove the objects."""
        pk = self.q(self.schema.pk.column or "")
        return (
            f"DELETE FROM {self.target} WHERE {pk} IN (SELECT tgt FROM {self.q(PLAN)} WHERE act = {Act.DELETE})",
            [],
        )

    def drop_keys(self) -> Statement:
        """Remove the records' own key mappings."""
        return (
            f"DELETE FROM {self.mapping} WHERE id IN (SELECT map_id FROM {self.q(PLAN)} "
            f"WHERE map_id IS NOT NULL AND act <> {Act.NO_KEY})",
            [],
        )

    def changes(self, limit: int) -> tuple[str, list[Field]]:
        return (
            f"SELECT p.n, p.act, p.tgt FROM {self.q(PLAN)} p WHERE p.act = {Act.DELETE} ORDER BY p.n LIMIT {limit}",
            [],
        )
