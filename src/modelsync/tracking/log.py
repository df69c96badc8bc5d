"""Appending to the log of changes, in the transaction that makes them.

Of models that triggers capture nothing is appended; what was written gets its place in the feed after the
commit all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import local
from typing import Any, TypeAlias

from django.db import connections, models, transaction
from django.db.models import Value
from django.db.models.expressions import RawSQL
from django.utils import timezone

from modelsync.targets.django.schema import column_of
from modelsync.targets.django.sql import dialect_for
from modelsync.tracking.models import Change
from modelsync.tracking.registry import Model, Tracked
from modelsync.tracking.states import is_plain, key_of
from modelsync.tracking.waking import wake

#: Model, key, what was done, names of fields, time: as the columns hold them.
Row: TypeAlias = tuple[str, str, str, str, Any]
COLUMNS = ("model", "object_pk", "op", "changed_fields", "created_at")
VALUES = "VALUES (%s, %s, %s, %s, %s)"
_ARRAYS = ("text[]", "text[]", "text[]", "text[]", "timestamptz[]")
#: Keys that one query names.
_CHUNK = 500


class _Gathering(local):
    """What this thread has not appended yet, by database; no entry where it does so at once."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}


_GATHERING = _Gathering()


def append(
    tracked: Tracked, keys: Iterable[object], op: Change.Op, using: str, names: frozenset[str] | None = None
) -> None:
    """Log a write of the objects with these primary keys; `names` are the fields that were written.

    One statement, whatever the number of objects.
    """
    if tracked.is_triggered:
        wake(using)
        return
    _add([row_of(tracked, key, op, using, names) for key in keys], using)


def row_of(
    tracked: Tracked, key: object, op: Change.Op, using: str, names: frozenset[str] | None = None
) -> Row:
    """What is appended of one object. Raises ValidationError for what is no primary key."""
    said = key_of(tracked.model._meta.pk.to_python(key))
    return tracked.label, said, op.value, " ".join(sorted(names or ())), said_now(using)


def append_unknown(tracked: Tracked, using: str) -> None:
    """Log that any of a model's objects may have been written."""
    _add([(tracked.label, "", Change.Op.UPSERT.value, "", said_now(using))], using)


def append_found(found: Iterable[tuple[Tracked, models.QuerySet[Any]]], using: str) -> int | None:
    """Log a write of the objects that queries find, by one statement, which is executed at once.

    Their number; None where that cannot be said, and all of a model's objects will be looked at.
    """
    selected: list[str] = []
    params: list[Any] = []
    is_known = True
    for tracked, rows in found:
        if tracked.is_triggered:
            wake(using)
        elif _is_told(tracked, using):
            sql, its_params = _selected(tracked, rows, using)
            selected.append(sql)
            params += its_params
        else:
            append_unknown(tracked, using)
            is_known = False
    count = 0
    if selected:
        with connections[using].cursor() as cursor:
            cursor.execute(f"{into(using)} {' UNION ALL '.join(selected)}", params)
            count = int(cursor.rowcount)
    if count:
        wake(using)
    return count if is_known else None


def _is_told(tracked: Tracked, using: str) -> bool:
    """Whether the database can say which objects a query finds."""
    return dialect_for(connections[using]) is not None and is_plain(tracked.model._meta.pk)


def _selected(tracked: Tracked, rows: models.QuerySet[Any], using: str) -> tuple[str, tuple[Any, ...]]:
    """The query of what is to be appended."""
    dialect = dialect_for(connections[using])
    assert dialect is not None
    rows = rows.using(using).order_by()
    table, pk = str(rows.query.get_initial_alias()), tracked.model._meta.pk
    column = f"{dialect.quote(table)}.{dialect.quote(column_of(rows.model._meta.pk))}"
    key: Any = RawSQL(dialect.key_text(pk, column), ())  # noqa: S611  # quoted
    said = (Value(tracked.label), key, Value(Change.Op.UPSERT.value), Value(""), Value(said_now(using)))
    sql, params = rows.values_list(*said).query.get_compiler(using).as_sql()
    return sql, tuple(params)


def append_parts(tracked: Tracked, model: Model, keys: Iterable[object], using: str) -> None:
    """Log a write of the objects that these rows of a model, which theirs inherits from, are parts of."""
    if tracked.is_triggered:
        wake(using)
        return
    path = path_to(tracked, model)
    wanted, manager = list(keys), tracked.model._base_manager
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        append_found([(tracked, manager.filter(**{f"{path}__in": some}))], using)


def path_to(tracked: Tracked, model: Model) -> str:
    """The lookup that leads from a tracked model to one that it inherits from."""
    concrete = model._meta.concrete_model or model
    steps = tracked.model._meta.get_path_to_parent(concrete)
    return "__".join(step.join_field.name for step in steps)


def into(using: str) -> str:
    """The beginning of the statement that appends."""
    quote = connections[using].ops.quote_name
    return f"INSERT INTO {quote(Change._meta.db_table)} ({', '.join(map(quote, COLUMNS))})"


def said_now(using: str) -> Any:
    """The time of a capture, as the database takes it."""
    return Change._meta.get_field("created_at").get_db_prep_save(timezone.now(), connections[using])


@contextmanager
def gathering(using: str) -> Iterator[None]:
    """In one transaction, and by one statement at its end, append what is appended within."""
    if using in _GATHERING.rows:
        yield
        return
    with transaction.atomic(using=using, savepoint=False):
        rows = _GATHERING.rows[using] = []
        try:
            yield
        finally:
            del _GATHERING.rows[using]
        _append(rows, using)


def _add(rows: list[Row], using: str) -> None:
    if using in _GATHERING.rows:
        _GATHERING.rows[using] += rows
    else:
        _append(rows, using)


def _append(rows: list[Row], using: str) -> None:
    if not rows:
        return
    if not connections[using].in_atomic_block:
        with transaction.atomic(using=using):
            _append(rows, using)
        return
    with connections[using].cursor() as cursor:
        if len(rows) == 1:
            cursor.execute(f"{into(using)} {VALUES}", rows[0])
        elif connections[using].vendor == "postgresql":
            # Its drivers send many rows one by one.
            arrays = ", ".join(f"%s::{each}" for each in _ARRAYS)
            columns = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(f"{into(using)} SELECT * FROM unnest({arrays})", columns)  # noqa: S608  # constants
        else:
            cursor.executemany(f"{into(using)} {VALUES}", rows)
    wake(using)
