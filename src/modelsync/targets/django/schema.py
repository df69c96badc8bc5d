"""What a model is like, as far as syncing it is concerned; worked out once per run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from django.db import models
from django.db.models import signals
from django.db.models.fields.related import ForeignObjectRel

Field: TypeAlias = "models.Field[Any, Any]"
ForeignKey: TypeAlias = "models.ForeignKey[Any, Any]"


@dataclass(frozen=True)
class Schema:
    """A model's fields, unique sets and user code."""

    model: type[models.Model]

    @property
    def label(self) -> str:
        """`app.Model`."""
        return self.model._meta.label

    @property
    def table(self) -> str:
        """The database table."""
        return self.model._meta.db_table

    @cached_property
    def pk(self) -> Field:
        """The primary key field."""
        return self.model._meta.pk

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The concrete fields that can be written, inherited ones too."""
        return tuple(f for f in self.model._meta.concrete_fields if not getattr(f, "generated", False))

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Writable concrete fields by name, attribute name and `pk`."""
        named = {f.attname: f for f in self.fields} | {f.name: f for f in self.fields}
        return {"pk": self.pk} | named

    @cached_property
    def relations(self) -> dict[str, Field | ForeignObjectRel]:
        """Forward and reverse relations by every name that a column may use."""
        found: dict[str, Field | ForeignObjectRel] = {}
        for field in self.model._meta.get_fields():
            if not field.is_relation or field.related_model is None:
                continue
            found[field.name] = field
            if isinstance(field, ForeignObjectRel):
                accessor = field.get_accessor_name()
                if accessor:
                    found[accessor] = field
        return found

    @cached_property
    def unique_sets(self) -> tuple[tuple[Field, ...], ...]:
        """The sets of fields that are unique together without a condition, the primary key first."""
        meta = self.model._meta
        sets: list[tuple[Field, ...]] = [(self.pk,)]
        sets += [(f,) for f in self.fields if f.unique and not f.primary_key]
        sets += [tuple(self.by_name[n] for n in names) for names in meta.unique_together]
        sets += [
            tuple(self.by_name[n] for n in c.fields)
            for c in meta.total_unique_constraints
            if getattr(c, "nulls_distinct", None) is not False
        ]
        return tuple(dict.fromkeys(sets))

    @cached_property
    def unusual_constraint(self) -> str | None:
        """The name of a constraint that only the database can judge row by row; None without one."""
        plain = list(self.model._meta.total_unique_constraints)  # no set: constraints have no hash
        for constraint in self.model._meta.constraints:
            if isinstance(constraint, models.CheckConstraint):
                continue
            is_plain = constraint in plain and not getattr(constraint, "deferrable", None)
            if not is_plain or getattr(constraint, "nulls_distinct", None) is False:
                return constraint.name
        return None

    @cached_property
    def has_incoming(self) -> bool:
        """Whether other objects refer to this model's, so that deleting one touches more than it."""
        return any(
            isinstance(f, ForeignObjectRel) or f.many_to_many or getattr(f, "bulk_related_objects", None)
            for f in self.model._meta.get_fields(include_hidden=True)
        )

    @cached_property
    def may_break_late(self) -> bool:
        """Whether a write can break a constraint that the database checks only at the commit.

        References are looked up before they are written, so it takes user code, a deferrable
        constraint, or objects that are left behind when this one goes.
        """
        return bool(
            self.user_code
            or any(getattr(c, "deferrable", None) for c in self.model._meta.constraints)
            or any(
                getattr(f, "on_delete", None) is models.DO_NOTHING
                for f in self.model._meta.get_fields(include_hidden=True)
                if isinstance(f, ForeignObjectRel)
            )
        )

    @cached_property
    def delete_touches(self) -> frozenset[type[models.Model]]:
        """The models of which a delete may remove or change objects besides the one deleted."""
        touched: set[type[models.Model]] = set()
        waiting = [self.model]
        while waiting:
            meta = waiting.pop()._meta
            for field in meta.get_fields(include_hidden=True):
                is_incoming = isinstance(field, ForeignObjectRel) and not field.many_to_many
                if (
                    not (is_incoming or hasattr(field, "bulk_related_objects"))
                    or field.related_model in touched
                ):
                    continue
                touched.add(field.related_model)  # type: ignore[arg-type]  # relations of a loaded model
                waiting.append(field.related_model)  # type: ignore[arg-type]  # as above
        return frozenset(touched)

    @cached_property
    def is_inherited(self) -> bool:
        """Multi-table inheritance: its rows are spread over several tables."""
        return bool(self.model._meta.concrete_model._meta.parents)  # type: ignore[union-attr]  # no abstract model

    @property
    def user_code(self) -> str | None:
        """Which user code a write would run (`save()`, `delete()`, a signal); None if it has none."""
        for name in ("save", "save_base", "delete"):
            method = getattr(self.model, name)
            if getattr(method, "modelsync_wakes", False):  # it writes nothing (modelsync.tracking)
                method = method.__wrapped__
            if method is not getattr(models.Model, name):
                return f"{self.label}.{name}() is overridden"
        for name in ("pre_init", "post_init", "pre_save", "post_save", "pre_delete", "post_delete"):
            if getattr(signals, name).has_listeners(self.model):
                return f"{self.label} has {name} receivers"
        return None


def column_of(field: Field) -> str:
    """The column of a concrete field."""
    return field.column or ""


def target_of(field: Field) -> Field:
    """The field that a foreign key refers to."""
    assert isinstance(field, models.ForeignKey)
    return field.target_field


def is_constrained(field: Field) -> bool:
    """Whether the database itself sees to it that a foreign key names something."""
    return bool(getattr(field, "db_constraint", False))


def base_field(field: Field) -> Field:
    """A foreign key's values are of the field that it refers to."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def stamps_itself(field: Field) -> bool:
    """Whether a field takes the time of saving by itself."""
    return getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
