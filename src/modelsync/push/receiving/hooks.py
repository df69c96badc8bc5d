"""Functions of the project that have a say before a received object is saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from django.db import models

#: Called with `new_object=`, `obj=` and `data=`; returns the object that is to be saved.
Hook: TypeAlias = Callable[..., Any]
#: By the label of the model, in lower case.
Hooks: TypeAlias = Mapping[str, Sequence[Hook]]

#: Those that are registered for the view.
REGISTERED: defaultdict[str, list[Hook]] = defaultdict(list)


def require_callable(hook: object) -> None:
    """Raise ValueError for what cannot be called."""
    if not callable(hook):
        raise ValueError(f"{hook} is not callable")


def hooks_for(hooks: Hooks, model: type[models.Model]) -> Sequence[Hook]:
    """The hooks of a model, in the order of their registration."""
    return hooks.get(model._meta.label_lower, ())
