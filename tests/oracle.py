"""What docs/explanation/semantics.md says, one row at a time, over the plain ORM.

Slow and simple on purpose: one query for each question, nothing kept between rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DatabaseError, models, transaction
from django.db.backends.base.operations import BaseDatabaseOperations

from modelsync.core.errors import RecordError
from modelsync.core.records import Action, Match
from modelsync.models import ExternalKeyMapping, ExternalSystem

EVERYTHING = Action.CREATE | Action.UPDATE | Action.DELETE
ORDERED = (Action.CREATE, Action.UPDATE, Action.DELETE)
#: The outcome that says most is the last one.
WEIGHTS = ("", "unchanged", "skipped", "updated", "deleted", "created", "rejected")
SPECIAL = ("action_flags", "match_on", "external_key")
RANGES = BaseDatabaseOperations.integer_field_ranges  # SQLite's own takes any integer

Row = Mapping[str, Any]
#: A relation, the operation of a many-to-many one, and the lookups that are not blank.
Reference = tuple[Any, str, dict[str, Any]]
#: For each value and reference whether it changed something; None for one that nothing answers.
Changes = list[bool | None]


class Rejected(Exception):
    """The row is refused."""


class Postponed(Exception):
    """The row needs an object that is not there yet."""


REFUSALS = (Rejected, RecordError, ValidationError, ObjectDoesNotExist, DatabaseError)


@dataclass
class Oracle:
    """One run: where it writes, and how conflicts are solved."""

    model: Any
    system: ExternalSystem | None
    match_on: str
    actions: str
    on_conflict: str
    rows: Sequence[Row]
    late: list[tuple[int, Row, Action]] = field(default_factory=list)

    def action(self, row: Row) -> Action:
        return Action.parse((row["action_flags"] or "") if "action_flags" in row else self.actions)

    def key(self, row: Row) -> str:
        return str(row.get("external_key") or "").strip() if self.system else ""

    def match(self, row: Row) -> Match:
        match = Match.parse((row.get("match_on") or "").strip() or self.match_on)
        if not match.tokens and not self.key(row):
            raise Rejected("match_on is empty")
        for name in match.names:
            if name in SPECIAL or not any(name in each for each in self.rows):
                raise Rejected(f"match_on names {name}, which is no column")
        return match

    def references(self, row: Row) -> list[Reference]:
        found: dict[str, Reference] = {}
        for name in (name for name in row if "=>" in name):
            of, lookup = name.split("=>")
            relation = self.model._meta.get_field(of)
            operation, lookup = (lookup[0], lookup[1:]) if relation.many_to_many else ("", lookup)
            _, _, lookups = found.setdefault(of, (relation, operation, {}))
            if row[name] not in (None, ""):
                lookups[lookup] = convert(relation.related_model._meta.get_field(lookup), row[name])
        return list(found.values())

    def mapping(self, row: Row) -> ExternalKeyMapping:
        """The mapping of the row's key; a new one (without a primary key) when there is none."""
        kind = ContentType.objects.get_for_model(self.model)
        said = {"external_system": self.system, "content_type": kind, "external_key": self.key(row)}
        return ExternalKeyMapping.objects.filter(**said).first() or ExternalKeyMapping(**said)

    def linked(self, row: Row) -> Any:
        mapping = self.mapping(row) if self.key(row) else None
        return self.model.objects.filter(pk=mapping.object_id).first() if mapping and mapping.pk else None

    def matched(self, row: Row) -> list[Any]:
        match = self.match(row)
        if not match.tokens:
            return []
        everything = set(self.model.objects.values_list("pk", flat=True))
        pks = match.fold(lambda n: self.having(row, n), set.__and__, set.__or__, everything.__sub__)
        return list(self.model.objects.filter(pk__in=pks))

    def having(self, row: Row, name: str) -> set[Any]:
        """The primary keys of the objects that have the row's value in one column."""
        value = convert(self.model._meta.get_field(name), row[name]) if name in row else None
        found = self.model.objects.filter(**{name: value})
        return set() if value is None else set(found.values_list("pk", flat=True))

    def do(self, number: int, row: Row, allowed: Action) -> str:
        """Do one row in a savepoint; its outcome, '' if nothing of it is allowed. Raises Postponed."""
        try:
            action = self.action(row)
            if not action & EVERYTHING & allowed:
                return "" if action & EVERYTHING else "skipped"
            action &= allowed | Action.FORCE
            with transaction.atomic():
                if Action.DELETE in action:
                    return self.delete(row, action)
                outcome, is_late = self.write(row, action)
        except REFUSALS:
            return "rejected"
        if is_late:
            self.late.append((number, row, action))
        return outcome

    def write(self, row: Row, action: Action) -> tuple[str, bool]:
        """Create or update; the outcome, and whether a reference was not found."""
        plain = (name for name in row if name not in SPECIAL and "=>" not in name)
        values = {name: convert(self.model._meta.get_field(name), row[name]) for name in plain}
        references = self.references(row)
        linked, matched = self.linked(row), self.matched(row)
        if linked and Action.UPDATE not in action:
            return "unchanged", False
        obj = linked or (matched[0] if matched else None)
        if len(matched) > 1 or (obj is None and Action.CREATE not in action):
            return "skipped", False
        changes: Changes = []
        outcome = "updated"
        if obj is None:
            obj, outcome = self.model(), "created"
            changes = fill(obj, values, references, True, True)
        elif Action.UPDATE in action:
            if matched and matched[0] != obj:
                if self.on_conflict == "reject":
                    raise Rejected("another object has the new match value")
                matched[0].delete()
                obj.refresh_from_db()
                changes = [True]
            changes += fill(obj, values, references, Action.FORCE in action, False)
        if self.key(row) and not linked:
            mapping = self.mapping(row)
            mapping.object_id = str(obj.pk)
            mapping.save()
        return (outcome if any(changes) else "unchanged"), None in changes

    def delete(self, row: Row, action: Action) -> str:
        linked = self.linked(row)
        found = self.matched(row) if self.match(row).tokens else [linked] if linked else []
        key, forced = self.key(row), Action.FORCE in action
        if not key and not forced:
            return "skipped"
        mapping = self.mapping(row) if key else ExternalKeyMapping()
        ExternalKeyMapping.objects.filter(pk=mapping.pk).delete()
        if len(found) != 1:
            return "skipped" if found else "unchanged"
        (obj,) = found
        kind = ContentType.objects.get_for_model(self.model)
        others = ExternalKeyMapping.objects.filter(content_type=kind, object_id=str(obj.pk))
        if forced or (linked == obj and not others):
            obj.delete()
            return "deleted"
        return "skipped"

    def do_late(self, row: Row, action: Action) -> str:
        """Look once more for the references of a row of which one was not found."""
        try:
            with transaction.atomic():
                linked, matched = self.linked(row), self.matched(row)
                if not linked and len(matched) != 1:
                    return "unchanged"
                force = Action.UPDATE in action and Action.FORCE in action
                changes = fill(linked or matched[0], {}, self.references(row), force, False)
                return "updated" if any(changes) else "unchanged"
        except REFUSALS:
            return "rejected"


