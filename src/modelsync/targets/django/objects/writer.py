"""One record after another: find, decide, write, each row in a savepoint of its own."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import ProtectedError, RestrictedError

from modelsync.core.errors import RecordError
from modelsync.core.planning import Decision, Found, Step, decide
from modelsync.core.ports import Applied, Group
from modelsync.core.records import OMITTED, Action
from modelsync.core.results import Change, Outcome
from modelsync.targets.django.cells import python_columns
from modelsync.targets.django.context import Context
from modelsync.targets.django.converters.scalars import JSON_NULL
from modelsync.targets.django.faults import ambiguous, explain, not_found
from modelsync.targets.django.objects import quiet
from modelsync.targets.django.objects.equality import Values
from modelsync.targets.django.objects.finder import Finder, plain_value
from modelsync.targets.django.objects.relations import relate
from modelsync.targets.django.schema import Field
from modelsync.targets.django.shape import Reference, Shape

Model = models.Model


class _Postpone(Exception):
    """The record cannot be written before what it refers to exists."""

    def __init__(self, error: RecordError) -> None:
        self.error = error


class ObjectsWriter:
    """Applies groups of one shape through model instances."""

    def __init__(self, context: Context, shape: Shape) -> None:
        self.context = context
        self.shape = shape
        self.setters: set[str] = set()

    def apply(self, group: Group) -> Applied:
        """Decide and write every record of the group, in order."""
        applied = Applied.empty(len(group))
        columns, errors = python_columns(self.shape, group)
        finder = Finder(self.context, self.shape, group, columns)
        for position in range(len(group)):
            if position in errors:
                applied.reject(position, errors[position])
                continue
            _Row(self, group, position, columns, finder, applied).process()
        finder.keys.flush()
        applied.keys_written += finder.keys.written
        applied.keys_removed += finder.keys.removed
        return applied


class _Row:
    def __init__(
        self,
        writer: ObjectsWriter,
        group: Group,
        position: int,
        columns: dict[int, list[object]],
        finder: Finder,
        applied: Applied,
    ) -> None:
        self.context = writer.context
        self.shape = writer.shape
        self.group = group
        self.position = position
        self.columns = columns
        self.finder = finder
        self.applied = applied
        self.actions = group.actions[position]
        self.key = group.keys[position]
        self.forced = Action.FORCE in self.actions
        self.has_deleted = False
        self.has_set = False
        self.has_pointed = False
        self.missing: list[tuple[Reference, str]] = []
        self.warnings: list[tuple[str, str]] = []
        self.changes: dict[str, tuple[object, object]] = {}

    # -- the row as a whole ------------------------------------------------------------------

    def process(self) -> None:
        try:
            if self.group.late:
                self._late()
            elif not self.shape.match.tokens and not self.key:
                raise RecordError("match_on is empty, and the row has no external key", column="match_on")
            else:
                self._carry_out(self._decide())
        except _Postpone as postponed:
            self.applied.outcomes[self.position] = 0
            self.applied.postponed[self.position] = postponed.error
        except RecordError as error:
            self.applied.reject(self.position, error)
        else:
            for column, reason in self.warnings:
                self.applied.warn(self.position, column, reason)

    def _decide(self) -> Decision[Model]:
        linked = self.finder.linked(self.position)
        matched, several = self.finder.matched(self.position)
        held, others = False, 0
        if Action.DELETE in self.actions and not self.forced and self.key:
            obj = matched if self.shape.match.tokens else linked
            if obj is not None:
                holders = self.finder.keys.holders(str(obj.pk))
                own = (self.context.system, self.key)
                held, others = own in holders, len([h for h in holders if h != own])
        return decide(
            self.actions,
            Found(
                linked=linked,
                matched=matched,
                several=several,
                has_key=self.key is not None,
                by_key_only=not self.shape.match.tokens,
                held=held,
                others=others,
            ),
            self.context.conflict,
        )

    def _carry_out(self, decision: Decision[Model]) -> None:
        outcome = Outcome.UNCHANGED
        obj = decision.obj
        match decision.step:
            case Step.REJECT:
                raise RecordError(decision.reason)
            case Step.SKIP:
                outcome = Outcome.SKIPPED
                self._skip(decision)
            case Step.DELETE:
                assert obj is not None
                self.finder.keys.flush()
                self._write(lambda: self._delete(obj))
                outcome = Outcome.DELETED
            case Step.CREATE:
                obj = self._create()
                outcome = Outcome.CREATED
            case Step.UPDATE:
                assert obj is not None
                if self._update(obj, decision.victim):
                    outcome = Outcome.UPDATED
            case Step.KEEP:
                pass
        self.applied.outcomes[self.position] = outcome
        if decision.drop_key and self.key:
            self.finder.keys.drop(self.key)
        if decision.keep_key and self.key and obj is not None:
            self.finder.keys.point(self.key, str(obj.pk))
        if obj is not None:
            self._remember_change(obj, outcome)

    def _skip(self, decision: Decision[Model]) -> None:
        self.applied.skips[self.position] = decision.reason
        if decision.warn:
            self.warnings.append(("match_on", decision.reason))

    def _write(self, write: Any) -> None:
        """Run `write` in a savepoint; a constraint that it breaks is this record's fault."""
        try:
            with transaction.atomic(using=self.context.using):
                write()
                if self.shape.schema.may_break_late and self.context.connection.vendor == "postgresql":
                    check_deferred(self.context.connection)
        except (ProtectedError, RestrictedError, DatabaseError) as error:
            self._forget()
            raise RecordError(explain(error, self.shape.schema)) from error
        except (RecordError, _Postpone):
            self._forget()
            raise
        except ValidationError as error:
            self._forget()
            raise RecordError("; ".join(error.messages)) from error
        except Exception as error:  # user code: whatever it raises is this row's rejection
            if not self.shape.schema.user_code:
                raise
            self._forget()
            raise RecordError(f"the model's own code failed: {_said(error)}") from error

    def _delete(self, obj: Model) -> None:
        self.changes = {}
        if self.context.quiet:
            quiet.delete(obj, self.context.using)
        else:
            copy_pk = obj.pk
            obj.delete(using=self.context.using)
            obj.pk = copy_pk
        self.has_deleted = True
        self.finder.deleted(obj)

    def _forget(self) -> None:
        """The row's writes were rolled back; only a delete had been taken note of."""
        if self.has_deleted or self.shape.schema.user_code:
            self.finder.undone()

    # -- create and update -------------------------------------------------------------------

    def _create(self) -> Model:
        obj = self.shape.schema.model()
        self._set_values(obj, forced=True, new=True)
        targets = self._resolve(obj, forced=True, new=True)
        self._demand_required(obj)

        def write() -> None:
            self._save(obj, new=True)
            self._relate(obj, targets, forced=True)

        self._write(write)
        self._wrote(obj, None)
        if self.missing:
            self.applied.late.add(self.position)
        return obj

    def _update(self, obj: Model, victim: Model | None) -> bool:
        before = self.finder.before_write(obj)
        old = {f.attname: getattr(obj, f.attname) for f in self.shape.schema.fields}
        try:
            if victim is None:
                targets = self._settle(obj)
                if self._has_changed() or targets:
                    self._write(lambda: self._save_and_relate(obj, targets))
            else:
                # The references are looked up when the victim is gone. What waits to be written belongs
                # to earlier rows, so it must not be undone with this one.
                self.finder.keys.flush()
                self._write(lambda: (self._delete(victim), self._save_and_relate(obj, self._settle(obj))))
        except (RecordError, _Postpone):
            for name, value in old.items():
                setattr(obj, name, value)
            raise
        self._wrote(obj, before)
        if self.missing:
            self.applied.late.add(self.position)
        return self._has_changed() or victim is not None

    def _settle(self, obj: Model) -> list[tuple[Reference, object]]:
        """Give the object the row's values and references; the relations to bring about are returned."""
        self._set_values(obj, forced=self.forced, new=False)
        return self._resolve(obj, forced=self.forced, new=False)

    def _wrote(self, obj: Model, before: Values | None) -> None:
        """Have the finder know it. A reverse relation changes other objects, maybe ones that it holds."""
        if self.has_pointed:
            self.finder.undone()
        else:
            self.finder.wrote(obj, before)

    def _has_changed(self) -> bool:
        return bool(self.changes) or self.has_set

    def _save_and_relate(self, obj: Model, targets: list[tuple[Reference, object]]) -> None:
        if self._has_changed():
            self._save(obj, new=False)
        self._relate(obj, targets, forced=self.forced)

    def _late(self) -> None:
        """Only the references, of a record that was applied before (semantics: the end of a pass)."""
        obj = self.finder.linked(self.position)
        if obj is None:
            obj, _ = self.finder.matched(self.position)
        if obj is None:
            if self.group.in_circle:
                raise _Postpone(RecordError("it matches nothing while it waits for what it refers to"))
            return
        forced = self.forced and Action.UPDATE in self.actions
        before = self.finder.before_write(obj)
        if self.group.in_circle:
            self._closes_circle(obj, forced=forced)
        targets = self._resolve(obj, forced=forced, new=False)
        related = False

        def write() -> None:
            nonlocal related
            if self.changes:
                self._save(obj, new=False)
            related = self._relate(obj, targets, forced=forced)

        if self.changes or targets:
            changed = bool(self.changes)
            self._write(write)
            self._wrote(obj, before)
            if changed or related:
                self.applied.outcomes[self.position] = Outcome.UPDATED
        for reference, said in self.missing:
            self.warnings.append((reference.lookups[0].column, not_found(reference, said)))

    def _set_values(self, obj: Model, *, forced: bool, new: bool) -> None:
        for column in self.shape.values:
            value = self.columns[column.index][self.position]
            if value is OMITTED:
                continue
            current = plain_value(column.field, getattr(obj, column.attname))
            if current is None and not new and isinstance(column.field, models.JSONField):
                current = self._which_null(obj, column.field)
            if column.field.primary_key and not new:
                if value is not None and value != current:
                    raise RecordError(
                        f"the object's primary key is {current}, and a primary key never changes",
                        column=column.name,
                        value=value,
                    )
                continue
            if column.field.primary_key and value is None:
                continue
            if not forced and not is_empty(column.field, current):
                continue
            if same(column.field, current, value):
                continue
            try:
                self._demand_target(column.field, column.name, value)
            except _Postpone:
                if self.group.in_circle and column.field.null:
                    continue
                raise
            self.changes[column.field.name] = (None if new else current, value)
            setattr(obj, column.attname, value)
        if not self.context.quiet:
            for extra in self.shape.properties:
                self._set_property(obj, extra.name, self.columns[extra.index][self.position], forced=forced)

    def _which_null(self, obj: Model, field: Field) -> object:
        """The null that a JSON column holds: Django reads SQL's and JSON's alike."""
        holds = {"pk": obj.pk, f"{field.name}__isnull": False}
        found = type(obj)._base_manager.using(self.context.using).filter(**holds).exists()
        return JSON_NULL if found else None

    def _set_property(self, obj: Model, name: str, value: object, *, forced: bool) -> None:
        """Call a setter, unless the property says that it has the value, or must keep what it has."""
        current = getattr(obj, name, None)
        if value is OMITTED or current == value or not (forced or current in (None, "")):
            return
        self.has_set = True
        try:
            setattr(obj, name, value)
        except Exception as error:  # user code: whatever it raises is this row's rejection
            raise RecordError(f"its setter failed: {_said(error)}", column=name, value=value) from error

    def _demand_target(self, field: Field, name: str, value: object) -> None:
        """Postpone a record whose plain foreign key names an object that is not there (yet)."""
        if not isinstance(field, models.ForeignKey) or value is None:
            return
        related = field.related_model._base_manager.using(self.context.using)
        if not related.filter(**{field.target_field.attname: value}).exists():
            label = field.related_model._meta.label
            raise _Postpone(
                RecordError(
                    f"there is no {label} with {field.target_field.name} {value!r}", column=name, value=value
                )
            )

    def _closes_circle(self, obj: Model, *, forced: bool) -> None:
        """Set the plain foreign keys that were left out of a circle; postpones what still lacks one."""
        for column in self.shape.values:
            value = self.columns[column.index][self.position]
            if not isinstance(column.field, models.ForeignKey) or value in (None, OMITTED):
                continue
            current = getattr(obj, column.attname)
            if current != value and (forced or current is None):
                self._demand_target(column.field, column.name, value)
                self.changes[column.field.name] = (current, value)
                setattr(obj, column.attname, value)

    def _resolve(self, obj: Model, *, forced: bool, new: bool) -> list[tuple[Reference, object]]:
        """Set the foreign keys that references answer; the other relations are returned with their targets."""
        targets: list[tuple[Reference, object]] = []
        for reference in self.shape.references:
            answer = self.finder.reference(reference, self.position)
            if answer is None:
                continue
            pks, said = answer
            if len(pks) > 1:
                self.warnings.append((reference.lookups[0].column, ambiguous(reference, said)))
                continue
            if not pks:
                if new and reference.required:
                    raise _Postpone(
                        RecordError(
                            f"there is no {reference.model._meta.label} with {said}, and {reference.name} "
                            f"must have one",
                            column=reference.lookups[0].column,
                            value=said,
                        )
                    )
                self.missing.append((reference, said))
                continue
            field = reference.field
            if field is None:
                targets.append((reference, pks[0]))
                continue
            current = getattr(obj, field.attname)
            if current != pks[0] and (forced or current is None):
                self.changes[field.name] = (None if new else current, pks[0])
                setattr(obj, field.attname, pks[0])
        return targets

    def _demand_required(self, obj: Model) -> None:
        """Refuse a new object that lacks a value without which it cannot be."""
        for field in self.shape.schema.fields:
            value = getattr(obj, field.attname)
            if value is None and not field.null and not _fills_itself(field):
                raise RecordError(f"a new {self.shape.schema.label} needs {field.name}", column=field.name)

    def _relate(self, obj: Model, targets: list[tuple[Reference, object]], *, forced: bool) -> bool:
        related = False
        for reference, target in targets:
            if relate(
                obj, reference, target, forced=forced, using=self.context.using, quiet=self.context.quiet
            ):
                self.changes[f"{reference.name}{reference.operator}"] = (None, target)
                related = True
                self.has_pointed |= not reference.relation.many_to_many
        return related

    def _save(self, obj: Model, *, new: bool) -> None:
        using = self.context.using
        if self.context.full_clean:
            obj.full_clean()
        stamps = {name: getattr(obj, name) for name in self._given_stamps()}
        if not self.context.quiet:
            obj.save(using=using, force_insert=new)
        elif new:
            quiet.insert(obj, using)
        else:
            quiet.update(obj, self.changes.keys(), using)
        self._restamp(obj, {name: value for name, value in stamps.items() if getattr(obj, name) != value})

    def _given_stamps(self) -> list[str]:
        """The fields that fill themselves on saving and that the row has a value for: the row wins."""
        return [
            column.attname
            for column in self.shape.values
            if (getattr(column.field, "auto_now", False) or getattr(column.field, "auto_now_add", False))
            and self.columns[column.index][self.position] is not OMITTED
        ]

    def _restamp(self, obj: Model, stamps: dict[str, object]) -> None:
        for name, value in stamps.items():
            setattr(obj, name, value)
        if stamps:
            type(obj)._base_manager.using(self.context.using).filter(pk=obj.pk).update(**stamps)

    def _remember_change(self, obj: Model, outcome: Outcome) -> None:
        if outcome is Outcome.UNCHANGED or len(self.applied.changes) >= self.context.changes_wanted:
            return
        if outcome is Outcome.SKIPPED:
            return
        self.applied.changes.append(
            Change(
                number=self.group.numbers[self.position],
                model=self.shape.schema.label,
                pk=obj.pk,
                outcome=outcome,
                fields=dict(self.changes),
                origin=self.group.origin(self.position),
            )
        )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def is_empty(field: Field, value: object) -> bool:
    """NULL, or '' in a text field."""
    return value is None or (value == "" and isinstance(value, str))


def same(field: Field, current: object, value: object) -> bool:
    """Whether two values of a field are the same to a database."""
    if isinstance(field, models.JSONField):
        return _canonical(current) == _canonical(value)
    if type(current) is bool or type(value) is bool:
        return current is value
    return current == value


def _canonical(value: object) -> str:
    if hasattr(value, "value") and not isinstance(value, (str, int, float, dict, list)):
        return "JSON null"
    if value is None:
        return "SQL NULL"
    return json.dumps(value, sort_keys=True, cls=DjangoJSONEncoder)


def _fills_itself(field: Field) -> bool:
    """Whether a NULL in a new object is filled by the database or on saving."""
    return (
        isinstance(field, (models.AutoField,))
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
        or (field.primary_key and field.remote_field is not None and bool(field.remote_field.parent_link))
        or getattr(field.remote_field, "parent_link", False)
    )


def check_deferred(connection: BaseDatabaseWrapper) -> None:
    """Have constraints that wait for the commit checked now, so that the guilty row is known."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
