"""Composing: what is sent of claimed jobs, from the objects as they are now.

The version was read when the job was claimed, the state is read after it: so a state is never older than
the version that it is sent with. Nor is it newer without having a version of its own: see agreeing.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from django.apps import apps
from django.core.exceptions import FieldError, ValidationError
from django.core.serializers import serialize
from django.db import models
from django.db.models.base import ModelState

from modelsync.kinds import Kind, column_of, kind_of, make_writer
from modelsync.push.applications import Application
from modelsync.push.delivery.agreeing import disagreeing
from modelsync.push.delivery.claiming import Claimed
from modelsync.push.jobs import JobChange
from modelsync.tracking.among import among
from modelsync.tracking.registry import REGISTRY
from modelsync.tracking.sequencing import sequence
from modelsync.tracking.states import is_simple, key_of

#: Whatever an application is not told, or is told in another way.
_ACTIVE: Final = "applications_active"
#: How often objects are read that keep changing meanwhile.
_TRIES: Final = 3
State: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is sent of one job. `fields` is None where the object is to be deleted."""

    job: Claimed
    fields: State | None
    schema: str


@dataclass(slots=True, kw_only=True)
class Composed:
    """What became of claimed jobs: letters; jobs of which there is nothing to tell; and faults, by job."""

    letters: list[Letter] = field(default_factory=list)
    idle: list[Claimed] = field(default_factory=list)
    faults: dict[Claimed, str] = field(default_factory=dict)


def compose(application: Application, jobs: Sequence[Claimed], using: str) -> Composed:
    """Read the states of the jobs' objects: a few queries for each model, however many they are.

    Objects with changes that nobody has sequenced yet are read again when that is done.
    """
    composed = Composed()
    for left in range(_TRIES - 1, -1, -1):
        jobs = _compose(application, jobs, composed, using, agrees=not left)
        if not jobs:
            break
        sequence(using)
    return composed


def _compose(
    application: Application, jobs: Sequence[Claimed], composed: Composed, using: str, *, agrees: bool
) -> list[Claimed]:
    """The jobs that it was too early to read. Where it `agrees`, objects are taken as they are."""
    early: list[Claimed] = []
    groups: defaultdict[str, list[Claimed]] = defaultdict(list)
    for job in jobs:
        groups[job.label].append(job)
    for label, group in groups.items():
        try:
            reader = _Reader(application, label, using, agrees=agrees)
            states, unreadable = _read(reader, group)
        except (LookupError, FieldError) as error:
            composed.faults.update(dict.fromkeys(group, _said(error)))
            continue
        composed.faults.update(unreadable)
        early += reader.early
        for job in group:
            if job in unreadable or job in reader.early:
                continue
            state = states.get(job.key)
            if state is None and not reader.is_told_of_absence(job):
                composed.idle.append(job)
            else:
                composed.letters.append(Letter(job=job, fields=state, schema=reader.schema))
    return early


def _read(reader: _Reader, jobs: Sequence[Claimed]) -> tuple[dict[str, State], dict[Claimed, str]]:
    """The states of the jobs' objects, and what is wrong with those that cannot be read."""
    try:
        return reader.states(jobs), {}
    except (ValueError, TypeError, ArithmeticError, ValidationError) as error:
        if len(jobs) == 1:
            return {}, {jobs[0]: _said(error)}
    half = len(jobs) // 2
    (states, faults), (others, more) = _read(reader, jobs[:half]), _read(reader, jobs[half:])
    return {**states, **others}, {**faults, **more}


class _Reader:
    """Reads the objects of one model for one application."""

    def __init__(self, application: Application, label: str, using: str, *, agrees: bool) -> None:
        self.application = application
        self.using = using
        self.model = _model(label)
        self.tracked = REGISTRY.of(label)
        self.agrees = agrees
        self.early: set[Claimed] = set()
        given = application.filters.get(label, application.filters.get("*", {}))
        self.is_excluded = given is False
        self.rows: Mapping[str, Any] = {} if self.is_excluded else given.get("rows") or {}
        names = None if self.is_excluded else given.get("fields")
        self.names = None if names is None else frozenset(names)
        self.write = _OBJECTSYNCER if application.protocol == Application.Protocol.OBJECTSYNCER else _fields
        self.schema = _schema(self.model, self.names)

    def states(self, jobs: Sequence[Claimed]) -> dict[str, State]:
        """What is sent of the objects that are there, and that the application gets, by key."""
        deletion = JobChange.CHANGE_TYPES.DELETE
        # Of what is not tracked, nobody but the job knows that it shall be deleted.
        wanted = [job.key for job in jobs if self.tracked or job.change != deletion]
        if self.is_excluded or not wanted:
            return {}
        pk = self.model._meta.pk
        keys = [value for value in (_value(pk, key) for key in wanted) if value is not None]
        objects = self.model._base_manager.using(self.using).filter(**self.rows).filter(among("pk", keys))
        found = list(_bare(self.model, objects.distinct() if self.rows else objects))
        models.prefetch_related_objects(found, *(each.name for each in self._many()))
        states = self.write(self.model, found, self.names)
        pks = [each.__dict__[pk.attname] for each in found]
        result = {key_of(each): state for each, state in zip(pks, states, strict=True)}
        self._tell_activity(pks, found, result)
        if self.tracked and not self.agrees:
            self.early |= disagreeing(self.tracked, jobs, found, self.using)
        return result

    def is_told_of_absence(self, job: Claimed) -> bool:
        """Whether an object that is gone, or out of the filter, is sent as deleted: if it was ever sent."""
        return job.may_hold or not (self.is_excluded or self.rows)

    def _many(self) -> Iterator[Any]:
        for relation in self.model._meta.many_to_many:
            if is_simple(relation) and relation.name != _ACTIVE and _is_named(relation, self.names):
                yield relation

    def _tell_activity(
        self, pks: Sequence[object], found: Sequence[Any], states: Mapping[str, State]
    ) -> None:
        """Objects that are not active for the application are sent as inactive."""
        if self.names is not None and "inactive" not in self.names:
            return
        relation: Any = next((each for each in self.model._meta.many_to_many if each.name == _ACTIVE), None)
        if relation is None or relation.remote_field.model is not Application:
            return
        through = relation.remote_field.through
        holder = through._meta.get_field(relation.m2m_field_name()).attname
        mine = {relation.m2m_reverse_field_name(): self.application}
        active = set(
            through._base_manager.using(self.using)
            .filter(among(holder, pks), **mine)
            .values_list(holder, flat=True)
        )
        for pk, each in zip(pks, found, strict=True):
            states[key_of(pk)]["inactive"] = bool(each.inactive) or pk not in active


