"""On PostgreSQL, saving an object and capturing it are one statement, which is a transaction by itself.

That is so for objects of one table whose primary key is known before they are written, and of which one
tracked model has the row. All others are saved in a transaction, and captured by a statement of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import connections

from modelsync.tracking.log import VALUES, Row, into, row_of
from modelsync.tracking.models import Change
from modelsync.tracking.registry import REGISTRY

#: Where an instance that is being saved has what is to be captured of it.
_ROW: Final = "modelsync_captured"


@contextmanager
def fusing(instance: Any, row: Row) -> Iterator[None]:
    """Have what is written of an instance within captured by the same statement."""
    state = instance._state
    before = getattr(state, _ROW, None)
    setattr(state, _ROW, row)
    try:
        yield
    finally:
        setattr(state, _ROW, before)


def is_fused(instance: Any) -> bool:
    """Whether its write is captured already."""
    return getattr(instance._state, _ROW, None) is not None


def row_for(instance: Any, update_fields: Iterable[str] | None, using: str) -> Row | None:
    """What is to be captured of an instance that will be saved; None for one that takes a transaction."""
    if connections[using].vendor != "postgresql" or instance._meta.parents:
        return None
    concrete = instance._meta.concrete_model
    whole = REGISTRY.within(type(instance))
    names = None if update_fields is None else frozenset(update_fields)
    if [each.model for each in whole] != [concrete] or any(REGISTRY.beyond(concrete)):
        return None
    key = getattr(instance, instance._meta.pk.attname)
    if key is None or hasattr(key, "resolve_expression") or not whole[0].concerns(names):
        return None
    try:
        return row_of(whole[0], key, Change.Op.UPSERT, using, names)
    except ValidationError:
        return None  # Django says what is wrong with it


def fused(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Django's `_do_update()` or `_do_insert()`, which capture what they write of an instance that fuses."""

    @wraps(plain)
    def write(self: Any, source: Any, using: str, *rest: Any) -> Any:
        row = getattr(self._state, _ROW, None)
        if row is None:
            return plain(self, source, using, *rest)
        table = connections[using].ops.quote_name(self._meta.db_table)
        writes = (f"UPDATE {table} ", f"INSERT INTO {table} ")

        def capture(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith(writes):
                sql, params = f"WITH captured AS ({into(using)} {VALUES}) {sql}", (*row, *params)
            return execute(sql, params, many, context)

        with connections[using].execute_wrapper(capture):
            return plain(self, source, using, *rest)

    return write
