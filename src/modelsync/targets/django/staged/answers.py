"""What references answer, as SQL: joined tables, the answers, and bits for what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelsync.targets.django.schema import Field, Schema, column_of, target_of
from modelsync.targets.django.shape import Lookup, Reference
from modelsync.targets.django.staged.rows import FALSE, Rows, field_set_by
from modelsync.targets.django.staged.tables import STAGE, Span


class Answers:
    """The answers to the references of one loaded group, by the references' numbers."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.references = rows.shape.references
        self.patterns = rows.loaded.patterns
        self.q = rows.q

    def joins(self, span: Span) -> str:
        """Joins of what references answer and of what plain foreign keys name."""
        joins = ""
        for i, reference in enumerate(self.references):
            if self.is_single(i):
                table = self.q(reference.model._meta.db_table)
                condition = " AND ".join(self._equal(f"r{i}", lookup) for lookup in reference.lookups)
                joins += f" LEFT JOIN {table} r{i} ON {condition}"
            else:
                joins += f" LEFT JOIN ({self._counted(i, reference, span)}) r{i} ON r{i}.n = s.n"
        for i, column in enumerate(self.rows.plain_keys):
            related: Any = column.field.related_model
            table, key = self.q(related._meta.db_table), self.q(column_of(target_of(column.field)))
            joins += f" LEFT JOIN {table} x{i} ON x{i}.{key} = s.v{column.index}"
        return joins

    def is_single(self, i: int) -> bool:
        """Whether a unique set makes the answer single, with all lookups given wherever one is."""
        reference = self.references[i]
        fields = {lookup.field for lookup in reference.lookups}
        whole = all(all(pattern) or not any(pattern) for pattern in self.patterns[i])
        return whole and any(fields >= set(each) for each in Schema(reference.model).unique_sets)

    def answer(self, i: int) -> str:
        """SQL: the one answer, NULL without or with several."""
        if self.is_single(i):
            return f"r{i}.{self._key(self.references[i])}"
        return f"CASE WHEN r{i}.answers = 1 THEN r{i}.answer END"

    def late(self) -> str:
        """Bits: references that nothing answers."""
        return bits([self._no_answer(i) for i, _ in enumerate(self.references)])

    def ambiguous(self) -> str:
        """Bits: references that several objects answer."""
        return bits(
            [FALSE if self.is_single(i) else f"r{i}.answers > 1" for i, _ in enumerate(self.references)]
        )

    def _no_answer(self, i: int) -> str:
        given = " OR ".join(f"s.l{lookup.index} IS NOT NULL" for lookup in self.references[i].lookups)
        if self.is_single(i):
            return f"(({given}) AND {self.answer(i)} IS NULL)"
        return f"(({given}) AND r{i}.answers IS NULL)"

    def _counted(self, i: int, reference: Reference, span: Span) -> str:
        """n, one answer's key, and how many answers there are, for each row that has lookups."""
        table, stage = self.q(reference.model._meta.db_table), self.q(STAGE)
        key = f"r.{self._key(reference)}"
        parts = []
        for pattern in sorted(self.patterns[i]):
            given = [lookup for lookup, present in zip(reference.lookups, pattern, strict=True) if present]
            if not given:
                continue
            equal = " AND ".join(self._equal("r", lookup) for lookup in given)
            blank = "".join(
                f" AND s.l{lookup.index} IS NULL" for lookup in reference.lookups if lookup not in given
            )
            parts.append(
                f"SELECT s.n AS n, {self.rows.dialect.any_of(key)} AS answer, COUNT(*) AS answers "
                f"FROM {stage} s JOIN {table} r ON {equal} "
                f"WHERE {self.rows.among(span)}{blank} GROUP BY s.n"
            )
        if not parts:
            return f"SELECT s.n AS n, {key} AS answer, 0 AS answers FROM {stage} s JOIN {table} r ON {FALSE}"
        return " UNION ALL ".join(parts)

    def _equal(self, alias: str, lookup: Lookup) -> str:
        return f"{alias}.{self.q(_looked_up(lookup))} = s.l{lookup.index}"

    def _key(self, reference: Reference) -> str:
        return self.q(column_of(target_of(field_set_by(reference))))


def bits(tests: Sequence[str]) -> str:
    """SQL: a number with a bit for each test that holds."""
    parts = [f"CASE WHEN {test} THEN {1 << i} ELSE 0 END" for i, test in enumerate(tests) if test != FALSE]
    return " + ".join(parts) if parts else "0"


def _looked_up(lookup: Lookup) -> str:
    field: Field | None = lookup.field
    assert field is not None  # a shape with a lookup of any other kind is not staged
    return column_of(field)
