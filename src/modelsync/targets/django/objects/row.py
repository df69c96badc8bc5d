"""What is known of the row in hand, and what its writes have changed so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import models

from modelsync.core.errors import RecordError
from modelsync.core.ports import Applied, Group
from modelsync.core.records import Action
from modelsync.targets.django.context import Context
from modelsync.targets.django.objects.finder import Finder
from modelsync.targets.django.shape import Reference, Shape

Model = models.Model


class Postponed(Exception):
    """The record cannot be written before what it refers to exists."""

    def __init__(self, error: RecordError) -> None:
        self.error = error


@dataclass(slots=True, kw_only=True)
class Row:
    """One row of a group, by its `position`; `columns` are the group's values by column index.

    `changes` are old and new values by field; `has_set` tells that a property's setter was called,
    `has_pointed` that another object was made to refer to this one, `has_deleted` that an object was
    deleted; `missing` are the references that nothing answers, with their lookups as text.
    """

    context: Context
    shape: Shape
    group: Group
    position: int
    columns: dict[int, list[object]]
    finder: Finder
    applied: Applied
    changes: dict[str, tuple[object, object]] = field(default_factory=dict)
    missing: list[tuple[Reference, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    has_set: bool = False
    has_pointed: bool = False
    has_deleted: bool = False

    @property
    def actions(self) -> Action:
        """What the row asks for."""
        return self.group.actions[self.position]

    @property
    def key(self) -> str | None:
        """Its external key."""
        return self.group.keys[self.position]

    @property
    def forced(self) -> bool:
        """Whether what it does is forced."""
        return Action.FORCE in self.actions

    @property
    def has_changed(self) -> bool:
        """Whether the object has to be saved."""
        return bool(self.changes) or self.has_set

    def value(self, index: int) -> object:
        """The row's value in a column."""
        return self.columns[index][self.position]