def convert(of: Any, cell: Any) -> Any:
    """A cell as the field's value; raises Rejected or ValidationError."""
    if cell in (None, "") and of.null:
        return None
    if cell == "" and isinstance(of, (models.CharField, models.TextField)):
        return ""
    if cell in (None, ""):
        raise Rejected("it must not be blank")
    of = of.target_field if of.is_relation else of
    value = of.to_python(cell)
    of.run_validators(value)
    low, high = RANGES.get(of.get_internal_type(), (None, None))
    if low is not None and not low <= value <= high:
        raise Rejected("it is out of range")
    if of.choices and value not in dict(of.flatchoices):
        raise Rejected("it is no choice")
    return value


def fill(obj: Any, values: dict[str, Any], references: list[Reference], force: bool, new: bool) -> Changes:
    """Write values and references of an object."""
    found = [(each, list(each[0].related_model.objects.filter(**each[2]).distinct())) for each in references]
    changes = [set_value(obj, name, value, force, new) for name, value in values.items()]
    for reference, those in found:
        of = reference[0]
        if of.concrete and not of.many_to_many:
            changes.append(set_reference(obj, reference, those, force))
            if new and not of.null and not of.has_default() and not changes[-1]:
                raise Postponed if changes[-1] is None else Rejected("a new object needs this reference")
    if new or any(changes):
        obj.save(force_insert=new, force_update=not new)
    for reference, those in found:
        if not reference[0].concrete or reference[0].many_to_many:
            changes.append(set_reference(obj, reference, those, force))
    return [*changes, True] if new else changes


