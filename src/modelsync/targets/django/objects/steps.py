"""Creating an object, updating one, and following references that were missing before."""

from __future__ import annotations

from django.core.exceptions import ObjectDoesNotExist

from modelsync.core.errors import RecordError
from modelsync.core.records import Action
from modelsync.core.results import Outcome
from modelsync.targets.django.faults import not_found
from modelsync.targets.django.objects.equality import Values
from modelsync.targets.django.objects.references import Targets, relate_all, resolve
from modelsync.targets.django.objects.row import Model, Postponed, Row
from modelsync.targets.django.objects.saving import delete, in_savepoint, save
from modelsync.targets.django.objects.values import close_circle, demand_required, set_values


def create(row: Row) -> Model:
    """Make a new object of all the row's values."""
    obj = row.shape.schema.model()
    set_values(row, obj, forced=True, new=True)
    targets = resolve(row, obj, forced=True, new=True)

    def write() -> None:
        nonlocal obj
        obj = _touched(row, obj, new=True)
        demand_required(row, obj)
        save(row, obj, new=True)
        relate_all(row, obj, targets, forced=True)
        _follow_up(row, obj)

    in_savepoint(row, write)
    _wrote(row, obj, None)
    if row.missing:
        row.applied.late.add(row.position)
    return obj


def update(row: Row, obj: Model, victim: Model | None) -> bool:
    """Give an object the row's values, after deleting the victim; whether anything changed."""
    before = row.finder.before_write(obj)
    old = {f.attname: getattr(obj, f.attname) for f in row.shape.schema.fields}
    try:
        if victim is None:
            targets = _settle(row, obj)
            if row.has_changed or targets or row.context.around:
                in_savepoint(row, lambda: _save_and_relate(row, obj, targets))
        else:
            _replace(row, obj, victim)
    except (RecordError, Postponed):
        for name, value in old.items():
            setattr(obj, name, value)
        raise
    _wrote(row, obj, before)
    if row.missing:
        row.applied.late.add(row.position)
    return row.has_changed or victim is not None


def follow_references(row: Row) -> None:
    """Only the references, of a record that was applied before (semantics: the end of a pass)."""
    obj = row.finder.linked(row.position)
    if obj is None:
        obj, _ = row.finder.matched(row.position)
    if obj is None:
        if row.group.in_circle:
            raise Postponed(RecordError("it matches nothing while it waits for what it refers to"))
        return
    forced = row.forced and Action.UPDATE in row.actions
    before = row.finder.before_write(obj)
    if row.group.in_circle:
        close_circle(row, obj, forced=forced)
    targets = resolve(row, obj, forced=forced, new=False)
    if row.changes or targets:
        _save_late(row, obj, targets, forced=forced)
        _wrote(row, obj, before)
        if row.changes:
            row.applied.outcomes[row.position] = Outcome.UPDATED
    for reference, said in row.missing:
        row.warnings.append((reference.lookups[0].column, not_found(reference, said)))


def _settle(row: Row, obj: Model) -> Targets:
    """Give the object the row's values and references; the relations to bring about are returned."""
    set_values(row, obj, forced=row.forced, new=False)
    return resolve(row, obj, forced=row.forced, new=False)


def _replace(row: Row, obj: Model, victim: Model) -> None:
    """Delete the victim, then write. The references are looked up when the victim is gone."""
    # What waits to be written belongs to earlier rows, so it must not be undone with this one.
    row.finder.keys.flush()

    def write() -> None:
        delete(row, victim)
        _read_again(row, obj)
        _save_and_relate(row, obj, _settle(row, obj))

    in_savepoint(row, write)


def _read_again(row: Row, obj: Model) -> None:
    """What hung on a deleted object was changed with it, or is gone."""
    try:
        obj.refresh_from_db(using=row.context.using)
    except ObjectDoesNotExist as error:
        raise RecordError(
            "another object has the new match value, and this one would be deleted with it"
        ) from error


def _save_and_relate(row: Row, obj: Model, targets: Targets) -> None:
    obj = _touched(row, obj, new=False)
    if row.has_changed:
        save(row, obj, new=False)
    relate_all(row, obj, targets, forced=row.forced)
    _follow_up(row, obj)


def _touched(row: Row, obj: Model, *, new: bool) -> Model:
    """The object that is to be saved."""
    around = row.context.around
    touched = around.before(obj, row.group.numbers[row.position], new=new) if around else None
    row.has_set |= touched is not None
    return obj if touched is None else touched


def _follow_up(row: Row, obj: Model) -> None:
    if row.context.around:
        row.context.around.after(obj, row.group.numbers[row.position])


def _save_late(row: Row, obj: Model, targets: Targets, *, forced: bool) -> None:
    def write() -> None:
        if row.changes:
            save(row, obj, new=False)
        relate_all(row, obj, targets, forced=forced)

    in_savepoint(row, write)


def _wrote(row: Row, obj: Model, before: Values | None) -> None:
    """Have the finder know it. A reverse relation changes other objects, maybe ones that it holds."""
    if row.has_pointed:
        row.finder.undone()
    else:
        row.finder.wrote(obj, before)
