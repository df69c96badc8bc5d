"""The shape of a batch: what each of its columns means for the model, bound once, not per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.constants import LOOKUP_SEP

from modelsync.core.records import Match
from modelsync.targets.django.converters import Converter, compile_converter
from modelsync.targets.django.schema import Field, ForeignKey, Schema

ARROW = "=>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueColumn:
    """A column that holds a field's value. `index` is its place among the batch's data columns."""

    index: int
    name: str
    field: Field
    converter: Converter

    @property
    def attname(self) -> str:
        """The attribute of an instance that holds it."""
        return self.field.attname


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One column of a reference: the lookup on the related model that it gives the value of.

    `field` and `converter` are None for a lookup that only the ORM can follow.
    """

    index: int
    column: str
    path: str
    field: Field | None
    converter: Converter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """All columns of one relation: `operator` is '' or, for many-to-many, one of `+ - =`."""

    name: str
    relation: Any
    model: type[models.Model]
    lookups: tuple[Lookup, ...]
    operator: str = ""

    @property
    def field(self) -> ForeignKey | None:
        """The foreign key of this model that it sets; None for reverse and many-to-many relations."""
        is_forward = isinstance(self.relation, models.ForeignKey)
        return self.relation if is_forward else None

    @property
    def required(self) -> bool:
        """Whether a new object cannot be without it."""
        return self.field is not None and not self.field.null and not self.field.has_default()


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyColumn:
    """A column that calls a property's setter."""

    index: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Everything that a batch's columns mean. `unknown` are (column, warning) pairs."""

    schema: Schema
    match: Match
    values: tuple[ValueColumn, ...]
    references: tuple[Reference, ...]
    properties: tuple[PropertyColumn, ...]
    paths: dict[str, int] = field(default_factory=dict)
    unknown: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> ValueColumn | None:
        """The value column of that name."""
        return next((c for c in self.values if c.name == name), None)


def compile_shape(
    schema: Schema,
    columns: Sequence[str],
    match: Match,
    connection: BaseDatabaseWrapper,
    *,
    is_text: bool,
    check: bool,
    key_columns: frozenset[str] = frozenset(),
) -> Shape:
    """Bind column names to the model; unknown ones are left out and told in `unknown`.

    A key column that is called like the model's automatic primary key is the external key alone.
    """
    values: list[ValueColumn] = []
    properties: list[PropertyColumn] = []
    unknown: list[tuple[str, str]] = []
    paths: dict[str, int] = {}
    grouped: dict[str, list[tuple[int, str, str]]] = {}
    for index, name in enumerate(columns):
        if ARROW in name:
            relation, _, path = (part.strip() for part in name.partition(ARROW))
            grouped.setdefault(relation, []).append((index, name, path))
        elif name in key_columns - set(match.names) and isinstance(
            schema.by_name.get(name), models.AutoField
        ):
            continue
        elif name in schema.by_name:
            bound = schema.by_name[name]
            converter = compile_converter(bound, connection, column=name, is_text=is_text, check=check)
            values.append(ValueColumn(index=index, name=name, field=bound, converter=converter))
        elif _has_setter(schema.model, name):
            properties.append(PropertyColumn(index=index, name=name))
        elif name in match.names and _is_path(schema.model, name):
            paths[name] = index
        else:
            unknown.append((name, _why_unknown(schema, name)))
    references = []
    for relation, parts in grouped.items():
        problem, reference = _reference(schema, relation, parts, connection, is_text=is_text, check=check)
        if reference is not None:
            references.append(reference)
        else:
            unknown.extend((name, problem) for _, name, _ in parts)
    return Shape(
        schema=schema,
        match=match,
        values=tuple(values),
        references=tuple(references),
        properties=tuple(properties),
        paths=paths,
        unknown=tuple(unknown),
    )


def _reference(
    schema: Schema,
    relation: str,
    parts: Sequence[tuple[int, str, str]],
    connection: BaseDatabaseWrapper,
    *,
    is_text: bool,
    check: bool,
) -> tuple[str, Reference | None]:
    found = schema.relations.get(relation)
    if found is None:
        return _why_unknown(schema, relation), None
    operators = {path[:1] for _, _, path in parts} if found.many_to_many else {""}
    if found.many_to_many:
        if len(operators) > 1:
            return f"its columns mix {' and '.join(sorted(operators))}; use one of =>+, =>- and =>=", None
        if not operators <= {"+", "-", "="}:
            return "it is many-to-many; write =>+ to add, =>- to remove or =>= to replace", None
    operator = operators.pop()
    model: Any = found.related_model  # never None: `relations` has no others
    related = Schema(model)
    lookups = []
    for index, column, path in parts:
        path = path.removeprefix(operator).strip()
        bound = related.by_name.get(path)
        if bound is None and not _is_path(model, path):
            return f"{model._meta.label} has no field {path!r}{_nearest(path, related.by_name)}", None
        converter = (
            compile_converter(bound, connection, column=column, is_text=is_text, check=False)
            if bound
            else None
        )
        lookups.append(Lookup(index=index, column=column, path=path, field=bound, converter=converter))
    return "", Reference(
        name=relation, relation=found, model=model, lookups=tuple(lookups), operator=operator
    )


def _has_setter(model: type[models.Model], name: str) -> bool:
    attribute = getattr(model, name, None)
    return isinstance(attribute, property) and attribute.fset is not None


def _is_path(model: type[models.Model], path: str) -> bool:
    """Whether the ORM can filter by it."""
    if not path or LOOKUP_SEP not in path:
        return False
    try:
        model._base_manager.filter(**{path: ""})
    except (FieldError, FieldDoesNotExist):
        return False
    except (TypeError, ValueError):
        return True
    return True


def _why_unknown(schema: Schema, name: str) -> str:
    relation = schema.relations.get(name)
    if relation is not None:
        kind = "=>+" if relation.many_to_many else "=>"
        return f"{name} is a relation; write '{name}{kind}field' to say which object is meant"
    attribute = getattr(schema.model, name, None)
    if isinstance(attribute, property):
        return f"{name} is a property without a setter"
    if any(f.name == name for f in schema.model._meta.concrete_fields):
        return f"{name} is computed by the database"
    known = [*schema.by_name, *schema.relations]
    return f"{schema.label} has no field {name!r}{_nearest(name, known)}"


def _nearest(name: str, known: Sequence[str] | dict[str, Any]) -> str:
    close = get_close_matches(name.partition(ARROW)[0], list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
