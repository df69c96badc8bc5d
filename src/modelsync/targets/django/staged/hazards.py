"""Queries for rows that must not be written as part of a set."""

from __future__ import annotations

from collections.abc import Iterator

from modelsync.targets.django.schema import Field, column_of, target_of
from modelsync.targets.django.staged.rows import Rows, field_set_by
from modelsync.targets.django.staged.tables import PLAN, STAGE, Act, Span, Statement
from modelsync.targets.django.staged.values import Values


class Hazards:
    """What makes rows of one loaded group depend on one another, or on what is there."""

    def __init__(self, rows: Rows, values: Values) -> None:
        self.rows = rows
        self.values = values
        self.plan = rows.q(PLAN)
        self.stage = rows.q(STAGE)

    def several(self, span: Span) -> str | None:
        """The rows that match several objects; None where a unique set rules that out."""
        fields = {c.field for c in self.rows.match_columns}
        if not fields or any(fields >= set(unique) for unique in self.rows.schema.unique_sets):
            return None
        return (
            f"SELECT s.n FROM {self.stage} s JOIN {self.rows.target} m ON {self.rows.matches('m')} "
            f"WHERE {self.rows.among(span)} GROUP BY s.n HAVING COUNT(*) > 1"
        )

    def held_unique(self) -> list[str]:
        """The rows that want a unique value which another object has now, one query a unique set."""
        queries = []
        for fields in self._written_unique_sets():
            queries.append(self._held_by_another(fields, Act.CREATE))
            if self.rows.schema.pk not in fields:
                queries.append(self._held_by_another(fields, Act.UPDATE))
        return [query for query in queries if query]

    def _written_unique_sets(self) -> Iterator[tuple[Field, ...]]:
        """The unique sets of fields in which rows may give an object other values than it matched by."""
        rows = self.rows
        matched = {c.field for c in rows.match_columns}
        written = set(self.values.written()) | ({rows.schema.pk} if rows.pk_column else set())
        for fields in rows.schema.unique_sets:
            if not set(fields) <= matched and set(fields) & written:
                yield fields

    def _held_by_another(self, fields: tuple[Field, ...], act: Act) -> str | None:
        rows = self.rows
        values = [self.values.future(field, act) for field in fields]
        if None in values:
            return None
        equal = " AND ".join(
            f"o.{rows.q(column_of(field))} = {value}" for field, value in zip(fields, values, strict=True)
        )
        joined, other = "", ""
        if act is Act.UPDATE:
            joined = f" JOIN {rows.target} t ON {rows.pk_of('t')} = p.tgt"
            other = f" AND {rows.pk_of('o')} <> p.tgt"
        return (
            f"SELECT p.n FROM {self.plan} p JOIN {self.stage} s ON s.n = p.n{joined} "
            f"JOIN {rows.target} o ON {equal}{other} WHERE p.act = {act}"
        )

    def shared_targets(self) -> str:
        """The rows whose object an earlier row of the plan has too."""
        return (
            f"SELECT p.n FROM {self.plan} p JOIN (SELECT tgt, MIN(n) AS n FROM {self.plan} "
            f"WHERE tgt IS NOT NULL GROUP BY tgt HAVING COUNT(*) > 1) d ON d.tgt = p.tgt WHERE p.n > d.n"
        )

    def made_before(self) -> str | None:
        """The rows whose mapping names an object that is not there, but that an earlier row makes; None
        where rows do not say which primary keys their objects get.
        """
        rows = self.rows
        if rows.pk_column is None:
            return None
        named = rows.dialect.key_value(rows.schema.pk, f"k.{rows.q('object_id')}")
        return (
            f"SELECT p.n FROM {self.plan} p JOIN {rows.mapping} k ON k.id = p.map_id "
            f"JOIN {self.stage} z ON z.v{rows.pk_column.index} = {named} AND z.n < p.n "
            f"JOIN {self.plan} q ON q.n = z.n AND q.act = {Act.CREATE} WHERE p.stray = 1"
        )

    # -- rows that are written before earlier ones, which wait on a later level --------------------

    def strays(self, span: Span) -> Statement:
        """The rows, from the first that is overtaken, whose key leads elsewhere than their match."""
        rows = self.rows
        found, stray = rows.linked("t"), f"{rows.pk_of('t')} IS NULL"
        if rows.match_columns:
            found, stray = rows.matches("t"), rows.astray()
        return (
            f"SELECT s.n FROM {self.stage} s {rows.dialect.lookup_join} {rows.mapping} k ON {rows.own_key()} "
            f"LEFT JOIN {rows.target} t ON {found} "
            f"WHERE {rows.among(span)} AND s.n >= {span.overtaken} AND {stray}",
            rows.key_params,
        )

    def overtaking(self, span: Span) -> list[str]:
        """The rows that an overtaken one must not find done: those that give up a unique value, and
        those that name its object.
        """
        rows = self.rows
        later = f"p.n > {span.overtaken}"
        queries = []
        for fields in self._written_unique_sets():
            changed = [
                rows.dialect.distinct(field, f"t.{rows.q(column_of(field))}", self.values.new_value(field))
                for field in fields
                if field is not rows.schema.pk
            ]
            if changed:
                queries.append(
                    f"SELECT p.n FROM {self.plan} p JOIN {self.stage} s ON s.n = p.n "
                    f"JOIN {rows.target} t ON {rows.pk_of('t')} = p.tgt "
                    f"WHERE p.act = {Act.UPDATE} AND {later} AND ({' OR '.join(changed)})"
                )
        for i in rows.own_references():
            lookup, column = rows.shape.references[i].lookups[0], rows.match_columns[0]
            queries.append(
                f"SELECT p.n FROM {self.plan} p JOIN {self.stage} s ON s.n = p.n "
                f"JOIN {self.stage} z ON z.v{column.index} = s.l{lookup.index} AND z.n < s.n AND z.w > s.w "
                f"WHERE p.late <> 0 AND {later}"
            )
        return queries

    # -- what only the database knows ----------------------------------------------------------

    def filled_by_database(self) -> str:
        """SQL: whether a row leaves out a column that has a default of the database's own."""
        tests = [
            f"s.h{column.index} = 0"
            for column in self.rows.shape.values
            if column.index in self.rows.loaded.partial and column.field.has_db_default()
        ]
        return f"({' OR '.join(tests)})" if tests else ""

    # -- references to rows of the same batch ------------------------------------------------

    def named_before(self, i: int) -> str:
        """Row, act and creating row for each record whose own reference names an earlier, new object."""
        lookup = self.rows.shape.references[i].lookups[0]
        column = self.rows.match_columns[0]
        return (
            f"SELECT p.n AS n, p.act AS act, p.tgt AS tgt, q.tgt AS named, q.n AS maker "
            f"FROM {self.plan} p JOIN {self.stage} s ON s.n = p.n "
            f"JOIN {self.stage} z ON z.v{column.index} = s.l{lookup.index} AND z.n < s.n AND z.w = s.w "
            f"JOIN {self.plan} q ON q.n = z.n AND q.act = {Act.CREATE} WHERE p.late <> 0"
        )

    def fill_own(self, i: int) -> Statement:
        """Let the new objects refer to those that earlier rows of the batch have just made."""
        rows, field = self.rows, field_set_by(self.rows.shape.references[i])
        key = rows.q(column_of(target_of(field)))
        source = f"({self.named_before(i)}) AS f, {rows.target} AS o"
        where = f"{rows.pk_of('t')} = f.tgt AND f.act = {Act.CREATE} AND {rows.pk_of('o')} = f.named"
        assignments = [(column_of(field), f"o.{key}")]
        return rows.dialect.update(rows.schema.table, "t", assignments, source, where), []
