"""The project's own code: two writers that save, delete and write in bulk, each with its own instances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import models

from modelsync.push.models import Application
from tests.office.models import Member, Thing, Unit
from tests.simulation.steps import KEYS, Op

CLASSES: Final[dict[str, Any]] = {"Thing": Thing, "Unit": Unit, "Member": Member}


def key_of(model: str, number: int) -> Any:
    """The primary key of an object, by its number."""
    return number if model == "Thing" else UUID(int=number + 100 * (model == "Member"))


class Writers:
    """What they hold of objects may be old: nobody tells them what the other one writes."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.instances: dict[tuple[int, str, int], Any] = {}
        #: What things were before the last write.
        self.before: dict[Any, Thing] = {}

    def write(self, op: Op, using: str) -> None:
        """Do it."""
        rows = CLASSES[op.model].objects.using(using)
        mine = rows.filter(pk=key_of(op.model, op.key))
        if op.verb == "change back":
            self._change_back(op, using)
            return
        if op.model == "Thing" and op.verb in ("save", "update", "delete"):
            self.before = {each.pk: each for each in mine.all()}
        if op.verb == "save":
            self._save(op, mine, using)
        elif op.verb == "delete":
            for each in mine:
                self._forget(op, op.key)
                each.delete()
        elif op.verb == "update":
            mine.update(**self._simple_values(op, using))
        elif op.verb in ("befriend", "activate"):
            for each in mine:
                self._relate(op, each, using)
        else:
            self._write_all(op, rows, using)

    def _write_all(self, op: Op, rows: Any, using: str) -> None:
        some = rows.filter(pk__in=[key_of(op.model, key) for key in KEYS])
        values = self._simple_values(op, using)
        match op.verb:
            case "update all":
                some.update(**values)
            case "bulk create":
                there = set(some.values_list("pk", flat=True))
                missing = [key for key in KEYS if key_of(op.model, key) not in there]
                rows.bulk_create([self._new(op, key, using) for key in missing])
            case "bulk update":
                rows.bulk_update([_with(each, values) for each in some], list(values))
            case "delete all":
                keys = KEYS[: 1 + op.value % len(KEYS)]
                for key in keys:
                    self._forget(op, key)
                rows.filter(pk__in=[key_of(op.model, key) for key in keys]).delete()
            case other:
                raise ValueError(other)

    def _relate(self, op: Op, member: Any, using: str) -> None:
        """Which friends and applications it has is in the bits of the value."""
        if op.verb == "befriend" and op.value % 3 == 0:
            member.friends.clear()
        elif op.verb == "befriend":
            keys = [key_of("Member", key) for key in KEYS if op.value >> key & 1]
            member.friends.set(Member.objects.using(using).filter(pk__in=keys))
        else:
            numbers = Application.objects.using(using).order_by("pk").values_list("pk", flat=True)
            member.applications_active.set([pk for bit, pk in enumerate(numbers) if op.value >> bit & 1])

    def _change_back(self, op: Op, using: str) -> None:
        before = self.before.get(op.key)
        if before is None:
            Thing.objects.using(using).filter(pk=op.key).delete()
        else:
            before.save(using=using)

    def _save(self, op: Op, mine: models.QuerySet[Any], using: str) -> None:
        place = op.writer, op.model, op.key
        known = self.instances.get(place)
        there = mine.first()
        if there is None:
            instance = self._new(op, op.key, using)
        elif known is None or getattr(known, "creation", 0) != getattr(there, "creation", 0):
            instance = there
        else:
            instance = known
        _with(instance, self._values(op, using)).save(using=using)
        self.instances[place] = instance

    def _new(self, op: Op, key: int, using: str) -> Any:
        made = CLASSES[op.model](pk=key_of(op.model, key), **self._values(op, using))
        if op.model != "Thing":
            made.creation = self.clock()
        return made

    def _forget(self, op: Op, key: int) -> None:
        for writer in (1, 2):
            self.instances.pop((writer, op.model, key), None)

    def _simple_values(self, op: Op, using: str) -> dict[str, Any]:
        return {name: value for name, value in self._values(op, using).items() if name != "unit"}

    def _values(self, op: Op, using: str) -> dict[str, Any]:
        value = op.value
        match op.model:
            case "Thing":
                return {"name": f"n{value}", "price": value, "is_public": value % 3 > 0}
            case "Unit":
                return {"code": str(value), "name": f"n{value}"}
            case _:
                unit = Unit.objects.using(using).filter(pk=key_of("Unit", 1 + value % 4)).first()
                return {
                    "name": f"n{value}",
                    "profile": {"n": [value]},
                    "fee": value,
                    "inactive": value % 5 == 0,
                    "unit": unit,
                }


def _with(instance: Any, values: dict[str, Any]) -> Any:
    for name, value in values.items():
        setattr(instance, name, value)
    return instance
