"""What is wrong with the filters of an application, said to the person who writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError

from modelsync.tracking.registry import REGISTRY, Model


def faults_of(filters: object) -> list[str]:
    """A sentence for each fault; none if the filters can be used with the models that are tracked."""
    if not isinstance(filters, Mapping):
        return ['It must be an object: {"shop.Product": {"fields": ["name"], "rows": {"is_public": true}}}.']
    return [fault for label, given in filters.items() for fault in _faults(str(label), given)]


def _faults(label: str, given: object) -> Iterator[str]:
    if not (given is False or (isinstance(given, Mapping) and set(given) <= {"fields", "rows"})):
        yield f'{label}: it must be false, or an object with "fields", "rows" or both.'
        return
    if label == "*":
        return
    tracked = REGISTRY.of(label)
    if tracked is None:
        yield f"{label}: no such model is tracked; {_meant(label, [each.label for each in REGISTRY])}."
    elif isinstance(given, Mapping):
        yield from _wrong_fields(tracked.model, given.get("fields"))
        yield from _wrong_rows(tracked.model, given.get("rows"))


def _wrong_fields(model: Model, names: Any) -> Iterator[str]:
    label = model._meta.label
    if names is None:
        return
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        yield f'{label}: "fields" must be a list of names.'
        return
    known = [field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)]
    for name in names:
        if name not in known:
            yield f"{label} has no field {name!r}; {_meant(name, known)}."


def _wrong_rows(model: Model, lookups: Any) -> Iterator[str]:
    label = model._meta.label
    if lookups is None:
        return
    if not isinstance(lookups, Mapping):
        yield f'{label}: "rows" must be an object: {{"is_public": true, "price__gte": 10}}.'
        return
    for lookup, value in lookups.items():
        try:
            model._base_manager.filter(**{lookup: value}).query.sql_with_params()
        except (FieldError, FieldDoesNotExist, ValidationError, ValueError, TypeError) as error:
            said = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            yield f'{label}: "rows" cannot be filtered by {lookup}: {said}'


def _meant(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?".rstrip("?") + "?" if near else f"there are {', '.join(sorted(known))}"
