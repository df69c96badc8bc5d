"""The decision about one record: what its actions mean for the object that was found.

This is docs/explanation/semantics.md in code. Pure: it neither reads nor writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from modelsync.core.records import Action

Obj = TypeVar("Obj")

SEVERAL = "several objects match; nothing was done"
NOTHING_TO_UPDATE = "no object matches, and the row does not ask to create one"
NO_KEY = "an unforced delete needs an external key; use d* to delete without one"
NOT_HELD = "kept: this system holds no key on the object"
HELD_BY_OTHERS = "kept: other external keys still hold the object"
CONFLICT = "another object already has the new match value, and --on-conflict is reject"


class Conflict(Enum):
    """What to do with another object that has the new match value of a linked one."""

    DELETE = "delete"
    REJECT = "reject"


class Step(Enum):
    """What is to be done with a record's object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"
    SKIP = "skip"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Obj]):
    """The objects that a record means: the one its key is linked to, and the one that it matches.

    `several` says that the match is ambiguous; `by_key_only` that the record has no match
    expression; `held` that this record's own key points to the matched object, `others` how many
    other keys do.
    """

    linked: Obj | None = None
    matched: Obj | None = None
    several: bool = False
    has_key: bool = False
    by_key_only: bool = False
    held: bool = False
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Generic[Obj]):
    """What to do: the step, its object, the other object in the way of it (`victim`), and why.

    `keep_key` asks for the record's key to be pointed to the object, which it is not yet, `drop_key` for
    it to be removed; `warn` makes the reason of a skip a warning.
    """

    step: Step
    obj: Obj | None = None
    victim: Obj | None = None
    reason: str = ""
    warn: bool = False
    keep_key: bool = False
    drop_key: bool = False


def decide(actions: Action, found: Found[Obj], conflict: Conflict = Conflict.DELETE) -> Decision[Obj]:
    """What one record's actions mean for what was found."""
    if Action.DELETE in actions:
        return _delete(actions, found)
    if Action.CREATE in actions and Action.UPDATE not in actions and found.linked is not None:
        return Decision(step=Step.KEEP, obj=found.linked)
    if found.several:
        return Decision(step=Step.SKIP, reason=SEVERAL, warn=True)
    obj = found.linked if found.linked is not None else found.matched
    if obj is None:
        if Action.CREATE in actions:
            return Decision(step=Step.CREATE, keep_key=found.has_key)
        return Decision(step=Step.SKIP, reason=NOTHING_TO_UPDATE)
    keep_key = found.has_key and found.linked is None
    if Action.UPDATE not in actions:
        return Decision(step=Step.KEEP, obj=obj, keep_key=keep_key)
    victim = found.matched if found.matched is not None and found.matched != obj else None
    if victim is not None and conflict is Conflict.REJECT:
        return Decision(step=Step.REJECT, obj=obj, reason=CONFLICT)
    return Decision(step=Step.UPDATE, obj=obj, victim=victim, keep_key=keep_key)


def _delete(actions: Action, found: Found[Obj]) -> Decision[Obj]:
    forced = Action.FORCE in actions
    if not forced and not found.has_key:
        return Decision(step=Step.SKIP, reason=NO_KEY)
    if found.several:
        return Decision(step=Step.SKIP, reason=SEVERAL, warn=True, drop_key=True)
    obj = found.linked if found.by_key_only else found.matched
    if obj is None:
        return Decision(step=Step.KEEP, drop_key=True)
    if forced or (found.held and not found.others):
        return Decision(step=Step.DELETE, obj=obj, drop_key=True)
    reason = HELD_BY_OTHERS if found.held or found.others else NOT_HELD
    return Decision(step=Step.SKIP, reason=reason, drop_key=True)