def set_value(obj: Any, name: str, value: Any, force: bool, new: bool = False) -> bool:
    """Write a plain value; whether that changed the object."""
    of = obj._meta.get_field(name)
    old = getattr(obj, of.attname)
    if of.primary_key and not new and value != old:
        raise Rejected("the primary key never changes")
    if not force and old not in (None, ""):
        return False
    if of.is_relation and value is not None and not of.related_model.objects.filter(pk=value).exists():
        raise Postponed
    setattr(obj, of.attname, value)
    return old != value or (type(old) is bool) != (type(value) is bool)  # JSON's false is not its 0


def set_reference(obj: Any, reference: Reference, found: list[Any], force: bool) -> bool | None:
    """Make one reference; whether that changed something, None if nothing answers."""
    of, operation, lookups = reference
    if not lookups or len(found) != 1:
        return None if lookups and not found else False
    answer = found[0]
    if of.many_to_many:
        manager = getattr(obj, of.name)
        before = set(manager.all())
        after = {"+": before | {answer}, "-": before - {answer}, "=": {answer}}[operation]
        if force or (not before and operation != "-"):
            manager.set(after)
        return set(manager.all()) != before
    if of.concrete:
        return set_value(obj, of.name, answer.pk, force)
    related = of.related_model.objects.filter(**{of.field.name: obj})
    if related.filter(pk=answer.pk).exists() or (related.exists() and not force):
        return False
    if of.field.unique:
        related.update(**{of.field.name: None})
    setattr(answer, of.field.name, obj)
    answer.save(update_fields=[of.field.name])
    return True


def sync(
    rows: Sequence[Row], model: Any, *, system: str | None = None, match_on: str = "", actions: str = "cu",
    on_conflict: str = "delete", passes: Sequence[Action] = (EVERYTHING,), skip_errors: bool = False
) -> list[str]:  # fmt: skip
    """Sync rows into a model and return the name of each row's outcome."""
    outcomes: list[str] = [""] * len(rows)
    with transaction.atomic():
        known = ExternalSystem.objects.get_or_create(name=system)[0] if system else None
        for allowed in passes:
            do_pass(Oracle(model, known, match_on, actions, on_conflict, rows), rows, allowed, outcomes)
        if "rejected" in outcomes and not skip_errors:
            transaction.set_rollback(True)
    return outcomes


def do_pass(oracle: Oracle, rows: Sequence[Row], allowed: Action, outcomes: list[str]) -> None:
    """Do the allowed actions of all rows, then the postponed rows, then the late references."""

    def note(number: int, outcome: str) -> None:
        outcomes[number] = max(outcomes[number], outcome, key=WEIGHTS.index)

    def attempt(numbers: Iterable[int]) -> list[int]:
        postponed = []
        for number in numbers:
            try:
                note(number, oracle.do(number, rows[number], allowed))
            except Postponed:
                postponed.append(number)
        return postponed

    waiting, left = attempt(n for n in range(len(rows)) if outcomes[n] != "rejected"), None
    while waiting != left:
        waiting, left = attempt(waiting), waiting
    for number in waiting:
        note(number, "rejected")
    for number, row, action in sorted(oracle.late, key=lambda each: each[0]):
        note(number, oracle.do_late(row, action))
