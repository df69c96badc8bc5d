"""What a view serves, as a sequence of parts: querysets, and objects that are in memory already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from django.db import models
from django.db.models.manager import BaseManager
from django.db.models.query import ModelIterable, Prefetch, QuerySet, RawQuerySet

from modelsync.core.errors import ConfigurationError

Rows: TypeAlias = "QuerySet[Any, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Objects of one model: those of `queryset`, or `objects` as they are in memory."""

    model: type[models.Model]
    using: str
    queryset: Rows | None = None
    objects: Sequence[models.Model] = ()

    @property
    def concrete(self) -> type[models.Model]:
        """The model that has the table; of a proxy, the one behind it."""
        return self.model._meta.concrete_model or self.model

    @property
    def is_whole(self) -> bool:
        """Whether it is every row of the table."""
        query = None if self.queryset is None else self.queryset.query
        return query is not None and not (
            query.where or query.is_sliced or query.combinator or query.distinct or query.group_by is not None
        )

    def count(self) -> int:
        """How many objects it has."""
        return len(self.objects) if self.queryset is None else self.queryset.count()


def make_parts(given: object, using: str | None) -> list[Part]:
    """The parts of what a user's function returned; `using` is the database of what names none."""
    return list(_parts(given, using))


def _parts(given: object, using: str | None) -> Iterator[Part]:
    match given:
        case BaseManager():
            yield _queryset(given.all(), using)
        case QuerySet():
            yield _queryset(given, using)
        case models.Model():
            yield from _objects([given], using)
        case RawQuerySet():
            yield from _objects(list(given), using)
        case str() | bytes():
            raise ConfigurationError(_unusable(given))
        case Iterable():
            for is_object, items in groupby(given, lambda item: isinstance(item, models.Model)):
                if is_object:
                    yield from _objects(list(items), using)
                else:
                    for item in items:
                        yield from _parts(item, using)
        case _:
            raise ConfigurationError(_unusable(given))


def _queryset(queryset: Rows, using: str | None) -> Part:
    if not issubclass(queryset._iterable_class, ModelIterable):
        raise ConfigurationError(
            f"a route serves objects, but a function gave values() of {queryset.model._meta.label}; "
            "return the queryset without values() or values_list(), and use Route(exclude=...)"
        )
    if queryset._result_cache is not None:
        objects = queryset._result_cache
        return Part(model=queryset.model, using=queryset.db, objects=objects)
    if using is not None and getattr(queryset, "_db", None) is None:
        queryset = queryset.using(using)
    return Part(model=queryset.model, using=queryset.db, queryset=queryset)


def _objects(objects: Sequence[models.Model], using: str | None) -> Iterator[Part]:
    model: type[models.Model]
    for model, group in groupby(objects, type):
        members = list(group)
        alias = members[0]._state.db or using or model._default_manager.db
        yield Part(model=model, using=alias, objects=members)


def has_own_prefetch(queryset: Rows) -> bool:
    """Whether it says itself which related objects are served (`Prefetch(..., queryset=...)`)."""
    lookups: Iterable[object] = getattr(queryset, "_prefetch_related_lookups", ())
    return any(isinstance(lookup, Prefetch) and lookup.queryset is not None for lookup in lookups)


def _unusable(given: object) -> str:
    return (
        "a route's function must return a queryset, or a list of querysets or objects, "
        f"not {type(given).__name__}"
    )
