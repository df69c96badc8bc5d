"""Capture of objects that stay when what they name goes: `on_delete=SET_NULL` and its like, and many-to-many
relations, of which no signal tells.

Django says of each object that it will delete it, and then deletes all of them. So what is going is noted,
and those that name it are captured by one statement for all, right before the next statement.
"""

from __future__ import annotations

from threading import local
from typing import Any

from django.db import connections, models

from modelsync.tracking.registry import Tracked

#: Objects that one query names.
_CHUNK = 1_000


class _Going(local):
    """What this thread was told of, by database: the objects by the tracked model and its field."""

    def __init__(self) -> None:
        self.noted: dict[str, dict[tuple[Tracked, str], list[models.Model]]] = {}


_GOING = _Going()


def note(tracked: Tracked, name: str, instance: models.Model, using: str) -> None:
    """An object is going that objects of the tracked model may name by a field."""
    if using not in _GOING.noted:
        _GOING.noted[using] = {}
        connections[using].execute_wrappers.append(_before_the_next)
    _GOING.noted[using].setdefault((tracked, name), []).append(instance)


def _before_the_next(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    connection = context["connection"]
    connection.execute_wrappers.remove(_before_the_next)
    noted = _GOING.noted.pop(connection.alias, {})
    if not str(sql).startswith("ROLLBACK"):  # something failed, and nothing goes
        _capture(noted, connection.alias)
    return execute(sql, params, many, context)


def _capture(noted: dict[tuple[Tracked, str], list[models.Model]], using: str) -> None:
    from modelsync.tracking.log import append_found

    for start in range(0, max(map(len, noted.values()), default=0), _CHUNK):
        found = [
            (tracked, _naming(tracked, name, instances[start : start + _CHUNK]))
            for (tracked, name), instances in noted.items()
            if len(instances) > start
        ]
        append_found(found, using)


def _naming(tracked: Tracked, name: str, instances: list[models.Model]) -> models.QuerySet[Any]:
    """The objects that name one of these by a field."""
    rows = tracked.model._base_manager.filter(**{f"{name}__in": instances})
    return rows.distinct() if tracked.model._meta.get_field(name).many_to_many else rows
