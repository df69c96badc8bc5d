"""Which models are tracked, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Literal, TypeAlias, TypeVar

from django.db import models

from modelsync.core.errors import ConfigurationError

Model: TypeAlias = type[models.Model]
M = TypeVar("M", bound=Model)


class Capture(StrEnum):
    """What sees the writes: Django itself, or triggers of the database."""

    ORM = "orm"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A model that is tracked; `fields` are the names of those that count, None for all."""

    model: Model
    fields: frozenset[str] | None = None
    capture: Capture = Capture.ORM

    @property
    def label(self) -> str:
        """`app.Model`."""
        return self.model._meta.label

    @property
    def is_triggered(self) -> bool:
        """Whether the database captures by itself."""
        return self.capture is Capture.TRIGGER

    @property
    def ancestors(self) -> tuple[Model, ...]:
        """The models that it inherits fields from, which have tables of their own."""
        return tuple(self.model._meta.get_parent_list())

    def concerns(self, names: frozenset[str] | None) -> bool:
        """Whether a write of these fields (None: of all) is one of those that count."""
        return self.fields is None or names is None or bool(self.fields & names)


class Registry:
    """The tracked models, by model; listeners are told of each, also of those that were tracked before."""

    def __init__(self) -> None:
        self._tracked: dict[Model, Tracked] = {}
        self._within: dict[Model, tuple[Tracked, ...]] = {}
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
        self._within.clear()
        for listener in self._listeners:
            listener(tracked)

    def of(self, label: str) -> Tracked | None:
        """The tracked model of a label."""
        return next((each for each in self if each.label == label), None)

    def within(self, model: Model) -> tuple[Tracked, ...]:
        """The tracked models that a row of this one is a part of, or is: those that it inherits from."""
        if model not in self._within:
            self._within[model] = tuple(each for each in self if issubclass(model, each.model))
        return self._within[model]

    def beyond(self, model: Model) -> Iterator[Tracked]:
        """The tracked models that inherit from this one: its rows may be parts of theirs."""
        concrete = model._meta.concrete_model
        return (each for each in self if concrete in each.ancestors)

    def on_track(self, listener: Callable[[Tracked], None]) -> None:
        """Have a listener told of every tracked model."""
        self._listeners.append(listener)
        for tracked in self:
            listener(tracked)


REGISTRY = Registry()


def track(model: M, *, fields: Sequence[str] | None = None, capture: Literal["orm", "trigger"] = "orm") -> M:
    """Have every change of a model's objects captured.

    Call it where the model is defined, or in the `ready()` of an app.

    Args:
        model: a model with a table of its own; of a proxy, the model behind it is tracked.
        fields: the names of the fields that count, many-to-many relations among them; None for all.
        capture: "orm" sees what Django writes; "trigger" has PostgreSQL see what anybody writes, and wants
            the extra `pgtrigger`. `manage.py migrate` installs the triggers.

    Gives the model back. Raises ConfigurationError for a model that cannot be tracked, for one that is
    tracked in another way already, and where the extra is missing.
    """
    concrete = model._meta.concrete_model
    if model._meta.abstract or concrete is None:
        raise ConfigurationError(f"{model.__name__} is abstract; track the models that inherit from it")
    if isinstance(concrete._meta.pk, getattr(models, "CompositePrimaryKey", ())):
        raise ConfigurationError(f"{concrete._meta.label} has a composite primary key, which is not tracked")
    counted = None if fields is None else frozenset(fields)
    REGISTRY.add(Tracked(model=concrete, fields=counted, capture=_available(capture)))
    return model


def _available(name: str) -> Capture:
    if name not in list(Capture):
        raise ConfigurationError(f"capture={name!r} is none of {', '.join(Capture)}")
    if name == Capture.TRIGGER and find_spec("pgtrigger") is None:
        raise ConfigurationError("triggers need an extra: pip install 'django-modelsync[pgtrigger]'")
    return Capture(name)
