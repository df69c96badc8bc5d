"""What goes with the rows that go: Django's `on_delete`, for whole sets, in view of what the stream brings.

A row that the stream brings does not go with anything: it names something else by then, or nothing answers
its reference, which is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.fields.reverse_related import ForeignObjectRel

from modelsync.core.errors import GuardError
from modelsync.core.results import Change, Outcome
from modelsync.targets.django.mirror.sheet import Sheet
from modelsync.targets.django.mirror.signalling import Signalling
from modelsync.targets.django.schema import ForeignKey, column_of, is_constrained, target_of
from modelsync.targets.django.sql import Dialect

Model = type[models.Model]
_CHUNK = 400  # parameters


class Deletes:
    """Gathers the rows to delete, table by table: `doomed` are their temporary tables."""

    def __init__(self, sheets: Mapping[Model, Sheet], dialect: Dialect, cursor: Any, using: str) -> None:
        self.sheets = sheets
        self.dialect = dialect
        self.cursor = cursor
        self.using = using
        self.q = dialect.quote
        self.lost: set[Model] = set()
        self.doomed: dict[Model, str] = {model: sheet.doomed for model, sheet in sheets.items()}

    def gather(self) -> None:
        """Follow the references to rows that go until there are no more of them; raises GuardError."""
        waiting = [model for model in self.doomed if self._one(f"SELECT 1 FROM {self._gone(model)}")]
        while waiting:
            model = waiting.pop()
            waiting += [key.model for key in _incoming(model) if self._follow(model, key)]
            waiting += [each.related_model for each in _generic(model) if self._follow_generic(model, each)]
            waiting += [parent for parent in _parents(model) if self._follow_parent(model, parent)]

    def _one(self, query: str) -> tuple[Any, ...] | None:
        self.cursor.execute(f"{query} LIMIT 1")
        found: tuple[Any, ...] | None = self.cursor.fetchone()
        return found

    def _gone(self, model: Model) -> str:
        return self.q(self.doomed[model])

    def _follow(self, model: Model, foreign_key: ForeignKey) -> bool:
        """Do what a foreign key says of its rows; whether more of them go."""
        rule = _rule(foreign_key)
        if rule is models.DO_NOTHING and not is_constrained(foreign_key):
            return False
        holders = f"SELECT h.{self._pk(foreign_key.model)} {self._holders(model, foreign_key)}"
        if rule is models.CASCADE:
            return self._doom(foreign_key.model, holders)
        found = self._one(holders)
        if found and rule in (models.PROTECT, models.RESTRICT, models.DO_NOTHING):
            raise GuardError(self._protected(model, foreign_key, found[0]))
        if found:
            self._set(foreign_key, rule, holders)
        return False

    def _holders(self, model: Model, foreign_key: ForeignKey) -> str:
        """FROM and WHERE of the rows `h` that name a row that goes, and neither go nor come themselves."""
        referring, target = foreign_key.model, target_of(foreign_key)
        column = f"h.{self.q(column_of(foreign_key))}"
        join = (
            f"FROM {self.q(referring._meta.db_table)} h "
            f"JOIN {self.q(model._meta.db_table)} t ON t.{self.q(column_of(target))} = {column} "
            f"JOIN {self.q(self.doomed[model])} d ON d.k = t.{self._pk(model)}"
        )
        tests = ["1 = 1"]
        sheet = self.sheets.get(referring)
        if sheet and foreign_key in sheet.sent | {sheet.pk}:
            join += f" LEFT JOIN {self.q(sheet.stage)} s ON s.k = h.{self._pk(referring)}"
            tests.append("s.k IS NULL")
        if referring in self.doomed:
            known = f"SELECT 1 FROM {self._gone(referring)} g WHERE g.k = h.{self._pk(referring)}"
            tests.append(f"NOT EXISTS ({known})")
        return f"{join} WHERE {' AND '.join(tests)}"

    def _pk(self, model: Model) -> str:
        return self.q(column_of(model._meta.pk))

    def _doom(self, model: Model, query: str) -> bool:
        """Let more rows of a model go; whether there are any."""
        if model not in self.doomed:
            self.doomed[model] = f"modelsync_gone_{len(self.doomed)}"
            table = self.q(model._meta.db_table)
            self.dialect.drop(self.cursor, self.doomed[model])
            none = f"SELECT t.{self._pk(model)} AS k FROM {table} t WHERE 1 = 0"
            self.dialect.create_from(self.cursor, self.doomed[model], none, "k")
        self.cursor.execute(f"INSERT INTO {self._gone(model)} (k) {query}")
        return bool(self.cursor.rowcount > 0)

    def _set(self, foreign_key: ForeignKey, rule: Any, holders: str) -> None:
        """SET_NULL, SET_DEFAULT and SET(...)."""
        self.cursor.execute(holders)
        keys = [row[0] for row in self.cursor.fetchall()]
        updates = _Updates()
        rule(updates, foreign_key, keys, self.using)
        manager = foreign_key.model._base_manager.using(self.using)
        for start in range(0, len(keys), _CHUNK):
            manager.filter(pk__in=keys[start : start + _CHUNK]).update(**{foreign_key.name: updates.value})

    def _follow_parent(self, model: Model, parent: Model) -> bool:
        """The parent's row goes with the child's, unless the stream says itself which parents there are."""
        sheet = self.sheets.get(parent)
        if sheet and not sheet.is_implied:
            return False
        staged = (
            f" LEFT JOIN {self.q(sheet.stage)} s ON s.k = d.k WHERE s.k IS NULL" if sheet else " WHERE 1 = 1"
        )
        known = ""
        if parent in self.doomed:
            known = f" AND NOT EXISTS (SELECT 1 FROM {self._gone(parent)} g WHERE g.k = d.k)"
        return self._doom(parent, f"SELECT d.k FROM {self._gone(model)} d{staged}{known}")

    def _follow_generic(self, model: Model, relation: Any) -> bool:
        """Objects that name a row that goes by a generic foreign key go with it, as Django has it."""
        other = relation.related_model
        if other in self.sheets:
            return False
        kind = ContentType.objects.db_manager(self.using).get_for_model(model).pk
        target = other._meta.get_field(relation.object_id_field_name)
        type_ = other._meta.get_field(relation.content_type_field_name)
        is_number = isinstance(target, models.IntegerField)
        key = "d.k" if is_number else self.dialect.key_text(model._meta.pk, "d.k")
        column, known = f"h.{self.q(column_of(target))}", ""
        if other in self.doomed:
            known = f" AND NOT EXISTS (SELECT 1 FROM {self._gone(other)} g WHERE g.k = h.{self._pk(other)})"
        return self._doom(
            other,
            f"SELECT h.{self._pk(other)} FROM {self.q(other._meta.db_table)} h "
            f"JOIN {self._gone(model)} d ON {column} = {key} "
            f"WHERE h.{self.q(column_of(type_))} = {int(kind)}{known}",
        )

    def _protected(self, model: Model, foreign_key: ForeignKey, holder: object) -> str:
        return (
            f"{foreign_key.model._meta.label} {holder} protects an object of {model._meta.label} that the "
            f"other site no longer has ({foreign_key.name}); delete or change it first. Nothing was written"
        )

    def changes(self, limit: int) -> list[Change]:
        """The first rows that will go, those that hang on others, too, for a preview."""
        found: list[Change] = []
        for model, name in self.doomed.items():
            self.cursor.execute(f"SELECT k FROM {self.q(name)} ORDER BY k LIMIT {limit - len(found)}")
            found += [
                Change(number=-1, model=model._meta.label, pk=key, outcome=Outcome.DELETED, fields={})
                for (key,) in self.cursor.fetchall()
            ]
        return found

    def delete(self, signalling: Signalling | None) -> int:
        """Delete the rows; how many of the models of the stream. `lost` are then the models that lost any."""
        removed = 0
        gone = [
            instance
            for model, name in self.doomed.items()
            for instance in (signalling.before_deleting(model, name) if signalling else ())
        ]
        for model, name in self.doomed.items():
            table, pk = model._meta.db_table, column_of(model._meta.pk)
            self.cursor.execute(self.dialect.delete_from(table, pk, f"SELECT k FROM {self.q(name)}"))
            if self.cursor.rowcount:
                self.lost.add(model)
            if model in self.sheets:
                removed += self.cursor.rowcount
            else:
                self.dialect.drop(self.cursor, name)
        if signalling:
            signalling.after_deleting(gone)
        return removed


class _Updates:
    """What Django's `on_delete` functions ask of a collector."""

    value: Any = None

    def add_field_update(self, field: Any, value: Any, objects: Any) -> None:
        """A field shall get a value."""
        self.value = value

    def add_lazy_field_update(self, field: Any, value: Any) -> None:
        """The same, under another name."""
        self.value = value


def _rule(foreign_key: ForeignKey) -> Any:
    """What happens to a row when what it names goes; what databases do themselves is done here, too."""
    rule = foreign_key.remote_field.on_delete
    by_database = {
        getattr(models, f"DB_{name}", None): getattr(models, name)
        for name in ("CASCADE", "SET_NULL", "SET_DEFAULT")
    }
    return by_database.get(rule, rule)


def _incoming(model: Model) -> Iterator[ForeignKey]:
    """The foreign keys that refer to a model's own table, those of many-to-many tables too."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and not relation.many_to_many:
            field = relation.field
            if isinstance(field, models.ForeignKey) and target_of(field).model is model:
                yield field


def _generic(model: Model) -> Iterator[Any]:
    """The generic relations of a model."""
    for field in model._meta.private_fields:
        if hasattr(field, "bulk_related_objects"):
            yield field


def _parents(model: Model) -> list[Model]:
    """The models whose children its objects are (multi-table inheritance)."""
    return [parent for parent, link in model._meta.parents.items() if link is not None]
