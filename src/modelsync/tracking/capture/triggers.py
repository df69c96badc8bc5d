"""Capture by triggers of PostgreSQL: whatever writes is seen, in its transaction.

A trigger is called once for each statement, and appends what the statement wrote by one INSERT. The tables
are those of the model, of the models that it inherits from, and of its many-to-many relations. `TRUNCATE`
says nothing of rows: all of the model's objects are looked at then.

`manage.py migrate` makes the triggers of a database what they should be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections, router, transaction

from modelsync.targets.django.schema import column_of
from modelsync.tracking.capture.bodies import NEW, OLD, Bodies, counted
from modelsync.tracking.models import Change
from modelsync.tracking.registry import REGISTRY, Model, Tracked
from modelsync.tracking.states import is_simple

if TYPE_CHECKING:
    from pgtrigger.compiler import Trigger

#: Those of the tables that names without a schema lead to; not those that partitions have from theirs.
_INSTALLED = r"""
    SELECT t.tgname, t.tgrelid::regclass::text, t.tgfoid::regprocedure::text,
        obj_description(t.oid, 'pg_trigger'), t.tgenabled <> 'D'
    FROM pg_trigger AS t
    WHERE t.tgname LIKE 'modelsync\_%' AND NOT t.tgisinternal AND t.tgparentid = 0
        AND pg_table_is_visible(t.tgrelid)
"""
#: What a statement's rows are called, by what it does.
_ROWS = {"Insert": (None, NEW), "Update": (OLD, NEW), "Delete": (OLD, None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A trigger of ours as the database has it."""

    table: str
    function: str
    hash: str | None
    is_enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Triggers that should be and are not, by table; those that should not be; those that are off."""

    missing: Mapping[str, list[Trigger]]
    superfluous: list[str]
    disabled: list[str]


def install(using: str) -> None:
    """Make the triggers of a database what the tracked models want."""
    if connections[using].vendor != "postgresql":
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        found, wanted = _installed(cursor), _wanted(using)
        for trigger in wanted.values():
            if _differs(trigger, found):
                cursor.execute(trigger.install_sql)
        for name in found.keys() - wanted.keys():
            cursor.execute(f'DROP TRIGGER "{name}" ON {found[name].table}')
            cursor.execute(f"DROP FUNCTION {found[name].function}")


def loosen(using: str, apps: set[str]) -> None:
    """Have any update of some apps' models count, whichever fields do: their columns may go meanwhile."""
    if connections[using].vendor != "postgresql":
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        found = _installed(cursor)
        for name, trigger in _wanted(using, loosely=apps).items():
            if name in found and _differs(trigger, found):
                cursor.execute(trigger.install_sql)


def difference(using: str) -> Difference:
    """What `install` would do."""
    with connections[using].cursor() as cursor:
        found = _installed(cursor)
    wanted = _wanted(using)
    missing: dict[str, list[Trigger]] = {}
    for trigger in wanted.values():
        if _differs(trigger, found):
            missing.setdefault(trigger.sql.table, []).append(trigger)
    return Difference(
        missing=missing,
        superfluous=sorted(found.keys() - wanted.keys()),
        disabled=sorted(name for name in found.keys() & wanted.keys() if not found[name].is_enabled),
    )


def _differs(trigger: Trigger, found: Mapping[str, Installed]) -> bool:
    installed = found.get(trigger.sql.pgid)
    return installed is None or installed.hash != trigger.hash


def _installed(cursor: Any) -> dict[str, Installed]:
    cursor.execute(_INSTALLED)
    return {
        name: Installed(table=table, function=function, hash=said, is_enabled=enabled)
        for name, table, function, said, enabled in cursor.fetchall()
    }


def _wanted(using: str, loosely: Container[str] = ()) -> dict[str, Trigger]:
    """The triggers, by their names, of the tables that are there."""
    connection = connections[using]
    tracked = [
        each for each in REGISTRY if each.is_triggered and router.allow_migrate_model(using, each.model)
    ]
    if not tracked:
        return {}
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
    if Change._meta.db_table not in tables:
        return {}
    triggers = (
        trigger
        for each in tracked
        for trigger in _triggers(each, connection.ops.quote_name, each.model._meta.app_label in loosely)
    )
    return {trigger.sql.pgid: trigger for trigger in triggers if trigger.sql.table in tables}


def _triggers(tracked: Tracked, quote: Callable[..., str], is_loose: bool) -> Iterator[Trigger]:
    """All triggers of a tracked model."""
    model, bodies = tracked.model, Bodies(tracked, quote)
    yield _trigger(tracked, model, "Insert", bodies.inserted())
    yield _trigger(tracked, model, "Delete", bodies.deleted())
    yield _trigger(tracked, model, "Truncate", bodies.unknown())
    for each in (model, *tracked.ancestors):
        fields = counted(tracked, each)
        if fields or each is model:
            narrow = None if is_loose or tracked.fields is None else fields
            yield _trigger(tracked, each, "Update", bodies.updated(each, narrow))
            yield _trigger(tracked, each, "UpdateOf", bodies.rekeyed())
    for relation in model._meta.many_to_many:
        if is_simple(relation) and tracked.concerns(frozenset([relation.name])):
            through: Any = relation.remote_field.through
            for operation in ("Insert", "Update", "Delete"):
                rows = tuple(each for each in _ROWS[operation] if each)
                yield _trigger(tracked, through, operation, bodies.related(relation, rows))
            yield _trigger(tracked, through, "Truncate", bodies.unknown())


def _trigger(tracked: Tracked, model: Model, operation: str, body: str) -> Trigger:
    """One trigger, compiled."""
    import pgtrigger

    where = f"{tracked.label} {model._meta.db_table}".encode()
    name = f"modelsync_{operation.lower()}_{hashlib.sha256(where).hexdigest()[:16]}"

    class Capture(pgtrigger.Trigger):
        """Named as ours: `pgtrigger prune` drops what it does not know."""

        def get_pgid(self, model: Any) -> str:
            return name

    old, new = _ROWS.get(operation, (None, None))
    what = getattr(pgtrigger, operation)
    capture = Capture(
        name=name,
        level=pgtrigger.Statement,
        # What a TRUNCATE empties together with the log itself is to leave nothing in it.
        when=pgtrigger.After if old or new else pgtrigger.Before,
        operation=what(column_of(model._meta.pk)) if operation == "UpdateOf" else what,
        referencing=pgtrigger.Referencing(old=old, new=new) if old or new else None,  # type: ignore[no-untyped-call]  # so it is
        func=body,
    )
    return capture.compile(model)  # type: ignore[arg-type]  # it says Model and means the class