def _model(label: str) -> type[models.Model]:
    tracked = REGISTRY.of(label)
    if tracked is None and "." not in label:
        raise LookupError(label)
    return tracked.model if tracked else apps.get_model(label)


def _value(pk: Any, key: str) -> object:
    try:
        return pk.to_python(key)
    except ValidationError:
        return None  # no object can have it any more


def _bare(model: type[models.Model], objects: models.QuerySet[Any]) -> Iterator[models.Model]:
    """The objects with their values and nothing else.

    What projects do when an instance is made (`from_db()`, receivers of `post_init`, trackers that copy every
    value) would cost more than all the rest of a delivery.
    """
    names = [field.attname for field in model._meta.concrete_fields]
    for values in objects.values_list(*names):
        each = model.__new__(model)
        each.__dict__.update(zip(names, values, strict=True))
        each._state = ModelState()
        each._state.adding, each._state.db = False, objects.db
        yield each


def _is_named(field: Any, names: frozenset[str] | None) -> bool:
    return field.name != _ACTIVE and (names is None or field.name in names)


def _as_objectsyncer(
    model: type[models.Model], found: Sequence[models.Model], names: frozenset[str] | None
) -> list[State]:
    """The fields as Django's serializers have them; without the primary key, which goes by itself."""
    wanted = [
        field.name
        for field in (*model._meta.concrete_fields, *model._meta.many_to_many)
        if _is_named(field, names)
    ]
    return [each["fields"] for each in serialize("python", found, fields=wanted)]


_OBJECTSYNCER: Final = _as_objectsyncer


def _fields(
    model: type[models.Model], found: Sequence[models.Model], names: frozenset[str] | None
) -> list[State]:
    """The fields as the pull protocol has them (docs/reference/pull-protocol.md, "An object")."""
    writers = _writers(model, names)
    return [{name: write(each) for name, write in writers} for each in found]


@cache
def _writers(
    model: type[models.Model], names: frozenset[str] | None
) -> tuple[tuple[str, Callable[[Any], object]], ...]:
    fields = [
        field for field in model._meta.concrete_fields if not field.primary_key and _is_named(field, names)
    ]
    many = [field for field in model._meta.many_to_many if is_simple(field) and _is_named(field, names)]
    return (
        *((field.name, _writer(field)) for field in fields),
        *((relation.name, _members(relation.name)) for relation in many),
    )


def _writer(field: Any) -> Callable[[Any], object]:
    """What is sent of an instance's field."""
    name, write = field.attname, make_writer(field)
    if kind_of(field) is Kind.OTHER:
        column = column_of(field)
        return lambda each: None if getattr(each, name) is None else column.value_to_string(each)
    if write is None:
        return lambda each: each.__dict__[name]  # past the descriptors of trackers
    return lambda each: None if (value := each.__dict__[name]) is None else write(value)


def _members(name: str) -> Callable[[Any], object]:
    return lambda each: [member.pk for member in getattr(each, name).all()]


@cache
def _schema(model: type[models.Model], names: frozenset[str] | None) -> str:
    """A short name for which fields are sent, and of which kinds."""
    fields = [field for field in model._meta.concrete_fields if _is_named(field, names)]
    many = [field.name for field in model._meta.many_to_many if _is_named(field, names)]
    text = " ".join([*(f"{field.name}:{kind_of(field).name}" for field in fields), *many])
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _said(error: Exception) -> str:
    if isinstance(error, LookupError):
        return "MODEL_NOT_FOUND: no model of that name is installed any more"
    return f"the object cannot be read: {type(error).__name__}: {error}"
