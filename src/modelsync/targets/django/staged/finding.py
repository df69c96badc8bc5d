"""The statements that make the plan: each row's object, and what is to be done with it."""

from __future__ import annotations

from typing import Any

from modelsync.core.records import Action
from modelsync.targets.django.schema import column_of, target_of
from modelsync.targets.django.staged.answers import Answers, bits
from modelsync.targets.django.staged.rows import FALSE, Rows
from modelsync.targets.django.staged.tables import FOUND, PLAN, STAGE, Act, Span, Statement
from modelsync.targets.django.staged.values import Values


class Finding:
    """Plans records that create and update."""

    def __init__(self, rows: Rows, answers: Answers, values: Values) -> None:
        self.rows = rows
        self.answers = answers
        self.values = values
        self.has_keys = rows.layout.has_keys
        self.q = rows.q

    def plan(self, span: Span) -> list[Statement]:
        """Statements that make the plan of the rows of a span.

        Rows whose object is already as they want it are left out, unless there are strays.
        """
        rows = self.rows
        by_match = bool(rows.match_columns)
        source = f"{self.q(STAGE)} s"
        params: list[Any] = []
        if by_match:
            source += f" LEFT JOIN {rows.target} t ON {rows.matches('t')}"
        if self.has_keys:
            source += f" LEFT JOIN {rows.mapping} k ON {rows.own_key()}"
            params += rows.key_params
        if not by_match:
            source += f" LEFT JOIN {rows.target} t ON {rows.linked('t')}"
        select = self._columns(stray=self._stray(by_match=by_match), conflict="0")
        needy = f" AND {self.is_needy()}" if by_match and not rows.has_strays else ""
        return [
            (
                f"CREATE TEMPORARY TABLE {self.q(PLAN)} AS SELECT {select} "
                f"FROM {source}{self.answers.joins(span)} WHERE {rows.among(span)}{needy}",
                params,
            )
        ]

    def plan_linked(self, span: Span) -> list[Statement]:
        """Statements that plan the stray rows anew, by the object that their key points to."""
        rows, here = self.rows, self.q(FOUND)
        matched, linked = rows.pk_of("m"), rows.pk_of("t")
        source = (
            f"{self.q(STAGE)} s {rows.dialect.lookup_join} {rows.mapping} k ON {rows.own_key()} "
            f"{rows.dialect.lookup_join} {rows.target} t ON {rows.linked('t')} "
            f"LEFT JOIN {rows.target} m ON {rows.matches('m')}"
        )
        conflict = f"CASE WHEN {matched} <> {linked} THEN 1 ELSE 0 END"
        select = self._columns(stray=self._stray(by_match=False), conflict=conflict)
        return [
            (
                f"CREATE TEMPORARY TABLE {here} AS SELECT {select} FROM {source}{self.answers.joins(span)} "
                f"WHERE {rows.among(span)} AND ({matched} IS NULL OR {matched} <> {linked})",
                rows.key_params,
            ),
            (rows.dialect.delete_from(PLAN, "n", f"SELECT n AS k FROM {here}"), []),
            (f"INSERT INTO {self.q(PLAN)} SELECT * FROM {here}", []),
        ]

    def _stray(self, *, by_match: bool) -> str:
        """SQL: whether the mapping points elsewhere than to the object that was found."""
        if not self.has_keys:
            return "0"
        test = self.rows.astray() if by_match else f"k.id IS NOT NULL AND {self.rows.pk_of('t')} IS NULL"
        return f"CASE WHEN {test} THEN 1 ELSE 0 END"

    def _columns(self, *, stray: str, conflict: str) -> str:
        asks = self.rows.asks
        columns = [
            "s.n AS n",
            f"{self.target_key()} AS tgt",
            f"CASE WHEN {self.rows.pk_of('t')} IS NOT NULL "
            f"THEN CASE WHEN {asks(Action.UPDATE)} AND {self.values.changed()} "
            f"THEN {Act.UPDATE} ELSE {Act.KEEP} END "
            f"WHEN {asks(Action.CREATE)} THEN {Act.CREATE} ELSE {Act.NOTHING} END AS act",
            f"{'CASE WHEN s.k IS NULL THEN 0 ELSE k.id END' if self.has_keys else '0'} AS map_id",
            f"{stray} AS stray",
            f"{conflict} AS conflict",
            f"{self.answers.late()} AS late",
            f"{self.answers.ambiguous()} AS ambiguous",
            f"{self.absent()} AS absent",
        ]
        columns += [f"{self.answers.answer(i)} AS r{i}" for i, _ in enumerate(self.rows.shape.references)]
        return ", ".join(columns)

    def is_needy(self) -> str:
        """SQL: whether there is anything to do or to tell about a row."""
        tests = [f"{self.rows.pk_of('t')} IS NULL"]
        if self.has_keys:
            tests += ["(k.id IS NULL AND s.k IS NOT NULL)", f"({self.rows.astray()})"]
        tests.append(f"({self.rows.asks(Action.UPDATE)} AND {self.values.changed()})")
        lacks = (self.answers.late(), self.answers.ambiguous(), self.absent())
        tests += [f"({each}) <> 0" for each in lacks if each != "0"]
        return f"({' OR '.join(tests)})"

    def target_key(self) -> str:
        """SQL: the found object's key, or the one that a new object will have, where it is known now."""
        rows, found = self.rows, self.rows.pk_of("t")
        if rows.draws_ids and rows.dialect.ids_before:
            drawn = rows.dialect.next_id(rows.schema.model)
            unmapped = " AND k.id IS NULL" if self.has_keys and rows.match_columns else ""
            return (
                f"CASE WHEN {found} IS NOT NULL THEN {found} "
                f"WHEN {rows.asks(Action.CREATE)}{unmapped} THEN {drawn} END"
            )
        given = self._given_key()
        return f"COALESCE({found}, {given})" if given else found

    def _given_key(self) -> str | None:
        """SQL: the key that the row, its field's default or a reference gives to a new object."""
        rows = self.rows
        if rows.pk_column is not None:
            return f"s.v{rows.pk_column.index}"
        if rows.draws_ids:
            return None
        for fill in rows.layout.fills:
            if fill.field is rows.schema.pk and fill.make:
                return f"s.d_{fill.field.column}"
        for i, reference in enumerate(rows.shape.references):
            if reference.field is rows.schema.pk:
                return f"r{i}"
        return None

    def absent(self) -> str:
        """Bits: plain foreign keys that would be written and name nothing; then required references
        that a new object lacks; then whether the row has another primary key than its object.
        """
        new = f"{self.rows.pk_of('t')} IS NULL"
        tests = []
        for i, column in enumerate(self.rows.plain_keys):
            key = f"x{i}.{self.q(column_of(target_of(column.field)))}"
            writes = f"({new} OR ({self.rows.asks(Action.UPDATE)} AND {self.values.differs(column)}))"
            tests.append(f"(s.v{column.index} IS NOT NULL AND {key} IS NULL AND {writes})")
        for i, reference in enumerate(self.rows.shape.references):
            tests.append(f"({new} AND {self.answers.answer(i)} IS NULL)" if reference.required else FALSE)
        tests.append(self._renumbers())
        return bits(tests)

    def _renumbers(self) -> str:
        """SQL: whether a row would give its object another primary key."""
        column = self.rows.pk_column
        if column is None:
            return FALSE
        sent = f" AND s.h{column.index} = 1" if column.index in self.rows.loaded.partial else ""
        current = self.rows.pk_of("t")
        differs = self.rows.dialect.distinct(column.field, current, f"s.v{column.index}")
        return (
            f"({current} IS NOT NULL AND s.v{column.index} IS NOT NULL AND {differs}{sent} "
            f"AND {self.rows.asks(Action.UPDATE)})"
        )
