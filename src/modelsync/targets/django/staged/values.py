"""Whether a row differs from its object, and what a write leaves in each field, as SQL."""

from __future__ import annotations

from modelsync.core.records import Action
from modelsync.targets.django.schema import Field, column_of
from modelsync.targets.django.shape import ValueColumn
from modelsync.targets.django.staged.answers import Answers
from modelsync.targets.django.staged.rows import FALSE, TRUE, Rows, field_set_by
from modelsync.targets.django.staged.tables import Act


class Values:
    """The old and new values of one loaded group."""

    def __init__(self, rows: Rows, answers: Answers) -> None:
        self.rows = rows
        self.answers = answers
        self.shape = rows.shape
        self.dialect = rows.dialect

    def changed(self) -> str:
        """SQL: whether an update changes anything in the object `t`."""
        tests = [self.differs(c) for c in self.written_columns()]
        tests += [self._redirects(i) for i, _ in enumerate(self.shape.references)]
        return "(" + " OR ".join(tests) + ")" if tests else FALSE

    def differs(self, column: ValueColumn) -> str:
        """SQL: whether the object has another value, and the row may replace it."""
        test = self.dialect.distinct(column.field, self._current(column.field), f"s.v{column.index}")
        conditions = [f"({test})"]
        if (may := self._may_write(column.field)) != TRUE:
            conditions.append(may)
        if column.index in self.rows.loaded.partial:
            conditions.append(f"s.h{column.index} = 1")
        return "(" + " AND ".join(conditions) + ")"

    def written(self) -> list[Field]:
        """The fields that an update writes."""
        fields = [c.field for c in self.written_columns()]
        return fields + [r.field for r in self.shape.references if r.field]

    def written_columns(self) -> list[ValueColumn]:
        """The columns that an update may change: what rows match on is equal already, to the letter
        where the database tells letters apart, unless a row's key names another object.
        """
        matched = () if self.rows.has_strays else self.shape.match.names
        return [
            c
            for c in self.shape.values
            if not c.field.primary_key and not (c.name in matched and self.dialect.tells_apart(c.field))
        ]

    def new_value(self, field: Field) -> str:
        """What an update leaves in a field of the object `t`."""
        for column in self.shape.values:
            if column.field is field:
                return self._new_column_value(column)
        for i, reference in enumerate(self.shape.references):
            if reference.field is field:
                may = self._may_write(field)
                test = f"p.r{i} IS NOT NULL" + ("" if may == TRUE else f" AND {may}")
                return f"CASE WHEN {test} THEN p.r{i} ELSE {self._current(field)} END"
        return self._current(field)

    def future(self, field: Field, act: Act) -> str | None:
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

    def _current(self, field: Field) -> str:
        return f"t.{self.rows.q(column_of(field))}"

    def _may_write(self, field: Field) -> str:
        """SQL: whether an update may replace what the object has in a field."""
        force = self.rows.asks(Action.FORCE)
        if force == TRUE:
            return TRUE
        empty = self.dialect.is_empty(field, self._current(field))
        return empty if force == FALSE else f"({force} OR {empty})"

    def _new_column_value(self, column: ValueColumn) -> str:
        may = self._may_write(column.field)
        if column.index in self.rows.loaded.partial:
            may = f"({may} AND s.h{column.index} = 1)"
        new = f"s.v{column.index}"
        return new if may == TRUE else f"CASE WHEN {may} THEN {new} ELSE {self._current(column.field)} END"

    def _redirects(self, i: int) -> str:
        """SQL: whether a reference has an answer that the object does not refer to."""
        field = field_set_by(self.shape.references[i])
        answer, current = self.answers.answer(i), self._current(field)
        test = f"{answer} IS NOT NULL AND ({current} IS NULL OR {current} <> {answer})"
        may = self._may_write(field)
        return f"({test})" if may == TRUE else f"({test} AND {may})"
