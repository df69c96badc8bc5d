"""What a route does not show: fields left out, and fields whose values are masked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeAlias

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from modelsync.core.errors import ConfigurationError

Field: TypeAlias = "models.Field[Any, Any]"
Mask: TypeAlias = Callable[[Any], Any]
#: `{"auth.User": ["password"]}`
Exclude: TypeAlias = Mapping[str, Iterable[str]]
#: `{"auth.User.email": a function of the value}`
Masks: TypeAlias = Mapping[str, Mask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """The fields that are left out, and the function for each field that is masked."""

    excluded: frozenset[Field] = frozenset()
    masks: Mapping[Field, Mask] = field(default_factory=dict)

    def shows(self, field: Field) -> bool:
        """Whether the field is served, masked or not."""
        return field not in self.excluded

    def mask(self, field: Field) -> Mask | None:
        """What makes the value that is served; it is not asked about NULL."""
        return self.masks.get(field)


def make_hiding(exclude: Exclude | None, mask: Masks | None) -> Hiding:
    """Find the models and fields; raises ConfigurationError for those that do not exist."""
    excluded: set[Field] = set()
    for label, names in (exclude or {}).items():
        if isinstance(names, str):
            raise ConfigurationError(f"Route(exclude=...): the fields of {label} must be a list, not a text")
        model = find_model(label, "exclude")
        excluded.update(_find_field(model, name, "exclude") for name in names)
    masks: dict[Field, Mask] = {}
    for path, function in (mask or {}).items():
        label, _, name = path.rpartition(".")
        found = _find_field(find_model(label, "mask"), name, "mask")
        if not callable(function):
            raise ConfigurationError(f"Route(mask=...): what masks {path} must be a function of the value")
        if found.many_to_many:
            raise ConfigurationError(f"Route(mask=...): {path} is many-to-many; it can only be excluded")
        masks[found] = function
    return Hiding(excluded=frozenset(excluded), masks=masks)


def find_model(label: str, option: str) -> type[models.Model]:
    """The model of `app.Model`; raises ConfigurationError that names the nearest one."""
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        labels = [model._meta.label for model in apps.get_models()]
        raise ConfigurationError(
            f"Route({option}=...): there is no model {label!r}{nearest(label, labels)}"
        ) from None


def _find_field(model: type[models.Model], name: str, option: str) -> Field:
    label = model._meta.label
    fields: list[Field] = [*model._meta.concrete_fields, *model._meta.many_to_many]
    try:
        found = model._meta.get_field(name)
    except FieldDoesNotExist:
        found = None
    if not isinstance(found, models.Field) or found not in fields:
        near = nearest(name, [field.name for field in fields])
        raise ConfigurationError(f"Route({option}=...): {label} has no field {name!r}{near}")
    if found.primary_key:
        raise ConfigurationError(
            f"Route({option}=...): {label}.{name} is the primary key, which is always served"
        )
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that is nearest, or all of them."""
    by_lower = {text.lower(): text for text in known}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else f"; there are {', '.join(by_lower.values())}"
