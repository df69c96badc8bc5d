"""Primary keys for objects that come without them: those of the objects here that have the same natural keys,
or new ones.

Afterwards the stage is as if the keys had been sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models

from modelsync.core.errors import ConfigurationError, ConflictError, RecordError
from modelsync.core.results import Rejection
from modelsync.targets.django.mirror.natural import Naming, in_order, stages_of
from modelsync.targets.django.mirror.sheet import Sheet
from modelsync.targets.django.schema import Field, Schema, column_of, target_of
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import StageColumn

_KEYS = "modelsync_keys"
_FIRSTS = "MIN(s.n) OVER (PARTITION BY s.h, s.said)"


class Keying:
    """Gives the records of all sheets that come without primary keys theirs."""

    def __init__(
        self,
        sheets: Sequence[Sheet],
        namings: Mapping[type[models.Model], Naming],
        dialect: Dialect,
        cursor: Any,
        using: str,
    ) -> None:
        self.sheets = sheets
        self.namings = namings
        self.dialect = dialect
        self.cursor = cursor
        self.using = using
        self.q = dialect.quote

    def give(self) -> Iterator[Rejection]:
        """Find or make the keys; raises ConfigurationError where references cannot be followed."""
        unkeyed = [sheet for sheet in self.sheets if sheet.is_unkeyed]
        if unkeyed:
            self._check_references({sheet.model for sheet in unkeyed})
        for sheet in in_order(unkeyed, _fields_of_key):
            yield from self.namings[sheet.model].resolve(_fields_of_key(sheet))
            if sheet.link is None:
                yield from self._find(sheet) if sheet.lookup else self._find_each(sheet)
                yield from self._make(sheet)
            for many in sheet.many:
                source = f"{self.q(sheet.stage)} AS s"
                self.cursor.execute(self.dialect.update(many.stage, "p", [("k", "s.k")], source, "s.n = p.r"))

    def _check_references(self, unkeyed: set[type[models.Model]]) -> None:
        """The other site's primary keys mean nothing here where objects come without theirs."""
        for sheet in self.sheets:
            plain = [(c.field, c.field.name, sheet.stage, c.staged) for c in (sheet.key, *sheet.values)]
            plain += [(many.target, many.name, many.stage, "o") for many in sheet.many]
            for field, name, stage, staged in plain:
                if not isinstance(field, models.ForeignKey):
                    continue
                target = target_of(field)
                if target.model not in unkeyed or not target.primary_key:
                    continue
                self.cursor.execute(
                    f"SELECT {staged} FROM {self.q(stage)} WHERE {staged} IS NOT NULL LIMIT 1"
                )
                found = self.cursor.fetchone()
                if found:
                    raise ConfigurationError(_meaningless(sheet, name, target.model._meta.label, found[0]))

    # -- objects that are here ---------------------------------------------------------------

    def _find(self, sheet: Sheet) -> Iterator[Rejection]:
        """Find all at once, by the fields that their natural keys consist of."""
        assert sheet.lookup
        fields = sheet.lookup.fields
        staged = {column.field: column.staged for column in sheet.values}
        self.dialect.analyze(self.cursor, sheet.stage, ["h", *(staged[field] for field in fields)])
        table, pk = self.q(sheet.model._meta.db_table), self.q(column_of(sheet.pk))
        pairs = [(f"t.{self.q(column_of(field))}", f"s.{staged[field]}", field.null) for field in fields]
        for tests in _tests(pairs):
            if not _is_unique(sheet.model, fields):
                yield from self._refuse(
                    sheet,
                    f"SELECT s.n FROM {self.q(sheet.stage)} s JOIN {table} t ON {tests} "
                    f"GROUP BY s.n HAVING COUNT(*) > 1",
                    f"there are several objects of {sheet.label} here with its natural key",
                )
            self.cursor.execute(
                self.dialect.update(
                    sheet.stage, "s", [("k", f"t.{pk}")], f"{table} AS t", f"s.k IS NULL AND {tests}"
                )
            )

    def _find_each(self, sheet: Sheet) -> Iterator[Rejection]:
        """Find one after the other, as only the model's manager knows."""
        self.cursor.execute(f"SELECT s.said, s.n FROM {self.q(sheet.stage)} s ORDER BY s.h, s.said, s.n")
        keys: list[tuple[int, object]] = []
        for said, rows in groupby(self.cursor.fetchall(), lambda row: row[0]):
            numbers = [number for _, number in rows]
            try:
                found = _get(sheet.model, json.loads(said), self.using)
            except RecordError as error:
                yield from self._refuse(sheet, ", ".join(map(str, numbers)), error.reason)
                continue
            if found is not None:
                keys += [(number, found) for number in numbers]
        self._put(sheet, keys)

    # -- objects that are new ----------------------------------------------------------------

    def _make(self, sheet: Sheet) -> Iterator[Rejection]:
        """Give what is new keys as the database or the field's default makes them, in the stream's order."""
        pk = sheet.pk
        missing = f"FROM {self.q(sheet.stage)} s WHERE s.k IS NULL"
        if not isinstance(pk, models.AutoField) and not pk.has_default():
            reason = (
                f"it is new, and nothing here makes the primary key ({pk.name}) of a {sheet.label}; give the "
                f"field a default, or have the other site's route send primary keys (natural_primary=False)"
            )
            yield from self._refuse(sheet, f"SELECT s.n {missing}", reason)
            return
        self.cursor.execute(f"SELECT s.n, {_FIRSTS} AS first {missing} ORDER BY first, s.n")
        numbers = self.cursor.fetchall()
        firsts = [number for number, first in numbers if number == first]
        if not firsts:
            return
        if isinstance(pk, models.AutoField):
            made: Sequence[object] = self.dialect.draw_keys(self.cursor, sheet.model, len(firsts))
        else:
            made = [pk.get_default() for _ in firsts]
        keys = dict(zip(firsts, made, strict=True))
        self._put(sheet, [(number, keys[first]) for number, first in numbers], are_new=True)

    def _put(self, sheet: Sheet, keys: Sequence[tuple[int, object]], *, are_new: bool = False) -> None:
        """Write keys onto the stage, by the numbers of the records; raises ConflictError for a new key that
        some row has already.
        """
        if not keys:
            return
        columns = [self.dialect.number, StageColumn("k", field=sheet.pk)]
        self.dialect.create_stage(self.cursor, _KEYS, columns)
        values = [[n for n, _ in keys], [self.dialect.adapt(sheet.pk, key) for _, key in keys]]
        self.dialect.load(self.cursor, _KEYS, ["n", "k"], values)
        source = f"{self.q(_KEYS)} AS x"
        self.cursor.execute(self.dialect.update(sheet.stage, "s", [("k", "x.k")], source, "x.n = s.n"))
        if are_new:
            table, pk = self.q(sheet.model._meta.db_table), self.q(column_of(sheet.pk))
            self.cursor.execute(
                f"SELECT t.{pk} FROM {table} t JOIN {self.q(_KEYS)} x ON x.k = t.{pk} LIMIT 1"
            )
            taken = self.cursor.fetchone()
            if taken:
                raise ConflictError(
                    f"{taken[0]} was to be the primary key of a new {sheet.label}, but one has it already; "
                    f"pull again, and see that the field's default makes keys that nothing has"
                )
        self.dialect.drop(self.cursor, _KEYS)

    def _refuse(self, sheet: Sheet, numbers: str, reason: str) -> Iterator[Rejection]:
        """Refuse records, whose numbers SQL gives, and take them from the stage."""
        stage = self.q(sheet.stage)
        self.cursor.execute(f"SELECT s.n, s.said FROM {stage} s WHERE s.n IN ({numbers}) ORDER BY s.n")
        found = self.cursor.fetchall()
        sheet.has_refused = sheet.has_refused or bool(found)
        for start in range(0, len(found), 400):
            some = ", ".join(str(number) for number, _ in found[start : start + 400])
            for each, column in stages_of(sheet):
                self.cursor.execute(f"DELETE FROM {self.q(each)} WHERE {column} IN ({some})")
        for number, said in found:
            yield Rejection(
                number=number,
                reason=f"{sheet.label} {sheet.called(said)}: {reason}",
                column="pk",
                value=json.loads(said),
                origin=sheet.origin(number),
                model=sheet.label,
            )


