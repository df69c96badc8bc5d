"""Multi-table inheritance in SQL: from the rows of a model's table to the objects that they are parts of."""

from __future__ import annotations

from collections.abc import Callable

from modelsync.targets.django.schema import column_of
from modelsync.tracking.registry import Model, Tracked


def join_of(tracked: Tracked, model: Model, rows: str, quote: Callable[..., str]) -> tuple[str, str]:
    """What to join with `rows`, which hold primary keys of `model`, the tracked one or one that it inherits
    from; and the primary key of the tracked model's objects then.
    """
    joins, key = "", f"{rows}.{quote(column_of(model._meta.pk))}"
    for step in reversed(tracked.model._meta.get_path_to_parent(model)):
        table = quote(step.from_opts.db_table)
        joins += f" JOIN {table} ON {table}.{quote(column_of(step.join_field))} = {key}"
        key = f"{table}.{quote(column_of(step.from_opts.pk))}"
    return joins, key
