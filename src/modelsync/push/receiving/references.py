"""What arrivals refer to, and which of it is not here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models

from modelsync.core.errors import RecordError
from modelsync.push.receiving.accepting import Accepted, label_of
from modelsync.push.receiving.arrivals import Item
from modelsync.push.receiving.converting import Converters
from modelsync.targets.django.schema import Field, target_of

#: What is locked: a label, and a key as text.
Place: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A field of an arrival names the object of `model` whose `target` has this value."""

    name: str
    model: type[models.Model]
    target: Field
    value: Any
    is_required: bool
    is_member: bool = False

    @property
    def place(self) -> Place:
        """What whoever brings the object has locked."""
        return place_of(self.model, self.target, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The values of foreign keys, and the members of many-to-many relations, by the names of their fields."""

    references: Sequence[Reference]
    values: Mapping[str, object] = field(default_factory=dict)
    members: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def without(self, missing: Iterable[Reference]) -> Resolved:
        """Foreign keys that name what is missing are null; members that are missing are none."""
        values, members = dict(self.values), {name: list(some) for name, some in self.members.items()}
        for each in missing:
            if each.is_member:
                members[each.name].remove(each.value)
            else:
                values[each.name] = None
        return Resolved(references=self.references, values=values, members=members)


def place_of(model: type[models.Model], target: Field, value: object) -> Place:
    """What stands for an object that is referred to by a value of one of its fields."""
    is_key = target.primary_key
    return label_of(model), str(value) if is_key else f"{target.name}={value}"[:255]


def resolve(item: Item, convert: Converters) -> Resolved:
    """What an item refers to; raises RecordError for what cannot be a reference."""
    accepted = item.accepted
    found: list[Reference] = []
    values: dict[str, object] = {}
    members: dict[str, Sequence[Any]] = {}
    for each in accepted.references:
        if each is accepted.key:
            given: object = item.value
        elif each.name in item.fields:
            given = item.fields[each.name]
        else:
            continue
        values[each.name] = value = _value(each, given, convert)
        if value is not None:
            found.append(_reference(each, value, is_required=not each.null))
    for name in item.fields:
        relation = accepted.many.get(name)
        if relation is not None:
            members[name] = some = _members(relation, item.fields[name], convert)
            far = _far(relation)
            found += [_reference(far, value, is_required=False, member_of=name) for value in some]
    return Resolved(references=found, values=values, members=members)


def missing_of(references: Iterable[Reference], using: str) -> set[Reference]:
    """Those whose objects are not here: one query for each kind of reference, one for each that misses."""
    groups: defaultdict[tuple[type[models.Model], Field], list[Reference]] = defaultdict(list)
    for each in references:
        groups[each.model, each.target].append(each)
    missing: set[Reference] = set()
    for (model, target), some in groups.items():
        rows = model._base_manager.using(using)
        wanted = list({each.value for each in some})
        here: set[Any] = set()
        for start in range(0, len(wanted), 500):
            chunk = wanted[start : start + 500]
            here.update(
                rows.filter(**{f"{target.attname}__in": chunk}).values_list(target.attname, flat=True)
            )
        for value in set(wanted) - here:
            # The database may call texts equal that Python does not.
            if not (isinstance(value, str) and rows.filter(**{target.attname: value}).exists()):
                missing.update(each for each in some if each.value == value)
    return missing


def referred_fields(accepted: Iterable[Accepted]) -> dict[str, set[Field]]:
    """The fields that received objects are referred to by, and that are no primary keys, by label."""
    found: defaultdict[str, set[Field]] = defaultdict(set)
    for each in accepted:
        for reference in each.references:
            target = target_of(reference)
            if not target.primary_key:
                found[label_of(reference.related_model)].add(target)
    return found


def _reference(
    foreign: models.ForeignKey[Any, Any], value: Any, *, is_required: bool, member_of: str | None = None
) -> Reference:
    return Reference(
        name=member_of or foreign.name,
        model=foreign.related_model,
        target=target_of(foreign),
        value=value,
        is_required=is_required,
        is_member=member_of is not None,
    )


def _far(relation: models.ManyToManyField[Any, Any]) -> models.ForeignKey[Any, Any]:
    """The foreign key of the table between that names the members."""
    through: Any = relation.remote_field.through
    return through._meta.get_field(relation.m2m_reverse_field_name())  # type: ignore[no-any-return]  # untyped


def _members(relation: models.ManyToManyField[Any, Any], given: object, convert: Converters) -> list[Any]:
    if not isinstance(given, (list, tuple)):
        raise RecordError("it must be a list of keys", column=relation.name)
    far = _far(relation)
    return list(dict.fromkeys(_member(relation, far, each, convert) for each in given))


def _member(relation: Any, far: models.ForeignKey[Any, Any], given: object, convert: Converters) -> Any:
    try:
        return _value(far, given, convert)
    except RecordError as error:
        raise RecordError(f"one of its members: {error.reason}", column=relation.name) from error


def _value(foreign: models.ForeignKey[Any, Any], given: object, convert: Converters) -> Any:
    """The value of a foreign key; of a natural key, that of the object that has it."""
    if isinstance(given, (list, tuple)):
        return _by_natural_key(foreign, given, convert.using)
    values, errors = convert(foreign, foreign.name).python([given])
    if errors:
        raise errors[0]
    return values[0]


def _by_natural_key(foreign: models.ForeignKey[Any, Any], given: Sequence[object], using: str) -> Any:
    model: Any = foreign.related_model
    label = model._meta.label
    manager = model._default_manager.db_manager(using)
    if not hasattr(manager, "get_by_natural_key"):
        raise RecordError(f"{label} has no natural keys here", column=foreign.name)
    try:
        found = manager.get_by_natural_key(*given)
    except (
        ObjectDoesNotExist,
        model.MultipleObjectsReturned,
        ValidationError,
        TypeError,
        ValueError,
    ) as error:
        raise RecordError(f"no {label} has that natural key here", column=foreign.name) from error
    return getattr(found, target_of(foreign).attname)


def each_missing(references: Iterable[Reference], missing: set[Reference]) -> Iterator[Reference]:
    """Those of the references that are missing."""
    return (each for each in references if each in missing)
