"""Finding the objects that records mean: by key, by match, by reference, with batched reads.

Equality is the database's own. Where Python can tell what the database calls equal (binary
comparison), a whole group is read at once and kept in step with the writes; elsewhere each record
asks the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import Q

from modelsync.core.errors import RecordError
from modelsync.core.ports import Group
from modelsync.core.records import OMITTED
from modelsync.targets.django.context import Context
from modelsync.targets.django.keys import Keys, chunks
from modelsync.targets.django.objects.equality import Values, find_equal
from modelsync.targets.django.schema import Field, base_field
from modelsync.targets.django.shape import Reference, Shape

Model = models.Model


class Finder:
    """Finds objects for one group of records."""

    def __init__(
        self, context: Context, shape: Shape, group: Group, columns: dict[int, list[object]]
    ) -> None:
        self.context = context
        self.shape = shape
        self.group = group
        self.columns = columns
        self.manager = shape.schema.model._base_manager.using(context.using)
        self.keys = Keys(context)
        self.keys.load(group.keys)
        self.by_pk: dict[str, Model | None] = {}
        #: Whether two primary keys that differ as text are two to the database, too.
        self.tells_apart = compares_exactly(shape.schema.pk, context)
        self.absent: set[str] = set()
        self.index: dict[Values, list[str]] | None = None
        #: Values -> those that stand for all that the database calls equal; None: Python's own equality.
        self.same: dict[Values, Values] | None = None
        self.match_fields = [self._match_field(n) for n in shape.match.names]
        self._load_linked()
        self._load_matched()
        self.found_references: dict[tuple[str, tuple[object, ...]], list[object]] = {}
        for reference in shape.references:
            self._load_references(reference)

    # -- by key ------------------------------------------------------------------------------

    def linked(self, position: int) -> Model | None:
        """The object that the record's key points to, if it exists."""
        row = self.keys.get(self.group.keys[position])
        return self._get(row.object_id) if row else None

    def _load_linked(self) -> None:
        ids = {row.object_id for row in self.keys.rows.values() if row}
        self._load_pks(sorted(ids))

    def _load_pks(self, texts: Sequence[str]) -> None:
        for chunk in chunks(texts, self.context.chunk):
            values = {}
            for text in chunk:
                self.by_pk[text] = None
                value = self.pk_value(text)
                if value is not None:
                    values[text] = value
            for obj in self.manager.filter(pk__in=list(values.values())):
                self.by_pk[str(obj.pk)] = obj
            if not self.tells_apart:
                self._ask_for(values)

    def _ask_for(self, values: Mapping[str, object]) -> None:
        """Ask the database for each object that is not known by its text: another text may equal it."""
        for text, value in values.items():
            if self.by_pk[text] is None:
                self.by_pk[text] = self.manager.filter(pk=value).first()
            if self.by_pk[text] is None:
                self.absent.add(text)

    def _get(self, text: str) -> Model | None:
        if text not in self.by_pk:
            self._load_pks([text])
        return self.by_pk[text]

    def pk_value(self, text: str) -> object:
        """The primary key whose text is kept in a mapping; None if it is none of this model's."""
        try:
            return base_field(self.shape.schema.pk).to_python(text)
        except (ValidationError, ValueError, TypeError):
            return None

    # -- by match ----------------------------------------------------------------------------

    def matched(self, position: int) -> tuple[Model | None, bool]:
        """The one object that the record matches, or None; and whether there are several."""
        if not self.shape.match.tokens:
            return None, False
        values = self._match_values(position)
        if self.index is not None:
            pks = [] if None in values else self.index.get(self._standing(values), [])
            return (self._get(pks[0]) if len(pks) == 1 else None), len(pks) > 1
        found = list(self.manager.filter(self._expression(position))[:2])
        for obj in found:
            self.by_pk[str(obj.pk)] = obj
        return (found[0] if len(found) == 1 else None), len(found) > 1

    def _match_field(self, name: str) -> Field | None:
        column = self.shape.value(name)
        return column.field if column else None

    def _match_values(self, position: int) -> tuple[Any, ...]:
        return tuple(self._match_value(name, position) for name in self.shape.match.names)

    def _match_value(self, name: str, position: int) -> object:
        column = self.shape.value(name)
        index = column.index if column else self.shape.paths[name]
        value = self.columns[index][position]
        return None if value is OMITTED else value

    def _expression(self, position: int) -> Q:
        def leaf(name: str) -> Q:
            value = self._match_value(name, position)
            column = self.shape.value(name)
            return Q(**{column.attname if column else name: value}) if value is not None else Q(pk__in=[])

        def negate(expression: Q) -> Q:
            return ~expression

        try:
            found: Q = self.shape.match.fold(leaf, lambda a, b: a & b, lambda a, b: a | b, negate)
            return found
        except (ValueError, TypeError, ValidationError) as error:
            raise RecordError(str(error), column="match_on", value=str(self.shape.match)) from error

    def _load_matched(self) -> None:
        fields = [f for f in self.match_fields if f]
        if not fields or None in self.match_fields or not self.shape.match.is_conjunction:
            return
        self.index = None
        wanted = {self._match_values(p) for p in range(len(self.group))}
        wanted = {values for values in wanted if None not in values}
        if all(compares_exactly(f, self.context) for f in fields):
            self._read_matched(fields, wanted)
        else:
            self._join_matched(fields, list(wanted))

    def _read_matched(self, fields: Sequence[Field], wanted: set[Values]) -> None:
        self.index = {}
        names = [f.attname for f in fields]
        size = max(1, self.context.chunk // max(1, len(names)))
        for chunk in chunks(sorted(wanted, key=repr), size):
            columns = list(zip(*chunk, strict=True))
            query = {f"{n}__in": list(set(c)) for n, c in zip(names, columns, strict=True)}
            for obj in self.manager.filter(**query):
                self.by_pk[str(obj.pk)] = obj
                self._put(self._key_of(obj), obj)

    def _join_matched(self, fields: Sequence[Field], wanted: Sequence[Values]) -> None:
        found = find_equal(self.context, self.shape.schema.model, fields, self.shape.schema.pk, wanted)
        if found is None:
            return
        self.index, self.same = {}, dict(found.same)
        self._load_pks(sorted({str(pk) for pks in found.answers.values() for pk in pks}))
        for values, pks in found.answers.items():
            for obj in filter(None, (self.by_pk[str(pk)] for pk in pks)):
                self.same[self._key_of(obj)] = self._standing(values)
                self._put(self._standing(values), obj)

    def _key_of(self, obj: Model) -> Values:
        return tuple(plain_value(f, getattr(obj, f.attname)) for f in self.match_fields if f)

    def _standing(self, values: Values) -> Values:
        return values if self.same is None else self.same.get(values, values)

    def _put(self, values: Values, obj: Model) -> None:
        assert self.index is not None
        held = self.index.setdefault(values, [])
        if str(obj.pk) not in held:
            held.append(str(obj.pk))

    def _take_out(self, text: str, values: Values) -> None:
        if self.index is not None and text in self.index.get(self._standing(values), []):
            self.index[self._standing(values)].remove(text)

    # -- keeping in step ---------------------------------------------------------------------

    def before_write(self, obj: Model) -> Values | None:
        """What the object is found by now; give it to `wrote` afterwards."""
        return self._key_of(obj) if self.index is not None and obj.pk is not None else None

    def wrote(self, obj: Model, before: Values | None) -> None:
        """An object was created or changed."""
        for text in self.absent:
            self.by_pk.pop(text, None)
        self.absent.clear()
        self.by_pk[str(obj.pk)] = obj
        self._forget_references()
        after = self._key_of(obj)
        if self.index is None or after == before:
            return
        if self.same is not None and None not in after and after not in self.same:
            # User code gave it a value of its own; only the database knows what that equals.
            self.index = None
            return
        if before is not None:
            self._take_out(str(obj.pk), before)
        self._put(self._standing(after), obj)

    def deleted(self, obj: Model) -> None:
        """An object, and what hung on it, was deleted."""
        self.keys.flush()
        schema = self.shape.schema
        if schema.user_code or schema.delete_touches & {
            schema.model,
            *(r.model for r in self.shape.references),
        }:
            self.undone()
            self.keys.load(self.group.keys)
            return
        if not self.tells_apart:
            self.by_pk.clear()
        self.by_pk[str(obj.pk)] = None
        if self.index is not None:
            self._take_out(str(obj.pk), self._key_of(obj))

    def undone(self) -> None:
        """What is known of objects may be wrong: read again what the group needs."""
        self.by_pk.clear()
        self.found_references.clear()
        self._load_linked()
        self._load_matched()
        for reference in self.shape.references:
            self._load_references(reference)

    def _forget_references(self) -> None:
        model = self.shape.schema.model
        for reference in self.shape.references:
            if issubclass(reference.model, model) or issubclass(model, reference.model):
                self.found_references.clear()
                return

    # -- by reference ------------------------------------------------------------------------

    def reference(self, reference: Reference, position: int) -> tuple[list[object], str] | None:
        """The primary keys (at most two) that answer a reference, and its lookups as text.

        None when all its lookup values are blank. Raises RecordError for a value that a lookup
        field does not take.
        """
        given = self._given(reference, position)
        if not given:
            return None
        said = ", ".join(f"{path} {value!r}" for path, value in given.items())
        try:
            cached = (reference.name + reference.operator, tuple(sorted(given.items())))
            if cached in self.found_references:
                return self.found_references[cached], said
        except TypeError:
            cached = None
        key = reference_key(reference)
        try:
            query = reference.model._base_manager.using(self.context.using).filter(**given)
            pks = list(query.values_list(key, flat=True).distinct()[:2])
        except (ValueError, TypeError, ValidationError, FieldDoesNotExist) as error:
            raise RecordError(str(error), column=reference.lookups[0].column, value=said) from error
        if cached is not None:
            self.found_references[cached] = pks
        return pks, said

    def _given(self, reference: Reference, position: int) -> dict[str, object]:
        """The lookup values of a record that are not blank, by path."""
        cells = ((lookup.path, self.columns[lookup.index][position]) for lookup in reference.lookups)
        return {
            path: value for path, value in cells if value is not None and value is not OMITTED and value != ""
        }

    def _load_references(self, reference: Reference) -> None:
        """Answer a reference for the whole group at once, where Python may compare for the database."""
        fields = [lookup.field for lookup in reference.lookups]
        model = self.shape.schema.model
        if issubclass(reference.model, model) or issubclass(model, reference.model):
            return
        if None in fields:
            return
        known = [f for f in fields if f]
        paths = [lookup.path for lookup in reference.lookups]
        wanted = {
            tuple(given[path] for path in paths)
            for given in (self._given(reference, p) for p in range(len(self.group)))
            if len(given) == len(paths)
        }
        if all(compares_exactly(f, self.context) for f in known):
            answers = self._read_answers(reference, known, list(wanted))
        else:
            key = reference.model._meta.get_field(reference_key(reference)) if reference.field else None
            key = key or reference.model._meta.pk
            found = find_equal(self.context, reference.model, known, key, list(wanted))  # type: ignore[arg-type]  # concrete
            if found is None:
                return
            answers = found.answers
        name = reference.name + reference.operator
        for values, pks in answers.items():
            self.found_references[name, tuple(sorted(zip(paths, values, strict=True)))] = pks

    def _read_answers(
        self, reference: Reference, fields: Sequence[Field], wanted: Sequence[Values]
    ) -> dict[Values, list[object]]:
        attributes = [f.attname for f in fields]
        answers: dict[Values, list[object]] = {values: [] for values in wanted}
        manager = reference.model._base_manager.using(self.context.using)
        size = max(1, self.context.chunk // len(attributes))
        for chunk in chunks(wanted, size):
            columns = list(zip(*chunk, strict=True))
            query = {f"{a}__in": list(set(c)) for a, c in zip(attributes, columns, strict=True)}
            for pk, *values in manager.filter(**query).values_list(reference_key(reference), *attributes):
                if tuple(values) in answers:
                    answers[tuple(values)].append(pk)
        return answers


def reference_key(reference: Reference) -> str:
    """The attribute of the related model that is written: what the foreign key refers to."""
    return reference.field.target_field.attname if reference.field else "pk"


def plain_value(field: Field, value: object) -> object:
    """An attribute's value as converters give it."""
    if isinstance(field, models.FileField):
        return getattr(value, "name", value) or ""
    if isinstance(value, memoryview):
        return bytes(value)
    return value


def compares_exactly(field: Field, context: Context) -> bool:
    """Whether the database's equality on the field is Python's."""
    field = base_field(field)
    if isinstance(field, (models.JSONField, models.BinaryField, models.FloatField, models.DecimalField)):
        return False
    if not isinstance(field, (models.CharField, models.TextField, models.FileField)):
        return type(field).__module__.startswith("django.db.models")
    if context.connection.vendor == "mysql" or getattr(field, "db_collation", None):
        return False
    return type(field).__module__.startswith("django.db.models")
