"""By which fields a model's objects are found by their natural keys.

`natural_key()` and `get_by_natural_key()` are a project's own code. They are run once with marks in place of
values: where the marks come out again unchanged, in the key and in the lookups of a `get()`, the database can
find all objects at once. In any other case they are looked up one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models
from django.db.models.base import ModelState

from modelsync.targets.django.schema import Field, base_field

Model = type[models.Model]
#: Fields whose values a database does not compare as `get()` does.
_ODD = (models.JSONField, models.BinaryField, models.FloatField)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What a natural key consists of: lookups (`title`, `author__name`) in its order, and the fields of the
    model that say the same.
    """

    names: tuple[str, ...]
    fields: tuple[Field, ...]


def has_natural_keys(model: Model) -> bool:
    """Whether objects of a model can be named, and found, by natural keys."""
    return hasattr(model, "natural_key") and hasattr(model._default_manager, "get_by_natural_key")


def lookup_of(model: Model, using: str) -> Lookup | None:
    """The lookup of a model's natural keys; None where it cannot be told."""
    if not has_natural_keys(model):
        return None
    with connections[using].execute_wrapper(no_query):
        try:
            return _traced(model, using)
        except Exception:  # whatever users' code makes of marks, it cannot be followed
            return None


def make_bare(model: Model, values: dict[str, Any], using: str) -> models.Model:
    """An object that has these values and no others: what it lacks it would have to query."""
    found = model.__new__(model)
    found._state = ModelState()
    found._state.db = using
    found._state.adding = False
    # Django asks whether there is a primary key before it would fetch what is lacking.
    found.__dict__.update({model._meta.pk.attname: object()}, **values, refresh_from_db=no_query)
    return found


class QueryNeeded(Exception):
    """Users' code has to ask the database where it may not."""


def no_query(*args: object, **options: object) -> NoReturn:
    """In place of one that makes a query, and for `execute_wrapper`."""
    raise QueryNeeded


class _Untraceable(Exception):
    """The marks did not come out as they went in."""


class _Mark(str):
    """Stands for a field's value; code that looks at it instead of passing it on cannot be followed."""

    def _looked_at(self, *args: object) -> NoReturn:
        raise _Untraceable

    __bool__ = __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __len__ = _looked_at
    __hash__ = str.__hash__


class _Related(dict[str, models.Model]):
    """The related objects of a marked one, made when they are asked for."""

    def __init__(self, model: Model, prefix: str, using: str) -> None:
        self.model, self.prefix, self.using = model, prefix, using

    def __missing__(self, name: str) -> models.Model:
        field = self.model._meta.get_field(name)
        if not isinstance(field, models.ForeignKey):
            raise _Untraceable
        return _marked(field.related_model, f"{self.prefix}{field.name}__", self.using)


class _Asked(Exception):
    """What `get()` was called with."""

    def __init__(self, query: Any, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        self.query, self.args, self.kwargs = query, args, kwargs


def _marked(model: Model, prefix: str, using: str) -> models.Model:
    marks = {field.attname: _Mark(f" Of:{prefix}{field.name} ") for field in model._meta.concrete_fields}
    found = make_bare(model, marks, using)
    found._state.fields_cache = _Related(model, prefix, using)
    return found


def _unmarked(value: object) -> str:
    """The lookup that a mark stands for."""
    match = re.fullmatch(r" Of:(\w+) ", str.__str__(value)) if isinstance(value, str) else None
    if match is None:
        raise _Untraceable
    return match[1]


def _traced(model: Model, using: str) -> Lookup:
    marked: Any = _marked(model, "", using)
    key = list(marked.natural_key())
    names = tuple(_unmarked(part) for part in key)
    if not names or _asked(model, key, using) != {name: name for name in names}:
        raise _Untraceable
    return Lookup(names=names, fields=_fields(model, names, using))


def _asked(model: Model, key: Sequence[object], using: str) -> dict[str, str]:
    """Lookup -> the mark that it is asked for, where `get_by_natural_key()` is one plain `get()`."""
    manager: Any = model._default_manager.db_manager(using)  # a copy

    class Asking(manager._queryset_class):  # type: ignore[misc]  # known only now
        def get(self, *args: object, **kwargs: object) -> NoReturn:
            raise _Asked(self.query, args, kwargs)

    manager._queryset_class = Asking
    try:
        manager.get_by_natural_key(*key)
    except _Asked as asked:
        if asked.args or asked.query.where or asked.query.combinator or asked.query.is_sliced:
            raise _Untraceable from None
        return {_normal(model, name): _unmarked(value) for name, value in asked.kwargs.items()}
    raise _Untraceable


def _normal(model: Model, lookup: str) -> str:
    """`author` for `author_id`, `name` for `name__exact`."""
    parts = []
    for part in lookup.removesuffix("__exact").split("__"):
        field: Any = model._meta.get_field(part)
        parts.append(field.name)
        model = field.related_model or model
    return "__".join(parts)


def _fields(model: Model, names: Sequence[str], using: str) -> tuple[Field, ...]:
    """The model's own fields that say the same as these lookups."""
    own = {field.name: field for field in model._meta.local_concrete_fields}
    found: dict[Field, set[str]] = {}
    for name in names:
        head, _, rest = name.partition("__")
        if head not in own or isinstance(base_field(own[head]), _ODD):
            raise _Untraceable
        found.setdefault(own[head], set()).add(rest)
    for field, rests in found.items():
        if "" not in rests and not _names_one(field.related_model, rests, using):
            raise _Untraceable
    return tuple(found)


def _names_one(model: Any, names: set[str], using: str) -> bool:
    """Whether these lookups together name one object of a related model."""
    for name in names:
        try:
            if getattr(model._meta.get_field(name), "unique", False):
                return True
        except FieldDoesNotExist:  # a lookup over a relation
            continue
    lookup = lookup_of(model, using)
    return lookup is not None and set(lookup.names) <= names
