"""Capture of what Django writes without signals: `update()`, `bulk_create()`, `bulk_update()`; and of
`delete()` in one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models, transaction
from django.db.models import Value
from django.db.models.expressions import RawSQL
from django.utils import timezone

from modelsync.targets.django.schema import column_of
from modelsync.targets.django.sql import Dialect, dialect_for
from modelsync.tracking.log import append, append_unknown, gathering
from modelsync.tracking.models import Change
from modelsync.tracking.registry import REGISTRY, Tracked
from modelsync.tracking.waking import wake

M = TypeVar("M", bound=models.Model)


class TrackedQuerySet(models.QuerySet[M, M], Generic[M]):
    """A queryset whose bulk writes are captured, in their transaction and by one statement more."""

    def update(self, **kwargs: Any) -> int:
        """See Django's; the objects that it writes are captured."""
        names = _names(self.model, kwargs)
        tracked = [each for each in _tracked(self.model) if each.concerns(names)]
        if not tracked or names is None or self.query.is_sliced:  # Django says what is wrong
            return super().update(**kwargs)
        with transaction.atomic(using=self.db, savepoint=False), _capturing(self, tracked):
            return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """See Django's; the objects that it writes are captured."""
        tracked = _tracked(self.model)
        if not tracked:
            return super().bulk_create(objs, *args, **kwargs)
        with transaction.atomic(using=self.db, savepoint=False):
            made = super().bulk_create(objs, *args, **kwargs)
            for each in tracked:
                keys = [getattr(instance, each.model._meta.pk.attname) for instance in made]
                if None in keys:  # the database does not tell which they got
                    append_unknown(each, self.db)
                else:
                    append(each, keys, Change.Op.UPSERT, self.db)
        return made

    bulk_create.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own

    def delete(self) -> tuple[int, dict[str, int]]:
        """See Django's; the objects that go, with those that go with them, are captured together."""
        if not _tracked(self.model) or self.query.is_sliced:
            return super().delete()
        with gathering(self.db):
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own
    delete.queryset_only = True  # type: ignore[attr-defined]  # a manager has no `delete()`


class TrackedManager(models.Manager[M]):
    """Brings the queryset to a model: `objects = TrackedManager()`."""

    _queryset_class = TrackedQuerySet


def _tracked(model: type[models.Model]) -> list[Tracked]:
    """The tracked models that a row of this one is a part of."""
    return [each for each in REGISTRY if issubclass(model, each.model)]


def _names(model: type[models.Model], written: Iterable[str]) -> frozenset[str] | None:
    """The names of the fields; None where one is not known, of which Django will tell."""
    try:
        return frozenset(model._meta.get_field(name).name for name in written)
    except FieldDoesNotExist:
        return None


@contextmanager
def _capturing(queryset: Any, tracked: list[Tracked]) -> Iterator[None]:
    """Capture the UPDATE of each tracked model's own table, of which there is one at most."""
    connection = connections[queryset.db]
    quote = connection.ops.quote_name
    by_start = {f"UPDATE {quote(each.model._meta.db_table)} SET": each for each in tracked}

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        for start, each in by_start.items():
            if sql.startswith(start):
                return _Update(queryset, each).execute(run, sql, params, many, context)
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


class _Update:
    """One UPDATE, and the capture of the rows that it writes."""

    def __init__(self, queryset: Any, tracked: Tracked) -> None:
        self.queryset = queryset
        self.tracked = tracked
        self.using: str = queryset.db
        self.connection = connections[self.using]
        self.pk = tracked.model._meta.pk

    def execute(self, run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        dialect = dialect_for(self.connection)
        wake(self.using)
        if dialect is None:
            append_unknown(self.tracked, self.using)
            return run(sql, params, many, context)
        if self.connection.vendor == "postgresql":
            return run(*self._returning(dialect, sql, params), many, context)
        captured = self._insert(dialect)
        result = run(sql, params, many, context)
        if context["cursor"].rowcount != captured:
            # On MariaDB another transaction may have brought rows between the two statements.
            append_unknown(self.tracked, self.using)
        return result

    def _returning(self, dialect: Dialect, sql: str, params: Any) -> tuple[str, tuple[Any, ...]]:
        """PostgreSQL writes the rows and captures them in one statement."""
        quote = dialect.quote
        key = f"{quote(self.tracked.model._meta.db_table)}.{quote(column_of(self.pk))}"
        return (
            f"WITH written AS ({sql} RETURNING {key} AS k) {self._into()} "  # noqa: S608  # quoted, or Django's
            f"SELECT %s, {dialect.key_text(self.pk, 'k')}, %s, '', %s FROM written",
            (*params, *self._said()),
        )

    def _insert(self, dialect: Dialect) -> int:
        """Capture the rows that will be written, and keep others from writing them; how many they are."""
        rows = self.queryset.order_by().select_for_update()
        column = (
            f"{dialect.quote(rows.query.get_initial_alias())}.{dialect.quote(column_of(rows.model._meta.pk))}"
        )
        label, op, now = self._said()
        key = RawSQL(dialect.key_text(self.pk, column), ())  # noqa: S611  # quoted
        selected = rows.values_list(Value(label), key, Value(op), Value(""), Value(now))
        sql, params = selected.query.get_compiler(self.using).as_sql()
        with self.connection.cursor() as cursor:
            cursor.execute(f"{self._into()} {sql}", params)
            return int(cursor.rowcount)

    def _into(self) -> str:
        quote = self.connection.ops.quote_name
        columns = ("model", "object_pk", "op", "changed_fields", "created_at")
        return f"INSERT INTO {quote(Change._meta.db_table)} ({', '.join(map(quote, columns))})"

    def _said(self) -> tuple[str, str, Any]:
        now = Change._meta.get_field("created_at").get_db_prep_save(timezone.now(), self.connection)
        return self.tracked.label, Change.Op.UPSERT.value, now
