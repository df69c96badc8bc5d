"""What a pass takes of a group: the actions that are its business, of records that were not refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from modelsync.core.passes import Pass, Tally
from modelsync.core.ports import Group
from modelsync.core.records import EVERYTHING, Action, Record, translate


def narrow(group: Group, passes: Sequence[Pass], number: int, tally: Tally) -> Iterator[Group]:
    """The group as the pass of that number takes it; nothing when there is nothing to take."""
    if number == 0 and passes[0].where is None:
        yield group
        return
    actions = _allowed(group, passes[number], passes[:number])
    positions = [
        p
        for p, action in enumerate(actions)
        if action & EVERYTHING and not tally.is_rejected(group.numbers[p])
    ]
    if positions:
        yield replace(group.take(positions), actions=[actions[p] for p in positions])


def _allowed(group: Group, step: Pass, earlier: Sequence[Pass]) -> list[Action]:
    """Each record's actions that no earlier pass did and that this one takes."""
    if not any(each.where for each in (step, *earlier)):
        done = Action.NONE
        for each in earlier:
            done |= each.actions
        return translate(group.actions, lambda action: action & ~done)
    return [_allowed_one(_record(group, position), step, earlier) for position in range(len(group))]


def _allowed_one(record: Record, step: Pass, earlier: Sequence[Pass]) -> Action:
    action = record.actions
    for each in earlier:
        if each.where is None or each.where(record):
            action &= ~each.actions
    return action if step.where is None or step.where(record) else Action.NONE


def _record(group: Group, position: int) -> Record:
    return Record(
        fields={c: cells[position] for c, cells in zip(group.columns, group.cells, strict=True)},
        actions=group.actions[position],
        match_on=group.match,
        key=group.keys[position],
        origin=group.origin(position),
    )
