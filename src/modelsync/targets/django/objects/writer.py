"""One record after another: find, decide, write, each row in a savepoint of its own."""

from __future__ import annotations

from modelsync.core.errors import RecordError
from modelsync.core.planning import Decision, Found, Step, decide
from modelsync.core.ports import Applied, Group
from modelsync.core.records import Action
from modelsync.core.results import Change, Outcome
from modelsync.targets.django.cells import python_columns
from modelsync.targets.django.context import Context
from modelsync.targets.django.objects.finder import Finder
from modelsync.targets.django.objects.row import Model, Postponed, Row
from modelsync.targets.django.objects.saving import delete, in_savepoint
from modelsync.targets.django.objects.steps import create, follow_references, update
from modelsync.targets.django.shape import Shape


class ObjectsWriter:
    """Applies groups of one shape through model instances."""

    def __init__(self, context: Context, shape: Shape) -> None:
        self.context = context
        self.shape = shape

    def apply(self, group: Group) -> Applied:
        """Decide and write every record of the group, in order."""
        applied = Applied.empty(len(group))
        columns, errors = python_columns(self.shape, group)
        finder = Finder(self.context, self.shape, group, columns)
        for position in range(len(group)):
            if position in errors:
                applied.reject(position, errors[position])
                continue
            _process(
                Row(
                    context=self.context,
                    shape=self.shape,
                    group=group,
                    position=position,
                    columns=columns,
                    finder=finder,
                    applied=applied,
                )
            )
        finder.keys.flush()
        applied.keys_written += finder.keys.written
        applied.keys_removed += finder.keys.removed
        return applied


def _process(row: Row) -> None:
    applied, position = row.applied, row.position
    try:
        if row.group.late:
            follow_references(row)
        elif not row.shape.match.tokens and not row.key:
            raise RecordError("match_on is empty, and the row has no external key", column="match_on")
        else:
            _carry_out(row, _decide(row))
    except Postponed as postponed:
        applied.outcomes[position] = 0
        applied.postponed[position] = postponed.error
    except RecordError as error:
        applied.reject(position, error)
    else:
        for column, reason in row.warnings:
            applied.warn(position, column, reason)


def _decide(row: Row) -> Decision[Model]:
    linked = row.finder.linked(row.position)
    matched, several = row.finder.matched(row.position)
    by_key_only = not row.shape.match.tokens
    held, others = False, 0
    if Action.DELETE in row.actions and not row.forced and row.key:
        obj = linked if by_key_only else matched
        if obj is not None:
            own = (row.context.system, row.key)
            others = len([h for h in row.finder.keys.holders(str(obj.pk)) if h != own])
            held = obj == linked
    found = Found(
        linked=linked,
        matched=matched,
        several=several,
        has_key=row.key is not None,
        by_key_only=by_key_only,
        held=held,
        others=others,
    )
    return decide(row.actions, found, row.context.conflict)


def _carry_out(row: Row, decision: Decision[Model]) -> None:
    obj, outcome = _take_step(row, decision)
    row.applied.outcomes[row.position] = outcome
    if decision.drop_key and row.key:
        row.finder.keys.drop(row.key)
    if obj is None:
        return
    if decision.keep_key and row.key:
        row.finder.keys.point(row.key, str(obj.pk))
    if outcome not in (Outcome.UNCHANGED, Outcome.SKIPPED):
        _keep_change(row, obj, outcome)


def _take_step(row: Row, decision: Decision[Model]) -> tuple[Model | None, Outcome]:
    """Do what was decided; the object that the row now has, and the outcome."""
    obj = decision.obj
    match decision.step:
        case Step.REJECT:
            raise RecordError(decision.reason)
        case Step.SKIP:
            row.applied.skips[row.position] = decision.reason
            if decision.warn:
                row.warnings.append(("match_on", decision.reason))
            return obj, Outcome.SKIPPED
        case Step.DELETE:
            assert obj is not None
            row.finder.keys.flush()
            in_savepoint(row, lambda: delete(row, obj))
            return obj, Outcome.DELETED
        case Step.CREATE:
            return create(row), Outcome.CREATED
        case Step.UPDATE:
            assert obj is not None
            return obj, Outcome.UPDATED if update(row, obj, decision.victim) else Outcome.UNCHANGED
        case Step.KEEP:
            return obj, Outcome.UNCHANGED


def _keep_change(row: Row, obj: Model, outcome: Outcome) -> None:
    """Keep what changed, while a preview wants more of it."""
    if len(row.applied.changes) >= row.context.changes_wanted:
        return
    row.applied.changes.append(
        Change(
            number=row.group.numbers[row.position],
            model=row.shape.schema.label,
            pk=obj.pk,
            outcome=outcome,
            fields=dict(row.changes),
            origin=row.group.origin(row.position),
        )
    )
