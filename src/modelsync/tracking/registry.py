"""Which models are tracked, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from django.db import models

from modelsync.core.errors import ConfigurationError

Model: TypeAlias = type[models.Model]
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A model that is tracked; `fields` are the names of those that count, None for all."""

    model: Model
    fields: frozenset[str] | None = None

    @property
    def label(self) -> str:
        """`app.Model`."""
        return self.model._meta.label

    def concerns(self, names: frozenset[str] | None) -> bool:
        """Whether a write of these fields (None: of all) is one of those that count."""
        return self.fields is None or names is None or bool(self.fields & names)


class Registry:
    """The tracked models, by model; listeners are told of each, also of those that were tracked before."""

    def __init__(self) -> None:
        self._tracked: dict[Model, Tracked] = {}
        self._listeners: list[Callable[[Tracked], None]] = []

    def __iter__(self) -> Iterator[Tracked]:
        return iter(tuple(self._tracked.values()))

    def add(self, tracked: Tracked) -> None:
        """Track a model; once more changes nothing, in another way raises ConfigurationError."""
        known = self._tracked.get(tracked.model)
        if known == tracked:
            return
        if known:
            raise ConfigurationError(f"{tracked.label} is tracked twice, in two ways: {known}, {tracked}")
        self._tracked[tracked.model] = tracked
        for listener in self._listeners:
            listener(tracked)

    def of(self, label: str) -> Tracked | None:
        """The tracked model of a label."""
        return next((each for each in self if each.label == label), None)

    def on_track(self, listener: Callable[[Tracked], None]) -> None:
        """Have a listener told of every tracked model."""
        self._listeners.append(listener)
        for tracked in self:
            listener(tracked)


REGISTRY = Registry()


def track(model: M, *, fields: Sequence[str] | None = None) -> M:
    """Have every change of a model's objects captured.

    Call it where the model is defined, or in the `ready()` of an app.

    Args:
        model: a model with a table of its own; of a proxy, the model behind it is tracked.
        fields: the names of the fields that count, many-to-many relations among them; None for all.

    Gives the model back. Raises ConfigurationError for a model that cannot be tracked, and for one that is
    tracked in another way already.
    """
    concrete = model._meta.concrete_model
    if model._meta.abstract or concrete is None:
        raise ConfigurationError(f"{model.__name__} is abstract; track the models that inherit from it")
    if isinstance(concrete._meta.pk, getattr(models, "CompositePrimaryKey", ())):
        raise ConfigurationError(f"{concrete._meta.label} has a composite primary key, which is not tracked")
    REGISTRY.add(Tracked(model=concrete, fields=None if fields is None else frozenset(fields)))
    return model
