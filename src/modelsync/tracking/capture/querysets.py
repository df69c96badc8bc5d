"""Capture of what Django writes without signals: `update()`, `bulk_create()`, `bulk_update()`; and of
`delete()` in one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeAlias, TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models, transaction

from modelsync.targets.django.schema import column_of
from modelsync.targets.django.sql import Dialect, dialect_for
from modelsync.tracking.capture.parts import join_of
from modelsync.tracking.log import (
    append,
    append_found,
    append_parts,
    append_unknown,
    gathering,
    into,
    path_to,
    said_now,
)
from modelsync.tracking.models import Change
from modelsync.tracking.registry import REGISTRY, Model, Tracked
from modelsync.tracking.states import is_plain
from modelsync.tracking.waking import wake

M = TypeVar("M", bound=models.Model)
#: The tracked models whose objects an UPDATE of a model's table writes.
Written: TypeAlias = dict[Model, list[Tracked]]


class TrackedQuerySet(models.QuerySet[M, M], Generic[M]):
    """A queryset whose bulk writes are captured, in their transaction and by one statement more."""

    def update(self, **kwargs: Any) -> int:
        """See Django's; the objects that it writes are captured."""
        if self.query.is_sliced:  # Django says what is wrong
            return super().update(**kwargs)
        written, wakes = _written(self.model, kwargs)
        if not written:
            count = super().update(**kwargs)
        else:
            with transaction.atomic(using=self.db, savepoint=False), _capturing(self, written):
                count = super().update(**kwargs)
        if wakes:
            wake(self.db)
        return count

    update.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """See Django's; the objects that it writes are captured."""
        tracked, others = REGISTRY.within(self.model), []
        if kwargs.get("update_conflicts") or any(args[2:3]):  # what is there may be parts of theirs
            others = list(REGISTRY.beyond(self.model))
        if not tracked and not others:
            return super().bulk_create(objs, *args, **kwargs)
        with transaction.atomic(using=self.db, savepoint=False):
            made = super().bulk_create(objs, *args, **kwargs)
            keys = [instance.pk for instance in made]
            for each in tracked:
                if None in keys and not each.is_triggered:  # the database does not tell which they got
                    append_unknown(each, self.db)
                else:
                    append(each, keys, Change.Op.UPSERT, self.db)
            for each in others:
                append_parts(each, self.model, filter(None, keys), self.db)
        return made

    bulk_create.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own

    def delete(self) -> tuple[int, dict[str, int]]:
        """See Django's; the objects that go, with those that go with them, are captured together."""
        tracked = REGISTRY.within(self.model)
        if not tracked or self.query.is_sliced:
            return super().delete()
        with gathering(self.db):
            gone = super().delete()
            if any(each.is_triggered for each in tracked):
                wake(self.db)
        return gone

    delete.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own
    delete.queryset_only = True  # type: ignore[attr-defined]  # a manager has no `delete()`


class TrackedManager(models.Manager[M]):
    """Brings the queryset to a model: `objects = TrackedManager()`."""

    _queryset_class = TrackedQuerySet


def _written(model: Model, values: Mapping[str, Any]) -> tuple[Written, bool]:
    """What an update with these values writes, each tracked model once; whether triggers capture any."""
    try:
        fields = [model._meta.get_field(name) for name in values]
    except FieldDoesNotExist:  # Django says so
        return {}, False
    tables: dict[Model, set[str]] = {}
    for field in fields:
        tables.setdefault(field.model, set()).add(field.name)
    written: Written = {}
    wakes = False
    for tracked in REGISTRY:
        of = [each for each in (tracked.model, *tracked.ancestors) if each in tables]
        counting = [each for each in of if tracked.concerns(frozenset(tables[each]))]
        wakes |= bool(counting) and tracked.is_triggered
        if counting and not tracked.is_triggered:
            written.setdefault(counting[0], []).append(tracked)
    return written, wakes


@contextmanager
def _capturing(queryset: Any, written: Written) -> Iterator[None]:
    """Capture what the UPDATE of each of these models' tables writes."""
    connection = connections[queryset.db]
    quote = connection.ops.quote_name
    by_start = {f"UPDATE {quote(model._meta.db_table)} SET": model for model in written}

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        for start, model in by_start.items():
            if sql.startswith(start):
                update = _Update(queryset, model, written[model])
                return update.execute(run, sql, params, many, context)
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


class _Update:
    """One UPDATE of a model's table, and the capture of the objects that it writes."""

    def __init__(self, queryset: Any, model: Model, tracked: Sequence[Tracked]) -> None:
        self.queryset = queryset
        self.model = model
        self.tracked = tracked
        self.using: str = queryset.db

    def execute(self, run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        connection = connections[self.using]
        dialect = dialect_for(connection)
        wake(self.using)
        known = [each for each in self.tracked if dialect and is_plain(each.model._meta.pk)]
        for each in self.tracked:
            if each not in known:
                append_unknown(each, self.using)
        if dialect is None or not known:
            return run(sql, params, many, context)
        if connection.vendor == "postgresql":
            return run(*self._returning(dialect, known, sql, params), many, context)
        captured = [append_found([(each, self._found(each))], self.using) for each in known]
        result = run(sql, params, many, context)
        for each, count in zip(known, captured, strict=True):
            if each.model is self.model and context["cursor"].rowcount != count:
                # On MariaDB another transaction may have brought rows between the two statements.
                append_unknown(each, self.using)
        return result

    def _returning(
        self, dialect: Dialect, tracked: Sequence[Tracked], sql: str, params: Any
    ) -> tuple[str, tuple[Any, ...]]:
        """PostgreSQL writes the rows and captures them in one statement."""
        quote = dialect.quote
        pk = quote(column_of(self.model._meta.pk))
        selected, said = [], []
        for each in tracked:
            joins, key = join_of(each, self.model, "written", quote)
            text = dialect.key_text(each.model._meta.pk, key)
            selected.append(f"SELECT %s, {text}, %s, '', %s FROM written{joins}")  # noqa: S608  # quoted
            said += [each.label, Change.Op.UPSERT.value, said_now(self.using)]
        return (
            f"WITH written AS ({sql} RETURNING {quote(self.model._meta.db_table)}.{pk} AS {pk}) "
            f"{into(self.using)} {' UNION ALL '.join(selected)}",
            (*params, *said),
        )

    def _found(self, tracked: Tracked) -> models.QuerySet[Any]:
        """The objects that will be written; others are kept from writing them."""
        rows = self.queryset
        if not issubclass(rows.model, tracked.model):
            name = f"{path_to(tracked, self.model)}__in"
            rows = tracked.model._base_manager.filter(**{name: rows.order_by().values("pk")})
        return rows.select_for_update()  # type: ignore[no-any-return]  # a queryset of any model
