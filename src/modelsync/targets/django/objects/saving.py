"""Writing one object in a savepoint: a rule that it breaks is its row's fault."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import ProtectedError, RestrictedError

from modelsync.core.errors import RecordError
from modelsync.core.records import OMITTED
from modelsync.targets.django.faults import explain, name_error
from modelsync.targets.django.objects import quiet
from modelsync.targets.django.objects.row import Model, Postponed, Row
from modelsync.targets.django.schema import stamps_itself


def in_savepoint(row: Row, write: Callable[[], None]) -> None:
    """Run `write`; raises RecordError for what it breaks, and then nothing of it remains."""
    schema, context = row.shape.schema, row.context
    try:
        with transaction.atomic(using=context.using):
            write()
            if schema.may_break_late and context.connection.vendor == "postgresql":
                check_deferred(context.connection)
    except (ProtectedError, RestrictedError, DatabaseError) as error:
        _forget(row)
        raise RecordError(explain(error, schema)) from error
    except (RecordError, Postponed):
        _forget(row)
        raise
    except ValidationError as error:
        _forget(row)
        raise RecordError("; ".join(error.messages)) from error
    except Exception as error:  # user code: whatever it raises is this row's rejection
        if not schema.user_code and context.around is None:
            raise
        _forget(row)
        raise RecordError(f"the model's own code failed: {name_error(error)}") from error


def save(row: Row, obj: Model, *, new: bool) -> None:
    """Save an object; the fields that fill themselves on saving keep what the row has for them."""
    using = row.context.using
    if row.context.full_clean:
        obj.full_clean()
    stamps = {name: getattr(obj, name) for name in _given_stamps(row)}
    if not row.context.quiet:
        obj.save(using=using, force_insert=new)
    elif new:
        quiet.insert(obj, using)
    else:
        quiet.update(obj, row.changes.keys(), using)
    lost = {name: value for name, value in stamps.items() if getattr(obj, name) != value}
    for name, value in lost.items():
        setattr(obj, name, value)
    if lost:
        type(obj)._base_manager.using(using).filter(pk=obj.pk).update(**lost)


def delete(row: Row, obj: Model) -> None:
    """Delete an object; it keeps its primary key."""
    row.changes = {}
    if row.context.quiet:
        quiet.delete(obj, row.context.using)
    else:
        pk = obj.pk
        obj.delete(using=row.context.using)
        obj.pk = pk
    row.has_deleted = True
    row.finder.deleted(obj)


def check_deferred(connection: BaseDatabaseWrapper) -> None:
    """Have constraints that wait for the commit checked now, so that the guilty row is known."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _forget(row: Row) -> None:
    """The row's writes were rolled back; only a delete had been taken note of."""
    if row.has_deleted or row.shape.schema.user_code:
        row.finder.undone()


def _given_stamps(row: Row) -> list[str]:
    """The fields that fill themselves on saving and that the row has a value for: the row wins."""
    return [
        column.attname
        for column in row.shape.values
        if stamps_itself(column.field) and row.value(column.index) is not OMITTED
    ]
