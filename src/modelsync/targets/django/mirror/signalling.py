"""Signals of what the mirror writes, as Django sends them for fixtures: `raw` is true.

Only models with receivers pay for it. A receiver of `pre_save` may change its instance: what it changes is
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models
from django.db.models import signals

from modelsync.targets.django.mirror.difference import Act, Difference
from modelsync.targets.django.mirror.sheet import Many, Sheet
from modelsync.targets.django.schema import Field, column_of
from modelsync.targets.django.sql import Dialect

_SAVING = (signals.pre_save, signals.post_save)
_DELETING = (signals.pre_delete, signals.post_delete)
_CHUNK = 400  # parameters


class Signalling:
    """Tells the receivers of one database's models."""

    def __init__(self, dialect: Dialect, cursor: Any, using: str) -> None:
        self.dialect = dialect
        self.cursor = cursor
        self.using = using
        self.q = dialect.quote

    # -- saving ------------------------------------------------------------------------------

    def before_saving(self, difference: Difference) -> list[tuple[models.Model, bool]]:
        """Tell of the objects that will be written; they are returned, each with whether it is new."""
        sheet = difference.sheet
        if not any(signal.has_listeners(sheet.model) for signal in _SAVING):
            return []
        coming = []
        for number, instance, is_new in self._instances(difference):
            before = {
                column.field.attname: getattr(instance, column.field.attname) for column in sheet.values
            }
            self._send(signals.pre_save, instance, raw=True, update_fields=None)
            for column in sheet.values:
                value = getattr(instance, column.field.attname)
                if value != before[column.field.attname]:
                    self.cursor.execute(
                        f"UPDATE {difference.stage} SET {column.staged} = %s WHERE n = %s",
                        [column.field.get_db_prep_save(value, self.dialect.connection), number],
                    )
            coming.append((instance, is_new))
        return coming

    def after_saving(self, written: Sequence[tuple[models.Model, bool]]) -> None:
        """Tell that they have been written."""
        for instance, is_new in written:
            instance._state.adding = False
            self._send(signals.post_save, instance, raw=True, created=is_new, update_fields=None)

    def _instances(self, difference: Difference) -> Iterator[tuple[int, models.Model, bool]]:
        """The objects as they will be, each with its number and whether it is new."""
        sheet = difference.sheet
        staged = "".join(f", s.{column.staged}" for column in sheet.values)
        self.cursor.execute(
            f"SELECT p.n, p.act, s.k{staged} FROM {difference.plan} p JOIN {difference.stage} s ON s.n = p.n "
            f"WHERE p.act IN ({Act.CREATE}, {Act.UPDATE}) ORDER BY p.n"
        )
        for number, act, key, *values in self.cursor.fetchall():
            pk = self._python(sheet.pk, key)
            instance = self._current(sheet, pk) if act == Act.UPDATE else sheet.model()
            instance.pk = pk
            instance._state.db = self.using
            for column, value in zip(sheet.values, values, strict=True):
                setattr(instance, column.field.attname, self._python(column.field, value))
            yield number, instance, act == Act.CREATE

    def _current(self, sheet: Sheet, pk: object) -> models.Model:
        found = sheet.model._base_manager.using(self.using).filter(pk=pk).first()
        # The row of a child whose parent is not there yet cannot be read as an object.
        return found if found is not None else sheet.model()

    def _python(self, field: Field, value: object) -> object:
        """A value as the ORM would give it."""
        column = field.get_col(field.model._meta.db_table)
        connection = self.dialect.connection
        for convert in (*connection.ops.get_db_converters(column), *field.get_db_converters(connection)):
            value = convert(value, column, connection)
        return value

    # -- deleting ----------------------------------------------------------------------------

    def before_deleting(self, model: type[models.Model], gone: str) -> list[models.Model]:
        """Tell of the objects that will go; `gone` is the table of their keys."""
        if not any(signal.has_listeners(model) for signal in _DELETING):
            return []
        self.cursor.execute(f"SELECT k FROM {self.q(gone)}")
        keys = [row[0] for row in self.cursor.fetchall()]
        going: list[models.Model] = []
        for start in range(0, len(keys), _CHUNK):
            some = [self._python(model._meta.pk, key) for key in keys[start : start + _CHUNK]]
            going += model._base_manager.using(self.using).filter(pk__in=some)
        for instance in going:
            self._send(signals.pre_delete, instance, origin=instance)
        return going

    def after_deleting(self, gone: Sequence[models.Model]) -> None:
        """Tell that they have gone."""
        for instance in gone:
            self._send(signals.post_delete, instance, origin=instance)

    # -- relating ----------------------------------------------------------------------------

    def pairs(self, difference: Difference, many: Many, *, added: bool) -> dict[Any, set[Any]]:
        """The pairs that will be added or removed: an object's key -> the keys of the others."""
        if not signals.m2m_changed.has_listeners(many.through):
            return {}
        if added:
            self.cursor.execute(f"SELECT p.k, p.o {difference.missing_pairs(many)}")
        else:
            columns = ", ".join(f"x.{self.q(column_of(each))}" for each in (many.source, many.target))
            self.cursor.execute(f"SELECT {columns} {difference.extra_pairs(many)}")
        found: dict[Any, set[Any]] = {}
        for holder, target in self.cursor.fetchall():
            found.setdefault(self._python(many.source, holder), set()).add(self._python(many.target, target))
        return found

    def tell_pairs(self, sheet: Sheet, many: Many, action: str, pairs: dict[Any, set[Any]]) -> None:
        """Tell of pairs: `pre_add`, `post_add`, `pre_remove` or `post_remove`."""
        for holder, targets in pairs.items():
            signals.m2m_changed.send(
                sender=many.through,
                instance=self._current(sheet, holder),
                action=action,
                reverse=False,
                model=many.target.related_model,
                pk_set=targets,
                using=self.using,
            )

    def _send(self, signal: Any, instance: models.Model, **more: Any) -> None:
        signal.send(sender=type(instance), instance=instance, using=self.using, **more)
