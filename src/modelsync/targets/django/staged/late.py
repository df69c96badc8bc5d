"""What is different for records that come again for the references that were missing before.

Their objects are there: nothing is created, no other field is written, and no key moves
(docs/explanation/semantics.md, The end of a pass).
"""

from __future__ import annotations

from modelsync.core.records import Action
from modelsync.targets.django.shape import ValueColumn
from modelsync.targets.django.staged.finding import Finding
from modelsync.targets.django.staged.rows import FALSE, TRUE, Rows
from modelsync.targets.django.staged.values import Values


class LateRows(Rows):
    """The rows of one loaded group of late references."""

    def asks(self, action: Action) -> str:
        """SQL: whether the record has this action. Force is that of an update; nothing is created."""
        if action is Action.UPDATE:
            return TRUE
        if action is Action.CREATE:
            return FALSE
        forced, updates = super().asks(Action.FORCE), super().asks(Action.UPDATE)
        if updates == TRUE:
            return forced
        return updates if forced == TRUE else f"({forced} AND {updates})"

    def own_references(self) -> list[int]:
        """None: a late record makes no object that another could name."""
        return []


class LateValues(Values):
    """Late records write their references alone."""

    def written_columns(self) -> list[ValueColumn]:
        """None."""
        return []


class LateFinding(Finding):
    """Plans every late record, by the object that is there."""

    def is_needy(self) -> str:
        """SQL: true; each of them has something to tell."""
        return TRUE

    def absent(self) -> str:
        """Nothing: that was said before."""
        return "0"

    def target_key(self) -> str:
        """SQL: the found object's key."""
        return self.rows.pk_of("t")
