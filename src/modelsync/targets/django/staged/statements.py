"""The statements of the staged way, built from a layout and a dialect.

Tables by alias: `s` the stage, `t` the target row that is compared, `m` the matched row where it may
be another one, `k` the key mapping, `r0`, `r1`... what references answer, `x0`... what plain foreign
keys name, `p` the plan.

The plan has a row for each staged record: `tgt` its object's primary key, `act` what to do with it,
`map_id` its key mapping, `stray` whether the mapping points elsewhere than the match, `conflict`
whether two objects are meant, `late` / `ambiguous` / `absent` what its references lack, and the
resolved references `r0`, `r1`...
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from django.db import models

from modelsync.core.records import Action
from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.context import Context
from modelsync.targets.django.schema import Field, Schema
from modelsync.targets.django.shape import Reference, ValueColumn
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.staged.layout import Layout, Loaded

STAGE = "modelsync_stage"
PLAN = "modelsync_plan"
FOUND = "modelsync_found"
TRUE, FALSE = "(1=1)", "(1=0)"
Statement = tuple[str, list[Any]]


class Act(IntEnum):
    """What the plan says about a record."""

    CREATE = 1
    UPDATE = 2
    KEEP = 3
    DELETE = 4
    NOTHING = 5
    HELD_BY_OTHERS = 6
    NOT_HELD = 7
    NO_KEY = 8


class Statements:
    """The SQL for one loaded group. `span` limits a statement to rows `low <= n <= high` at level `w`."""

    def __init__(self, context: Context, layout: Layout, loaded: Loaded, dialect: Dialect) -> None:
        self.context = context
        self.layout = layout
        self.loaded = loaded
        self.dialect = dialect
        self.shape = layout.shape
        self.schema = layout.shape.schema
        self.q = dialect.quote
        self.target = self.q(self.schema.table)
        self.mapping = self.q(ExternalKeyMapping._meta.db_table)
        self.plain_keys = [
            column
            for column in self.shape.values
            if isinstance(column.field, models.ForeignKey) and column.field.db_constraint
        ]
        self.pk_column = next((c for c in self.shape.values if c.field is self.schema.pk), None)
        self.draws_ids = isinstance(self.schema.pk, models.AutoField) and self.pk_column is None
        #: Whether rows may go to an object that their key names, and so give it another match value.
        self.has_strays = False
        #: Whether rows were put on another level, so that a statement must say which it is about.
        self.has_moved = False

    # -- what a record asks for --------------------------------------------------------------

    def asks(self, action: Action) -> str:
        """SQL: whether the record has this action."""
        if self.loaded.uniform is not None:
            return TRUE if action in self.loaded.uniform else FALSE
        return f"(s.a & {action.value}) <> 0"

    def span(self, low: int, high: int, level: int) -> str:
        """SQL: the rows of the stage that a statement is about."""
        if not self.has_moved and low == 0 and high == len(self.loaded.positions) - 1:
            return TRUE
        return f"s.w = {level} AND s.n BETWEEN {low} AND {high}"

    def joined_on(self) -> list[str]:
        """The columns of the stage that statements select and join by: without statistics of each,
        PostgreSQL takes a batch for a handful of rows and loops over whole tables for each.
        """
        names = ["n", *(f"v{column.index}" for column in (*self._match_columns(), *self.plain_keys))]
        names += [f"l{lookup.index}" for reference in self.shape.references for lookup in reference.lookups]
        return list(dict.fromkeys([*names, *(["k"] if self.layout.has_keys else [])]))

    def tables(self) -> list[str]:
        """The tables that the statements read and write."""
        names = [self.schema.table, *(r.model._meta.db_table for r in self.shape.references)]
        return list(
            dict.fromkeys([*names, *([ExternalKeyMapping._meta.db_table] if self.layout.has_keys else [])])
        )

    # -- finding -----------------------------------------------------------------------------

    def several(self, low: int, high: int, level: int) -> str | None:
        """The rows that match several objects; None where a unique set rules that out."""
        names = {c.field for c in self._match_columns()}
        if not names or any(names >= set(fields) for fields in self.schema.unique_sets):
            return None
        return (
            f"SELECT s.n FROM {self.q(STAGE)} s JOIN {self.target} m ON {self._matches('m')} "
            f"WHERE {self.span(low, high, level)} GROUP BY s.n HAVING COUNT(*) > 1"
        )

    def _match_columns(self) -> list[ValueColumn]:
        return [column for name in self.shape.match.names if (column := self.shape.value(name))]

    def _matches(self, alias: str) -> str:
        return " AND ".join(
            f"{alias}.{self.q(c.field.column or '')} = s.v{c.index}" for c in self._match_columns()
        )

    def pk_of(self, alias: str) -> str:
        """The primary key column of a target alias."""
        return f"{alias}.{self.q(self.schema.pk.column or '')}"

    def plan(self, low: int, high: int, level: int) -> list[Statement]:
        """Statements that make the plan of the rows of a span.

        Rows whose object is already as they want it are left out, unless `has_strays`.
        """
        by_match = bool(self._match_columns())
        source = f"{self.q(STAGE)} s"
        params: list[Any] = []
        if by_match:
            source += f" LEFT JOIN {self.target} t ON {self._matches('t')}"
        if self.layout.has_keys:
            source += f" LEFT JOIN {self.mapping} k ON {self._own_key()}"
            params += [self.context.system, self.context.content_type]
        if not by_match:
            source += f" LEFT JOIN {self.target} t ON {self._linked('t')}"
        select = self._plan_columns(stray=by_match and self.layout.has_keys, conflict="0")
        joins, joined = self._reference_joins(low, high, level)
        needy = f" AND {self._is_needy()}" if by_match and not self.has_strays else ""
        return [
            (
                f"CREATE TEMPORARY TABLE {self.q(PLAN)} AS SELECT {select} FROM {source}{joins} "
                f"WHERE {self.span(low, high, level)}{needy}",
                params + joined,
            )
        ]

    def _is_needy(self) -> str:
        """SQL: whether there is anything to do or to tell about a row."""
        tests = [f"{self.pk_of('t')} IS NULL"]
        if self.layout.has_keys:
            tests += ["(k.id IS NULL AND s.k IS NOT NULL)", f"({self._astray()})"]
        tests.append(f"({self.asks(Action.UPDATE)} AND {self._changed()})")
        tests += [
            f"({each}) <> 0" for each in (self._late(), self._ambiguous(), self._absent()) if each != "0"
        ]
        return f"({' OR '.join(tests)})"

    def _astray(self) -> str:
        """SQL: whether the row's key points elsewhere than to the matched object."""
        key_text = self.dialect.key_text(self.schema.pk, self.pk_of("t"))
        return f"k.id IS NOT NULL AND ({self.pk_of('t')} IS NULL OR k.{self.q('object_id')} <> {key_text})"

    def plan_linked(self, low: int, high: int, level: int) -> list[Statement]:
        """Statements that plan the stray rows anew, by the object that their key points to."""
        source = (
            f"{self.q(STAGE)} s JOIN {self.mapping} k ON {self._own_key()} "
            f"JOIN {self.target} t ON {self._linked('t')} "
            f"LEFT JOIN {self.target} m ON {self._matches('m')}"
        )
        conflict = f"CASE WHEN {self.pk_of('m')} <> {self.pk_of('t')} THEN 1 ELSE 0 END"
        joins, joined = self._reference_joins(low, high, level)
        here = self.q(FOUND)
        return [
            (
                f"CREATE TEMPORARY TABLE {here} AS "
                f"SELECT {self._plan_columns(stray=False, conflict=conflict)} FROM {source}{joins} "
                f"WHERE {self.span(low, high, level)} "
                f"AND ({self.pk_of('m')} IS NULL OR {self.pk_of('m')} <> {self.pk_of('t')})",
                [self.context.system, self.context.content_type, *joined],
            ),
            (f"DELETE FROM {self.q(PLAN)} WHERE n IN (SELECT n FROM {here})", []),
            (f"INSERT INTO {self.q(PLAN)} SELECT * FROM {here}", []),
        ]

    def _own_key(self) -> str:
        names = ("external_system_id", "content_type_id", "external_key")
        system, kind, key = (f"k.{self.q(name)}" for name in names)
        return f"{system} = %s AND {kind} = %s AND {key} = s.k"

    def _linked(self, alias: str) -> str:
        text = f"k.{self.q('object_id')}"
        return f"{self.pk_of(alias)} = {self.dialect.key_value(self.schema.pk, text)}"

    def _plan_columns(self, *, stray: bool, conflict: str) -> str:
        found = f"{self.pk_of('t')} IS NOT NULL"
        astray = (
            f"CASE WHEN {self._astray()} THEN 1 ELSE 0 END"
            if stray
            else f"CASE WHEN k.id IS NOT NULL AND {self.pk_of('t')} IS NULL THEN 1 ELSE 0 END"
            if self.layout.has_keys
            else "0"
        )
        columns = [
            "s.n AS n",
            f"{self._target_key()} AS tgt",
            f"CASE WHEN {found} THEN CASE WHEN {self.asks(Action.UPDATE)} AND {self._changed()} "
            f"THEN {Act.UPDATE} ELSE {Act.KEEP} END "
            f"WHEN {self.asks(Action.CREATE)} THEN {Act.CREATE} ELSE {Act.NOTHING} END AS act",
            f"{'k.id' if self.layout.has_keys else '0'} AS map_id",
            f"{astray} AS stray",
            f"{conflict} AS conflict",
            f"{self._late()} AS late",
            f"{self._ambiguous()} AS ambiguous",
            f"{self._absent()} AS absent",
        ]
        columns += [f"{self._answer(i)} AS r{i}" for i, _ in enumerate(self.shape.references)]
        return ", ".join(columns)

    def _target_key(self) -> str:
        """The found object's key, or the one that a new object will have, where it is known now."""
        fresh = "NULL"
        if self.pk_column is not None:
            fresh = f"s.v{self.pk_column.index}"
        elif not self.draws_ids:
            fill = next((f for f in self.layout.fills if f.field is self.schema.pk and f.make), None)
            reference = next(
                (i for i, r in enumerate(self.shape.references) if r.field is self.schema.pk), None
            )
            fresh = (
                f"s.d_{fill.field.column}" if fill else f"r{reference}" if reference is not None else "NULL"
            )
        elif self.dialect.ids_before:
            drawn = self.dialect.next_id(self.schema.model)
            unmapped = " AND k.id IS NULL" if self.layout.has_keys and self._match_columns() else ""
            return (
                f"CASE WHEN {self.pk_of('t')} IS NOT NULL THEN {self.pk_of('t')} "
                f"WHEN {self.asks(Action.CREATE)}{unmapped} THEN {drawn} END"
            )
        return self.pk_of("t") if fresh == "NULL" else f"COALESCE({self.pk_of('t')}, {fresh})"

    # -- references --------------------------------------------------------------------------

    def _reference_joins(self, low: int, high: int, level: int) -> tuple[str, list[Any]]:
        joins = ""
        for i, reference in enumerate(self.shape.references):
            if self._is_single(i, reference):
                table = self.q(reference.model._meta.db_table)
                condition = " AND ".join(
                    f"r{i}.{self.q(lookup.field.column)} = s.l{lookup.index}"  # type: ignore[union-attr]  # eligible
                    for lookup in reference.lookups
                )
                joins += f" LEFT JOIN {table} r{i} ON {condition}"
            else:
                joins += f" LEFT JOIN ({self._answers(i, reference, low, high, level)}) r{i} ON r{i}.n = s.n"
        for i, column in enumerate(self.plain_keys):
            related = column.field.remote_field.model._meta  # type: ignore[union-attr]  # a foreign key
            key = self.q(column.field.target_field.column)  # type: ignore[attr-defined]  # a foreign key
            joins += f" LEFT JOIN {self.q(related.db_table)} x{i} ON x{i}.{key} = s.v{column.index}"
        return joins, []

    def _is_single(self, i: int, reference: Reference) -> bool:
        """Whether a unique set makes the answer single, with all lookups given wherever one is."""
        fields = {lookup.field for lookup in reference.lookups}
        unique = _unique_sets(reference.model)
        whole = all(all(pattern) or not any(pattern) for pattern in self.loaded.patterns[i])
        return whole and any(fields >= set(each) for each in unique)

    def _answers(self, i: int, reference: Reference, low: int, high: int, level: int) -> str:
        """n, one answer's key, and how many answers there are, for each row that has lookups."""
        table = self.q(reference.model._meta.db_table)
        assert reference.field is not None
        key = f"r.{self.q(reference.field.target_field.column)}"
        parts = []
        for pattern in sorted(self.loaded.patterns[i]):
            given = [lookup for lookup, present in zip(reference.lookups, pattern, strict=True) if present]
            if not given:
                continue
            equal = " AND ".join(f"r.{self.q(lk.field.column)} = s.l{lk.index}" for lk in given)  # type: ignore[union-attr]  # eligible
            blank = "".join(
                f" AND s.l{lookup.index} IS NULL" for lookup in reference.lookups if lookup not in given
            )
            parts.append(
                f"SELECT s.n AS n, {self.dialect.any_of(key)} AS answer, COUNT(*) AS answers "
                f"FROM {self.q(STAGE)} s JOIN {table} r ON {equal} "
                f"WHERE {self.span(low, high, level)}{blank} GROUP BY s.n"
            )
        if not parts:
            parts = [
                f"SELECT s.n AS n, {key} AS answer, 0 AS answers FROM {self.q(STAGE)} s JOIN {table} r ON {FALSE}"
            ]
        return " UNION ALL ".join(parts)

    def _answer(self, i: int) -> str:
        reference = self.shape.references[i]
        assert reference.field is not None
        if self._is_single(i, reference):
            return f"r{i}.{self.q(reference.field.target_field.column)}"
        return f"CASE WHEN r{i}.answers = 1 THEN r{i}.answer END"

    def _asked(self, i: int) -> str:
        reference = self.shape.references[i]
        return "(" + " OR ".join(f"s.l{lookup.index} IS NOT NULL" for lookup in reference.lookups) + ")"

    def _no_answer(self, i: int) -> str:
        if self._is_single(i, self.shape.references[i]):
            return f"({self._asked(i)} AND {self._answer(i)} IS NULL)"
        return f"({self._asked(i)} AND r{i}.answers IS NULL)"

    def _late(self) -> str:
        return self._bits([self._no_answer(i) for i, _ in enumerate(self.shape.references)])

    def _ambiguous(self) -> str:
        return self._bits(
            [
                FALSE if self._is_single(i, reference) else f"r{i}.answers > 1"
                for i, reference in enumerate(self.shape.references)
            ]
        )

    def _absent(self) -> str:
        """Bits: plain foreign keys that would be written and name nothing; then required references
        that a new object lacks; then whether the row has another primary key than its object.
        """
        new = f"{self.pk_of('t')} IS NULL"
        tests = []
        for i, column in enumerate(self.plain_keys):
            key = f"x{i}.{self.q(column.field.target_field.column)}"  # type: ignore[attr-defined]  # a foreign key
            writes = f"({new} OR ({self.asks(Action.UPDATE)} AND {self._differs(column)}))"
            tests.append(f"(s.v{column.index} IS NOT NULL AND {key} IS NULL AND {writes})")
        for i, reference in enumerate(self.shape.references):
            tests.append(f"({new} AND {self._answer(i)} IS NULL)" if reference.required else FALSE)
        tests.append(self._renumbers())
        return self._bits(tests)

    def _renumbers(self) -> str:
        """SQL: whether a row would give its object another primary key."""
        column = self.pk_column
        if column is None:
            return FALSE
        sent = f" AND s.h{column.index} = 1" if column.index in self.loaded.partial else ""
        differs = self.dialect.distinct(column.field, self.pk_of("t"), f"s.v{column.index}")
        return (
            f"({self.pk_of('t')} IS NOT NULL AND s.v{column.index} IS NOT NULL AND {differs}{sent} "
            f"AND {self.asks(Action.UPDATE)})"
        )

    @staticmethod
    def _bits(tests: Sequence[str]) -> str:
        parts = [
            f"CASE WHEN {test} THEN {1 << i} ELSE 0 END" for i, test in enumerate(tests) if test != FALSE
        ]
        return " + ".join(parts) if parts else "0"

    # -- comparing and writing ---------------------------------------------------------------

    def _changed(self) -> str:
        tests = [self._differs(c) for c in self._written_columns()]
        tests += [self._redirects(i) for i, _ in enumerate(self.shape.references)]
        return "(" + " OR ".join(tests) + ")" if tests else FALSE

    def _may_write(self, field: Field) -> str:
        """SQL: whether an update may replace what the object has in a field."""
        force = self.asks(Action.FORCE)
        if force == TRUE:
            return TRUE
        empty = self.dialect.is_empty(field, f"t.{self.q(field.column or '')}")
        return empty if force == FALSE else f"({force} OR {empty})"

    def _differs(self, column: ValueColumn) -> str:
        test = self.dialect.distinct(
            column.field, f"t.{self.q(column.field.column or '')}", f"s.v{column.index}"
        )
        conditions = [f"({test})"]
        if (may := self._may_write(column.field)) != TRUE:
            conditions.append(may)
        if column.index in self.loaded.partial:
            conditions.append(f"s.h{column.index} = 1")
        return "(" + " AND ".join(conditions) + ")"

    def _redirects(self, i: int) -> str:
        field = self.shape.references[i].field
        assert field is not None
        answer, current = self._answer(i), f"t.{self.q(field.column)}"
        test = f"{answer} IS NOT NULL AND ({current} IS NULL OR {current} <> {answer})"
        may = self._may_write(field)
        return f"({test})" if may == TRUE else f"({test} AND {may})"

    def new_value(self, field: Field) -> str:
        """What an update leaves in a field of the object `t`."""
        current = f"t.{self.q(field.column or '')}"
        for column in self.shape.values:
            if column.field is field:
                may = self._may_write(field)
                if column.index in self.loaded.partial:
                    may = f"({may} AND s.h{column.index} = 1)"
                return (
                    f"s.v{column.index}"
                    if may == TRUE
                    else f"CASE WHEN {may} THEN s.v{column.index} ELSE {current} END"
                )
        for i, reference in enumerate(self.shape.references):
            if reference.field is field:
                may = self._may_write(field)
                test = f"p.r{i} IS NOT NULL" + ("" if may == TRUE else f" AND {may}")
                return f"CASE WHEN {test} THEN p.r{i} ELSE {current} END"
        return current

    def written(self) -> list[Field]:
        """The fields that an update writes."""
        fields = [c.field for c in self._written_columns()]
        return fields + [r.field for r in self.shape.references if r.field]

    def _written_columns(self) -> list[ValueColumn]:
        """The columns that an update may change: what rows match on is equal already, to the letter
        where the database tells letters apart, unless a row's key names another object.
        """
        matched = () if self.has_strays else self.shape.match.names
        return [
            c
            for c in self.shape.values
            if not c.field.primary_key and not (c.name in matched and self.dialect.tells_apart(c.field))
        ]

    def update(self) -> Statement:
        """Write the changed objects, and the fields that fill themselves on saving."""
        assignments = [(field.column or "", self.new_value(field)) for field in self.written()]
        params: list[Any] = []
        for field in self.schema.fields:
            if getattr(field, "auto_now", False) and field not in self.layout.sent:
                assignments.append((field.column or "", "%s"))
                params.append(self._now(field))
        where = f"s.n = p.n AND {self.pk_of('t')} = p.tgt AND p.act = {Act.UPDATE}"
        source = f"{self.q(PLAN)} AS p, {self.q(STAGE)} AS s"
        return self.dialect.update(self.schema.table, "t", assignments, source, where), params

    def _now(self, field: Field) -> Any:
        value = field.pre_save(self.schema.model(), add=True)
        return field.get_db_prep_save(value, self.context.connection)

    def filled_by_database(self) -> str:
        """SQL: whether a row leaves out a column that has a default of the database's own."""
        tests = [
            f"s.h{column.index} = 0"
            for column in self.shape.values
            if column.index in self.loaded.partial and column.field.has_db_default()  # type: ignore[attr-defined]  # Django 5
        ]
        return f"({' OR '.join(tests)})" if tests else ""

    def insert(self, first: tuple[int, int] | None) -> Statement:
        """Make the new objects, in row order; `first` is the first new key and the step, if counted."""
        columns: list[str] = []
        values: list[str] = []
        params: list[Any] = []

        def put(field: Field, value: str, *given: Any) -> None:
            columns.append(self.q(field.column or ""))
            values.append(value)
            params.extend(given)

        if self.draws_ids and first is not None:
            put(self.schema.pk, self._counted(first))
        elif self.draws_ids and self.dialect.ids_before:
            put(self.schema.pk, "p.tgt")
        sent = set()
        for column in self.shape.values:
            sent.add(column.field)
            put(column.field, f"s.v{column.index}")
        for i, reference in enumerate(self.shape.references):
            if reference.field and reference.field not in sent:
                sent.add(reference.field)
                put(reference.field, f"p.r{i}")
        for fill in self.layout.fills:
            if fill.make:
                put(fill.field, f"s.d_{fill.field.column}")
            elif fill.constant is not None:
                put(fill.field, "%s", fill.constant)
        for field in self.schema.fields:
            automatic = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
            if automatic and field not in sent:
                put(field, "%s", self._now(field))
        return (
            f"INSERT INTO {self.target} ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM {self.q(PLAN)} p JOIN {self.q(STAGE)} s ON s.n = p.n WHERE p.act = {Act.CREATE} ORDER BY p.n",
            params,
        )

    def _counted(self, first: tuple[int, int]) -> str:
        start, step = first
        count = "ROW_NUMBER() OVER (ORDER BY p.n)"
        return f"{start - step} + {count}" if step == 1 else f"{start - step} + {step} * {count}"

    def note_ids(self, first: tuple[int, int]) -> Statement:
        """Put counted keys into the plan, for statements that need them there."""
        return self.dialect.update(
            PLAN, "q", [("tgt", "c.id")], f"{self._numbered(first)} AS c", "c.n = q.n"
        ), []

    def _numbered(self, first: tuple[int, int]) -> str:
        """The new objects' rows with their counted keys."""
        return (
            f"(SELECT p.n AS n, p.map_id AS map_id, {self._counted(first)} AS id "
            f"FROM {self.q(PLAN)} p WHERE p.act = {Act.CREATE})"
        )

    # -- keys --------------------------------------------------------------------------------

    def insert_keys(self, acts: Sequence[Act]) -> Statement:
        """Map the keys that have no mapping yet, of rows with these acts."""
        key_text = self.dialect.key_text(self.schema.pk, "p.tgt")
        listed = ", ".join(str(int(act)) for act in acts)
        return self._insert_keys(key_text, f"{self.q(PLAN)} p", f"p.act IN ({listed})")

    def insert_new_keys(self, first: tuple[int, int]) -> Statement:
        """Map the keys of new objects whose own keys were counted."""
        return self._insert_keys(
            self.dialect.key_text(self.schema.pk, "p.id"), f"{self._numbered(first)} AS p", TRUE
        )

    def _insert_keys(self, key_text: str, source: str, where: str) -> Statement:
        names = ("external_system_id", "content_type_id", "external_key", "object_id")
        return (
            f"INSERT INTO {self.mapping} ({', '.join(self.q(n) for n in names)}) "
            f"SELECT %s, %s, s.k, {key_text} FROM {source} JOIN {self.q(STAGE)} s ON s.n = p.n "
            f"WHERE s.k IS NOT NULL AND p.map_id IS NULL AND {where} ORDER BY s.n",
            [self.context.system, self.context.content_type],
        )

    def repoint_keys(self) -> Statement:
        """Point the mappings whose object is gone to the one that is there now."""
        key_text = self.dialect.key_text(self.schema.pk, "p.tgt")
        where = f"k.id = p.map_id AND p.stray = 1 AND p.act IN ({Act.CREATE}, {Act.UPDATE}, {Act.KEEP})"
        table = ExternalKeyMapping._meta.db_table
        return self.dialect.update(table, "k", [("object_id", key_text)], f"{self.q(PLAN)} AS p", where), []

    # -- rows that are no set ----------------------------------------------------------------

    def held_unique(self) -> list[str]:
        """Queries for rows that want a unique value which another object has now."""
        matched = {c.field for c in self._match_columns()}
        written = set(self.written()) | ({self.schema.pk} if self.pk_column else set())
        queries = []
        for fields in self.schema.unique_sets:
            if set(fields) <= matched or not set(fields) & written:
                continue
            for act in (Act.CREATE, Act.UPDATE):
                if act is Act.UPDATE and self.schema.pk in fields:
                    continue
                values = [self._future(field, act) for field in fields]
                if None in values:
                    continue
                equal = " AND ".join(
                    f"o.{self.q(f.column or '')} = {v}" for f, v in zip(fields, values, strict=True)
                )
                update = act is Act.UPDATE
                joined = f" JOIN {self.target} t ON {self.pk_of('t')} = p.tgt" if update else ""
                other = f" AND {self.pk_of('o')} <> p.tgt" if update else ""
                queries.append(
                    f"SELECT p.n FROM {self.q(PLAN)} p JOIN {self.q(STAGE)} s ON s.n = p.n{joined} "
                    f"JOIN {self.target} o ON {equal}{other} WHERE p.act = {act}"
                )
        return queries

    def _future(self, field: Field, act: Act) -> str | None:
        """What a field will hold; None where a new object gets NULL or a value of its own."""
        if act is Act.UPDATE:
            return self.new_value(field)
        for column in self.shape.values:
            if column.field is field:
                return f"s.v{column.index}"
        for i, reference in enumerate(self.shape.references):
            if reference.field is field:
                return f"p.r{i}"
        return None

    def shared_targets(self) -> str:
        """The rows whose object an earlier row of the plan has too."""
        plan = self.q(PLAN)
        return (
            f"SELECT p.n FROM {plan} p JOIN (SELECT tgt, MIN(n) AS n FROM {plan} WHERE tgt IS NOT NULL "
            f"GROUP BY tgt HAVING COUNT(*) > 1) d ON d.tgt = p.tgt WHERE p.n > d.n"
        )

    def own_references(self) -> list[int]:
        """The references that may name an object which an earlier row of the batch creates."""
        return [i for i, r in enumerate(self.shape.references) if r.model._meta.db_table == self.schema.table]

    def named_before(self, i: int) -> str:
        """Row, act and creating row for each record whose own reference names an earlier, new object."""
        lookup = self.shape.references[i].lookups[0]
        column = self._match_columns()[0]
        plan, stage = self.q(PLAN), self.q(STAGE)
        return (
            f"SELECT p.n AS n, p.act AS act, p.tgt AS tgt, q.tgt AS named, q.n AS maker "
            f"FROM {plan} p JOIN {stage} s ON s.n = p.n "
            f"JOIN {stage} z ON z.v{column.index} = s.l{lookup.index} AND z.n < s.n AND z.w = s.w "
            f"JOIN {plan} q ON q.n = z.n AND q.act = {Act.CREATE} WHERE p.late <> 0"
        )

    def fill_own(self, i: int) -> Statement:
        """Let the new objects refer to those that earlier rows of the batch have just made."""
        field = self.shape.references[i].field
        assert field is not None
        key = self.q(field.target_field.column)
        source = f"({self.named_before(i)}) AS f, {self.target} AS o"
        where = f"{self.pk_of('t')} = f.tgt AND f.act = {Act.CREATE} AND {self.pk_of('o')} = f.named"
        return self.dialect.update(self.schema.table, "t", [(field.column, f"o.{key}")], source, where), []

    def changes(self, limit: int) -> tuple[str, list[Field]]:
        """Old and new values of the objects that will change: n, act, tgt, then pairs per field."""
        fields = self.written()
        pairs = [
            f"t.{self.q(f.column or '')}, CASE WHEN p.act = {Act.CREATE} THEN {self._future(f, Act.CREATE)} "
            f"ELSE {self.new_value(f)} END"
            for f in fields
        ]
        return (
            f"SELECT {', '.join(['p.n', 'p.act', 'p.tgt', *pairs])} FROM {self.q(PLAN)} p "
            f"JOIN {self.q(STAGE)} s ON s.n = p.n LEFT JOIN {self.target} t ON {self.pk_of('t')} = p.tgt "
            f"AND p.act = {Act.UPDATE} WHERE p.act IN ({Act.CREATE}, {Act.UPDATE}) ORDER BY p.n LIMIT {limit}",
            fields,
        )


def _unique_sets(model: type[models.Model]) -> Sequence[tuple[Field, ...]]:
    return Schema(model).unique_sets
