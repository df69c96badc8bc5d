"""Binding a batch's columns to the model: once for each set of columns, not per row."""

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
from modelsync.targets.django.schema import Field, Schema
from modelsync.targets.django.shape import Lookup, PropertyColumn, Reference, Shape, ValueColumn

ARROW = "=>"

#: A reference's column: its index, its name, and the lookup behind the arrow.
_Part = tuple[int, str, str]


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
    binding = _Binding(schema=schema, match=match, connection=connection, is_text=is_text, check=check)
    keys_alone = key_columns - set(match.names)
    grouped: dict[str, list[_Part]] = {}
    for index, name in enumerate(columns):
        if ARROW in name:
            relation, _, path = (part.strip() for part in name.partition(ARROW))
            grouped.setdefault(relation, []).append((index, name, path))
        elif not (name in keys_alone and isinstance(schema.by_name.get(name), models.AutoField)):
            binding.bind(index, name)
    for relation, parts in grouped.items():
        binding.bind_reference(relation, parts)
    return Shape(
        schema=schema,
        match=match,
        values=tuple(binding.values),
        references=tuple(binding.references),
        properties=tuple(binding.properties),
        paths=binding.paths,
        unknown=tuple(binding.unknown),
    )


@dataclass(slots=True, kw_only=True)
class _Binding:
    """What has been bound so far, and what binding needs to know."""

    schema: Schema
    match: Match
    connection: BaseDatabaseWrapper
    is_text: bool
    check: bool
    values: list[ValueColumn] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    properties: list[PropertyColumn] = field(default_factory=list)
    paths: dict[str, int] = field(default_factory=dict)
    unknown: list[tuple[str, str]] = field(default_factory=list)

    def bind(self, index: int, name: str) -> None:
        """Bind a column that is no reference."""
        schema = self.schema
        if name in schema.by_name:
            bound = schema.by_name[name]
            converter = self._converter(bound, name, check=self.check)
            self.values.append(ValueColumn(index=index, name=name, field=bound, converter=converter))
        elif _has_setter(schema.model, name):
            self.properties.append(PropertyColumn(index=index, name=name))
        elif name in self.match.names and _is_path(schema.model, name):
            self.paths[name] = index
        else:
            self.unknown.append((name, _why_unknown(schema, name)))

    def bind_reference(self, relation: str, parts: Sequence[_Part]) -> None:
        """Bind all columns of a relation."""
        found = self.schema.relations.get(relation)
        problem = _why_unknown(self.schema, relation) if found is None else _wrong_operator(found, parts)
        operator = parts[0][2][:1] if found is not None and found.many_to_many else ""
        model: Any = found.related_model if found is not None else None
        by_name = Schema(model).by_name if model is not None else {}
        lookups = []
        for index, column, path in parts:
            if problem:
                break
            path = path.removeprefix(operator).strip()
            bound = by_name.get(path)
            if bound is None and not _is_path(model, path):
                problem = f"{model._meta.label} has no field {path!r}{_nearest(path, by_name)}"
            converter = self._converter(bound, column, check=False) if bound else None
            lookups.append(Lookup(index=index, column=column, path=path, field=bound, converter=converter))
        if problem:
            self.unknown.extend((name, problem) for _, name, _ in parts)
            return
        self.references.append(
            Reference(name=relation, relation=found, model=model, lookups=tuple(lookups), operator=operator)
        )

    def _converter(self, bound: Field, column: str, *, check: bool) -> Converter:
        return compile_converter(bound, self.connection, column=column, is_text=self.is_text, check=check)


def _wrong_operator(relation: Any, parts: Sequence[_Part]) -> str:
    """What is wrong with the operators of a relation's columns."""
    if not relation.many_to_many:
        return ""
    operators = {path[:1] for _, _, path in parts}
    if len(operators) > 1:
        return f"its columns mix {' and '.join(sorted(operators))}; use one of =>+, =>- and =>="
    if not operators <= {"+", "-", "="}:
        return "it is many-to-many; write =>+ to add, =>- to remove or =>= to replace"
    return ""


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
