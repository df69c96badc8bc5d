"""On PostgreSQL, saving an object and capturing it are one statement, which is a transaction by itself.

That is so for objects of one table whose primary key is known before they are written, and of which one
tracked model has the row. All others are saved in a transaction, and captured by a statement of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import connections

from modelsync.tracking.log import VALUES, into, row_of
from modelsync.tracking.models import Change
from modelsync.tracking.registry import REGISTRY, Tracked
from modelsync.tracking.states import key_of

#: Where an instance that is being saved has how it fuses.
_FUSING: Final = "modelsync_fusing"


@dataclass(frozen=True, slots=True)
class Fusing:
    """Of which tracked model a row is saved, and which of its fields; `captured` are the keys that were."""

    tracked: Tracked
    names: frozenset[str] | None
    captured: set[str] = field(default_factory=set)


def fusing_of(instance: Any, update_fields: Iterable[str] | None, using: str) -> Fusing | None:
    """How an instance that will be saved fuses; None for one that takes a transaction."""
    if connections[using].vendor != "postgresql" or instance._meta.parents:
        return None
    concrete = instance._meta.concrete_model
    whole = REGISTRY.within(type(instance))
    names = None if update_fields is None else frozenset(update_fields)
    if [each.model for each in whole] != [concrete] or any(REGISTRY.beyond(concrete)):
        return None
    made = Fusing(whole[0], names)
    return made if whole[0].concerns(names) and _key(instance, made) is not None else None


@contextmanager
def fuse(instance: Any, fusing: Fusing) -> Iterator[None]:
    """Have what is written of an instance within captured by the same statement."""
    before = getattr(instance._state, _FUSING, None)
    setattr(instance._state, _FUSING, fusing)
    try:
        yield
    finally:
        setattr(instance._state, _FUSING, before)


def is_captured(instance: Any) -> bool:
    """Whether the write of an instance, which is being saved, was captured with it."""
    fusing = getattr(instance._state, _FUSING, None)
    return fusing is not None and _key(instance, fusing) in fusing.captured


def fused(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Django's `_do_update()` or `_do_insert()`, which capture what they write of an instance that fuses."""

    @wraps(plain)
    def write(self: Any, source: Any, using: str, *rest: Any) -> Any:
        fusing = getattr(self._state, _FUSING, None)
        key = _key(self, fusing) if fusing else None
        if fusing is None or key is None:
            return plain(self, source, using, *rest)
        row = row_of(fusing.tracked, key, Change.Op.UPSERT, using, fusing.names)
        table = connections[using].ops.quote_name(self._meta.db_table)
        writes = (f"UPDATE {table} ", f"INSERT INTO {table} ")

        def capture(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
            if not sql.startswith(writes):
                return execute(sql, params, many, context)
            both = f"WITH captured AS ({into(using)} {VALUES}) {sql}"
            done = execute(both, (*row, *params), many, context)
            fusing.captured.add(key)
            return done

        with connections[using].execute_wrapper(capture):
            return plain(self, source, using, *rest)

    return write


def _key(instance: Any, fusing: Fusing) -> str | None:
    """The primary key that an instance has now; None where the database finds it out."""
    pk = fusing.tracked.model._meta.pk
    value = getattr(instance, pk.attname)
    if value is None or hasattr(value, "resolve_expression"):
        return None
    try:
        return key_of(pk.to_python(value))
    except ValidationError:
        return None  # Django says what is wrong with it
