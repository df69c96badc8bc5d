"""Giving an object what a row's references answer."""

from __future__ import annotations

from modelsync.core.errors import RecordError
from modelsync.targets.django.faults import ambiguous
from modelsync.targets.django.objects.relations import relate
from modelsync.targets.django.objects.row import Model, Postponed, Row
from modelsync.targets.django.shape import Reference

#: Relations that are no column of the object, with the primary keys that they are to have.
Targets = list[tuple[Reference, object]]


def resolve(row: Row, obj: Model, *, forced: bool, new: bool) -> Targets:
    """Set the foreign keys that references answer; the other relations are returned with their targets."""
    targets: Targets = []
    for reference in row.shape.references:
        answer = row.finder.reference(reference, row.position)
        if answer is None:
            continue
        pks, said = answer
        if len(pks) > 1:
            row.warnings.append((reference.lookups[0].column, ambiguous(reference, said)))
        elif not pks:
            _miss(row, reference, said, new=new)
        elif reference.field is None:
            targets.append((reference, pks[0]))
        else:
            name, attname = reference.field.name, reference.field.attname
            current = getattr(obj, attname)
            if current != pks[0] and (forced or current is None):
                row.changes[name] = (None if new else current, pks[0])
                setattr(obj, attname, pks[0])
    return targets


def relate_all(row: Row, obj: Model, targets: Targets, *, forced: bool) -> bool:
    """Bring about the relations that `resolve` returned; whether one of them changed."""
    context, related = row.context, False
    for reference, target in targets:
        if relate(obj, reference, target, forced=forced, using=context.using, quiet=context.quiet):
            row.changes[f"{reference.name}{reference.operator}"] = (None, target)
            related = True
            row.has_pointed |= not reference.relation.many_to_many
    return related


def _miss(row: Row, reference: Reference, said: str, *, new: bool) -> None:
    """Take note of a reference that nothing answers; postpone a new object that needs it."""
    if new and reference.required:
        label = reference.model._meta.label
        reason = f"there is no {label} with {said}, and {reference.name} must have one"
        raise Postponed(RecordError(reason, column=reference.lookups[0].column, value=said))
    row.missing.append((reference, said))