def _fields_of_key(sheet: Sheet) -> Iterable[Field]:
    """What has to be known of a record before its primary key is."""
    if sheet.link is not None:
        return (sheet.pk,)
    return sheet.lookup.fields if sheet.lookup else ()


def _tests(pairs: Sequence[tuple[str, str, bool]]) -> Iterator[str]:
    """SQL that finds an object's row; apart for keys with NULLs, which no database looks up quickly."""
    yield " AND ".join(f"{ours} = {theirs}" for ours, theirs, _ in pairs)
    nullable = [theirs for _, theirs, null in pairs if null]
    if nullable:
        equal = [
            f"({ours} = {theirs} OR ({ours} IS NULL AND {theirs} IS NULL))" if null else f"{ours} = {theirs}"
            for ours, theirs, null in pairs
        ]
        yield f"({' OR '.join(f'{theirs} IS NULL' for theirs in nullable)}) AND {' AND '.join(equal)}"


def _is_unique(model: type[models.Model], fields: Iterable[Field]) -> bool:
    """Whether the database sees to it that these fields name one object."""
    return any(
        set(unique) <= set(fields) and not any(field.null for field in unique)
        for unique in Schema(model).unique_sets
    )


def _get(model: Any, key: Sequence[Any], using: str) -> object | None:
    """The primary key of the object with this natural key, None where there is none; raises RecordError."""
    try:
        found: object = model._default_manager.db_manager(using).get_by_natural_key(*key).pk
    except ObjectDoesNotExist:
        return None
    except model.MultipleObjectsReturned as error:
        raise RecordError(
            f"there are several objects of {model._meta.label} here with its natural key"
        ) from error
    except (TypeError, ValueError, ValidationError) as error:
        raise RecordError(f"get_by_natural_key() does not take its natural key: {error}") from error
    return found


def _meaningless(sheet: Sheet, name: str, target: str, value: object) -> str:
    is_link = name == sheet.pk.name
    return (
        f"{sheet.label}.{name} names {target} {value} by its primary key on the other site, but objects of "
        f"{target} come without theirs; have the other site serve "
        + ("both with primary keys" if is_link else "with natural_foreign=True, too, or with primary keys")
        + " (natural_primary=False)"
    )
