"""The statements that write key mappings."""

from __future__ import annotations

from collections.abc import Sequence

from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.staged.merging import First, numbered
from modelsync.targets.django.staged.rows import TRUE, Rows
from modelsync.targets.django.staged.tables import PLAN, STAGE, Act, Statement


class Mappings:
    """Maps the keys of records that create and update."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.q = rows.q

    def insert(self, acts: Sequence[Act]) -> Statement:
        """Map the keys that have no mapping yet, of rows with these acts."""
        listed = ", ".join(str(int(act)) for act in acts)
        return self._insert("p.tgt", f"{self.q(PLAN)} p", f"p.act IN ({listed})")

    def insert_new(self, first: First) -> Statement:
        """Map the keys of new objects whose own keys were counted."""
        return self._insert("p.id", f"{numbered(self.rows, first)} AS p", TRUE)

    def _insert(self, pk: str, source: str, where: str) -> Statement:
        names = ("external_system_id", "content_type_id", "external_key", "object_id")
        return (
            f"INSERT INTO {self.rows.mapping} ({', '.join(self.q(n) for n in names)}) "
            f"SELECT %s, %s, s.k, {self._text(pk)} FROM {source} JOIN {self.q(STAGE)} s ON s.n = p.n "
            f"WHERE s.k IS NOT NULL AND p.map_id IS NULL AND {where} ORDER BY s.n",
            self.rows.key_params,
        )

    def repoint(self) -> Statement:
        """Point the mappings whose object is gone to the one that is there now."""
        where = f"k.id = p.map_id AND p.stray = 1 AND p.act IN ({Act.CREATE}, {Act.UPDATE}, {Act.KEEP})"
        table = ExternalKeyMapping._meta.db_table
        assignments = [("object_id", self._text("p.tgt"))]
        return self.rows.dialect.update(table, "k", assignments, f"{self.q(PLAN)} AS p", where), []

    def _text(self, pk: str) -> str:
        return self.rows.dialect.key_text(self.rows.schema.pk, pk)
